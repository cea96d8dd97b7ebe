"""Rules that choose the partition: before training, and again while it runs.

uniform: blocks of one scale, never moved. cut: the best cut by the bilinear grids' errors, never
moved. paper: the published rule, errors measured in training and an integer program every few
hundred steps. adaptive: starts as cut and moves by measured errors, seldom, where much is gained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from neural.encoding.acorn.block_errors import BlockErrors, ErrorMemory
from neural.encoding.acorn.cut import best_cut, check_budget
from neural.encoding.acorn.moves import Moves, moves_between
from neural.encoding.acorn.partition import KEEP, MERGE, SPLIT, Program, Solution, solve
from neural.encoding.acorn.statistics import BlockStatistics
from neural.encoding.acorn.uniform import spread_splits, uniform_leaves
from neural.errors import UsageError
from neural.methods.acorn.tree import Partition

Reading: TypeAlias = Literal["paper", "code"]

FLAT_SHARE = 0.2
"""Flat or empty share of an area from which on "auto" is cut, below it uniform."""


@dataclass(frozen=True)
class RuleSettings:
    """Constants of the rules, and the readings where paper and authors' code differ."""

    alpha: float = 0.2
    """Excess error of an unseen parent (eq. 11)."""
    beta: float = 0.02
    """Gain of unseen children beyond 1/N_S (eq. 12)."""
    interval_steps: int = 500
    """T_optim, steps between re-tilings of paper."""
    first_steps: int = 600
    """First re-tiling of adaptive; the intervals double from there: 600, 1,800, 4,200 …"""
    quiet_share: float = 0.2
    """Share of the training at whose end adaptive moves nothing."""
    hysteresis: float = 0.25
    """Share by which adaptive holds a move's error for larger than estimated."""
    decay: float = 0.95
    """Weight of the past in the moving average of a block's error; 0: the last step's alone."""
    memory: int | None = None
    """Re-tilings for which paper trusts errors of blocks no longer active; None: forever."""
    merge_cost: Reading = "paper"
    """code: the parent's cost without 1/N_S, N_S times too dear."""
    split_cost: Reading = "paper"
    """code: the children's errors times this block's volume, N_S times too dear."""
    volume: Reading = "paper"
    """code: the square of the side in three dimensions too, missing data counted."""
    start_scale: int | None = None
    """Scale that paper starts from; None: the finest within the budget."""
    prune: bool = True
    """Constant blocks are pruned, and free their budget."""
    time_limit_s: float = 10.0
    """Time that HiGHS has."""


