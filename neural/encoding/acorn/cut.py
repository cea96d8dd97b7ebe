"""The best cut of a block tree: leaves within a budget with the least squared error of their
bilinear grids, over all partitions of all scales at once.

The least error + λ · blocks of every block follows from its children's, level by level from the
finest. Its critical λ gives the optimum for a number of blocks at most the budget, blocks left over
are spent on the best single splits, and the bound says how far from the optimum that can be.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural.encoding.acorn.lagrangian import Choice, bracket
from neural.encoding.acorn.statistics import BlockStatistics
from neural.errors import UsageError


class Cut(NamedTuple):
    """Leaves that cover all data, constant ones among them."""

    leaves: np.ndarray
    """Location codes, int64."""
    error: float
    """Squared error of their grids, summed over the cells."""
    bound: float
    """The least that any cut within the budget can have, at least."""


def best_cut(statistics: BlockStatistics, budget: int, prune: bool = True) -> Cut:
    """Return the best cut with at most `budget` blocks; with `prune` constant ones count nothing.

    Raises UsageError if the budget is less than 1.
    """
    check_budget(budget)
    tree = _Costs(statistics, prune)
    ends = bracket(tree.minimum, budget, float(statistics.errors[0].sum()) + 1)
    assert ends is not None  # the root alone is within any budget
    leaves = spend(statistics, tree.leaves(ends.within.content), budget, prune)
    weights = np.ones(len(leaves))
    if prune:
        weights = np.isnan(statistics.constants_of(leaves)).astype(float)
    error = float((statistics.errors_of(leaves) * weights).sum())
    return Cut(leaves, error, min(ends.bound, error))


def check_budget(budget: int) -> None:
    """Raise UsageError if a budget holds no block."""
    if budget < 1:
        raise UsageError(f"{budget} blocks cannot cover an area; ask for 1 or more.")


def spend(
    statistics: BlockStatistics, leaves: np.ndarray, budget: int, prune: bool = True
) -> np.ndarray:
    """Return leaves [n] with the rest of the budget spent on splits: of those that gain most for a
    block, and of equal ones, of the largest."""
    while True:
        taken = len(leaves)
        if prune:
            taken = int(np.isnan(statistics.constants_of(leaves)).sum())
        split = _best_splits(statistics, leaves, budget - taken, prune)
        if not split.any():
            return leaves
        children = statistics.tree.children(leaves[split]).ravel()
        children = children[statistics.cells_of(children) > 0]
        leaves = np.concatenate([leaves[~split], children])


def _best_splits(
    statistics: BlockStatistics, leaves: np.ndarray, rest: int, prune: bool
) -> np.ndarray:
    """Return a mask of leaves whose splits need no more than the rest of a budget."""
    chosen = np.zeros(len(leaves), bool)
    children, counted = statistics.children_of(leaves, prune)
    extra = counted.sum(axis=1) - 1
    open_ = statistics.tree.scales(leaves) < statistics.tree.max_scale
    if prune:
        open_ &= np.isnan(statistics.constants_of(leaves))
    open_ &= extra <= rest
    candidates = np.flatnonzero(open_)
    if not len(candidates):
        return chosen
    left = np.zeros(len(candidates))
    inner = counted[candidates]
    left[:] = np.where(inner, statistics.errors_of(children[candidates]), 0).sum(axis=1)
    gain = (statistics.errors_of(leaves[candidates]) - left) / np.maximum(extra[candidates], 0.5)
    cells = statistics.cells_of(leaves[candidates])
    for candidate in candidates[np.lexsort((-cells, -gain))]:
        if extra[candidate] <= rest:
            chosen[candidate] = True
            rest -= extra[candidate]
        elif rest <= 0:
            break
    return chosen


class _Costs:
    """Least error + λ · blocks of every block of a tree."""

    def __init__(self, statistics: BlockStatistics, prune: bool) -> None:
        self._statistics = statistics
        self._errors = []
        self._blocks = []
        for cells, constants, errors in zip(
            statistics.cells, statistics.constants, statistics.errors, strict=True
        ):
            counted = cells > 0
            if prune:
                counted &= np.isnan(constants)
            self._errors.append(np.where(counted, errors, 0))
            self._blocks.append(counted.astype(np.int64))

    def minimum(self, multiplier: float) -> Choice[list[np.ndarray]]:
        """Return the least error + λ · blocks of the root, and the splits of every scale."""
        error = self._errors[-1]
        blocks = self._blocks[-1]
        splits = [np.zeros(blocks.shape, bool)]
        for own_error, own in zip(self._errors[-2::-1], self._blocks[-2::-1], strict=True):
            error = _children_sum(error, own.shape)
            blocks = _children_sum(blocks, own.shape)
            split = (error + multiplier * blocks < own_error + multiplier * own) & (own > 0)
            error = np.where(split, error, own_error)
            blocks = np.where(split, blocks, own)
            splits.append(split)
        return Choice(float(error.sum()), int(blocks.sum()), splits[::-1])

    def leaves(self, splits: list[np.ndarray]) -> np.ndarray:
        """Return the location codes of the leaves under the splits of every scale."""
        tree = self._statistics.tree
        nodes = np.ones(1, np.int64)
        leaves = []
        for split in splits:
            ends = ~split[tuple(tree.positions(nodes)[:, ::-1].T)]
            leaves.append(nodes[ends])
            nodes = tree.children(nodes[~ends]).ravel()
            nodes = nodes[self._statistics.cells_of(nodes) > 0] if len(nodes) else nodes
        return np.concatenate(leaves)


def _children_sum(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the sums over the children of blocks of a shape."""
    padded = np.pad(array, [(0, 2 * n - m) for n, m in zip(shape, array.shape, strict=True)])
    pairs = padded.reshape([k for n in shape for k in (n, 2)])
    sums: np.ndarray = pairs.sum(axis=tuple(range(1, 2 * len(shape), 2)))
    return sums
