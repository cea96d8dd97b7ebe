"""The integer program that moves blocks (Martel et al. 2021, eqs. 4–8), solved to optimality.

Variables, fewer than the paper's and equivalent: for a sibling group that can merge one binary m_g,
for a block binaries n_i (stays) and s_i (splits; fixed to 0 where it cannot). Rows: m_g + n_i + s_i
= 1 for the members of such a group, n_i + s_i = 1 for other blocks (eqs. 5 and 6), and the budget
Σ m_g + Σ n_i + Σ c_i·s_i ≤ N_B (eq. 7) with c_i the children that take of the budget: N_S, less
where some have no data or are pruned.

HiGHS solves it. Every solution is held against the Lagrangian bound of the same program, whose own
partition is taken when HiGHS runs out of time.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from neural.encoding.acorn.lagrangian import Choice, bracket
from neural.errors import UsageError

MERGE = 0
KEEP = 1
SPLIT = 2

TIGHT = 1e-6
"""Relative gap to the bound that a solution has, at most, or else says so."""

_SCALE = 1e3
"""Largest coefficient of HiGHS' objective: its absolute tolerances would hide small costs."""


class Program(NamedTuple):
    """One integer program: n blocks, g sibling groups that can merge."""

    groups: np.ndarray
    """Index of the group of a block that can merge, int64 [n]; −1 for others."""
    merge_costs: np.ndarray
    """Cost of a merged group, Σ w↑ of its members, float64 [g]."""
    keep_costs: np.ndarray
    """w= of the blocks (eq. 10), float64 [n]."""
    split_costs: np.ndarray
    """w↓ of the blocks (eq. 12), float64 [n]; infinite where a block cannot split."""
    split_blocks: np.ndarray
    """Blocks that a split makes, int64 [n]."""
    budget: int
    """N_B, blocks of the next partition at most."""


class Solution(NamedTuple):
    """Choices of all blocks."""

    choices: np.ndarray
    """MERGE, KEEP or SPLIT, int8 [n]."""
    cost: float
    bound: float
    """The least that the cost can be, at least."""
    solver: str
    """"highs" or "lagrangian"."""
    seconds: float
    note: str
    """One sentence if HiGHS ran out of time or the bound is not tight; else empty."""

    @property
    def gap(self) -> float:
        """Cost above its bound, relative to the cost."""
        return (self.cost - self.bound) / self.cost if self.cost > 0 else 0.0


def solve(program: Program, time_limit_s: float = 10.0) -> Solution:
    """Return the cheapest choices within the budget.

    Raises UsageError if no merge brings the blocks down to the budget.
    """
    start = time.perf_counter()
    relaxed, bound = lagrangian(program)
    choices = highs(program, time_limit_s)
    note = ""
    solver = "highs"
    if choices is None:
        solver = "lagrangian"
        choices = relaxed
    elif program_cost(program, relaxed) < program_cost(program, choices):
        choices = relaxed  # HiGHS' tolerances took a difference for none
    cost = program_cost(program, choices)
    bound = min(bound, cost)
    gap = (cost - bound) / cost if cost > 0 else 0.0
    if solver == "lagrangian":
        note = (
            f"HiGHS was stopped after {time_limit_s:g} s; the Lagrangian's partition is taken, at "
            f"most {100 * gap:.2g} % above the least cost."
        )
    elif gap > TIGHT:
        note = f"the Lagrangian bound of the partition is {100 * gap:.2g} % below its cost."
    return Solution(choices, cost, bound, solver, time.perf_counter() - start, note)


def program_cost(program: Program, choices: np.ndarray) -> float:
    """Return the cost of choices."""
    merged = np.unique(program.groups[choices == MERGE])
    cost = program.merge_costs[merged].sum()
    cost += program.keep_costs[choices == KEEP].sum()
    cost += program.split_costs[choices == SPLIT].sum()
    return float(cost)


def program_blocks(program: Program, choices: np.ndarray) -> int:
    """Return the blocks of the partition that choices lead to."""
    merged = np.unique(program.groups[choices == MERGE])
    kept = int((choices == KEEP).sum())
    return len(merged) + kept + int(program.split_blocks[choices == SPLIT].sum())


