"""Block trees and partitions as arrays."""

import numpy as np
import pytest

from neural.methods.acorn.tree import BlockTree, Partition
from neural.tiles import Tile


def random_blocks(tree: BlockTree, n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scales = rng.integers(0, tree.max_scale + 1, n)
    positions = rng.integers(0, 1 << 40, (n, tree.dimension)) % (1 << scales[:, None])
    return np.concatenate([scales[:, None], positions], axis=1)


@pytest.mark.parametrize(("dimension", "depth"), [(2, 0), (2, 10), (2, 31), (3, 6), (3, 20)])
def test_codes_and_blocks_are_inverse(dimension: int, depth: int) -> None:
    tree = BlockTree(dimension, depth)
    blocks = random_blocks(tree, 200)
    codes = tree.codes(blocks)
    np.testing.assert_array_equal(tree.blocks(codes), blocks)
    np.testing.assert_array_equal(tree.scales(codes), blocks[:, 0])


def test_children_are_those_of_tiles() -> None:
    tree = BlockTree(2, 5)
    children = tree.blocks(tree.children(tree.codes(np.array([[3, 5, 2]])))[0])
    np.testing.assert_array_equal(children, Tile(3, 5, 2).children)
    assert (tree.parents(tree.codes(children)) == tree.codes(np.array([[3, 5, 2]]))).all()


@pytest.mark.parametrize("dimension", [2, 3])
def test_children_fill_their_parent(dimension: int) -> None:
    tree = BlockTree(dimension, 4)
    code = tree.codes(np.array([[2, *range(dimension)]]))
    children = tree.children(code)[0]
    assert tree.volumes(children).sum() == tree.volumes(code)[0]
    np.testing.assert_allclose(
        tree.inputs(children)[:, :-1].mean(axis=0), tree.inputs(code)[0, :-1], rtol=1e-15
    )


def test_inputs_run_from_minus_one_to_one() -> None:
    tree = BlockTree(2, 3)
    inputs = tree.inputs(tree.codes(np.array([[0, 0, 0], [3, 0, 7], [1, 1, 0]])))
    np.testing.assert_allclose(inputs, [[0, 0, -1], [-0.875, 0.875, 1], [0.5, -0.5, -1 / 3]])
    assert BlockTree(2, 0).inputs(np.array([1])).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("dimension", [2, 3])
def test_places_lie_in_their_blocks(dimension: int) -> None:
    tree = BlockTree(dimension, 4)
    rng = np.random.default_rng(1)
    active = tree.children(np.array([1]))[0]
    absent = active[-1]
    active = np.concatenate([active[1:-1], tree.children(active[:1])[0]])
    partition = Partition.of(tree, rng.permutation(active))
    points = rng.uniform(-1, 1, (500, dimension))
    indexes = partition.find(points)
    for point, index in zip(points, indexes, strict=True):
        if index < 0:
            assert tree.ancestors(tree.place_codes(point[None]), 1)[0] == absent
        else:
            half = 0.5 ** partition.blocks[index, 0]
            center = tree.inputs(partition.active[index : index + 1])[0, :-1]
            assert (abs(point - center) <= half).all()
    assert partition.find(np.ones((1, dimension)))[0] == -1
    assert partition.find(-np.ones((1, dimension)))[0] >= 0
    coarse = partition.cover(np.array([1]))
    assert coarse[0] == -1  # the root is in none


def test_partition_counts_blocks_per_scale() -> None:
    tree = BlockTree(2, 3)
    partition = Partition.of(tree, np.array([5, 6, 7, 16]), np.array([18, 17]), np.array([2.0, 1]))
    assert partition.per_scale() == [0, 3, 1, 0]
    assert partition.constants.tolist() == [17, 18]
    assert partition.values.tolist() == [1, 2]
    assert len(partition) == 4
    assert partition.constant_blocks.tolist() == [[2, 1, 0], [2, 0, 1]]


def test_an_empty_partition_covers_nothing() -> None:
    tree = BlockTree(2, 3)
    assert Partition.of(tree, np.zeros(0)).find(np.zeros((3, 2))).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    "blocks", [[[1, 2, 0]], [[1, 0, -1]], [[4, 0, 0]], [[1, 0, 0, 0]]], ids=str
)
def test_blocks_outside_the_tree_are_refused(blocks: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="blocks"):
        BlockTree(2, 3).codes(np.array(blocks))


@pytest.mark.parametrize(("dimension", "depth"), [(1, 3), (4, 3), (2, 32), (3, 21), (2, -1)])
def test_trees_of_other_kinds_are_refused(dimension: int, depth: int) -> None:
    with pytest.raises(ValueError, match="block tree"):
        BlockTree(dimension, depth)


def test_ancestors_know_their_generations() -> None:
    tree = BlockTree(2, 5)
    leaves = tree.codes(np.array([(1, 0, 0), (2, 2, 0), (2, 3, 0), (2, 2, 1), (3, 6, 2)]))
    nodes, generations = tree.interior(leaves)
    assert tree.blocks(nodes).tolist() == [[0, 0, 0], [1, 1, 0], [2, 3, 1]]
    assert generations.tolist() == [3, 2, 1]
    assert [len(array) for array in tree.interior(np.ones(1))] == [0, 0]
