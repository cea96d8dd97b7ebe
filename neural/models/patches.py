"""Patches of training tiles, and the tile between its samples.

Between samples a tile is its Catmull–Rom interpolant (E. Catmull, R. Rom 1974), whose slopes at the
samples are central differences, as reference slopes are.
"""

from __future__ import annotations

import torch
from torch import Tensor

PAD = 3
"""Margin of samples around a patch read by its interpolant up to one cell beyond the outline."""


def windows(t: Tensor, size: int, step: int) -> Tensor:
    """Map [B, S, S] to windows of size² in row-major order, one every `step`, flattened: [B,
    count², size²]."""
    return t.unfold(1, size, step).unfold(2, size, step).flatten(3).flatten(1, 2)


def extend(t: Tensor) -> Tensor:
    """Map [B, S, S] to [B, S + 2 PAD, S + 2 PAD], continued linearly."""
    for _ in range(PAD):
        for axis in (1, 2):
            first = t.narrow(axis, 0, 1)
            second = t.narrow(axis, 1, 1)
            last = t.narrow(axis, -1, 1)
            before = t.narrow(axis, -2, 1)
            t = torch.cat((2 * first - second, t, 2 * last - before), dim=axis)
    return t


def taps(points: Tensor, size: int, *, along: int | None = None) -> Tensor:
    """Return weights [(size + 2 PAD)², n] of a window's samples in the interpolant at points [n, 2]
    = (x, y) in cells, or in its derivative per cell along axis 0 (x) or 1 (y).

    Points lie in [−1, size + 1]; sample centers at half-integers.
    """
    axes = []
    for axis in (0, 1):
        position = points[:, axis] - 0.5
        cell = position.floor().clamp(-2, size)
        t = position - cell
        if axis == along:
            weights = torch.stack(
                [
                    -0.5 + 2 * t - 1.5 * t**2,
                    -5 * t + 4.5 * t**2,
                    0.5 + 4 * t - 4.5 * t**2,
                    -t + 1.5 * t**2,
                ]
            )
        else:
            weights = torch.stack(
                [
                    -0.5 * t + t**2 - 0.5 * t**3,
                    1 - 2.5 * t**2 + 1.5 * t**3,
                    0.5 * t + 2 * t**2 - 1.5 * t**3,
                    -0.5 * t**2 + 0.5 * t**3,
                ]
            )
        full = torch.zeros(size + 2 * PAD, len(points), device=points.device)
        first = cell.long() + PAD - 1
        full.scatter_(0, first + torch.arange(4, device=points.device)[:, None], weights)
        axes.append(full)
    return (axes[1][:, None] * axes[0][None]).flatten(0, 1)


def interpolate(tiles: Tensor, points: Tensor, size: int) -> Tensor:
    """Return tiles [B, S, S] at points [n, 2] in cells of every patch of `size` cells: [B,
    patches², n]."""
    return windows(extend(tiles), size + 2 * PAD, size) @ taps(points, size)


def interpolate_slopes(tiles: Tensor, points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return slopes per cell along x and y of the tiles [B, S, S] at points [n, 2] as in
    `interpolate`: two of [B, patches², n]."""
    patches = windows(extend(tiles), size + 2 * PAD, size)
    return patches @ taps(points, size, along=0), patches @ taps(points, size, along=1)


def measured(valid: Tensor, points: Tensor, size: int) -> Tensor:
    """Return 1 where all samples that the interpolant reads at these points are valid, else 0: [B,
    patches², n]."""
    ring = torch.nn.functional.pad(valid[:, None], (PAD,) * 4, mode="replicate")[:, 0]
    return (
        (1 - windows(ring, size + 2 * PAD, size)) @ (taps(points, size) != 0).float() == 0
    ).float()


def random_points(
    count: int, size: int, generator: torch.Generator | None, halo: float = 0.0
) -> Tensor:
    """Return points [count, 2] in cells, uniform over a patch and `halo` cells around it; every
    fourth is moved to its outline."""
    points = torch.rand(count, 2, generator=generator) * (size + 2 * halo) - halo
    side = torch.randint(4, (count,), generator=generator)
    for k in range(0, count, 4):
        points[k, side[k] % 2] = float(size * (side[k] // 2))
    return points
