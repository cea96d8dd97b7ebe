"""Throughput of lapped_siren in Msamples/s: encoding, and decoding by its three parts, with
OpenJPEG as the peer.

All tiles of all levels are decoded: their details out of the range coder, their latents, heights
with both slopes at 257×257 places. The peer decodes the same heights, at the same RMSE, tile by
tile, in the same run. Small areas count their root tile, which holds seven more levels, more than
large ones do.

Run: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m tests.bench.lapped_throughput [DEM] [--step
0.5] [--repeats 5]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import jpeg2000
from neural.bench.environment import machine
from neural.container.reader import Reader, open_reader
from neural.encode import EncodeOptions, encode
from neural.methods.lapped.assembly import Assembly
from neural.methods.lapped.tile_cache import TileCache
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE, Tile, centers
from tests.bench.throughput import median_seconds
from tests.support.rasters import write

SAMPLE = Path(__file__).parents[2] / "assets/samples/carrizo.ntile"
LATTICE = np.linspace(0.0, 1.0, TILE + 1)
Fresh = Callable[[], Assembly]


def sample(folder: Path) -> Path:
    """The shipped sample's reference layer as a GeoTIFF: real terrain, near-lossless."""
    with open_reader(SAMPLE) as reader:
        heights, valid = SurfaceDecoder(reader, reader.layer("reference")).read(
            0, 0, *_size(reader)
        )
        cell = reader.grid.cell_x_m
    return write(
        folder / "carrizo.tif",
        np.where(valid, heights, -9999).astype(np.float32),
        nodata=-9999.0,
        transform=(cell, 0, 0, 0, -cell, 0),
    )


def _size(reader: Reader) -> tuple[int, int]:
    return reader.grid.height, reader.grid.width


class Decoding:
    """The tiles of one file and what decodes them; every measurement begins with nothing
    decoded."""

    def __init__(self, reader: Reader) -> None:
        self.decoder = SurfaceDecoder(reader, reader.layers[0])
        self.tiles = list(reader.tiles(0))
        self.samples = sum(int(np.prod(reader.grid.tile_cells(tile))) for tile in self.tiles)
        self.offsets = [self._offset(reader, tile) for tile in self.tiles]

    @staticmethod
    def _offset(reader: Reader, tile: Tile) -> float:
        envelope = reader.read(0, tile)
        assert envelope is not None  # a tile of this file
        return envelope.offset_m

    def fresh(self) -> Assembly:
        """The layer with nothing decoded, and room for all that will be."""
        layer = self.decoder.layer
        found = SurfaceDecoder(self.decoder.reader, layer).linked
        assert isinstance(found, Assembly)
        found.stacks = TileCache(len(self.tiles))
        return found

    def part(
        self, assembly: Assembly, number: int, latents: list[np.ndarray | None], part: str
    ) -> None:
        """One tile's part of the decode, the earlier parts of all tiles being done."""
        if part == "entropy":
            assembly.stack(self.tiles[number])
        elif part == "assembly":
            latents[number] = assembly.latents(self.tiles[number], self.offsets[number])
        else:
            found = latents[number]
            method = self.decoder.method
            assert found is not None  # the part before
            method.evaluate(
                self.decoder.weights, method.prepare(self.decoder.weights, found), LATTICE, LATTICE
            )

    def seconds(self, threads: int) -> dict[str, float]:
        """Wall time of each part."""
        assembly = self.fresh()
        latents = [None] * len(self.tiles)
        found = {}
        with ThreadPoolExecutor(threads) as pool:
            for part in ("entropy", "assembly", "evaluate"):
                began = time.perf_counter()
                call = partial(self.part, assembly, latents=latents, part=part)
                list(pool.map(call, range(len(self.tiles))))
                found[part] = time.perf_counter() - began
        return found

    def whole(self, assembly: Assembly, number: int) -> None:
        """All parts of one tile."""
        latents: list[np.ndarray | None] = [None] * len(self.tiles)
        for part in ("entropy", "assembly", "evaluate"):
            self.part(assembly, number, latents, part)

    def heights(self) -> list[np.ndarray]:
        """Decoded heights of all tiles at their samples, float32, as far as the grid goes."""
        found = []
        for tile in self.tiles:
            surface = self.decoder.open_tile(tile)
            (columns, rows) = self.decoder.reader.grid.tile_cells(tile)
            assert surface is not None  # a tile of this file
            found.append(
                surface.heights(centers(), centers()).meters[:rows, :columns].astype(np.float32)
            )
        return found