class Rule(ABC):
    """A partition of an area within a budget of blocks, and its moves during training."""

    name: ClassVar[str] = ""
    partition: Partition
    """The blocks of the moment; moved by `update` alone."""

    def __init__(
        self, statistics: BlockStatistics, budget: int, settings: RuleSettings | None = None
    ) -> None:
        """Start with the rule's first partition. Raises UsageError for a budget below 1."""
        check_budget(budget)
        self.statistics = statistics
        self.budget = budget
        self.settings = settings or RuleSettings()
        self.history: list[dict[str, Any]] = []
        self._resized = False
        self.partition = self._first()
        self._errors = BlockErrors(len(self.partition), self.settings.decay)
        self._record(0, None, None)

    @abstractmethod
    def _first(self) -> Partition:
        """Return the partition to start with."""

    @property
    def errors(self) -> np.ndarray:
        """Mean squared error of the active blocks in training, averaged over the last steps,
        float64 [n]; NaN where none was measured since the block was moved."""
        return self._errors.means

    def observe(self, indexes: np.ndarray, errors: np.ndarray) -> None:
        """Take note of one step's mean squared errors [k] of active blocks, each once, in any
        unit."""
        self._errors.observe(indexes, errors)

    def resize(self, budget: int) -> None:
        """Set another budget, which the next update keeps to; it is due at once."""
        check_budget(budget)
        self._resized |= budget != self.budget
        self.budget = budget

    def due(self, step: int, fraction: float) -> bool:
        """Return True if the partition is to be updated after a number of steps, at this fraction
        (0 … 1) of the whole training."""
        return self._resized

    def update(self, step: int) -> Moves:
        """Choose the partition anew, and return the moves. Errors of moved blocks are forgotten.

        Raises UsageError if the budget cannot be kept to.
        """
        after, solution = self._next(step)
        moves = moves_between(self.partition, after, solution.note if solution else "")
        self._errors = self._errors.moved(moves)
        self.partition = after
        self._resized = False
        self._record(step, moves, solution)
        return moves

    def _next(self, step: int) -> tuple[Partition, Solution | None]:
        """Return the next partition, and the solution that it follows."""
        return self._first(), None

    def _record(self, step: int, moves: Moves | None, solution: Solution | None) -> None:
        """Add a partition to the history."""
        self.history.append(
            {
                "step": step,
                "budget": self.budget,
                "blocks": len(self.partition),
                "constants": len(self.partition.constants),
                "per_scale": self.partition.per_scale(),
                "kept": moves.kept if moves else 0,
                "split": moves.split if moves else 0,
                "merged": moves.merged if moves else 0,
                "cost": solution.cost if solution else None,
                "gap": solution.gap if solution else None,
                "solver": solution.solver if solution else None,
                "seconds": solution.seconds if solution else 0.0,
                "note": solution.note if solution else "",
            }
        )

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs: "facts" for JSON, and arrays."""
        return {
            "facts": {
                "name": self.name,
                "budget": self.budget,
                "resized": self._resized,
                "settings": asdict(self.settings),
                "history": self.history,
            },
            "active": self.partition.active,
            "constants": self.partition.constants,
            "values": self.partition.values,
            "error_sums": self._errors.sums,
            "error_weights": self._errors.weights,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same rule and area. Raises UsageError for another rule's."""
        facts = state["facts"]
        if facts["name"] != self.name:
            raise UsageError(
                f"the state is of --partition {facts['name']}, not {self.name}; resume with that."
            )
        self.budget = facts["budget"]
        self._resized = facts["resized"]
        self.history = list(facts["history"])
        self.settings = RuleSettings(**facts["settings"])
        self.partition = Partition.of(
            self.statistics.tree, state["active"], state["constants"], state["values"]
        )
        self._errors = BlockErrors(len(self.partition), self.settings.decay)
        self._errors.sums[:] = state["error_sums"]
        self._errors.weights[:] = state["error_weights"]


class UniformRule(Rule):
    """Blocks of the finest scale within the budget; the rest of it splits some of them, evenly
    along the Morton curve."""

    name = "uniform"

    def _first(self) -> Partition:
        leaves = uniform_leaves(self.statistics, self.budget, self.settings.prune)
        leaves = spread_splits(self.statistics, leaves, self.budget, self.settings.prune)
        return _partition(self.statistics, leaves, self.settings.prune)


class CutRule(Rule):
    """The cut with the least squared error of the blocks' bilinear grids."""

    name = "cut"

    def _first(self) -> Partition:
        return _cut(self.statistics, self.budget, self.settings.prune)


