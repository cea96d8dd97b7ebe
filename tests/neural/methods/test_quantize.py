"""Quantization of latents: equal and allocated bits, packing, refusals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from neural.methods import quantize
from neural.methods.quantize import Quantizer, allocate

VALUES = np.random.default_rng(3).normal(size=(37, 5)).astype(np.float32) * [1, 2, 0.1, 50, 0]
VALUES[:, 4] = 7.0
EQUAL = Quantizer(np.abs(VALUES).max(axis=0).astype(np.float32))
CENTER = ((VALUES.min(axis=0) + VALUES.max(axis=0)) / 2).astype(np.float32)
UNEQUAL = Quantizer(
    np.abs(VALUES - CENTER).max(axis=0).astype(np.float32),
    CENTER,
    np.array([1.0, 0.1, 20.0, 1e-3, 1.0]),
)
NARROW = [*range(2, 9), 16]


@pytest.mark.parametrize("quantizer", [EQUAL, UNEQUAL], ids=["equal", "allocated"])
@pytest.mark.parametrize("bits", quantize.BIT_CHOICES)
def test_round_trip_is_what_requantize_says(quantizer: Quantizer, bits: int) -> None:
    body = quantizer.pack(VALUES, bits)
    assert len(body) == quantize.packed_bytes(VALUES.size, bits)
    np.testing.assert_array_equal(
        quantizer.unpack(body, VALUES.shape, bits), quantizer.requantize(VALUES, bits)
    )


@pytest.mark.parametrize("quantizer", [EQUAL, UNEQUAL], ids=["equal", "allocated"])
@pytest.mark.parametrize("bits", NARROW)
def test_error_is_at_most_half_a_step(quantizer: Quantizer, bits: int) -> None:
    top = 2.0 ** (quantizer.widths(bits) - 1) - 1
    step = np.where(
        quantizer.widths(bits) > 0, quantizer.max_abs / np.maximum(top, 0.5), 2 * quantizer.max_abs
    )
    assert (np.abs(quantizer.requantize(VALUES, bits) - VALUES) <= step / 2 * 1.0001 + 1e-6).all()


@pytest.mark.parametrize("bits", NARROW)
def test_allocation_spends_all_bits_where_they_count(bits: int) -> None:
    largest = np.array([1.0, 0.25, 8.0, 0.0, 0.25])
    widths = allocate(largest, bits)
    assert widths.sum() == 5 * bits
    assert widths.max() <= 16
    assert all(widths[a] >= widths[b] for a, b in pairwise(np.argsort(-largest, kind="stable")))
    assert not ((widths > 0) & (widths < 3)).any()
    if bits == 6:
        # Halving an error takes a bit: 8 against 1 earns about three bits more.
        assert 2 <= widths[2] - widths[0] <= 4

    def error(widths: np.ndarray) -> float:
        tops = np.where(widths > 0, 2.0 ** (widths - 1) - 1, 1)
        return float(np.sum((largest / tops) ** 2))

    for _ in range(200):  # no exchange of bits between two dimensions is better
        rng = np.random.default_rng(_)
        a, b = rng.choice(5, 2, replace=False)
        other = widths.copy()
        other[a] = other[a] - 1
        other[b] = other[b] + 1
        if other[a] >= 3 and 3 < other[b] <= 16:
            assert error(other) >= error(widths) * (1 - 1e-12)


def test_allocation_is_exact_for_a_constant() -> None:
    assert UNEQUAL.widths(8)[4] < UNEQUAL.widths(8)[0]
    np.testing.assert_array_equal(UNEQUAL.requantize(VALUES, 2)[:, 4], 7.0)


def test_allocation_finds_a_place_for_the_last_bits() -> None:
    assert allocate(np.array([1e9, 1e-9, 1e-9]), 6).tolist() == [15, 3, 0]


def test_bits_are_packed_from_the_top() -> None:
    codes = np.array([[1.0], [-1.0], [0.0]], np.float32)  # 2 bits: +1 → 0b10, −1 → 0b00, 0 → 0b01
    assert Quantizer(np.array([1.0], np.float32)).pack(codes, 2) == bytes([0b10_00_01_00])
    # 3 bits each way: 6 and 0
    wide = Quantizer(np.ones(2, np.float32), None, np.array([1.0, 1e-6]))
    assert wide.widths(3).tolist() == [6, 0]
    assert wide.pack(np.array([[1.0, 0.3], [-1.0, 0.0]], np.float32), 3) == bytes(
        [0b111110_00, 0b0000_0000]
    )


def test_what_cannot_be_ours_is_refused() -> None:
    one = Quantizer(np.array([1.0], np.float32))
    with pytest.raises(ValueError, match="outside the quantizer's range"):
        one.unpack(b"\xff", (4, 1), 2)
    with pytest.raises(ValueError, match="bytes"):
        one.unpack(b"\xff\xff", (4, 1), 2)
    with pytest.raises(ValueError, match="not finite"):
        one.pack(np.array([[np.nan]], np.float32), 8)
    with pytest.raises(ValueError, match="bits must be"):
        one.pack(np.ones((1, 1), np.float32), 9)
    with pytest.raises(ValueError, match="do not fit"):
        allocate(np.ones(3), 17)
