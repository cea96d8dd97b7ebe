"""Ancestors of blocks, and the block that holds a place of an area."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Owner = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From places, columns and rows in finest cells, to the index of the block that holds each."""


def interior(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all ancestors [m, 3] of blocks (scale, x, y) [n, 3], and the generations int64 [m]
    that each has below it."""
    heights: dict[tuple[int, int, int], int] = {}
    for scale, x, y in blocks.tolist():
        for up in range(1, scale + 1):
            key = (scale - up, x >> up, y >> up)
            if heights.get(key, 0) >= up:
                break
            heights[key] = up
    keys = sorted(heights)
    nodes = np.array(keys, np.int64).reshape(-1, 3)
    return nodes, np.array([heights[key] for key in keys], np.int64)


def owner_of(blocks: np.ndarray, max_scale: int, root_cells: int) -> Owner:
    """Return the function that finds the block that holds a place, −1 where none of them does.

    Upper edges belong to the next block, those of the root square to its last one.
    """
    side = 1 << max_scale
    owners = np.full((side, side), -1, np.int32)
    for k, (scale, x, y) in enumerate(blocks.tolist()):
        span = side >> scale
        owners[y * span : (y + 1) * span, x * span : (x + 1) * span] = k

    def owner(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        x = np.clip(np.asarray(columns) * (side / root_cells), 0, side - 1).astype(np.int64)
        y = np.clip(np.asarray(rows) * (side / root_cells), 0, side - 1).astype(np.int64)
        return owners[y, x]

    return owner