_FORKED: dict[str, Any] = {}


def _forked(number: int) -> None:
    """`Decoding.whole` in a process that has what its parent had when it was forked."""
    _FORKED["decoding"].whole(_FORKED["assembly"], number)


@contextmanager
def two_processes(decoding: Decoding) -> Iterator[Executor]:
    """Processes that share the file; both decode what their tiles need of others."""
    _FORKED.update(decoding=decoding, assembly=decoding.fresh())
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        yield pool


def rmse(decoding: Decoding, dem: Path) -> float:
    """Of the finest level's valid samples, meters."""
    with open_dem(dem, ReadOptions(crs="local", unit="m")) as source:
        heights, valid = source.read(0, 0, source.grid.height, source.grid.width)
    decoded, known = decoding.decoder.read(0, 0, *heights.shape)
    return float(np.sqrt(((decoded - heights)[valid & known] ** 2).mean()))


def main() -> None:
    """Print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dem", nargs="?", type=Path)
    parser.add_argument("--step", type=float, default=0.5, help="quantization step in meters")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dem = options.dem or sample(folder)
        out = folder / "a.ntile"
        asked = EncodeOptions(
            reading=ReadOptions(crs="local", unit="m"), step_m=options.step, link_decoder=True
        )
        encoding = median_seconds(lambda: encode(dem, out, asked), options.repeats)
        with open_reader(out) as reader:
            _print(dem, Decoding(reader), encoding, options)


def _print(dem: Path, decoding: Decoding, encoding: float, options: argparse.Namespace) -> None:
    grid = decoding.decoder.reader.grid
    error = rmse(decoding, dem)
    print(
        f"{dem.name}, {grid.width} × {grid.height} samples, {len(decoding.tiles)} tiles; step "
        f"{options.step:g} m, "
        f"RMSE {error:.4f} m; {machine()}; medians of {options.repeats}"
    )

    def row(label: str, seconds: float, samples: int = decoding.samples) -> None:
        print(f"{label:42s} {samples / seconds / 1e6:8.2f} Msamples/s", flush=True)

    row("encode, from the raster to the file", encoding, grid.width * grid.height)
    totals = {}
    for threads in (1, 2):
        runs = [decoding.seconds(threads) for _ in range(options.repeats + 1)][1:]
        for part in runs[0]:
            row(
                f"{part}, {threads} thread{'s' * (threads > 1)}",
                statistics.median(run[part] for run in runs),
            )
        totals[threads] = statistics.median(sum(run.values()) for run in runs)
        row(f"decode, {threads} thread{'s' * (threads > 1)}", totals[threads])
    everything = range(len(decoding.tiles))
    runs = []
    for _ in range(options.repeats):
        with two_processes(decoding) as pool:
            list(pool.map(os.getpid, ()))  # forked by now
            began = time.perf_counter()
            list(pool.map(_forked, everything, chunksize=-(-len(everything) // 8)))
            runs.append(time.perf_counter() - began)
    row("decode, 2 processes", statistics.median(runs))
    bodies = [jpeg2000.compress(heights, error, bits=16).body for heights in decoding.heights()]
    peer = median_seconds(lambda: [jpeg2000.decompress(body) for body in bodies], options.repeats)
    row("OpenJPEG, heights alone, 1 thread", peer)
    print(f"decode takes {totals[1] / peer:.2f} × OpenJPEG's time on 1 thread")


if __name__ == "__main__":
    main()
