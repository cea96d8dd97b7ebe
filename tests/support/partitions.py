"""Oracles for partitions: the integer program by dynamic programming, and a rule that knows all
errors."""

from __future__ import annotations

import math

import numpy as np

from neural.encoding.acorn.partition import Program
from neural.encoding.acorn.rules import MovingRule
from neural.encoding.acorn.uniform import uniform_leaves
from neural.methods.acorn.tree import Partition

START_BLOCKS = 64


def knapsack(program: Program) -> float:
    """Return the least cost of a program, exactly: a multiple-choice knapsack over its sibling
    groups and its other blocks."""
    grouped = program.groups >= 0
    order = np.argsort(program.groups[grouped], kind="stable")
    members = np.flatnonzero(grouped)[order]
    sizes = np.bincount(program.groups[grouped], minlength=len(program.merge_costs))
    units = np.split(members, np.cumsum(sizes)[:-1]) if len(sizes) else []
    options = [_options(program, unit, group) for group, unit in enumerate(units)]
    options += [_options(program, np.array([block])) for block in np.flatnonzero(~grouped)]
    base = sum(min(choices) for choices in options)
    extras = {blocks - min(choices) for choices in options for blocks in choices}
    step = math.gcd(*extras) or 1
    capacity = (program.budget - base) // step
    best = np.zeros(capacity + 1)
    for choices in options:
        following = np.full(capacity + 1, np.inf)
        for blocks, cost in choices.items():
            units_of = (blocks - min(choices)) // step
            if units_of <= capacity:
                part = following[units_of:]
                np.minimum(part, best[: capacity + 1 - units_of] + cost, out=part)
        best = following
    return float(best.min())


def _options(program: Program, unit: np.ndarray, group: int | None = None) -> dict[int, float]:
    """Return the least cost for every number of blocks that a group or a single block can make."""
    least = {0: 0.0}
    for block in unit:
        choices = {1: program.keep_costs[block]}
        if np.isfinite(program.split_costs[block]):
            blocks = int(program.split_blocks[block])
            choices[blocks] = min(choices.get(blocks, np.inf), program.split_costs[block])
        longer: dict[int, float] = {}
        for before, cost in least.items():
            for blocks, more in choices.items():
                total = before + blocks
                longer[total] = min(longer.get(total, np.inf), cost + more)
        least = longer
    if group is not None:
        least[1] = min(least.get(1, np.inf), program.merge_costs[group])
    return least


class ExactRule(MovingRule):
    """A rule that knows the grids' errors of all blocks; starts with 64 of them at most."""

    name = "exact"

    def _first(self) -> Partition:
        blocks = min(self.budget, START_BLOCKS)
        leaves = uniform_leaves(self.statistics, blocks, prune=False)
        return Partition.of(self.statistics.tree, leaves)

    def _filled_errors(self) -> np.ndarray:
        active = self.partition.active
        return self.statistics.errors_of(active) / self.statistics.cells_of(active)

    def _merge_costs(self, parents: np.ndarray, sums: np.ndarray) -> np.ndarray:
        return self.statistics.errors_of(parents) / self.statistics.total_cells

    def _split_costs(
        self, codes: np.ndarray, keep: np.ndarray, children: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        errors = np.where(counted, self.statistics.errors_of(children), 0).sum(axis=1)
        return errors / self.statistics.total_cells