def lagrangian(program: Program) -> tuple[np.ndarray, float]:
    """Return choices within the budget by the Lagrangian relaxation of eq. 7, and its bound.

    Raises UsageError if there are none.
    """
    can_split = np.isfinite(program.split_costs)
    split_costs = np.where(can_split, program.split_costs, 0)
    grouped = program.groups >= 0
    group = program.groups[grouped]
    n_groups = len(program.merge_costs)

    def minimum(multiplier: float) -> Choice[np.ndarray]:
        keep = program.keep_costs + multiplier
        split = split_costs + multiplier * program.split_blocks
        choices = np.where(can_split & (split < keep), SPLIT, KEEP).astype(np.int8)
        members = np.where(choices == SPLIT, split, keep)
        together = np.bincount(group, members[grouped], n_groups)
        merges = program.merge_costs + multiplier <= together
        merging = grouped.copy()
        merging[grouped] = merges[group]
        choices[merging] = MERGE
        return Choice(program_cost(program, choices), program_blocks(program, choices), choices)

    largest = program.keep_costs.sum() + program.merge_costs.sum() + split_costs.sum() + 1e-300
    ends = bracket(minimum, program.budget, float(largest))
    if ends is None:
        raise UsageError(
            f"{len(program.keep_costs)} blocks cannot be merged to {program.budget} at once; ask "
            "for more blocks, or start anew."
        )
    return _spend(program, ends.within.content, ends.beyond.content), ends.bound


def _spend(program: Program, within: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Return choices within the budget, with the blocks left over spent on choices beyond it, and
    then on the best single splits."""
    choices = within.copy()
    rest = program.budget - program_blocks(program, choices)
    units = np.where(program.groups >= 0, program.groups, len(choices) + np.arange(len(choices)))
    extra = _unit_blocks(program, units, beyond) - _unit_blocks(program, units, within)
    for unit in np.argsort(-extra):
        if extra[unit] <= 0:
            break
        if extra[unit] <= rest:
            rest -= int(extra[unit])
            choices = np.where(units == unit, beyond, choices)
    splits = np.where(choices == KEEP, program.split_costs, np.inf)
    gains = program.keep_costs - splits
    extras = program.split_blocks - 1
    ratio = gains / np.maximum(extras, 0.5)
    for block in np.argsort(-ratio):
        if rest <= 0 or not gains[block] > 0:
            break
        if extras[block] <= rest:
            choices[block] = SPLIT
            rest -= int(extras[block])
    return choices


def _unit_blocks(program: Program, units: np.ndarray, choices: np.ndarray) -> np.ndarray:
    """Return the blocks that choices make of every unit: a sibling group, or a block alone."""
    blocks = np.where(choices == SPLIT, program.split_blocks, 1)
    counts = np.bincount(units, blocks, 2 * len(choices))
    counts[units[choices == MERGE]] = 1
    return counts


def highs(program: Program, time_limit_s: float) -> np.ndarray | None:
    """Return the optimal choices by HiGHS; None if it did not reach them in time."""
    import highspy

    n = len(program.keep_costs)
    n_groups = len(program.merge_costs)
    if n == 0:
        return np.zeros(0, np.int8)
    can_split = np.isfinite(program.split_costs)
    costs = np.concatenate(
        [program.merge_costs, program.keep_costs, np.where(can_split, program.split_costs, 0)]
    )
    largest = costs.max(initial=0)
    upper = np.concatenate([np.ones(n_groups + n), can_split.astype(float)])
    grouped = program.groups >= 0
    # rows, compressed: members of groups m_g, n_i, s_i; others n_i, s_i; then the budget
    blocks = np.arange(n)
    columns = np.stack([program.groups, n_groups + blocks, n_groups + n + blocks], axis=1)
    mask = np.ones((n, 3), bool)
    mask[:, 0] = grouped
    starts = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    index = np.concatenate([columns[mask], np.arange(n_groups + 2 * n)])
    budget_row = np.concatenate([np.ones(n_groups + n), program.split_blocks])
    value = np.concatenate([np.ones(mask.sum()), budget_row])

    lp = highspy.HighsLp()
    lp.num_col_ = len(costs)
    lp.num_row_ = n + 1
    lp.col_cost_ = costs * (_SCALE / largest if largest > 0 else 1)
    lp.col_lower_ = np.zeros(len(costs))
    lp.col_upper_ = upper
    lp.row_lower_ = np.append(np.ones(n), -highspy.kHighsInf)
    lp.row_upper_ = np.append(np.ones(n), float(program.budget))
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(costs)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.append(starts, len(value)).astype(np.int32)
    lp.a_matrix_.index_ = index.astype(np.int32)
    lp.a_matrix_.value_ = value

    class Silent(highspy.Highs):  # type: ignore[misc]
        """HiGHS that is silent before its first callback prints a banner."""

        def enableCallbacks(self) -> None:  # noqa: N802
            self.silent()
            super().enableCallbacks()

    solver = Silent()
    for option, setting in (
        ("output_flag", False),
        ("threads", 1),
        ("mip_rel_gap", 0.0),
        ("time_limit", float(time_limit_s)),
    ):
        solver.setOptionValue(option, setting)
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    solution = np.asarray(solver.getSolution().col_value) > 0.5
    choices = np.full(n, KEEP, np.int8)
    choices[solution[n_groups + n :]] = SPLIT
    merging = grouped.copy()
    merging[grouped] = solution[:n_groups][program.groups[grouped]]
    choices[merging] = MERGE
    return choices
