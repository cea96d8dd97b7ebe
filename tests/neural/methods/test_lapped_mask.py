"""Masks coded below their parents' cells."""

from __future__ import annotations

import numpy as np
import pytest

from neural.methods.lapped.coder import TOTAL, Distributions, RangeReader, RangeWriter
from neural.methods.lapped.context import CLASSES, SYMBOLS
from neural.methods.lapped.mask_coder import (
    CONTEXTS,
    SHAPE,
    fit_mask,
    halved,
    read_mask,
    walk_mask,
    write_mask,
)

_EVEN = np.full((CLASSES, SYMBOLS), TOTAL // (2 * SYMBOLS))
_EVEN[:, 0] = TOTAL - _EVEN[:, 1:].sum(axis=1)
DISTRIBUTIONS = Distributions({"probability": _EVEN, "centroid": np.zeros((CLASSES, 3))})


def disc(n: int, radius: float) -> np.ndarray:
    y, x = np.indices((n, n)) + 0.5 - n / 2
    return x * x + y * y < radius * radius


def bits_of(mask: np.ndarray, table: np.ndarray, inside: np.ndarray | None = None) -> float:
    """Ideal code length of a mask below its parent."""
    total = 0.0

    def visit(phase: int, contexts: np.ndarray, flat: np.ndarray) -> np.ndarray:
        nonlocal total
        found = mask.ravel()[flat]
        chance = table[phase, contexts] / 65536
        total -= float(np.log2(np.where(found, chance, 1 - chance)).sum())
        return found

    everywhere = np.ones(mask.shape, bool) if inside is None else inside
    np.testing.assert_array_equal(walk_mask(halved(mask), everywhere, visit), mask & everywhere)
    return total


@pytest.mark.parametrize("n", [2, 4, 6, 64])
def test_a_walk_visits_each_child_of_a_parent_once(n: int) -> None:
    mask = np.random.default_rng(n).random((n, n)) < 0.5
    seen = np.zeros(n * n, int)

    def visit(phase: int, contexts: np.ndarray, flat: np.ndarray) -> np.ndarray:
        assert contexts.min() >= 0
        assert contexts.max() < CONTEXTS
        seen[flat] += 1
        return mask.ravel()[flat]

    np.testing.assert_array_equal(walk_mask(halved(mask), np.ones((n, n), bool), visit), mask)
    np.testing.assert_array_equal(
        seen.reshape(n, n), np.repeat(np.repeat(halved(mask), 2, 0), 2, 1).astype(int)
    )


def test_contexts_hold_only_what_a_decoder_knows() -> None:
    """Two masks that differ in one child see equal contexts up to that child's phase."""
    one = disc(32, 11)
    other = one.copy()
    other[16, 16] ^= True  # phase (0, 0), well inside, so that the parent stays
    assert (halved(one) == halved(other)).all()
    heard: list[list[np.ndarray]] = [[], []]
    for mask, contexts_of in zip((one, other), heard, strict=True):

        def visit(
            phase: int, contexts: np.ndarray, flat: np.ndarray, mask=mask, of=contexts_of
        ) -> np.ndarray:
            of.append(contexts)
            return mask.ravel()[flat]

        walk_mask(halved(mask), np.ones(mask.shape, bool), visit)
    np.testing.assert_array_equal(heard[0][0], heard[1][0])
    assert (heard[0][1] != heard[1][1]).sum() == 4


def test_nothing_outside_the_grid_is_coded() -> None:
    inside = np.zeros((16, 16), bool)
    inside[:9, :5] = True
    table = np.full(SHAPE, 32768.0)
    assert bits_of(disc(16, 20), table, inside) == 9 * 5


def test_a_fitted_table_codes_smooth_outlines_in_few_bits() -> None:
    table = fit_mask([disc(200, 90), disc(131, 33)])
    assert table.shape == SHAPE
    assert table.min() >= 1
    assert table.max() <= 65535
    outline = 2 * np.pi * 50
    assert bits_of(disc(128, 50), table) < 0.6 * outline
    assert bits_of(np.ones((128, 128), bool), table) < 32


@pytest.mark.parametrize("which", ["complete", "disc", "grid's rim", "root"])
def test_masks_come_back_from_the_range_coder(which: str) -> None:
    table = fit_mask([disc(150, 60)]) / 65536
    inside = [np.ones((64, 64), bool)]
    mask = disc(64, 25)
    if which == "complete":
        mask = inside[0]
    if which == "grid's rim":
        inside[0][:, 50:] = False
        mask = mask & inside[0]
    parent = halved(mask)
    if which == "root":
        while len(inside[0]) > 2:
            inside.insert(0, halved(inside[0]))
        parent = np.ones((1, 1), bool)
    writer = RangeWriter(DISTRIBUTIONS)
    write_mask(mask, parent, inside, table, writer.put_bits)
    data = writer.finish()
    assert len(data) <= (1 if which == "complete" else 60)
    reader = RangeReader(data, DISTRIBUTIONS)
    np.testing.assert_array_equal(read_mask(parent, inside, table, reader.take_bits), mask)
    reader.finish()
