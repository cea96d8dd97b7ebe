"""Changes of training crops beyond flips and quarter turns, on numpy arrays."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from neural.raster.fill import fill
from neural.tiles import TILE

TURNED = 2 * TILE
"""Side of the window that holds a crop turned by any angle, cells."""

MOST_SHRUNK = 1.4
"""Largest factor by which a turned crop is shrunk, so that interpolation does not smooth it; the
window just holds the crop's diagonal."""

_COARSE = 8  # cells over which relief counts as coarse


def turn(
    heights: np.ndarray, valid: np.ndarray, angle_rad: float, shrink: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle [256, 256] of a window [TURNED, TURNED], turned and shrunk, by Catmull–Rom
    interpolation; a cell is valid when all that it reads are."""
    line = (np.arange(TILE, dtype=np.float32) - (TILE - 1) / 2) * shrink
    x, y = np.meshgrid(line, line)
    cos = math.cos(angle_rad)
    sin = math.sin(angle_rad)
    half = (len(heights) - 1) / 2
    filled = heights if valid.all() else fill(heights, valid)
    columns, weights_x = _taps(half + cos * x - sin * y)
    rows, weights_y = _taps(half + sin * x + cos * y)
    turned = np.zeros((TILE, TILE), np.float32)
    whole = np.ones((TILE, TILE), bool)
    for row, weight_y in zip(rows, weights_y, strict=True):
        for column, weight_x in zip(columns, weights_x, strict=True):
            turned += weight_y * weight_x * filled[row, column]
            whole &= valid[row, column]
    return turned, whole


def _taps(places: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the four samples that are read along an axis, and their weights, at places in
    cells."""
    first = np.floor(places).astype(np.intp) - 1
    t = (places - first - 1).astype(np.float32)
    weights = [
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    ]
    return [first + k for k in range(4)], weights


def finest_relief(heights: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return heights less their relief coarser than eight cells, [n, n] meters."""
    if not valid.any():
        return np.zeros_like(heights)
    filled = heights if valid.all() else fill(heights, valid)
    image = torch.from_numpy(np.ascontiguousarray(filled - filled.mean(), np.float32))[None, None]
    coarse = functional.interpolate(
        functional.avg_pool2d(image, _COARSE),
        scale_factor=_COARSE,
        mode="bicubic",
        align_corners=False,
    )
    return (image - coarse)[0, 0].numpy()
