"""Rules that choose partitions before and during training."""

import json

import numpy as np
import pytest

from neural.encoding.acorn import partition, rules
from neural.encoding.acorn.block_errors import BlockErrors, ErrorMemory
from neural.encoding.acorn.cut import best_cut
from neural.encoding.acorn.moves import KEPT, MERGED, SPLIT, moves_between
from neural.encoding.acorn.rules import (
    AdaptiveRule,
    PaperRule,
    Rule,
    RuleSettings,
    default_rule,
    make_rule,
)
from neural.encoding.acorn.statistics import BlockStatistics
from neural.errors import UsageError
from neural.methods.acorn.tree import BlockTree, Partition
from tests.support.partitions import ExactRule

NAMES = ("uniform", "cut", "paper", "adaptive")


def mountains(rows: int = 512, columns: int = 512, flat: bool = False) -> np.ndarray:
    """Rough ground, rougher to the south-east; with `flat` a sea in its west half."""
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(rows, columns)) * np.linspace(0.1, 2, columns)
    heights = steps.cumsum(axis=0).cumsum(axis=1) / 10
    if flat:
        heights[:, : columns // 2] = 0
    return heights.astype(np.float32)


@pytest.fixture(scope="module")
def inland() -> BlockStatistics:
    return BlockStatistics.of_heights(mountains())


@pytest.fixture(scope="module")
def coast() -> BlockStatistics:
    return BlockStatistics.of_heights(mountains(flat=True))


def measure(rule: Rule, factor: float = 1.0, steps: int = 3) -> None:
    """Let a rule observe the errors of the blocks' grids."""
    active = rule.partition.active
    errors = rule.statistics.errors_of(active) / rule.statistics.cells_of(active)
    for _ in range(steps):
        rule.observe(np.arange(len(active)), factor * errors)


def check_cover(rule: Rule) -> None:
    """All data are covered once, within the budget."""
    leaves = np.concatenate([rule.partition.active, rule.partition.constants])
    assert rule.statistics.cells_of(leaves).sum() == rule.statistics.total_cells
    assert len(rule.partition) <= rule.budget


def test_default_is_cut_where_much_is_flat(inland: BlockStatistics, coast: BlockStatistics) -> None:
    assert default_rule(inland) == "uniform"
    assert default_rule(coast) == "cut"
    assert make_rule("auto", coast, 64).name == "cut"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", [1, 3, 64, 100, 5000])
def test_rules_cover_areas_with_gaps(name: str, budget: int) -> None:
    heights = mountains(300, 420, flat=True)
    heights[100:150, 90:300] = np.nan
    rule = make_rule(name, BlockStatistics.of_heights(heights), budget)
    check_cover(rule)
    for step in (600, 1800, 4200):
        measure(rule)
        if rule.due(step, 0.1):
            rule.update(step)
        check_cover(rule)


def test_uniform_is_one_scale_and_spreads_the_rest(inland: BlockStatistics) -> None:
    assert make_rule("uniform", inland, 64).partition.per_scale() == [0, 0, 0, 64, 0, 0]
    rule = make_rule("uniform", inland, 64 + 16 * 3 + 2)
    assert rule.partition.per_scale() == [0, 0, 0, 48, 64, 0]
    split = inland.tree.ancestors(rule.partition.active[48:], 1)
    assert np.bincount(split).tolist() == [0, 0, 0, 0, 16, 16, 16, 16]  # 4 of every quarter
    assert not rule.due(10**6, 0.5)


def test_flat_blocks_are_pruned_and_free_their_budget(coast: BlockStatistics) -> None:
    rule = make_rule("uniform", coast, 64)
    assert rule.partition.per_scale() == [0, 0, 0, 22, 40, 0]
    assert len(rule.partition.constants) == 32
    full = make_rule("uniform", coast, 64, RuleSettings(prune=False))
    assert full.partition.per_scale() == [0, 0, 0, 64, 0, 0]
    assert len(full.partition.constants) == 0
    cut = make_rule("cut", coast, 64)
    assert len(cut.partition) > 60
    assert set(cut.partition.values) == {0.0}
    assert cut.statistics.volumes_of(cut.partition.constants).sum() == pytest.approx(0.5)


def test_costs_are_those_of_the_paper() -> None:
    rule = PaperRule(BlockStatistics.uniform(BlockTree(2, 3)), 16)
    errors = np.arange(1, 17)
    rule.observe(np.arange(16), errors)
    program = rule.program()[0]
    keep = errors / 16
    np.testing.assert_allclose(program.keep_costs, keep)
    np.testing.assert_allclose(program.split_costs, (1 / 4 - 0.02) * keep)
    np.testing.assert_allclose(program.merge_costs, 4.2 * keep.reshape(4, 4).sum(axis=1))
    assert program.groups.tolist() == np.repeat(np.arange(4), 4).tolist()


@pytest.mark.parametrize(("reading", "factor"), [("paper", 1), ("code", 4)])
def test_measured_parents_and_children(reading: rules.Reading, factor: int) -> None:
    settings = RuleSettings(merge_cost=reading, split_cost=reading)
    rule = PaperRule(BlockStatistics.uniform(BlockTree(2, 3)), 16, settings)
    rule.observe(np.arange(16), np.where(np.arange(16) < 4, 1e-3, np.arange(16)))
    moves = rule.update(500)
    assert (moves.merged, moves.split) == (1, 1)
    assert moves.kinds.tolist().count(KEPT) == 11
    assert np.isnan(rule.errors[moves.kinds != KEPT]).all()
    merged = int(np.flatnonzero(moves.kinds == MERGED)[0])
    assert moves.predecessors[merged] == 0
    rule.observe(np.arange(16), np.full(16, 5.0))
    program = rule.program()[0]
    # the merged block knows its four children of before; the split ones their parent
    np.testing.assert_allclose(program.split_costs[merged], factor * 4 * 1e-3 / 16)
    fresh = np.flatnonzero(moves.kinds == SPLIT)
    group = program.groups[fresh[0]]
    np.testing.assert_allclose(program.merge_costs[group], factor * 15 / 16)


def test_old_errors_are_forgotten() -> None:
    memory = ErrorMemory()
    memory.store(np.array([5, 9]), np.array([1.0, 2]))
    memory.store(np.array([9, 7]), np.array([3.0, 4]))
    assert memory.errors(np.array([5, 7, 9]))[:3].tolist() == [1, 4, 3]
    memory.forget(1)
    assert memory.errors(np.array([5])).tolist() == [1]
    memory.forget(0)
    assert np.isnan(memory.errors(np.array([5, 6]))).all()
    assert memory.errors(np.array([9])).tolist() == [3]


def test_averages_are_not_biased_to_zero() -> None:
    errors = BlockErrors(3, 0.95)
    errors.observe(np.array([0, 2]), np.array([4.0, np.nan]))
    assert errors.means[0] == pytest.approx(4)
    assert np.isnan(errors.means[1:]).all()
    for _ in range(200):
        errors.observe(np.array([0]), np.array([1.0]))
    assert errors.means[0] == pytest.approx(1, abs=1e-3)


def test_volumes_of_octrees_are_cubes() -> None:
    full = BlockStatistics.uniform(BlockTree(3, 2))
    rule = PaperRule(full, 64)
    assert len(rule.partition) == 64
    rule.observe(np.arange(64), np.ones(64))
    program = rule.program()[0]
    np.testing.assert_allclose(program.keep_costs, 1 / 64)
    np.testing.assert_allclose(program.merge_costs, 8.2 / 8)
    assert np.isinf(program.split_costs).all()
    squares = PaperRule(full, 64, RuleSettings(volume="code"))
    np.testing.assert_allclose(squares.program()[0].keep_costs, 1 / 16)


def test_groups_with_a_pruned_member_cannot_merge() -> None:
    heights = mountains(64, 64)
    heights[:16, :16] = 3  # one leaf of the first group is flat
    heights[48:, 48:] = np.nan  # one of the last does not exist
    rule = PaperRule(BlockStatistics.of_heights(heights), 16, RuleSettings(start_scale=4))
    assert (len(rule.partition), len(rule.partition.constants)) == (14, 1)
    rule.budget = 12
    program = rule.program()[0]
    assert len(program.merge_costs) == 3
    assert (program.groups[:3] == -1).all()
    assert (program.groups[-3:] == 2).all()
    rule.update(500)
    assert len(rule.partition) <= 12
    assert rule.partition.constants.tolist() == [1 << 8]
    check_cover(rule)


def test_moves_with_exact_errors_reach_the_best_cut(inland: BlockStatistics) -> None:
    rule = ExactRule(inland, 256)
    for step in range(8):
        rule.update(step)
    cut = best_cut(inland, 256)
    error = inland.errors_of(rule.partition.active).sum()
    assert cut.bound * (1 - 1e-12) <= error <= cut.error * (1 + 1e-9)
    assert rule.history[-1]["split"] == rule.history[-1]["merged"] == 0


def test_adaptive_moves_at_doubling_intervals(inland: BlockStatistics) -> None:
    rule = AdaptiveRule(inland, 64)
    moved = []
    for step in range(0, 20000, 100):
        if rule.due(step, step / 20000):
            rule.update(step)
            moved.append(step)
    assert moved == [600, 1800, 4200, 9000]
    assert not rule.due(10**6, 0.8)


def test_adaptive_keeps_the_cut_unless_much_is_gained(inland: BlockStatistics) -> None:
    rule = AdaptiveRule(inland, 64)
    measure(rule, 7.0)
    moves = rule.update(600)
    assert moves.kept == len(moves.after) == 64
    errors = rule.errors
    worst = int(np.argmax(rule.statistics.tree.scales(rule.partition.active) < 4))
    measure(rule, 7.0)
    for _ in range(100):
        rule.observe(np.array([worst]), errors[worst : worst + 1] * 300)
    moves = rule.update(1800)
    assert moves.before.active[worst] not in moves.after.active
    assert worst in moves.predecessors[moves.kinds == SPLIT]
    assert moves.split >= 1
    assert np.isnan(rule.errors[moves.kinds == SPLIT]).all()
    assert np.isfinite(rule.errors[moves.kinds == KEPT]).all()


@pytest.mark.parametrize("name", NAMES)
def test_states_resume(name: str, coast: BlockStatistics) -> None:
    rule = make_rule(name, coast, 50)
    for step in (500, 1000):
        measure(rule)
        rule.observe(np.array([3]), np.array([1e3]))
        rule.update(step)
    measure(rule)
    state = rule.state()
    state["facts"] = json.loads(json.dumps(state["facts"]))
    other = make_rule(name, coast, 50)
    other.restore(state)
    assert other.due(1500, 0.5) == rule.due(1500, 0.5)
    np.testing.assert_array_equal(other.errors, rule.errors)
    for one in (rule, other):
        one.resize(70)
        one.resize(70)
        assert one.due(1001, 0.99)
    np.testing.assert_array_equal(other.update(2000).after.active, rule.update(2000).after.active)
    assert len(rule.partition) > 50
    seconds = [entry.pop("seconds") for entry in rule.history + other.history]
    assert all(time >= 0 for time in seconds)
    assert rule.history == other.history
    json.dumps(rule.history)


def test_states_of_other_rules_are_refused(coast: BlockStatistics) -> None:
    state = make_rule("cut", coast, 50).state()
    with pytest.raises(UsageError, match="state is of --partition cut, not uniform; resume with"):
        make_rule("uniform", coast, 50).restore(state)


def test_time_outs_are_told(inland: BlockStatistics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "highs", lambda *_: None)
    rule = PaperRule(inland, 64)
    measure(rule)
    moves = rule.update(500)
    assert moves.note.startswith(
        "HiGHS was stopped after 10 s; the Lagrangian's partition is taken"
    )
    assert rule.history[-1]["solver"] == "lagrangian"
    check_cover(rule)


@pytest.mark.parametrize("name", NAMES)
def test_budgets_without_a_block_are_refused(name: str, inland: BlockStatistics) -> None:
    with pytest.raises(UsageError, match="0 blocks cannot cover an area"):
        make_rule(name, inland, 0)


def test_bad_requests_are_told(inland: BlockStatistics) -> None:
    with pytest.raises(UsageError, match="no partition 'best'; choose of auto, uniform, cut"):
        make_rule("best", inland, 5)
    with pytest.raises(UsageError, match="30 blocks are fewer than the 64 of scale 3"):
        make_rule("paper", inland, 30, RuleSettings(start_scale=3))
    rule = make_rule("paper", inland, 64)
    rule.resize(15)
    with pytest.raises(UsageError, match="64 blocks cannot be merged to 15 at once"):
        rule.update(500)


def test_moves_over_several_scales() -> None:
    tree = BlockTree(2, 3)
    before = Partition.of(tree, np.concatenate([[4, 5, 6], tree.children(np.array([7]))[0]]))
    fine = tree.children(tree.children(np.array([4]))[0]).ravel()
    after = Partition.of(tree, np.concatenate([fine, [5, 6, 7]]))
    moves = moves_between(before, after)
    assert (moves.split, moves.merged, moves.kept) == (1, 1, 2)
    assert moves.predecessors.tolist() == [1, 2, 3, *[0] * 16]
    assert moves.kinds.tolist() == [KEPT, KEPT, MERGED, *[SPLIT] * 16]
    back = moves_between(after, before)
    assert (back.split, back.merged) == (1, 1)
