"""Partitions of one scale."""

from __future__ import annotations

import numpy as np

from neural.encoding.acorn.statistics import BlockStatistics


def uniform_leaves(statistics: BlockStatistics, budget: int, prune: bool) -> np.ndarray:
    """Return the blocks with data of the finest scale that has at most `budget` of them, constant
    ones not counted if they are pruned; the root if all have more."""
    leaves = np.ones(1, np.int64)
    for cells, constants, scale in zip(
        statistics.cells, statistics.constants, range(len(statistics.cells)), strict=True
    ):
        counted = cells > 0
        if prune:
            counted &= np.isnan(constants)
        if counted.sum() > budget:
            break
        leaves = statistics.blocks_of(scale)
    return leaves


def spread_splits(
    statistics: BlockStatistics, leaves: np.ndarray, budget: int, prune: bool
) -> np.ndarray:
    """Return leaves of one scale with the rest of the budget spent on splits, at equal distances
    along the Morton curve, which spreads them over the area."""
    tree = statistics.tree
    if tree.scales(leaves)[0] == tree.max_scale:
        return leaves
    active = np.ones(len(leaves), bool)
    if prune:
        active = np.isnan(statistics.constants_of(leaves))
    rest = budget - int(active.sum())
    children, counted = statistics.children_of(leaves, prune)
    extra = counted.sum(axis=1) - 1
    split = np.zeros(len(leaves), bool)
    while rest > 0:
        fitting = np.flatnonzero(active & ~split & (extra <= rest))
        if not len(fitting):
            break
        # as many as surely fit; those with fewer children leave some for another round
        picks = min(max(rest // (tree.siblings - 1), 1), len(fitting))
        chosen = fitting[((np.arange(picks) + 0.5) * len(fitting) / picks).astype(int)]
        split[chosen] = True
        rest -= int(extra[chosen].sum())
    made = children[split].ravel()
    if len(made):
        made = made[statistics.cells_of(made) > 0]
    return np.concatenate([leaves[~split], made])
