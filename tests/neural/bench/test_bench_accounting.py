"""Three accountings of JPEG 2000: single files, files without headers, one image."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.bench import classical, image
from neural.bench.accounting import ACCOUNTINGS, CODEC_NAMES
from neural.bench.bd_rate import ANCHORS
from neural.bench.jpeg2000 import Jpeg2000, compress, decompress
from neural.container.envelope import pack_mask
from neural.encode import stored_mask
from neural.encoding.pyramid import build
from neural.raster.dem import open_dem
from tests.support.rasters import hills, write

HEADERS = 118
SETTINGS = (0.02, 0.2, 2.0)


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A rough raster of 2 × 1 tiles with a hole in the first; and its validity."""
    heights = hills(150, 300) + np.random.default_rng(3).normal(scale=0.1, size=(150, 300))
    valid = np.ones(heights.shape, bool)
    valid[30:60, 40:70] = False
    path = tmp_path_factory.mktemp("rasters") / "dem.tif"
    return write(path, np.where(valid, heights, -9999).astype(np.float32), nodata=-9999), valid


@pytest.fixture(scope="module")
def measured(holed: tuple[Path, np.ndarray]) -> dict[str, list[dict[str, Any]]]:
    names = ("jpeg2k", "jpeg2k_files", "jpeg2k_headerless")
    with open_dem(holed[0]) as dem:
        return classical.measure_all(
            dem, Jpeg2000(), {name: ACCOUNTINGS[name] for name in names}, SETTINGS
        )


def test_every_anchor_can_be_asked_for() -> None:
    assert set(ANCHORS) < set(CODEC_NAMES)
    assert {"jpeg2k", *ANCHORS} == set(CODEC_NAMES)


def test_bytes_are_those_of_real_streams(
    holed: tuple[Path, np.ndarray], measured: dict[str, list[dict[str, Any]]]
) -> None:
    path, valid = holed
    sizes = []
    masks = 0
    with open_dem(path) as dem:
        for tile in build(dem):
            if tile.tile.z == dem.grid.levels - 1:
                sizes.append([len(compress(tile.heights, setting).body) for setting in SETTINGS])
                mask = stored_mask(tile, dem.grid)
                masks += 0 if mask is None else len(pack_mask(mask))
    assert masks > 0
    possible = {a + b + masks for a in sizes[0] for b in sizes[1]}
    for name, less in (("jpeg2k_files", 0), ("jpeg2k_headerless", 2 * HEADERS)):
        for row in measured[name]:
            # neither other levels nor a directory
            assert row["bits_per_sample"] == row["stack_bits_per_sample"]
            assert round(row["bits_per_sample"] * valid.sum() / 8) + less in possible
    finest = {
        name: rows[-1]["bits_per_sample"] * valid.sum() / 8 for name, rows in measured.items()
    }
    assert finest["jpeg2k_files"] == pytest.approx(sizes[0][0] + sizes[1][0] + masks)
    assert finest["jpeg2k_headerless"] == pytest.approx(finest["jpeg2k_files"] - 2 * HEADERS)
    assert finest["jpeg2k"] > finest["jpeg2k_files"]
    assert all(row["stack_bits_per_sample"] > row["bits_per_sample"] for row in measured["jpeg2k"])


def test_accountings_share_errors_and_differ_in_choices_alone(
    measured: dict[str, list[dict[str, Any]]],
) -> None:
    by_rmse = {row["rmse_m"]: row for row in measured["jpeg2k_files"]}
    for name in ("jpeg2k", "jpeg2k_headerless"):
        assert measured[name][-1]["rmse_m"] == measured["jpeg2k_files"][-1]["rmse_m"]
        for row in measured[name]:
            if row["rmse_m"] in by_rmse:
                assert row["max_error_m"] == by_rmse[row["rmse_m"]]["max_error_m"]


def test_slopes_inside_tiles_leave_their_seams_out(
    measured: dict[str, list[dict[str, Any]]],
) -> None:
    for row in measured["jpeg2k_files"]:
        assert 0 < row["sampled_gradient_rmse"] < 1.2 * row["gradient_rmse"]
    coarse = measured["jpeg2k_files"][0]
    assert coarse["sampled_gradient_rmse"] < coarse["gradient_rmse"]


def test_one_image_has_one_stream_and_one_mask(holed: tuple[Path, np.ndarray]) -> None:
    path, valid = holed
    with open_dem(path) as dem:
        rows = image.measure(dem)
        heights, seen = dem.read(0, 0, *valid.shape)
    np.testing.assert_array_equal(seen, valid)
    assert len(rows) == len(image.SETTINGS)
    mask = len(zlib.compress(np.packbits(valid).tobytes(), 9))
    filled = image.filled(heights, seen)
    np.testing.assert_array_equal(filled[valid], heights[valid])
    assert filled.shape == valid.shape
    for row, setting in zip(rows[::6], image.SETTINGS[::6], strict=True):
        stream = compress(filled, setting, 20, 7)
        error = (stream.offset_m + stream.scale_m * decompress(stream.body) - heights)[valid]
        assert row["samples"] == valid.sum()
        assert row["rmse_m"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)
        assert row["max_error_m"] == pytest.approx(np.abs(error).max(), rel=1e-6)
        assert row["rmse_m"] < 1.3 * setting
        assert row["bits_per_sample"] == pytest.approx(8 * (len(stream.body) + mask) / valid.sum())


def test_an_image_without_holes_has_no_mask_and_any_range(tmp_path: Path) -> None:
    steep = (hills(90, 260) * 60).astype(np.float32)  # 2500 m, beyond 20 bits of 1 mm
    with open_dem(write(tmp_path / "dem.tif", steep)) as dem:
        row = image.measure(dem)[0]
    stream = compress(steep, image.SETTINGS[0], 20, 7)
    assert row["bits_per_sample"] == pytest.approx(8 * len(stream.body) / steep.size)
    assert row["rmse_m"] < 0.02
