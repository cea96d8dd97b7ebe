"""Errors of a model on held-out rasters, in meters, as `ntile evaluate` measures them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from neural.measure import metrics
from neural.models.train_data import Raster, fixed_tiles, normalize
from neural.tiles import centers

MEASURES = ("psnr_db", "rmse_m", "gradient_rmse", "sampled_gradient_rmse", "laplacian_rmse")
"""Measures of `neural.measure.metrics`: slopes are analytic, "sampled" by central differences."""


@torch.no_grad()
def validate(model: Any, rasters: Sequence[Raster], device: torch.device) -> dict[str, float]:
    """Return the MEASURES as means over the fixed tiles of the rasters (arXiv 2606.00404, metrics);
    leaves the model in evaluation mode."""
    model.eval()
    weights = {name: p.detach().float().cpu().numpy() for name, p in model.decoder.items()}
    lattice = centers()
    rows = []
    for raster, heights, valid in fixed_tiles(rasters):
        tile, offset, scale = normalize(heights, valid)
        latents = model.encode(torch.from_numpy(tile)[None].to(device))[0]
        prepared = model.method.prepare(weights, latents.float().cpu().numpy())
        surface = model.method.evaluate(weights, prepared, lattice, lattice, order=2)
        h, east, south, bend_x, bend_y = (np.asarray(part, np.float64) for part in surface)
        cell = (raster.cell_m, raster.cell_m)
        step = len(lattice) * raster.cell_m
        inner = np.s_[1:-1, 1:-1]
        summary = metrics.ErrorSummary()
        decoded = offset + scale * h
        summary.add_heights(decoded, heights, valid)
        summary.add_derivatives(
            (east[inner] * (scale / step), south[inner] * (-scale / step)),
            (bend_x + bend_y)[inner] * (scale / step**2),
            heights,
            valid,
            cell,
        )
        summary.add_sampled_slopes(decoded, heights, valid, cell)
        rows.append(summary.report())
    return {name: float(np.mean([row[name] for row in rows])) for name in MEASURES}
