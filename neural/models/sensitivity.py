"""Sensitivity of a decoded surface to each dimension of its latents, by which a payload's bits are
allocated."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from neural.models.base import TerrainModel

_PROBES = 4
_DIGITS = 4


def sensitivity(model: TerrainModel, tiles: Tensor) -> tuple[float, ...]:
    """Return the root mean square change of the normalized surface per unit of each latent
    dimension, over the tokens of a group.

    One number per dimension [groups · dim], as `TokenMethod.sensitivity` has them.

    tiles [B, 256, 256] normalized. Estimated with random signs ±1 on the samples: the mean square
    of a vector–Jacobian product is the squared norm of the Jacobian's columns (M. Hutchinson 1990).
    Rounded, since it is stored with every file.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        latents = model.encode(tiles)
    groups = model.method.token_groups
    squares = torch.zeros(len(groups), latents.shape[-1], dtype=torch.float64)
    for tile in latents:
        for _ in range(_PROBES):
            start = tile[None].detach().clone().requires_grad_()
            with torch.enable_grad():
                heights = model.decode(start)
                signs = torch.randint(0, 2, heights.shape, generator=generator) * 2.0 - 1.0
                (slopes,) = torch.autograd.grad(heights, start, signs.to(heights))
            energy = torch.stack(
                [slopes[0, group].double().square().sum(dim=0) for group in groups]
            )
            squares += energy.cpu() / heights[0].numel()
    mean = (squares / (len(latents) * _PROBES)).sqrt().flatten().tolist()
    return tuple(float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else 0.0 for value in mean)
