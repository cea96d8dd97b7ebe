"""Patches of training tiles as arrays: their samples, their corners, their outline."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(t: Tensor, size: int, step: int) -> Tensor:
    """[B, S, S] → patches in row-major order, flattened: [B, patches², size²]."""
    return t.unfold(1, size, step).unfold(2, size, step).flatten(3).flatten(1, 2)


def corners(t: Tensor) -> Tensor:
    """Values at the corners of the cells [B, S + 1, S + 1]: the mean of the four cells around, linear at the rim."""
    for axis in (1, 2):
        first, second = t.narrow(axis, 0, 1), t.narrow(axis, 1, 1)
        last, before = t.narrow(axis, -1, 1), t.narrow(axis, -2, 1)
        t = torch.cat((2 * first - second, t, 2 * last - before), dim=axis)
        t = (t.narrow(axis, 0, t.shape[axis] - 1) + t.narrow(axis, 1, t.shape[axis] - 1)) / 2
    return t


def outline(size: int) -> Tensor:
    """Corner positions (column, row) on the outline of a patch of size × size cells [4·size, 2]."""
    column, row = torch.meshgrid(torch.arange(size + 1), torch.arange(size + 1), indexing="xy")
    on_edge = (column % size == 0) | (row % size == 0)
    return torch.stack((column[on_edge], row[on_edge]), dim=-1)
