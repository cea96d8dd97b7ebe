"""Error statistics with the whole area in view count every sample that both have, also beside rims
and gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import ntile
from tests.support.rasters import write
from tests.support.scene_tools import SIZE, whole_area
from viewer.pictures import offscreen
from viewer.scene.scene import Scene

STEP_M = 0.05
FINE_PX = 0.001
COARSE_PX = 1e4


def formula(rows: int, columns: int) -> np.ndarray:
    """Return heights in meters, float32 [rows, columns]."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float64)
    return (200 + 9 * np.sin(x / 37 + 0.5) * np.cos(y / 41) + 0.03 * x).astype(np.float32)


def holed(rows: int, columns: int) -> np.ndarray:
    """Return which samples hold heights: none in a lake, and of one block only those of a
    corner."""
    y, x = np.mgrid[0:rows, 0:columns]
    valid = np.hypot(x - columns / 3, y - rows / 3) > min(rows, columns) / 8
    return valid & ~((y > rows - 70) & (x > 3) & (x < columns - 2))


@pytest.mark.parametrize(
    ("rows", "columns", "with_holes"),
    [
        (516, 524, False),
        (530, 517, True),
        (258, 1030, False),
        (290, 290, True),
        (33, 33, False),
        (1, 600, False),
        (600, 1, False),
    ],
)
def test_every_sample_is_counted(
    scene: Scene, tmp_path: Path, rows: int, columns: int, with_holes: bool
) -> None:
    valid = holed(rows, columns) if with_holes else np.ones((rows, columns), bool)
    write(
        tmp_path / "a.tif",
        np.where(valid, formula(rows, columns), np.float32(-9999)),
        nodata=-9999.0,
    )
    ntile(
        "encode", tmp_path / "a.tif", tmp_path / "a.ntile", "--step", STEP_M, "--reference", 0.002
    )
    scene.settings.overlay.name = "error"
    scene.open(tmp_path / "a.ntile")
    assert scene.reader is not None
    top = scene.reader.grid.levels - 1
    for sse_px, level in ((FINE_PX, top), (COARSE_PX, 0)):
        scene.settings.view.sse_px = sse_px
        offscreen.load(scene, whole_area(scene), SIZE)
        stats = scene.error_stats
        assert stats is not None
        assert stats.levels == (level, level)
        side = 1 << (top - level)
        assert stats.samples == valid[::side, ::side].sum()
