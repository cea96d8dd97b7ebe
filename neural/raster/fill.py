"""Smooth surfaces where a tile has no data, so that encoders meet no cliffs there. Valid cells
never change.

Push-pull (Gortler et al. 1996, "The Lumigraph", §3.4) from the rims of the gaps: averages of the
rim's cells are pushed up a pyramid, then pulled down bilinearly, and on each level relaxed towards
a membrane. Valid cells farther in take no part: in the averages they would pull a slope's gap away
from its rim.
"""

from __future__ import annotations

import numpy as np

_RELAXATIONS = 4


def fill(heights: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return heights [n, n] (n a power of two) with invalid cells replaced; float32. All zero when
    nothing is valid."""
    if valid.all():
        return np.asarray(heights, np.float32)
    if not valid.any():
        return np.zeros(heights.shape, np.float32)
    rim = valid & _touches(~valid)
    # small numbers keep float32 arithmetic exact
    center = float(heights[rim].mean(dtype=np.float64))
    around = np.where(rim, heights - center, 0).astype(np.float32)
    return np.where(valid, heights, _pull(around, rim) + center).astype(np.float32)


def _touches(mask: np.ndarray) -> np.ndarray:
    """Return cells with a masked one among their 3×3."""
    for _ in range(2):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        mask = grown.T
    return mask


def _pull(heights: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Fill gaps (0 there) of heights, recursively through half the resolution."""
    weight = _sum4(valid.astype(np.float32))
    mean = _sum4(heights) / np.maximum(weight, 1)
    weighted = weight > 0
    return _relax(heights, valid, _expand(mean if weighted.all() else _pull(mean, weighted)))


def _relax(heights: np.ndarray, valid: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return a few steps from a guess towards the surface whose gaps are the mean of their
    neighbors.

    Coarse levels settle the wide gaps and are cheap: they take the more steps the fewer cells they
    have.
    """
    n = len(heights)
    p = np.pad(np.where(valid, heights, guess), 1, mode="edge")
    inner = p[1:-1, 1:-1]
    gap = ~valid
    for _ in range(max(_RELAXATIONS, min(512 // n, 2 * n + _RELAXATIONS))):
        smooth = p[:-2, 1:-1] + p[2:, 1:-1]
        smooth += p[1:-1, :-2]
        smooth += p[1:-1, 2:]
        smooth += inner
        smooth *= np.float32(0.2)
        np.copyto(inner, smooth, where=gap)
        p[0] = p[1]
        p[-1] = p[-2]
        p[:, 0] = p[:, 1]
        p[:, -1] = p[:, -2]
    return inner


def _sum4(a: np.ndarray) -> np.ndarray:
    """Sum 2×2 cells: [n, n] → [n/2, n/2]."""
    rows = a[0::2] + a[1::2]
    sums: np.ndarray = rows[:, 0::2] + rows[:, 1::2]
    return sums


def _expand(a: np.ndarray) -> np.ndarray:
    """Expand cell values bilinearly: [n, n] → [2n, 2n]."""
    for _ in range(2):
        p = np.pad(a, ((1, 1), (0, 0)), mode="edge")
        out = np.empty((2 * a.shape[0], a.shape[1]), np.float32)
        out[0::2] = 0.75 * a + 0.25 * p[:-2]
        out[1::2] = 0.75 * a + 0.25 * p[2:]
        a = out.T
    return a
