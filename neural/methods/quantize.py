"""Post-training quantization of latents, one uniform quantizer per dimension, and bit packing.

As published for HUVR+SIREN (arXiv 2606.00404) every dimension has one scale, its largest magnitude,
and codes in ±(2^(bits−1)−1). Where the decoder's sensitivity to each dimension is known, dimensions
get unequal bits of the same sum instead (`allocate`), and codes count from the middle of a
dimension's range. 32 bits are IEEE single floats.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

BIT_CHOICES = (32, 16, 8, 7, 6, 5, 4, 3, 2)
"""Bits per latent value, finest first; with a sensitivity, their mean over the dimensions."""

_FEWEST = 3
_MOST = 16
"""Widths an allocated dimension may have, other than none: 2 bits (−, 0, +) are no better than its
middle."""


def packed_bytes(count: int, bits: int) -> int:
    """Return bytes that `count` values take at `bits` each."""
    return (count * bits + 7) // 8


def allocate(largest: np.ndarray, bits: int) -> np.ndarray:
    """Return bits per dimension [d] that sum to d · bits: greedy on the convex hull of squared
    error against width.

    `largest` [d] is the error of the surface when a dimension is dropped at its extreme
    (sensitivity × max_abs). Only IEEE products and comparisons decide, so that every machine finds
    the same widths. A. Gersho, R. Gray, "Vector Quantization and Signal Compression", 1992, §8.3.
    """
    squares = np.asarray(largest, np.float64) ** 2
    widths = np.zeros(len(squares), np.int64)
    budget = len(squares) * bits
    tops = [_top(width) for width in range(_MOST + 1)]

    def gain(dimension: int) -> tuple[float, int]:
        """Return the squared error that the next bit of a dimension saves, for the heap: largest
        first, then by index."""
        width = int(widths[dimension])
        if width == 0:
            saved = (1.0 - 1.0 / tops[_FEWEST] ** 2) / _FEWEST
        else:
            saved = 1.0 / tops[width] ** 2 - 1.0 / tops[width + 1] ** 2
        return -float(squares[dimension] * saved), dimension

    heap = [gain(dimension) for dimension in range(len(squares))]
    heapq.heapify(heap)
    while budget and heap:
        _, dimension = heapq.heappop(heap)
        step = 1 if widths[dimension] else _FEWEST
        if step > budget:
            continue  # too few bits are left to begin another dimension
        widths[dimension] += step
        budget -= step
        if widths[dimension] < _MOST:
            heapq.heappush(heap, gain(dimension))
    empty = np.flatnonzero(widths == 0)
    # every dimension that has bits is full: the last of them gives some to the next one
    if budget and len(empty):
        widths[np.flatnonzero(widths)[-1]] -= _FEWEST - budget
        widths[empty[0]] = _FEWEST
        budget = 0
    if budget:
        raise ValueError(
            f"{bits} bits per value do not fit {len(squares)} dimensions of at most {_MOST}"
        )
    return widths


@dataclass(frozen=True)
class Quantizer:
    """Scales of a layer's latents [n, d]."""

    max_abs: np.ndarray  # [d] float32, largest distance from the center
    center: np.ndarray | None = None  # [d] float32; None: zero
    sensitivity: np.ndarray | None = None  # [d] surface change per unit; None: equal bits

    def pack(self, values: np.ndarray, bits: int) -> bytes:
        """Map latents [n, d] float32 to bytes: codes most significant bit first, little-endian
        floats at 32 bits.

        Raises ValueError when the values are not finite.
        """
        if bits not in BIT_CHOICES:
            raise ValueError(f"bits must be one of {BIT_CHOICES}, not {bits}")
        if not np.isfinite(values).all():
            raise ValueError("latents are not finite")
        if bits == 32:
            return np.asarray(values, "<f4").tobytes()
        widths = self.widths(bits)
        unsigned = (self._codes(values, widths) + _tops(widths)).astype(">u2")
        planes = np.unpackbits(unsigned.view(np.uint8).reshape(-1, 2), axis=1).reshape(
            *values.shape, 16
        )
        return np.packbits(planes[:, _stored(widths)]).tobytes()

    def unpack(self, body: bytes, shape: tuple[int, int], bits: int) -> np.ndarray:
        """Map bytes to latents [n, d] float32. Raises ValueError when length or codes cannot be
        ours."""
        if len(body) != packed_bytes(shape[0] * shape[1], bits):
            raise ValueError(
                f"body has {len(body)} bytes, {packed_bytes(shape[0] * shape[1], bits)} expected"
            )
        if bits == 32:
            return np.frombuffer(body, "<f4").astype(np.float32).reshape(shape)
        widths = self.widths(bits)
        planes = np.zeros((*shape, 16), np.uint8)
        stored = _stored(widths)
        count = shape[0] * int(widths.sum())
        planes[:, stored] = np.unpackbits(np.frombuffer(body, np.uint8), count=count).reshape(
            shape[0], -1
        )
        unsigned = (
            np.packbits(planes.reshape(-1, 16), axis=1).view(">u2").reshape(shape).astype(np.int32)
        )
        if (unsigned > 2 * _tops(widths)).any():
            raise ValueError("body has a code outside the quantizer's range")
        return self._values(unsigned - _tops(widths), widths)

    def requantize(self, values: np.ndarray, bits: int) -> np.ndarray:
        """Quantize and dequantize `values` [n, d] at `bits`: the live quality reduction of the
        viewer."""
        if bits == 32:
            return np.asarray(values, np.float32)
        widths = self.widths(bits)
        return self._values(self._codes(values, widths), widths)

    def widths(self, bits: int) -> np.ndarray:
        """Return bits of each dimension [d]."""
        if self.sensitivity is None:
            return np.full(len(self.max_abs), bits, np.int64)
        return allocate(self.sensitivity * self.max_abs.astype(np.float64), bits)

    def _codes(self, values: np.ndarray, widths: np.ndarray) -> np.ndarray:
        top = _tops(widths)
        inverse_step = np.divide(
            top, self.max_abs, out=np.zeros(len(top), np.float64), where=self.max_abs > 0
        )
        shifted = values if self.center is None else values - self.center.astype(np.float64)
        codes: np.ndarray = np.clip(np.rint(shifted * inverse_step), -top, top).astype(np.int32)
        return codes

    def _values(self, codes: np.ndarray, widths: np.ndarray) -> np.ndarray:
        values = codes * (self.max_abs.astype(np.float64) / np.maximum(_tops(widths), 1))
        centered: np.ndarray = values if self.center is None else values + self.center
        return centered.astype(np.float32)


def _top(width: int) -> int:
    """Return the largest code of a dimension of `width` bits."""
    return (1 << (width - 1)) - 1 if width else 0


def _tops(widths: np.ndarray) -> np.ndarray:
    return np.array([_top(int(width)) for width in widths], np.int32)


def _stored(widths: np.ndarray) -> np.ndarray:
    """Return the bit planes that each dimension stores, most significant of 16 first, [d, 16]."""
    return np.arange(16) >= 16 - widths[:, None]
