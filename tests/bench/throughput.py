"""Encode and decode throughput in Msamples/s, with GDAL's DEFLATE GeoTIFF on the same heights as
the peer.

Run: python -m tests.bench.throughput [DEM] [--repeats 5] [--jobs 2]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.environment import machine
from neural.container.reader import open_reader
from neural.decode import decode, plan
from neural.encode import EncodeOptions, encode
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import centers
from tests.support.rasters import hills, write


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median wall time of `repeats` calls after one warm-up."""
    call()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dem", nargs="?", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dem = options.dem or write(folder / "dem.tif", hills(1024, 1024))
        with open_dem(dem, ReadOptions(crs="local", unit="m")) as source:
            heights, _ = source.read(0, 0, source.grid.height, source.grid.width)
        rows = _measure(dem, heights, folder, options)
    print(
        f"{dem.name}, {heights.shape[1]} × {heights.shape[0]} samples; {machine()}; medians of "
        f"{options.repeats}"
    )
    peer = dict(rows)["GeoTIFF DEFLATE write"], dict(rows)["GeoTIFF DEFLATE read"]
    for label, seconds in rows:
        ratio = seconds / peer["read" in label or "decode" in label or "evaluate" in label]
        print(
            f"{label:42s} {heights.size / seconds / 1e6:8.2f} Msamples/s  {ratio:7.1f} × the "
            "GeoTIFF's time"
        )


def _measure(
    dem: Path, heights: np.ndarray, folder: Path, options: argparse.Namespace
) -> list[tuple[str, float]]:
    import rasterio

    tif = folder / "peer.tif"
    out = folder / "a.ntile"

    def read() -> None:
        with rasterio.open(tif) as raster:
            raster.read(1)

    def seconds(call: object) -> float:
        return median_seconds(call, options.repeats)  # type: ignore[arg-type]

    lapped = EncodeOptions(reading=ReadOptions(crs="local", unit="m"), jobs=options.jobs)
    amortized = EncodeOptions(
        methods=("huvr_siren",), reading=ReadOptions(crs="local", unit="m"), jobs=options.jobs
    )
    raster = EncodeOptions(methods=(), reading=ReadOptions(crs="local", unit="m"), reference_m=0.02)
    rows = [
        (
            "GeoTIFF DEFLATE write",
            seconds(lambda: write(tif, heights, compress="deflate", predictor=3, tiled=True)),
        ),
        ("GeoTIFF DEFLATE read", seconds(read)),
        ("ntile encode reference ±0.02 m, all levels", seconds(lambda: encode(dem, out, raster))),
        (
            "ntile encode huvr_siren 8 bits, all levels",
            seconds(lambda: encode(dem, out, amortized)),
        ),
        ("ntile encode lapped_siren, all levels", seconds(lambda: encode(dem, out, lapped))),
    ]
    with open_reader(out) as reader:
        decoder = SurfaceDecoder(reader, reader.layers[0])
        tiles = [tile for tile in reader.tiles(0) if tile.z == reader.grid.levels - 1]
        lattice = centers()

        def evaluate(order: int) -> None:
            for tile in tiles:
                surface = decoder.open_tile(tile)
                assert surface is not None
                surface.heights(lattice, lattice, order=order)

        target = plan(reader.grid, None, None)
        rows += [
            ("lapped_siren evaluate heights", seconds(lambda: evaluate(0))),
            ("lapped_siren evaluate heights + slopes", seconds(lambda: evaluate(1))),
            (
                "ntile decode to a GeoTIFF",
                seconds(lambda: decode(decoder, folder / "back.tif", target)),
            ),
        ]
    return rows


if __name__ == "__main__":
    main()
