"""Possible gain of a single tile: its latents optimized alone, and together with the decoder
(diagnostic only).

A layer's decoder is shared, so the second cannot be stored; it tells how far latents, or the shared
decoder, limit a method (arXiv 2606.00404, diagnostics).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import plots
from neural.bench.learned import Series
from neural.bench.markdown import table
from neural.bench.places import Place
from neural.encode import DEFAULT_MODELS
from neural.encoding.pyramid import PyramidTile, build
from neural.measure.metrics import psnr_db
from neural.models.train_data import normalize
from neural.raster.dem import open_dem

LATENT_RATE = 0.01
"""Peak learning rate of latents, in units of each dimension's spread over the tile."""

DECODER_RATES = (1e-3, 1e-4, 1e-5)
"""Peak learning rates of decoder weights, in units of each array's root mean square. All are tried
and the best is kept: a decoder after a linear warm start tolerates a hundredth of the others'
rate."""

STAGES = ("encoded", "latents", "latents_decoder")


def run(
    places: Sequence[Place],
    all_series: Sequence[Series],
    steps: int,
    device: str,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Return PSNR and RMSE of one tile per place as encoded, with its latents optimized, and with
    the decoder as well."""
    from neural.methods.model_files import model_stem
    from neural.models.base import pick_device
    from neural.models.loading import load_model

    rows = []
    target = pick_device(device)
    tiles = [(place, fullest_tile(place)) for place in places]
    for series in all_series:
        model = (
            load_model(model_stem(series.model or DEFAULT_MODELS[series.method]))[0]
            .to(target)
            .eval()
        )
        for place, tile in tiles:
            row: dict[str, Any] = {
                "name": series.name,
                "title": series.title,
                "place": place.name,
                "tile": list(tile.tile),
            }
            row |= specialize(model, tile.heights, tile.valid, steps)
            say(
                f"{place.name}: {series.name}, "
                f"{row['latents']['psnr_db'] - row['encoded']['psnr_db']:+.2f} dB by latents"
            )
            rows.append(row)
    return {
        "steps": steps,
        "latent_rate": LATENT_RATE,
        "decoder_rates": list(DECODER_RATES),
        "tiles": rows,
    }


def fullest_tile(place: Place) -> PyramidTile:
    """Return the finest tile with the most valid samples, the first of equals."""
    best: PyramidTile | None = None
    with open_dem(place.path, place.reading) as dem:
        for tile in build(dem):
            if tile.tile.z == dem.grid.levels - 1 and (
                best is None or tile.valid.sum() > best.valid.sum()
            ):
                best = tile
    assert best is not None  # `build` refuses a DEM without samples
    return best


def specialize(
    model: Any, heights: np.ndarray, valid: np.ndarray, steps: int
) -> dict[str, dict[str, float]]:
    """Return psnr_db and rmse_m of a tile [256, 256] at every one of `STAGES`; the model is left as
    it was."""
    import torch

    from neural.models.refine import refine

    device = next(model.parameters()).device
    normal, _, scale = normalize(heights, valid)
    tile = torch.from_numpy(normal)[None].to(device)
    weight = torch.from_numpy(valid)[None].to(device)
    with torch.no_grad():
        latents = model.encode(tile).detach()
        refined = refine(model, tile, weight.float(), latents, steps)
        errors = [((model.decode(z) - tile)[weight] ** 2).mean().item() for z in (latents, refined)]
    errors.append(
        min(optimize(model, refined, tile, weight, steps, rate) for rate in DECODER_RATES)
    )
    return {
        stage: {"psnr_db": psnr_db(error, 2.0), "rmse_m": scale * error**0.5}
        for stage, error in zip(STAGES, errors, strict=True)
    }


def optimize(
    model: Any, latents: Any, tile: Any, valid: Any, steps: int, decoder_rate: float
) -> float:
    """Return the least mean squared error over valid samples during `steps` of Adam with cosine
    decay.

    latents [1, tokens, dim]; tile [1, 256, 256] normalized. Latents and a copy of the decoder's
    weights are optimized together.
    """
    import torch

    model = copy.deepcopy(model)
    # Spreads of dimensions differ by orders of magnitude: offsets are in units of them.
    spread = (
        latents.std(dim=1, keepdim=True, correction=0)
        if latents.shape[1] > 1
        else latents.std(correction=0)
    )
    offsets = torch.zeros_like(latents).requires_grad_(True)
    groups: list[dict[str, Any]] = [{"params": [offsets], "lr": LATENT_RATE}]
    for weight in model.decoder.parameters():
        groups.append(
            {"params": [weight], "lr": decoder_rate * float(weight.detach().square().mean().sqrt())}
        )
    optimizer = torch.optim.Adam(groups)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    best = float("inf")
    for step in range(steps + 1):
        with torch.set_grad_enabled(step < steps):
            loss = ((model.decode(latents + spread * offsets) - tile)[valid] ** 2).mean()
        best = min(best, loss.item())  # a NaN is never less
        if step < steps:
            optimizer.zero_grad(set_to_none=True)
            model.zero_grad(set_to_none=True)
            loss.backward(inputs=[parameter for group in groups for parameter in group["params"]])
            optimizer.step()
            decay.step()
    return best


def markdown(result: Mapping[str, Any]) -> str:
    """Return means over tiles per series, then every tile."""
    lines = [
        "# Specializing single tiles",
        "",
        f"One tile per place, {result['steps']} steps of L-BFGS on its latents (as `encode "
        "--refine`), then as many of "
        "Adam on latents and decoder together, best step kept; decibels of the tile's own range.",
        "",
    ]
    header = [
        "",
        "tile",
        "encoded dB",
        "latents dB",
        "gain",
        "latents + decoder dB",
        "gain",
        "encoded RMSE m",
        "latents",
        "both",
    ]
    rows = []
    for title in dict.fromkeys(row["title"] for row in result["tiles"]):
        series_rows = [row for row in result["tiles"] if row["title"] == title]
        tiles = [(row["place"], *_stages(row)) for row in series_rows]
        means = np.mean([figures for _, *figures in tiles], axis=0)
        rows.append(_row(title, f"mean of {len(series_rows)}", *means.tolist()))
        rows += [_row(title, *tile) for tile in tiles]
    return "\n".join([*lines, *table(header, rows)]) + "\n"


def _stages(row: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return PSNR in dB and RMSE in meters of a tile at each of the STAGES."""
    psnr, rmse = ([row[stage][key] for stage in STAGES] for key in ("psnr_db", "rmse_m"))
    return psnr, rmse


def _row(title: str, tile: str, psnr: Sequence[float], rmse: Sequence[float]) -> list[str]:
    first, latents, both = psnr
    gains = [f"{latents:.2f}", f"{latents - first:+.2f}", f"{both:.2f}", f"{both - first:+.2f}"]
    return [title, tile, f"{first:.2f}", *gains, *(f"{value:.4f}" for value in rmse)]


def plot(result: Mapping[str, Any], path: Path) -> Path:
    """Return PSNR of every tile before and after."""
    drawing, axis = plots.figure()
    rows = result["tiles"]
    for index, stage in enumerate(STAGES):
        axis.plot(
            [row[stage]["psnr_db"] for row in rows],
            "osD"[index],
            color=f"C{index}",
            label=stage.replace("_", " + "),
        )
    axis.set_xticks(
        range(len(rows)),
        [f"{row['title']}\n{row['place']}"[:40] for row in rows],
        rotation=60,
        fontsize=6,
    )
    axis.set(ylabel="PSNR, dB")
    axis.grid(alpha=0.25)
    axis.legend(fontsize=8)
    return plots.save(drawing, path)
