"""ACORN on a GPU: `python -m tests.bench.gpu_acorn RASTER` trains the `pluto` preset on a raster
for `--minutes` and prints its row of `ntile bench --global`, then times the decode of its tiles.
Each is a line of JSON:

    {"area": …, "method": "acorn", "seed": 0, "steps": …, "seconds": …, "psnr_db": …, …}
    {"level 5, 1 × 1 samples": {"blocks": …, "numpy": …, "compute": …, "compute, first": …}, …}

Times are milliseconds a tile, heights and slopes, once its blocks are prepared; of `first`, with
them. Seconds of a row are those of the clock. Software renderers decode a corner of a tile.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural.encoding.acorn.area import Area, staged
from neural.encoding.acorn.settings import PRESETS, rate_share
from neural.grid import Grid
from neural.methods.acorn import Acorn
from neural.models.acorn_encoder import leaf_table, method_for
from neural.models.acorn_training import AcornFit, retiling_is_due
from neural.models.whole_area import parameters, stored_bytes
from neural.raster.dem import open_dem
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile, vertices
from tests.bench.decode import SOFTWARE_SAMPLES, median_s
from viewer.graphics import gl
from viewer.graphics.gpu_decoder import GPU_BACKENDS, TileDecoder
from viewer.graphics.page import TilePage

MEASURED_EVERY_S = 10.0


def train(fit: AcornFit, seconds: float, say: Callable[[str], None]) -> float:
    """Train for so many seconds of the clock, cooled down at the end; return the seconds it
    took."""
    start = time.monotonic()
    measured = 0.0
    while (now := time.monotonic() - start) < seconds:
        if retiling_is_due(fit, now / seconds):
            fit.retile()
        fit.advance(rate_share(now / seconds, fit.settings))
        if now - measured > MEASURED_EVERY_S:
            measured = now
            row = fit.measure()
            say(f"{now:.0f} s: step {fit.step}, {row['psnr_db']:.2f} dB")
    fit.settle()
    return time.monotonic() - start


def row_of(fit: AcornFit, name: str, seconds: float) -> dict[str, Any]:
    """Return the row of a trained network."""
    measured = fit.measure()
    bytes_8bit = stored_bytes(fit, 8)
    return {
        "area": name,
        "method": "acorn",
        "seed": fit.seed,
        "device": str(fit.device),
        "steps": fit.step,
        "seconds": round(seconds, 1),
        "psnr_db": round(measured["psnr_db"], 2),
        "rmse_m": round(measured["rmse_m"], 3),
        "parameters": parameters(fit),
        "bytes_8bit": bytes_8bit,
        "bits_per_sample": round(8 * bytes_8bit / fit.area.samples, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "blocks_per_level": fit.retilings[-1]["blocks_per_scale"],
    }


def decode_ms(fit: AcornFit, grid: Grid, repeats: int) -> dict[str, Any]:
    """Return milliseconds for a tile of every level, in its middle, by path."""
    method = method_for(fit.settings, grid, "blended")
    weights = fit.weights()
    blocks = leaf_table(fit)
    ctx = gl.create_context()
    samples = SOFTWARE_SAMPLES if gl.is_software(ctx) else TILE
    found: dict[str, Any] = {"renderer": gl.describe(ctx), "samples_a_side_on_the_gpu": samples}
    for z in range(method.levels):
        side = grid.tile_span(Tile(z, 0, 0))
        tile = Tile(z, grid.width // side // 2, grid.height // side // 2)
        surface = _surface(method, weights, tile, blocks, fit, grid)
        count = method.samples(z)
        times = {"blocks": float(len(surface.latents) - 1), "numpy": _numpy(surface, repeats)}
        for entry in GPU_BACKENDS:
            if entry == "fragment" or ctx.version_code >= 430:
                times |= _gpu(ctx, entry, surface, samples, repeats)
        found[f"level {z}, {count} × {count} samples"] = {
            name: float(f"{value:.3g}") for name, value in times.items()
        }
    ctx.release()
    return found


def _surface(
    method: Acorn, weights: Any, tile: Tile, blocks: np.ndarray, fit: AcornFit, grid: Grid
) -> TileSurface:
    side = grid.tile_span(tile)
    return TileSurface(
        method,
        weights,
        method.tile_table(tile, blocks),
        fit.area.offset_m,
        fit.area.scale_m,
        np.ones((TILE, TILE), bool),
        (side * grid.cell_x_m, side * grid.cell_y_m),
    )


def _numpy(surface: TileSurface, repeats: int) -> float:
    at = vertices()
    _ = surface.prepared
    return 1e3 * median_s(lambda: surface.heights(at, at, order=1), repeats)


def _gpu(
    ctx: Any, entry: str, surface: TileSurface, samples: int, repeats: int
) -> dict[str, float]:
    program = TileDecoder(ctx, surface.method, surface.weights, entry)
    while not program.ready:
        program.advance()
    page = TilePage(ctx)

    def run() -> None:
        program.decode(surface.latents, surface.scale_m, surface.side_m, page, 0, samples)
        ctx.finish()

    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    warm = median_s(run, repeats)
    page.release()
    program.release()
    return {entry: 1e3 * warm, f"{entry}, first": 1e3 * first}


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("raster", type=Path)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="pluto")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_dem(str(options.raster)) as dem:
        area: Area = staged(dem, Path(folder) / "heights")
        fit = AcornFit(area, PRESETS[options.preset], 0, options.device)
        seconds = train(fit, 60 * options.minutes, lambda line: print(line, file=sys.stderr))
        print(json.dumps(row_of(fit, options.raster.stem, seconds)), flush=True)
        print(json.dumps(decode_ms(fit, dem.grid, options.repeats), ensure_ascii=False))


if __name__ == "__main__":
    main()
