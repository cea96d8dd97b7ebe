"""Analytic slopes of a model where its surface is free to swing: `python -m tests.bench.slopes
STEM… --data FOLDER [--split val]`.

At sample centers, halfway between them and on the borders of patches (from both sides), against the
Catmull–Rom interpolant of the reference, whose slopes at samples are central differences. The
interpolant of the model's own heights is measured at the same places, so that the ratio tells
what is lost to swings. RMSE in m/m over whole tiles, and geometric means of the ratios. Prints one
JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neural.models.loading import load_model
from neural.models.patches import interpolate_slopes
from neural.models.train_data import fixed_tiles, load_split, normalize
from neural.tiles import TILE, centers

SIDE = 16  # cells of a patch
EDGE = 1e-4  # cells beside a border, so that it belongs to one patch
PLACES = ("centers", "between", "borders")


def lines() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return coordinates in a patch [0, 16] along both axes, in cells, for each of PLACES."""
    middle = np.arange(SIDE) + 0.5
    inner = np.arange(1.0, SIDE)
    rim = np.array([EDGE, SIDE - EDGE])
    return {"centers": (middle, middle), "between": (inner, inner), "borders": (rim, middle)}


def interpolated(tile: torch.Tensor, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return slopes per cell of a tile's interpolant, east and south, at coordinates x, y of every
    patch."""
    grid = np.meshgrid(x, y)
    points = torch.from_numpy(np.stack([g.ravel() for g in grid], axis=1)).float()
    shape = (TILE // SIDE, TILE // SIDE, len(y), len(x))
    parts = interpolate_slopes(tile[None].float(), points, SIDE)
    return [part.reshape(shape).transpose(1, 2).flatten(2).flatten(0, 1).numpy() for part in parts]


def slopes(model: Any, weights: dict[str, np.ndarray], tile: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean squared slope errors per cell of a normalized tile at each of PLACES: analytic
    ones, and those of the interpolant of the model's own heights."""
    tokens = model.encode(torch.from_numpy(tile)[None])[0].float().numpy()
    prepared = model.method.prepare(weights, tokens)
    own = model.method.evaluate(weights, prepared, centers(), centers(), order=0).h
    squares = {}
    for name, (first, second) in lines().items():
        errors = []
        for x, y in {"borders": ((first, second), (second, first))}.get(name, ((first, second),)):
            u, v = ((np.arange(0, TILE, SIDE)[:, None] + line).ravel() for line in (x, y))
            surface = model.method.evaluate(weights, prepared, u / TILE, v / TILE, order=1)
            east, south = interpolated(torch.from_numpy(tile), x, y)
            inside = np.ix_((v > 1) & (v < TILE - 1), (u > 1) & (u < TILE - 1))
            pairs = (
                (surface.dh_du / TILE, surface.dh_dv / TILE),
                interpolated(torch.from_numpy(np.asarray(own)), x, y),
            )
            errors.append([((e - east) ** 2 + (s - south) ** 2)[inside].mean() for e, s in pairs])
        squares[name] = np.mean(errors, axis=0)
    return squares


@torch.no_grad()
def measure(path: Path, data: Path, split: str) -> dict[str, Any]:
    """Return RMSE per place of the split and their ratios, of one model."""
    model = load_model(path)[0]
    model.eval()
    weights = {name: p.detach().float().numpy() for name, p in model.decoder.items()}
    tiles: dict[str, list[dict[str, np.ndarray]]] = {}
    for raster, heights, valid in fixed_tiles(load_split([data], split), least_valid=1.0):
        tile, _, scale = normalize(heights, valid)
        factor = (scale / raster.cell_m) ** 2
        row = {name: value * factor for name, value in slopes(model, weights, tile).items()}
        tiles.setdefault(raster.name, []).append(row)
    report: dict[str, Any] = {}
    logs: dict[str, list[float]] = {name: [] for name in PLACES}
    for place, rows in tiles.items():
        report[place] = {}
        for name in PLACES:
            analytic, by_heights = np.sqrt(np.mean([row[name] for row in rows], axis=0)).tolist()
            logs[name].append(math.log(analytic / by_heights))
            figures = {"analytic": analytic, "of_heights": by_heights}
            report[place][name] = {key: round(value, 5) for key, value in figures.items()}
    report["ratio"] = {name: round(math.exp(np.mean(logs[name])), 3) for name in PLACES}
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val")
    arguments = parser.parse_args()
    results = {}
    for path in arguments.models:
        results[path.name] = measure(path, arguments.data, arguments.split)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
