"""Facts about the blocks of an area."""

from pathlib import Path

import numpy as np
import pytest

from neural.encoding.acorn import statistics
from neural.encoding.acorn.statistics import BlockStatistics
from neural.errors import DemError
from neural.methods.acorn.tree import BlockTree


def hills(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    heights = rng.normal(size=(rows, columns)).cumsum(axis=0).cumsum(axis=1)
    return (500 + heights).astype(np.float32)


def fitted_error(block: np.ndarray, grid: int) -> float:
    """Squared error of one block's grid by plain least squares over its two-dimensional nodes."""
    side = len(block)
    places = (np.arange(side) + 0.5) * ((grid - 1) / side)
    hats = np.maximum(1 - abs(places[:, None] - np.arange(grid)), 0)
    matrix = np.kron(hats, hats)
    target = block.astype(np.float64).ravel()
    nodes = np.linalg.lstsq(matrix, target, rcond=None)[0]
    return float(((matrix @ nodes - target) ** 2).sum())


@pytest.mark.parametrize("grid", [2, 5, 8])
@pytest.mark.parametrize("window", [32, 64, 1024])
def test_errors_are_those_of_least_squares(
    grid: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "WINDOW", window)
    heights = hills(256, 256)
    found = BlockStatistics.of_heights(heights, leaf=8, grid=grid)
    assert found.tree == BlockTree(2, 5)
    for block in ([5, 3, 7], [4, 15, 2], [3, 0, 6], [2, 3, 1]):
        side = 256 >> block[0]
        x = block[1] * side
        y = block[2] * side
        expected = fitted_error(heights[y : y + side, x : x + side], grid)
        error = found.errors_of(found.tree.codes(np.array([block])))[0]
        np.testing.assert_allclose(error, expected, rtol=1e-7, atol=1e-9)


def test_ragged_areas_and_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "WINDOW", 128)
    heights = hills(300, 421)
    heights[:130, :140] = np.nan
    heights[192:208, 300:390] = 7
    valid = np.ones(heights.shape, bool)
    valid[290:] = False
    found = BlockStatistics.of_heights(heights, valid)
    assert found.tree.max_scale == 5
    assert found.total_cells == 290 * 421 - 130 * 140
    assert found.cells[5].shape == (19, 27)
    for scale, cells in enumerate(found.cells):
        assert cells.sum() == found.total_cells
        side = 512 >> scale
        assert cells[0, 0] == (np.isfinite(heights) & valid)[:side, :side].sum()
    assert found.constants[5][12, 20] == 7
    assert np.isnan(found.constants[5][0, 0])
    outside = found.tree.codes(np.array([[5, 31, 0], [5, 0, 0], [5, 26, 0]]))
    assert found.cells_of(outside).tolist() == [0, 0, 5 * 16]
    assert len(found.blocks_of(5)) == (found.cells[5] > 0).sum()
    assert found.volumes_of(found.blocks_of(3)).sum() == pytest.approx(1)


def test_errors_grow_with_blocks_and_planes_have_none() -> None:
    y, x = np.mgrid[:300, :300]
    plane = BlockStatistics.of_heights((3 * x - 2 * y).astype(np.float32), grid=4)
    # beyond the area the rim is continued, not the plane
    assert plane.errors_of(plane.blocks_of(5)).max() < 1000
    inner = plane.tree.codes(np.array([[2, 0, 0], [1, 0, 0]]))
    assert plane.errors_of(inner).max() < 1e-6
    rough = BlockStatistics.of_heights(hills(512, 512), grid=4)
    for fine, coarse in zip(rough.errors[1:], rough.errors[:-1], strict=True):
        assert fine.sum() < coarse.sum()


def test_heights_come_in_windows_from_a_memory_map(tmp_path: Path) -> None:
    heights = hills(300, 500)
    mapped = np.memmap(tmp_path / "heights", np.float32, "w+", shape=heights.shape)
    mapped[:] = heights
    steps: list[tuple[int, int]] = []
    a = BlockStatistics.of_heights(mapped, report=lambda *step: steps.append(step))
    b = BlockStatistics.of_heights(heights)
    assert steps == [(1, 1)]
    for ours, theirs in zip(a.errors, b.errors, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_flat_share_counts_leaves() -> None:
    heights = hills(256, 256)
    heights[:128] = 3
    heights[128:144] = np.nan
    found = BlockStatistics.of_heights(heights)
    assert found.flat_or_empty_share == 9 / 16
    leaves = found.blocks_of(2)
    partition = found.pruned(leaves)
    assert len(partition) == 8
    assert len(partition.constants) == 8
    assert set(partition.values) == {3.0}


def test_a_constant_area_keeps_one_block() -> None:
    found = BlockStatistics.of_heights(np.full((64, 64), 5, np.float32))
    assert found.pruned(found.blocks_of(3)).active.tolist() == [1]
    assert found.flat_or_empty_share == 1


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        (np.zeros((10, 12), np.float32), "12 × 10 cells, fewer than one block of 16 × 16"),
        (np.full((64, 64), np.nan, np.float32), "nothing but nodata"),
    ],
    ids=["small", "empty"],
)
def test_areas_that_cannot_be_cut(heights: np.ndarray, message: str) -> None:
    with pytest.raises(DemError, match=message):
        BlockStatistics.of_heights(heights)
