"""Rasters a million cells wide or tall: what is held in memory does not grow with them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neural.encoding.pyramid import build, count_tiles
from neural.raster.dem import open_dem
from neural.tiles import TILE, Tile
from tests.support.rasters import UTM, north_up, write

MILLION = 1_000_000

_PEAK = """
import itertools, sys
from neural.raster.dem import open_dem
from neural.encoding.pyramid import build

def peak_mb():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

with open_dem(sys.argv[1]) as dem:
    dem.read(0, 0, 1, 1)
    before = peak_mb()
    tiles = sum(1 for _ in itertools.islice(build(dem), 40))
    dem.read(0, dem.grid.width - 256, 256, 256)
    dem.read(dem.grid.height - 256, 0, 256, 256)
print(tiles, peak_mb() - before)
"""


@pytest.mark.parametrize("shape", [(1, MILLION), (MILLION, 1)])
def test_a_line_of_a_million_cells(tmp_path: Path, shape: tuple[int, int]) -> None:
    samples = (np.arange(MILLION) % 4096).astype(np.float32).reshape(shape)
    with open_dem(write(tmp_path / "line.tif", samples)) as dem:
        assert (dem.grid.height, dem.grid.width) == shape
        assert dem.grid.levels == 13
        assert count_tiles(dem.grid) == sum(-(-MILLION // (TILE << z)) for z in range(13))
        along = 1 if shape[1] == MILLION else 0
        start = [0, 0]
        start[along] = MILLION - 300
        heights, valid = dem.read(*start, TILE, TILE)
        assert valid.sum() == TILE
        np.testing.assert_array_equal(heights[valid], samples.ravel()[MILLION - 300 :][:TILE])
        first = next(build(dem))
        assert first.tile == Tile(12, 0, 0)
        np.testing.assert_array_equal(first.heights[first.valid], samples.ravel()[:TILE])


def write_bands(path: Path, width: int, height: int, rows: int, **profile: object) -> None:
    """A compressible raster too large to hold: constant rows, `rows` at a time."""
    import rasterio
    from rasterio.transform import Affine
    from rasterio.windows import Window

    options = {
        "driver": "GTiff",
        "crs": UTM,
        "transform": Affine(*north_up(500_000, 4_000_000)),
        "compress": "deflate",
        "zlevel": 1,
    }
    with rasterio.open(
        path, "w", width=width, height=height, count=1, dtype="float32", **options, **profile
    ) as file:
        for row in range(0, height, rows):
            file.write(
                np.full((1, rows, width), row, np.float32), window=Window(0, row, width, rows)
            )


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc"
)
@pytest.mark.parametrize(("width", "height", "rows"), [(MILLION, 128, 16), (128, MILLION, 50_000)])
def test_memory_is_far_below_the_raster(tmp_path: Path, width: int, height: int, rows: int) -> None:
    path = tmp_path / "long.tif"  # 512 MB of samples in strips
    write_bands(path, width, height, rows, blockysize=16)
    shown = subprocess.run(
        [sys.executable, "-c", _PEAK, str(path)], capture_output=True, text=True, check=True
    )
    tiles, grown_mb = shown.stdout.split()
    assert int(tiles) == 40
    assert float(grown_mb) < 200