class MovingRule(Rule):
    """A rule that moves blocks one scale at a time by the integer program."""

    def _next(self, step: int) -> tuple[Partition, Solution | None]:
        program, children = self.program()
        solution = solve(program, self.settings.time_limit_s)
        return self._applied(solution.choices, children), solution

    def program(self) -> tuple[Program, np.ndarray]:
        """Return the integer program of the moment, and the children [n, N_S] of the active blocks.

        Groups can merge whose members that exist are all active: none of them split or pruned.
        """
        statistics = self.statistics
        tree = statistics.tree
        codes = self.partition.active
        keep = self._volumes(codes) * self._filled_errors()

        parents, owners, members = np.unique(
            tree.parents(codes), return_inverse=True, return_counts=True
        )
        complete = parents > 0
        _, existing = statistics.children_of(parents[complete], prune=False)
        complete[complete] = members[complete] == existing.sum(axis=1)
        groups = np.where(complete, np.cumsum(complete) - 1, -1)[owners]
        sums = np.bincount(owners, keep, len(parents))

        children, counted = statistics.children_of(codes, self.settings.prune)
        open_ = tree.scales(codes) < tree.max_scale
        split = np.full(len(codes), np.inf)
        split[open_] = self._split_costs(codes[open_], keep[open_], children[open_], counted[open_])
        program = Program(
            groups,
            self._merge_costs(parents[complete], sums[complete]),
            keep,
            split,
            counted.sum(axis=1),
            self.budget,
        )
        return program, children

    def _applied(self, choices: np.ndarray, children: np.ndarray) -> Partition:
        """Return the partition that choices lead to; constant children are pruned."""
        tree = self.statistics.tree
        codes = self.partition.active
        made = children[choices == SPLIT].ravel()
        if len(made):
            made = made[self.statistics.cells_of(made) > 0]
        values = self.statistics.constants_of(made)
        constant = np.isfinite(values) & self.settings.prune
        active = [
            np.unique(tree.parents(codes[choices == MERGE])),
            codes[choices == KEEP],
            made[~constant],
        ]
        return Partition.of(
            tree,
            np.concatenate(active),
            np.concatenate([self.partition.constants, made[constant]]),
            np.concatenate([self.partition.values, values[constant]]),
        )

    def _filled_errors(self) -> np.ndarray:
        """Return the mean squared errors of the active blocks; blocks never measured have the
        others' mean."""
        errors = self._errors.means
        missing = np.isnan(errors)
        errors[missing] = 1.0 if missing.all() else errors[~missing].mean()
        return errors

    def _volumes(self, codes: np.ndarray) -> np.ndarray:
        """Return Vol_i of eq. 10: the share of the area's valid cells."""
        if self.settings.volume == "code":
            return np.ldexp(1.0, -2 * self.statistics.tree.scales(codes))
        return self.statistics.volumes_of(codes)

    @abstractmethod
    def _merge_costs(self, parents: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """Return Σ w↑ of groups from their parents and the sums of their members' w=."""

    @abstractmethod
    def _split_costs(
        self, codes: np.ndarray, keep: np.ndarray, children: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        """Return w↓ of blocks that can split, from their w= and children [n, N_S]; `counted` are
        those that the network would hold."""


class PaperRule(MovingRule):
    """The published rule (eqs. 4–12): estimates of parents' and children's errors are the last that
    were measured, or follow from the block's own by α and β."""

    name = "paper"

    def __init__(
        self, statistics: BlockStatistics, budget: int, settings: RuleSettings | None = None
    ) -> None:
        """Start with blocks of one scale. Raises UsageError for a budget below 1."""
        self._memory = ErrorMemory()
        super().__init__(statistics, budget, settings)

    def _first(self) -> Partition:
        prune = self.settings.prune
        if self.settings.start_scale is None:
            leaves = uniform_leaves(self.statistics, self.budget, prune)
        else:
            leaves = self.statistics.blocks_of(self.settings.start_scale)
        partition = _partition(self.statistics, leaves, prune)
        if len(partition) > self.budget:
            raise UsageError(
                f"{self.budget} blocks are fewer than the {len(partition)} of scale "
                f"{self.settings.start_scale}; ask for more, or a coarser start."
            )
        return partition

    def due(self, step: int, fraction: float) -> bool:
        """Return True every `interval_steps`."""
        last = self.history[-1]["step"]
        return self._resized or step - last >= self.settings.interval_steps

    def _next(self, step: int) -> tuple[Partition, Solution | None]:
        measured = np.isfinite(self.errors)
        self._memory.store(self.partition.active[measured], self.errors[measured])
        if self.settings.memory is not None:
            self._memory.forget(self.settings.memory)
        return super()._next(step)

    def _merge_costs(self, parents: np.ndarray, sums: np.ndarray) -> np.ndarray:
        siblings = self.statistics.tree.siblings
        measured = self._volumes(parents) * self._memory.errors(parents)
        if self.settings.merge_cost == "code":
            measured *= siblings
        return np.where(np.isnan(measured), (siblings + self.settings.alpha) * sums, measured)

    def _split_costs(
        self, codes: np.ndarray, keep: np.ndarray, children: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        siblings = self.statistics.tree.siblings
        volumes = self._volumes(children.ravel()).reshape(children.shape)
        if self.settings.split_cost == "code":
            volumes = self._volumes(codes)[:, None]
        errors = self._memory.errors(children.ravel()).reshape(children.shape)
        measured = np.where(counted, volumes * errors, 0).sum(axis=1)
        estimate = (1 / siblings - self.settings.beta) * keep
        return np.where(np.isnan(measured), estimate, measured)

    def state(self) -> dict[str, Any]:
        """Return all that `restore` needs, the remembered errors included."""
        return super().state() | self._memory.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of this rule and area."""
        super().restore(state)
        self._memory.restore(state)


class AdaptiveRule(MovingRule):
    """Starts as cut; parents' and children's errors are the measured one times the ratio of the
    grids' errors, moves must gain more than the hysteresis, and come at doubling intervals."""

    name = "adaptive"

    def _first(self) -> Partition:
        return _cut(self.statistics, self.budget, self.settings.prune)

    def due(self, step: int, fraction: float) -> bool:
        """Return True after 600, 1,800, 4,200 … steps, but for the end of the training."""
        if self._resized:
            return True
        moved = len(self.history) - 1
        planned = self.settings.first_steps * (2 ** (moved + 1) - 1)
        return step >= planned and fraction < 1 - self.settings.quiet_share

    def _merge_costs(self, parents: np.ndarray, sums: np.ndarray) -> np.ndarray:
        statistics = self.statistics
        children, counted = statistics.children_of(parents, prune=False)
        fine = np.where(counted, self._proxy(children), 0).sum(axis=1)
        ratio = self._proxy(parents) / fine
        return (1 + self.settings.hysteresis) * sums * np.maximum(ratio, 1)

    def _split_costs(
        self, codes: np.ndarray, keep: np.ndarray, children: np.ndarray, counted: np.ndarray
    ) -> np.ndarray:
        fine = np.where(counted, self._proxy(children), 0).sum(axis=1)
        ratio = fine / self._proxy(codes)
        return (1 + self.settings.hysteresis) * keep * np.minimum(ratio, 1)

    def _proxy(self, codes: np.ndarray) -> np.ndarray:
        """Return the grids' squared errors of blocks, raised by a hundredth of the partition's mean
        for every cell: a network leaves errors where a grid leaves none."""
        statistics = self.statistics
        active = self.partition.active
        errors = statistics.errors_of(active).sum() + 1e-12 * statistics.errors[0].sum() + 1e-30
        floor = 0.01 * errors / statistics.total_cells
        return statistics.errors_of(codes) + floor * statistics.cells_of(codes)


RULES: dict[str, type[Rule]] = {
    rule.name: rule for rule in (UniformRule, CutRule, PaperRule, AdaptiveRule)
}
"""Rules by name."""


def default_rule(statistics: BlockStatistics) -> str:
    """Return the name of the rule that suits an area."""
    return "cut" if statistics.flat_or_empty_share >= FLAT_SHARE else "uniform"


def make_rule(
    name: str, statistics: BlockStatistics, budget: int, settings: RuleSettings | None = None
) -> Rule:
    """Return a rule by name, "auto" for the default; started.

    Raises UsageError for another name, or a budget below the smallest partition.
    """
    if name == "auto":
        name = default_rule(statistics)
    if name not in RULES:
        raise UsageError(f"there is no partition {name!r}; choose of auto, {', '.join(RULES)}.")
    return RULES[name](statistics, budget, settings)


def _cut(statistics: BlockStatistics, budget: int, prune: bool) -> Partition:
    """Return the best cut's partition, pruned or not."""
    return _partition(statistics, best_cut(statistics, budget, prune).leaves, prune)


def _partition(statistics: BlockStatistics, leaves: np.ndarray, prune: bool) -> Partition:
    """Return the partition of leaves, pruned or not."""
    return statistics.pruned(leaves) if prune else Partition.of(statistics.tree, leaves)
