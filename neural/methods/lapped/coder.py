"""Signed magnitudes as bytes: a range coder (constriction) under the context model's distributions.

For each group of details that `Context.walk` visits: their symbols, class by class, each class
under its one distribution, which is several times faster than another for each symbol; then what is
above the alphabet. Probabilities are integers over a power of two, which float32 holds exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np

from neural.methods.lapped.context import CLASSES, FIRST, FURTHER_BITS, SYMBOLS, symbols_of

LARGEST = (1 << 24) - 1
"""Largest magnitude that can be coded, exactly representable in float32."""

TOTAL = 1 << 16
"""Sum of a class's probabilities as integers."""

_LARGE = int(FIRST[-1])
_LENGTHS = np.ldexp(np.float32(1), -np.array([*range(1, 25), 24]))
"""Odds of the count of an escape's bits below the leading one."""

_AT_ONCE = 12
"""Bits of a number that are coded as one symbol."""


class Distributions:
    """Distributions of the classes, for the range coder and the encoder's decisions.

    Raises ValueError for weights that are no distributions, or centroids further from a magnitude
    than the next one's.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._table = np.asarray(weights["probability"], np.float64)
        whole = np.array_equal(self._table, np.rint(self._table))
        if not whole or self._table.min() < 1 or (self._table.sum(axis=1) != TOTAL).any():
            raise ValueError(
                f"the weight 'probability' has rows that are not positive integers of sum {TOTAL}"
            )
        self.centroid = np.asarray(weights["centroid"], np.float64)  # [CLASSES, 3]
        if not np.abs(self.centroid).max() <= 0.5:
            raise ValueError("the weight 'centroid' has values beyond half a step")
        # [CLASSES, SYMBOLS] with sign; for the encoder's choices only
        self.bits = -np.log2(self._table / TOTAL)
        self.bits[:, 1:] += 1.0 + FURTHER_BITS[1:]

    @cached_property
    def models(self) -> list[Any]:
        """Each class's distribution of the symbols 0, 1, −1, 2, −2 … for the range coder."""
        import constriction

        twice = np.repeat(self._table, 2, axis=1)[:, 1:]
        signed = (twice / np.where(np.arange(twice.shape[1]) == 0, TOTAL, 2 * TOTAL)).astype(
            np.float32
        )
        return [constriction.stream.model.Categorical(row, perfect=False) for row in signed]

    def values(self, signed: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Map signed magnitudes and their classes to reconstruction in steps, pulled towards the
        class's centroid."""
        steps = np.zeros(signed.shape)
        nonzero = np.nonzero(signed)
        symbols = signed[nonzero]
        magnitude = np.abs(symbols)
        steps[nonzero] = np.copysign(
            magnitude - self.centroid[classes[nonzero], np.minimum(magnitude, 3) - 1], symbols
        )
        return steps


class _Models(NamedTuple):
    """Distributions that no decoder's weights change."""

    chance: Any
    length: Any
    places: list[Any]  # of so many bits, all numbers equally likely


@cache
def _models() -> _Models:
    import constriction

    model = constriction.stream.model
    places = [None, *(model.Uniform(1 << bits) for bits in range(1, _AT_ONCE + 1))]
    return _Models(
        model.Bernoulli(perfect=False), model.Categorical(_LENGTHS, perfect=False), places
    )


def _by_length(lengths: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the bits of numbers of these lengths [n] in the order in which they are coded, at most
    _AT_ONCE a time.

    Yields how many bits lie below them, how many they are, and the numbers they belong to.
    """
    for below in range((int(lengths.max(initial=0)) - 1) // _AT_ONCE * _AT_ONCE, -1, -_AT_ONCE):
        bits = np.clip(lengths - below, 0, _AT_ONCE)
        for count in np.flatnonzero(np.bincount(bits)).tolist():
            if count:
                yield below, count, np.flatnonzero(bits == count)


class RangeWriter:
    """Range encoder of signed magnitudes."""

    def __init__(self, distributions: Distributions) -> None:
        import constriction

        self._classes = distributions.models
        self._models = _models()
        self._out = constriction.stream.queue.RangeEncoder()

    def put(self, signed: np.ndarray, classes: np.ndarray) -> None:
        """Code signed magnitudes up to LARGEST, with their classes of the same shape."""
        order, counts = _by_class(classes.ravel())
        signed = signed.ravel()[order]
        nonzero = np.flatnonzero(signed)
        magnitude = np.abs(signed[nonzero])
        plain = symbols_of(magnitude)
        symbols = np.zeros(len(signed), np.int32)
        symbols[nonzero] = 2 * plain - (signed[nonzero] > 0)
        start = 0
        for number, count in counts:
            self._out.encode(symbols[start : start + count], self._classes[number])
            start += count
        wide = FURTHER_BITS[plain] > 0
        self._places(magnitude[wide] - FIRST[plain[wide]], FURTHER_BITS[plain[wide]])
        self._escape(magnitude[plain == SYMBOLS - 1].astype(np.int64) - (_LARGE - 1))

    def put_bits(self, bits: np.ndarray, chances: np.ndarray) -> None:
        """Code bits bool [n], each with its chance of being set [n]."""
        self._out.encode(bits.astype(np.int32), self._models.chance, chances)

    def put_large(self, value: int) -> None:
        """Code one integer of any size up to LARGEST, without a class."""
        self._places(np.array([value < 0], np.int64), np.ones(1, np.int32))
        self._escape(np.array([abs(value) + 1], np.int64))

    def _escape(self, large: np.ndarray) -> None:
        """Write numbers from 1 on in Elias' gamma code: the count of bits below the leading one,
        then these."""
        if len(large):
            length = np.frexp(large.astype(np.float64))[1].astype(np.int32) - 1
            self._out.encode(length, self._models.length)
            self._places(large, length)

    def _places(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Write the lowest `lengths` bits of each number."""
        for below, bits, indices in _by_length(lengths):
            self._out.encode(
                ((values[indices] >> below) & ((1 << bits) - 1)).astype(np.int32),
                self._models.places[bits],
            )

    def finish(self) -> bytes:
        """Return the bytes; zeros at the end are left out."""
        return bytes(self._out.get_compressed().astype(">u4").tobytes().rstrip(b"\0"))


class RangeReader:
    """Decoder of a `RangeWriter`'s bytes, given the same classes in the same order."""

    def __init__(self, data: bytes, distributions: Distributions) -> None:
        import constriction

        if data.endswith(b"\0"):
            raise ValueError("zeros are left after the last byte")
        self._classes = distributions.models
        self._models = _models()
        words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
        with _reading():
            self._in = constriction.stream.queue.RangeDecoder(words)

    def take(self, classes: np.ndarray) -> np.ndarray:
        """Read the signed magnitudes int32 of the next coefficients, shaped as their classes.

        Raises ValueError when no writer can have written these bytes.
        """
        order, counts = _by_class(classes.ravel())
        out = np.zeros(classes.size, np.int32)
        if not counts:
            return out.reshape(classes.shape)
        with _reading():
            symbols = np.concatenate(
                [self._in.decode(self._classes[number], count) for number, count in counts]
            )
            nonzero = np.flatnonzero(symbols)
            symbols = symbols[nonzero]
            plain = (symbols + 1) >> 1
            magnitude = FIRST[plain]
            wide = np.flatnonzero(FURTHER_BITS[plain])
            magnitude[wide] += self._places(FURTHER_BITS[plain[wide]], 0)
            large = np.flatnonzero(plain == SYMBOLS - 1)
            if len(large):
                magnitude[large] = _checked(magnitude[large] + self._large(len(large)))
        out[order[nonzero]] = np.where(symbols & 1, magnitude, -magnitude)
        return out.reshape(classes.shape)

    def take_bits(self, chances: np.ndarray) -> np.ndarray:
        """Read bits bool [n] of these chances. Raises ValueError as `take`."""
        with _reading():
            return np.asarray(self._in.decode(self._models.chance, chances) != 0)

    def take_large(self) -> int:
        """Return the integer that `put_large` coded. Raises ValueError as `take`."""
        with _reading():
            negative = int(self._places(np.ones(1, np.int32), 0)[0])
            value = int(_checked(self._large(1))[0])
        return -value if negative else value

    def _places(self, lengths: np.ndarray, lead: int) -> np.ndarray:
        """Read numbers of `lengths` bits below a leading `lead`, int32."""
        values = np.full(len(lengths), lead, np.int32)
        for _, bits, indices in _by_length(lengths):
            values[indices] = (values[indices] << bits) + self._in.decode(
                self._models.places[bits], len(indices)
            )
        return values

    def _large(self, count: int) -> np.ndarray:
        return self._places(self._in.decode(self._models.length, count), 1) - 1

    def finish(self) -> None:
        """Raise ValueError unless all bytes are read."""
        with _reading():
            if not self._in.maybe_exhausted():
                raise ValueError("bytes are left after the last detail")


def _checked(magnitudes: np.ndarray) -> np.ndarray:
    """Check magnitudes. Raises ValueError for larger ones than a writer takes."""
    if magnitudes.max() > LARGEST:
        raise ValueError(f"a magnitude is above {LARGEST}")
    return magnitudes


def _by_class(classes: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Return the coding order of details of these classes [n], and the classes present with their
    counts."""
    counts = np.bincount(classes, minlength=CLASSES)
    present = np.flatnonzero(counts)
    class_counts = list(zip(present.tolist(), counts[present].tolist(), strict=True))
    if len(class_counts) < 2:
        return np.arange(len(classes)), class_counts
    return np.argsort(classes.astype(np.uint8), kind="stable"), class_counts


@contextmanager
def _reading() -> Iterator[None]:
    """Raise ValueError for impossible bytes, which constriction reports as AssertionError."""
    try:
        yield
    except AssertionError as error:
        raise ValueError("the range coder's bytes are impossible") from error
