"""The range of a layer's heights is that of the finest level's, as rasterio reads the source."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from neural.cli import main
from neural.container.reader import open_reader
from tests.support.rasters import write

NODATA = -9999.0


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, float]:
    """A file of a plain with a needle, a pit and nodata, three levels; lowest and highest height of
    its source."""
    folder = tmp_path_factory.mktemp("peaks")
    y, x = np.mgrid[0:600, 0:520]
    heights = (200 + 0.01 * x + 3 * np.sin(y / 40)).astype(np.float32)
    heights[301, 77] = 911.25
    heights[402, 415] = -87.5
    heights[:40, :40] = NODATA
    source = write(folder / "peaks.tif", heights, nodata=NODATA)
    main(
        [
            "encode",
            str(source),
            str(folder / "peaks.ntile"),
            "--reference",
            "0.01",
            "--quality",
            "30",
        ]
    )
    with rasterio.open(source) as raster:
        band = raster.read(1, masked=True)
    return folder / "peaks.ntile", float(band.min()), float(band.max())


def test_info_says_the_heights_of_the_source(peaks, capsys):
    path, low, high = peaks
    capsys.readouterr()
    main(["info", str(path), "--json"])
    layers = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["method"] for layer in layers] == ["lapped_siren", "reference"]
    assert [(layer["min_m"], layer["max_m"]) for layer in layers] == [(low, high)] * 2
    main(["info", str(path)])
    assert "-87.5 … 911.2" in capsys.readouterr().out
    with open_reader(path) as reader:
        root = reader.layers[1].root
        assert high - root.max_m > 300  # what the coarsest level alone says
        assert root.min_m - low > 100


def test_the_colors_can_span_all_heights(scene, peaks):
    path, low, high = peaks
    scene.open(path)
    assert scene.heights.ends(full=True) == (low, high)
    inner = scene.heights.ends()  # needle and pit are outliers
    assert 190 < inner[0] < inner[1] < 210
    assert scene.elevation_range == inner
    assert scene.bounds[4:] == tuple(map(scene.drawn_z, inner))
    scene.settings.shading.elevation_full = True
    assert scene.elevation_range == (low, high)


def test_files_without_the_range_have_the_bounds_of_all_tiles(peaks):
    path, low, high = peaks
    with open_reader(path) as reader:
        for layer in reader.layers:
            assert layer.heights_m == (low, high)
            for stats in (
                {},
                {"min_m": "low", "max_m": None},
                {"min_m": 5.0, "max_m": 4.0},
                {"min_m": float("nan")},
            ):
                old = replace(layer, stats=stats)
                assert old.heights_m == old.height_range
                assert old.heights_m[0] <= low
                assert high <= old.heights_m[1]
