"""The best cut of a tree against dynamic programming over all cuts."""

import numpy as np
import pytest

from neural.encoding.acorn.cut import best_cut
from neural.encoding.acorn.rules import make_rule
from neural.encoding.acorn.statistics import BlockStatistics
from neural.errors import UsageError
from neural.methods.acorn.tree import BlockTree


def random_statistics(rng: np.random.Generator, dimension: int, depth: int) -> BlockStatistics:
    """Errors that grow with the blocks, some leaves without data and some constant."""
    tree = BlockTree(dimension, depth)
    side = 1 << depth
    cells = [rng.integers(0, 4, (side,) * dimension).clip(0, 1) * 4.0]
    flat = [np.where(rng.random(cells[0].shape) < 0.3, 7.0, np.nan)]
    errors = [rng.lognormal(0, 1.5, cells[0].shape) * (cells[0] > 0) * np.isnan(flat[0])]
    cells[0].flat[0] = 4
    for _ in range(depth):
        shape = [k for n in cells[0].shape for k in (n // 2, 2)]
        axes = tuple(range(1, 2 * dimension, 2))
        cells.insert(0, cells[0].reshape(shape).sum(axis=axes))
        empty = (cells[1] == 0) | np.isfinite(flat[0])
        flat.insert(0, np.where(empty.reshape(shape).all(axis=axes), 7.0, np.nan))
        lost = rng.lognormal(0, 2, cells[0].shape) * np.isnan(flat[0])
        errors.insert(0, errors[0].reshape(shape).sum(axis=axes) + lost)
    return BlockStatistics(tree, tuple(cells), tuple(flat), tuple(errors))


def least_errors(statistics: BlockStatistics, code: int, budget: int) -> np.ndarray:
    """Least error of a block's cuts into at most 0 … budget blocks, constant ones free."""
    tree = statistics.tree
    codes = np.array([code])
    if statistics.cells_of(codes)[0] == 0 or np.isfinite(statistics.constants_of(codes)[0]):
        return np.zeros(budget + 1)
    best = np.full(budget + 1, np.inf)
    if tree.scales(codes)[0] < tree.max_scale:
        best = np.zeros(budget + 1)
        for child in tree.children(codes)[0]:
            other = least_errors(statistics, int(child), budget)
            sums = [best[: n + 1] + other[: n + 1][::-1] for n in range(budget + 1)]
            best = np.array([part.min() for part in sums])
    best[1:] = np.minimum(best[1:], statistics.errors_of(codes)[0])
    return best


@pytest.mark.parametrize(("dimension", "depth"), [(2, 3), (2, 4), (3, 2)])
def test_cuts_are_optimal_within_their_bound(dimension: int, depth: int) -> None:
    rng = np.random.default_rng(depth)
    exact = 0
    for _ in range(6):
        statistics = random_statistics(rng, dimension, depth)
        least = least_errors(statistics, 1, 40)
        for budget in (1, 2, 5, 16, 33, 40):
            cut = best_cut(statistics, budget)
            flat = np.isfinite(statistics.constants_of(cut.leaves))
            assert (~flat).sum() <= budget
            assert len(np.unique(cut.leaves)) == len(cut.leaves)
            np.testing.assert_allclose(
                statistics.cells_of(cut.leaves).sum(), statistics.total_cells
            )
            assert cut.bound <= least[budget] * (1 + 1e-12) + 1e-12
            assert cut.error >= least[budget] * (1 - 1e-12) - 1e-12
            if cut.error <= cut.bound * (1 + 1e-9) + 1e-12:
                exact += 1
    assert exact >= 5


def test_unpruned_cuts_count_constant_blocks() -> None:
    statistics = random_statistics(np.random.default_rng(5), 2, 4)
    cut = best_cut(statistics, 40, prune=False)
    assert len(cut.leaves) <= 40
    rule = make_rule("cut", statistics, 40)
    assert len(rule.partition) <= 40 < len(rule.partition) + len(rule.partition.constants)


def test_what_has_no_error_is_split_evenly() -> None:
    tree = BlockStatistics.uniform(BlockTree(2, 6))
    still = BlockStatistics(tree.tree, tree.cells, tree.constants, (*(0 * e for e in tree.errors),))
    scales = still.tree.scales(best_cut(still, 64).leaves)
    assert scales.tolist() == [3] * 64


def test_budgets_without_a_block_are_refused() -> None:
    with pytest.raises(UsageError, match="0 blocks cannot cover an area; ask for 1 or more"):
        best_cut(BlockStatistics.uniform(BlockTree(2, 2)), 0)
