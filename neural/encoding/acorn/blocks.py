"""Blocks of an area as rows (scale, x, y), and the block that holds a place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neural.encoding.acorn.area import Area

Blocks = np.ndarray
"""Rows (scale, x, y), int64 [n, 3], sorted."""


def max_scale(area: Area, smallest_cells: int) -> int:
    """Return the scale of the smallest blocks, whose side has so many finest cells."""
    return (area.root_cells // smallest_cells).bit_length() - 1


def with_data(area: Area, scale: int) -> Blocks:
    """Return all blocks of a scale that hold a valid cell."""
    side = area.root_cells >> scale
    y, x = np.nonzero(area.extents(side).cells)
    return in_order(np.stack([np.full_like(x, scale), x, y], axis=1))


def in_order(blocks: np.ndarray) -> Blocks:
    """Return blocks sorted by scale, x and y, each once."""
    return np.unique(np.asarray(blocks, np.int64).reshape(-1, 3), axis=0)


def uniform(area: Area, budget: int, finest_scale: int) -> Blocks:
    """Return all blocks with data of the finest scale that the budget allows; the root block where
    it allows none."""
    scale = 0
    while scale < finest_scale and len(with_data(area, scale + 1)) <= budget:
        scale += 1
    return with_data(area, scale)


def interior(blocks: Blocks) -> tuple[Blocks, np.ndarray]:
    """Return all ancestors of blocks, and the generations that each has below it."""
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


def owner_of(
    blocks: Blocks, finest_scale: int, root_cells: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function from places, columns and rows in finest cells, to the index of the block
    that holds each, −1 where none does."""
    side = 1 << finest_scale
    owners = np.full((side, side), -1, np.int32)
    for k, (scale, x, y) in enumerate(blocks.tolist()):
        span = side >> scale
        owners[y * span : (y + 1) * span, x * span : (x + 1) * span] = k

    def owner(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        x = np.clip(np.asarray(columns) * (side / root_cells), 0, side - 1).astype(np.int64)
        y = np.clip(np.asarray(rows) * (side / root_cells), 0, side - 1).astype(np.int64)
        return owners[y, x]

    return owner
