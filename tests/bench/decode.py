"""Decode throughput of every method of the shipped sample: numpy on one thread, fragment and
compute shaders.

Run: python -m tests.bench.decode [--samples 256] [--tiles 8]. Heights with both slopes; a shader's
time is from latents to finished textures, without the entropy decoding that workers do before
(`unpack`). Software renderers are timed on a corner of each tile (`--samples 16`), as they take
minutes for a whole one: that says nothing but that it works. The peer is zlib inflating the same
heights as float32. Prints one JSON object, medians in Msamples/s.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import zlib
from collections.abc import Callable
from typing import Any

import moderngl
import numpy as np

from assets import sample_files
from neural.bench.environment import machine
from neural.container.reader import open_reader
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, vertices
from viewer.graphics import gl
from viewer.graphics import gpu_decoder as decoding
from viewer.graphics.page import TilePage
from viewer.tiles.source import SourceKey, TileSource, gpu_input

SOFTWARE_SAMPLES = 16


def median_s(call: Callable[[], object], repeats: int) -> float:
    """Median seconds after a warm-up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(samples: int, tiles: int = 8, repeats: int = 5) -> dict[str, Any]:
    """Msamples/s by method and path; `samples` are those along the side of a tile that shaders
    decode."""
    ctx = gl.create_context()
    if gl.is_software(ctx):
        samples = min(samples, SOFTWARE_SAMPLES)
    found: dict[str, Any] = {
        "renderer": gl.describe(ctx),
        "samples_a_side_on_the_gpu": samples,
        "methods": {},
    }
    with open_reader(sample_files()[0]) as reader:
        for layer in reader.layers:
            source = TileSource(reader, SourceKey(layer.index, None), numpy_decode=True)
            finest = [tile for tile in reader.tiles(layer) if tile.z == reader.grid.levels - 1][
                :tiles
            ]
            _ = source.decoder.weights
            start = time.perf_counter()  # once: a linked decode keeps what it has decoded
            for tile in finest:
                source.decoder.open_tile(tile)
            unpack_s = time.perf_counter() - start
            surfaces = [
                surface
                for tile in finest
                if (surface := source.decoder.open_tile(tile)) is not None
            ]
            rates = {
                "unpack": len(finest) * TILE**2 / unpack_s / 1e6,
                "numpy": _numpy(surfaces, repeats),
            }
            for entry in decoding.GPU_BACKENDS:
                if entry == "fragment" or ctx.version_code >= 430:
                    rates[entry] = _gpu(ctx, entry, source, surfaces, samples, repeats)
            found["methods"][layer.method] = {
                name: float(f"{rate:.3g}") for name, rate in rates.items()
            }
            found["zlib"] = float(f"{_zlib(surfaces, repeats):.3g}")
    ctx.release()
    for rates in found["methods"].values():
        rates["numpy_to_zlib"] = round(rates["numpy"] / found["zlib"], 4)
        if "compute" in rates:
            rates["fragment_to_compute"] = round(rates["fragment"] / rates["compute"], 2)
    return found


def _numpy(surfaces: list[TileSurface], repeats: int) -> float:
    at = vertices()

    def run() -> None:
        for surface in surfaces:
            fresh = surface.with_prepared({})  # nothing prepared yet
            fresh.heights(at, at, order=1)

    return len(surfaces) * TILE**2 / median_s(run, repeats) / 1e6


def _gpu(
    ctx: moderngl.Context,
    entry: str,
    source: TileSource,
    surfaces: list[TileSurface],
    samples: int,
    repeats: int,
) -> float:
    program = decoding.TileDecoder(ctx, source.decoder.method, source.decoder.weights, entry)
    page = TilePage(ctx)
    inputs = [gpu_input(surface) for surface in surfaces]

    def run() -> None:
        for layer, (surface, latents) in enumerate(zip(surfaces, inputs, strict=True)):
            program.decode(latents, surface.scale_m, surface.side_m, page, layer, samples)
        ctx.finish()

    rate = len(surfaces) * samples**2 / median_s(run, repeats) / 1e6
    page.release()
    program.release()
    return rate


def _zlib(surfaces: list[TileSurface], repeats: int) -> float:
    at = vertices()
    packed = [
        zlib.compress(surface.heights(at, at).meters.astype(np.float32).tobytes())
        for surface in surfaces
    ]
    seconds = median_s(lambda: [zlib.decompress(each) for each in packed], repeats)
    return len(surfaces) * TILE**2 / seconds / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--samples", type=int, default=TILE, help="along the side of a tile, for shaders"
    )
    parser.add_argument("--tiles", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    measured = measure(options.samples, min(options.tiles, 16), options.repeats)
    print(json.dumps({"machine": machine(), "repeats": options.repeats, **measured}, indent=1))


if __name__ == "__main__":
    main()
