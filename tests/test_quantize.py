"""Symmetric quantization and bit packing."""

from __future__ import annotations

import numpy as np
import pytest

from neural import quantize

VALUES = np.random.default_rng(3).normal(size=(37, 5)).astype(np.float32) * [1, 2, 0.1, 50, 0]
MAX_ABS = np.abs(VALUES).max(axis=0).astype(np.float32)


@pytest.mark.parametrize("bits", quantize.BIT_CHOICES)
def test_round_trip_is_what_requantize_says(bits: int) -> None:
    body = quantize.pack(VALUES, MAX_ABS, bits)
    assert len(body) == quantize.packed_bytes(VALUES.size, bits)
    np.testing.assert_array_equal(
        quantize.unpack(body, VALUES.shape, MAX_ABS, bits), quantize.requantize(VALUES, MAX_ABS, bits)
    )


@pytest.mark.parametrize("bits", [*range(2, 9), 16])
def test_error_is_at_most_half_a_step(bits: int) -> None:
    step = MAX_ABS / (2 ** (bits - 1) - 1)
    assert (np.abs(quantize.requantize(VALUES, MAX_ABS, bits) - VALUES) <= step / 2 * 1.0001).all()


def test_bits_are_packed_from_the_top() -> None:
    codes = np.array([[1.0], [-1.0], [0.0]], np.float32)  # 2 bits: +1 → 0b10, −1 → 0b00, 0 → 0b01
    assert quantize.pack(codes, np.array([1.0], np.float32), 2) == bytes([0b10_00_01_00])


def test_what_cannot_be_ours_is_refused() -> None:
    one = np.array([1.0], np.float32)
    with pytest.raises(ValueError, match="outside the quantizer's range"):
        quantize.unpack(b"\xff", (4, 1), one, 2)
    with pytest.raises(ValueError, match="bytes"):
        quantize.unpack(b"\xff\xff", (4, 1), one, 2)
    with pytest.raises(ValueError, match="not finite"):
        quantize.pack(np.array([[np.nan]], np.float32), one, 8)
    with pytest.raises(ValueError, match="bits must be"):
        quantize.pack(one[None], one, 9)
