"""Blocks of coarse levels where the partition has none.

A cell of a coarse level may be larger than the blocks in it. Places averaged for it can then all
miss them, as where an island has one small block: what such a cell has besides its blocks is of
its mean height there.
"""

from __future__ import annotations

import numpy as np

from neural.encoding.acorn.area import Area
from neural.methods.acorn.blocks import COLUMNS, CONSTANT, KIND, PLAIN, SCALE, X, Y


def blocks_of_level(leaves: np.ndarray, area: Area, coarser: int) -> np.ndarray:
    """Return the blocks [n, 6] of a level: those of the area [m, 6], and constant ones in the parts
    without blocks of each cell that they are smaller than."""
    cell_scale = area.root_cells.bit_length() - 1 - coarser
    absent = _absent(leaves[:, : Y + 1].astype(np.int64), cell_scale)
    if not len(absent):
        return leaves
    up = absent[:, SCALE] - cell_scale
    meters = area.level(coarser)[absent[:, Y] >> up, absent[:, X] >> up]
    rows = np.zeros((len(absent), COLUMNS))
    rows[:, : Y + 1] = absent
    rows[:, KIND] = PLAIN
    rows[:, CONSTANT] = area.normalized(meters)
    return np.concatenate([leaves, rows[np.isfinite(meters)]])


def _absent(blocks: np.ndarray, cell_scale: int) -> np.ndarray:
    """Return the largest blocks [n, 3] below a scale that hold none of the given ones [m, 3], in
    those of that scale that hold some."""
    found = [np.zeros((0, 3), np.int64)]
    inner = np.zeros((0, 2), np.int64)  # blocks of the scale that are divided
    for scale in range(int(blocks[:, SCALE].max(initial=0)), cell_scale, -1):
        leaves = blocks[blocks[:, SCALE] == scale, 1:]
        present = np.concatenate([leaves, inner])
        inner = np.unique(present >> 1, axis=0)
        quarters = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
        children = (2 * inner[:, None] + quarters).reshape(-1, 2)
        is_absent = ~np.isin(_keys(children), _keys(present))
        children = children[is_absent]
        found.append(np.pad(children, ((0, 0), (1, 0)), constant_values=scale))
    return np.concatenate(found)


def _keys(places: np.ndarray) -> np.ndarray:
    """Return one number for each place [n, 2]."""
    keys: np.ndarray = places[:, 0] << 32 | places[:, 1]
    return keys
