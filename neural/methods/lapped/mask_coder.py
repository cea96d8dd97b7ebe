"""Coder of validity masks, below the parent's cells: range-coded bits under learned contexts.

A cell of the parent level holds a height where any of its four children does, so only the children
of such cells are coded, and inside an area they are hardly ever missing. Children are coded in four
phases; a context is the eight cells around the parent's and four nearest children already known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neural.methods.lapped.context import PHASES

CONTEXTS = 1 << 12
"""Per phase: 8 bits of the parent's neighbors, 4 of known children."""

SHAPE = (len(PHASES), CONTEXTS)
"""Of the decoder's weight `mask_probability`: chance of a height in 65536ths, an integer from 1 to
65535."""

COMPLETE = 15 / 16
"""Chance that a tile has all the cells that the grid has."""

_PARENTS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
_DIAGONAL = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_DIRECT = ((-1, 0), (0, -1), (0, 1), (1, 0))
_CHILDREN = ((), _DIAGONAL, _DIRECT, _DIRECT)

VisitCells = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""(phase, contexts [n], flat positions [n] among all children) → bool [n]."""


def walk_mask(parent: np.ndarray, inside: np.ndarray, visit: VisitCells) -> np.ndarray:
    """Visit the children of a parent's cells; return the mask of those with a height, bool [2 n,
    2 m].

    `parent` bool [n, m]; children that are not `inside` (bool [2 n, 2 m], within the grid) hold
    none.
    """
    mask = np.zeros(inside.shape, bool)
    padded = np.pad(parent, 1, mode="edge")
    n, m = parent.shape
    around = np.zeros((n, m), np.int32)
    for bit, (dy, dx) in enumerate(_PARENTS):
        around |= padded[1 + dy : 1 + dy + n, 1 + dx : 1 + dx + m].astype(np.int32) << bit
    for phase, (row, column) in enumerate(PHASES):
        cells = np.s_[row::2, column::2]
        contexts = around.copy()
        mirrored = np.pad(mask, 1, mode="reflect")  # keeps phases
        for bit, (dy, dx) in enumerate(_CHILDREN[phase]):
            beside = mirrored[
                1 + row + dy : 1 + row + dy + 2 * n : 2,
                1 + column + dx : 1 + column + dx + 2 * m : 2,
            ]
            contexts |= beside[:n, :m].astype(np.int32) << 8 + bit
        rows, columns = np.nonzero(parent & inside[cells])
        if len(rows):
            flat = (2 * rows + row) * (2 * m) + 2 * columns + column
            mask.ravel()[flat] = visit(phase, contexts[rows, columns], flat)
    return mask


def read_mask(
    parent: np.ndarray,
    inside: list[np.ndarray],
    chance: np.ndarray,
    take: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Read the cells of a tile that hold a height, below those of its parent, level by level.

    `inside` lists which cells the grid has, bool [2 n, 2 n] for the level below n × n parents and
    so on, `chance` is of `SHAPE`, and `take` reads bits bool [n] given their chances [n].
    """
    if take(np.array([COMPLETE]))[0]:
        return inside[-1]
    for level in inside:
        parent = walk_mask(
            parent, level, lambda phase, contexts, flat: take(chance[phase, contexts])
        )
    return parent


def write_mask(
    mask: np.ndarray,
    parent: np.ndarray,
    inside: list[np.ndarray],
    chance: np.ndarray,
    put: Callable[[np.ndarray, np.ndarray], None],
) -> None:
    """Write a mask for `read_mask`; `put` writes bits bool [n] of these chances [n]."""
    complete = np.array_equal(mask, inside[-1])
    put(np.array([complete]), np.array([COMPLETE]))
    if complete:
        return
    levels = [mask]
    while len(levels) < len(inside):
        levels.insert(0, halved(levels[0]))
    for level, cells in zip(inside, levels, strict=True):

        def visit(
            phase: int, contexts: np.ndarray, flat: np.ndarray, cells: np.ndarray = cells
        ) -> np.ndarray:
            bits: np.ndarray = cells.ravel()[flat]
            put(bits, chance[phase, contexts])
            return bits

        parent = walk_mask(parent, level, visit)


def halved(mask: np.ndarray) -> np.ndarray:
    """Return the cells of the level above that hold a height, bool [n, m] from [2 n, 2 m]."""
    pairs = mask[0::2] | mask[1::2]
    return np.asarray(pairs[:, 0::2] | pairs[:, 1::2])


def fit_mask(masks: list[np.ndarray]) -> np.ndarray:
    """Return the table of `SHAPE` from validity rasters of any size, turned and mirrored, over all
    their levels."""
    counts = np.zeros((2, *SHAPE))
    for whole in masks:
        for turn in range(8):
            mask = np.rot90(whole, turn % 4)
            mask = mask.T if turn >= 4 else mask
            while max(mask.shape) > 1:
                mask = np.pad(mask, [(0, n % 2) for n in mask.shape])
                _count(mask, counts)
                mask = halved(mask)
    present = counts[1].reshape(_BY_PARENT)
    every = counts.sum(axis=0).reshape(_BY_PARENT)
    # Contexts seen rarely lean on what the known children say on their own.
    by_children = (present.sum(axis=2, keepdims=True) + 1) / (every.sum(axis=2, keepdims=True) + 2)
    chance = (present + 2 * by_children) / (every + 2)
    probability: np.ndarray = np.clip(np.rint(chance * 65536), 1, 65535).reshape(SHAPE)
    return probability


_BY_PARENT = (len(PHASES), CONTEXTS >> 8, 1 << 8)


def _count(mask: np.ndarray, counts: np.ndarray) -> None:
    """Add how often each context had no height, and how often it had one, to counts [2, *SHAPE]."""

    def visit(phase: int, contexts: np.ndarray, flat: np.ndarray) -> np.ndarray:
        bits: np.ndarray = mask.ravel()[flat]
        for value in (0, 1):
            counts[value, phase] += np.bincount(contexts[bits == value], minlength=CONTEXTS)
        return bits

    walk_mask(halved(mask), np.ones(mask.shape, bool), visit)
