"""Hilbert ids of many tiles at once: the array twin of `neural.tiles.tile_id` and
`tile_from_id`."""

from __future__ import annotations

import numpy as np

FIRST_IDS = np.array([((1 << 2 * z) - 1) // 3 for z in range(32)], np.int64)
"""Id of the first tile of each level."""


def tile_ids(z: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Map levels, columns, rows (int64 [n], mixed levels allowed) to ids [n]."""
    z, x, y = (np.asarray(column, np.int64) for column in (z, x, y))
    ids: np.ndarray = FIRST_IDS[z]
    for k in range(int(z.max(initial=0)) - 1, -1, -1):
        right = x >> k & 1
        south = y >> k & 1  # 0 above a tile's own level, where only the turn must wait
        ids += (3 * right ^ south) << 2 * k
        low = (1 << k) - 1
        x, y = _turn(x & low, y & low, right, south, low, k < z)
    return ids


def tiles_from_ids(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Map ids (int64 [n]) to levels, columns, rows, int64 [n] each."""
    ids = np.asarray(ids, np.int64)
    z = np.searchsorted(FIRST_IDS, ids, "right") - 1
    d = ids - FIRST_IDS[z]
    x = np.zeros_like(d)
    y = np.zeros_like(d)
    for k in range(int(z.max(initial=0))):
        right = d >> 1 & 1
        south = (d ^ right) & 1
        x, y = _turn(x, y, right, south, (1 << k) - 1, k < z)
        x = x | right << k
        y = y | south << k
        d >>= 2
    return z, x, y


def _turn(
    x: np.ndarray, y: np.ndarray, right: np.ndarray, south: np.ndarray, last: int, used: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Orient the curve inside the northern squares of side last + 1 (its own inverse)."""
    swap = used & (south == 0)
    mirror = swap & (right == 1)
    x = np.where(mirror, last - x, x)
    y = np.where(mirror, last - y, y)
    return np.where(swap, y, x), np.where(swap, x, y)
