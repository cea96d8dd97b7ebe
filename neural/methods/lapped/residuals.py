"""Residuals: one integer per sample of the finest level that brings its height within a bound of
the source's.

    decoded sample = wavelet sample + 2 · bound · r,      r = 0 nearly everywhere

How likely r is 0 follows from how far off the wavelet sample may be: the squared errors that
details of their classes and magnitudes have on average, spread over the samples as their synthesis
functions do, over the bound. Residuals known around it make one more likely. Look-ups of the three
add up to a class, which says how likely each magnitude is; samples are coded in four phases, as
details are. All of this is integers, so that every machine finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from neural.methods.lapped.coder import LARGEST, RangeReader, RangeWriter
from neural.methods.lapped.context import CLASSES, PHASES

RESIDUAL_CLASSES = 48

CHANCES = 3
"""Of a residual's class: that it is not 0, that its magnitude is then above 1, that it is then
above 2."""

CHANCE_SCALE = 1 << 20
"""One of a chance as an integer."""

EXPECTED_CLASSES = 64
"""Eighths of doublings of the expected error over the bound that are told apart."""

EXPECTED_SCALE = 4096
"""One squared quantization step as an integer."""

NEAR = 25
"""Sums of magnitudes over the eight samples around that are told apart; direct neighbors count
twice."""

FAR = 64
"""Sums of magnitudes over the samples around, _REACH far, that are told apart."""

CLASS_SCALE = 64
"""One class in the look-ups that add up to it."""

EXPECTED_SYMBOLS = 3
"""Magnitudes 0, 1 and more of a detail, which have expected errors of their own."""

_REACH = 4
_CAPPED = 3  # magnitudes around count up to this
_LOW = (40, 11)
_HIGH = (23, 5)
"""Squares of the synthesis functions of low-pass values and details, at their place and next to it,
over 32."""

_LEAST_CLASS = 4 * (12 + 10) - 6 * 8  # of an expected error 2⁻⁶ of the bound
_THRESHOLDS = 128  # quarters of doublings of the expected squared error
_LONGEST = 23  # bits below the leading one of a residual's code

VisitResiduals = Callable[..., np.ndarray]
"""(phase, flat positions [n], their error class, near and far [n]) → the samples' residuals int32
[n]."""


def shapes() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the decoder's weights for residuals, all integers."""
    return {
        "residual_expected": (CLASSES, EXPECTED_SYMBOLS),  # mean squared errors of details
        "residual_spread": (len(PHASES), EXPECTED_CLASSES),
        "residual_near": (len(PHASES), NEAR),
        "residual_far": (len(PHASES), FAR),
        "residual_chance": (RESIDUAL_CLASSES, CHANCES),
    }


class Residuals:
    """The residuals' model ready for use, from a decoder's weights. Raises ValueError for weights
    that do not fit."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        tables = {}
        for name, shape in shapes().items():
            values = np.asarray(weights[name], np.float64)
            if (
                values.shape != shape
                or not np.array_equal(values, np.rint(values))
                or np.abs(values).max() >= 1 << 24
            ):
                raise ValueError(
                    f"the weight '{name}' is not a table {shape} of integers below 2²⁴"
                )
            tables[name.removeprefix("residual_")] = values.astype(np.int64)
        if tables["expected"].min() < 0:
            raise ValueError("the weight 'residual_expected' has negative values")
        if tables["chance"].min() < 1 or tables["chance"].max() >= CHANCE_SCALE:
            raise ValueError(
                f"the weight 'residual_chance' has values beyond 1 … {CHANCE_SCALE - 1}"
            )
        self._expected = tables["expected"]
        self._chance = tables["chance"] / CHANCE_SCALE
        added = tables["spread"], tables["near"], tables["far"]
        self._tables = list(zip(*added, strict=True))  # by phase

    def expected_error_class(
        self, signed: np.ndarray, classes: np.ndarray, ratio: int
    ) -> np.ndarray:
        """Return the expected error class of each sample, 0 … EXPECTED_CLASSES − 1, [2 n, 2 n].

        `signed` and `classes` [BAND_COUNT, n, n] are the details', `ratio` the quantization step
        over the bound in eighths of doublings.
        """
        expected = self._expected[classes, np.minimum(np.abs(signed), EXPECTED_SYMBOLS - 1)]
        return error_classes(expected, ratio)

    def write(
        self, writer: RangeWriter, residuals: np.ndarray, valid: np.ndarray, error_class: np.ndarray
    ) -> None:
        """Code the residuals int32 [n, n] of valid samples, given their expected error classes."""

        def visit(positions: np.ndarray, chances: np.ndarray) -> np.ndarray:
            symbols: np.ndarray = residuals.ravel()[positions]
            _put(writer, symbols, chances)
            return symbols

        self._walk(valid, error_class, visit)

    def read(self, reader: RangeReader, valid: np.ndarray, error_class: np.ndarray) -> np.ndarray:
        """Return the values that `write` coded, 0 where nothing is valid. Raises ValueError for
        bytes of no writer."""
        return self._walk(valid, error_class, lambda positions, chances: _take(reader, chances))

    def _walk(
        self,
        valid: np.ndarray,
        error_class: np.ndarray,
        visit: Callable[[np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        def visited(phase: int, positions: np.ndarray, *contexts: np.ndarray) -> np.ndarray:
            score = sum(
                table[context] for table, context in zip(self._tables[phase], contexts, strict=True)
            )
            return visit(
                positions, self._chance[np.clip(score // CLASS_SCALE, 0, RESIDUAL_CLASSES - 1)]
            )

        return walk(valid, error_class, visited)


def _put(writer: RangeWriter, residuals: np.ndarray, chances: np.ndarray) -> None:
    """Write residuals [n] with the chances of their classes [n, CHANCES]; larger ones continue in
    Elias' gamma code."""
    nonzero = residuals != 0
    writer.put_bits(nonzero, chances[:, 0])
    magnitudes = np.abs(residuals[nonzero])
    chances = chances[nonzero]
    writer.put_bits(residuals[nonzero] < 0, _evens(magnitudes))
    for place in range(1, CHANCES):
        more = magnitudes > place
        writer.put_bits(more, chances[:, place])
        magnitudes = magnitudes[more]
        chances = chances[more]
    magnitudes -= CHANCES - 1
    lengths = np.frexp(magnitudes.astype(np.float64))[1] - 1
    for length in range(int(lengths.max(initial=0)) + 1 if len(magnitudes) else 0):
        longer = lengths[lengths >= length] > length
        writer.put_bits(longer, _evens(longer))
    for place in range(int(lengths.max(initial=0)) - 1, -1, -1):
        bits = (magnitudes[lengths > place] >> place) & 1
        writer.put_bits(bits, _evens(bits))


def _take(reader: RangeReader, chances: np.ndarray) -> np.ndarray:
    """Return the values that `_put` coded, int32 [n]."""
    out = np.zeros(len(chances), np.int32)
    nonzero = np.flatnonzero(reader.take_bits(chances[:, 0]))
    negative = reader.take_bits(_evens(nonzero))
    out[nonzero] = 1
    pending = nonzero
    for place in range(1, CHANCES):
        pending = pending[reader.take_bits(chances[pending, place])]
        out[pending] += 1
    values = np.ones(len(pending), np.int64)
    lengths = np.zeros(len(pending), np.int64)
    longer = np.arange(len(pending))
    while len(longer):
        longer = longer[reader.take_bits(_evens(longer))]
        lengths[longer] += 1
        if lengths.max() > _LONGEST:
            raise ValueError(f"a residual is above {LARGEST}")
    for place in range(int(lengths.max(initial=0)) - 1, -1, -1):
        indices = np.flatnonzero(lengths > place)
        values[indices] = 2 * values[indices] + reader.take_bits(_evens(indices))
    out[pending] += (values - 1).astype(np.int32)
    out[nonzero] = np.where(negative, -out[nonzero], out[nonzero])
    return out


def _evens(like: np.ndarray) -> np.ndarray:
    return np.full(len(like), 0.5)


def error_classes(expected: np.ndarray, ratio: int) -> np.ndarray:
    """Return the class of each sample's expected error from squared errors of details [BAND_COUNT,
    n, n] over EXPECTED_SCALE; see `Residuals.expected_error_class`."""
    along_x, along_y, both = expected
    low = _along(_along(along_x, *_HIGH, odd=True).T, *_LOW, odd=False)
    high = _along(along_y, *_LOW, odd=False) + _along(both, *_HIGH, odd=True)
    squared = (low + _along(high.T, *_HIGH, odd=True)).T
    doublings = np.searchsorted(_QUARTERS, squared, "right")
    error_class: np.ndarray = np.clip(doublings + (ratio - _LEAST_CLASS), 0, EXPECTED_CLASSES - 1)
    return error_class


def _along(values: np.ndarray, center: int, side: int, *, odd: bool) -> np.ndarray:
    """Return weighted sums along the last axis, [m, n] → [m, 2 n]: values lie on even or odd places
    and reach one further."""
    out = np.empty((len(values), 2 * values.shape[1]), np.int64)
    next_to = (
        np.concatenate([values[:, :1], values], axis=1)
        if odd
        else np.concatenate([values, values[:, -1:]], axis=1)
    )
    out[:, odd::2] = center * values
    out[:, 1 - odd :: 2] = side * (next_to[:, :-1] + next_to[:, 1:])
    return out


def _quarter_doublings() -> np.ndarray:
    """Return thresholds whose fourth power is the first at or above 2^k: counting them is the floor
    of a logarithm."""
    thresholds = []
    value = 1
    for power in range(_THRESHOLDS):
        value = max(value, round(2 ** (power / 4)) - 1)
        while value**4 < 1 << power:
            value += 1
        thresholds.append(value)
    return np.array(thresholds, np.int64)


_QUARTERS = _quarter_doublings()


def walk(valid: np.ndarray, error_class: np.ndarray, visit: VisitResiduals) -> np.ndarray:
    """Visit the residuals of valid samples in coding order; return them, int32 [n, n], 0 where
    nothing is valid."""
    n = len(valid)
    residuals = np.zeros((n, n), np.int32)
    magnitudes = np.zeros((n + 2 * _REACH, n + 2 * _REACH), np.int64)
    for phase, (y, x) in enumerate(PHASES):
        rows, columns = np.nonzero(valid[y::2, x::2])
        if not len(rows):
            continue
        positions = (2 * rows + y) * n + 2 * columns + x
        near = far = np.zeros(len(positions), np.int64)
        if magnitudes.any():
            near, far = _around(magnitudes, y, x)
            near = near[rows, columns]
            far = far[rows, columns]
        residuals.ravel()[positions] = visit(
            phase, positions, error_class.ravel()[positions], near, far
        )
        inner = np.s_[_REACH + y : _REACH + n : 2, _REACH + x : _REACH + n : 2]
        magnitudes[inner] = np.minimum(np.abs(residuals[y::2, x::2]), _CAPPED)
    return residuals


def _around(magnitudes: np.ndarray, y: int, x: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `near` and `far` of all samples of a phase, from capped magnitudes with a rim of
    _REACH zeros."""
    n = len(magnitudes) - 2 * _REACH

    def beside(dy: int, dx: int) -> np.ndarray:
        return magnitudes[
            _REACH + y + dy : _REACH + n + dy : 2, _REACH + x + dx : _REACH + n + dx : 2
        ]

    direct = beside(-1, 0) + beside(1, 0) + beside(0, -1) + beside(0, 1)
    diagonal = beside(-1, -1) + beside(-1, 1) + beside(1, -1) + beside(1, 1)
    sums = magnitudes
    for parity in (y, x):
        whole = np.cumsum(np.pad(sums, ((1, 0), (0, 0))), axis=0)
        sums = (whole[2 * _REACH + 1 :] - whole[: -2 * _REACH - 1])[parity::2].T
    return np.minimum(2 * direct + diagonal, NEAR - 1), np.minimum(sums, FAR - 1)


# of the bound: for what sums in float64 round differently on other machines
_FINEST_SLACK = 1 / 1024
_RELIEF_SLACK = 2.0**-20  # of the range of heights: staged heights and latents are float32
_STAGED_SLACK = 2.0**-25  # of it: the staged heights alone


class Bound(NamedTuple):
    """A bound on the error of every valid sample of the finest level, in meters."""

    promised_m: float
    inner_m: float
    """Half a residual's step, float32: the promised bound less the rounding that follows."""
    checked_m: float
    """Largest error of a sample that is found at its encoder, from staged heights."""

    @classmethod
    def of(cls, promised_m: float, low_m: float, high_m: float) -> Bound:
        """Return the bound for heights between `low_m` and `high_m`. Raises ValueError when none of
        32 bits keep it."""
        if not 0 < promised_m < np.inf:
            raise ValueError(f"a largest error of {promised_m:g} m is no number above 0")
        largest = np.float32(max(abs(low_m), abs(high_m)))
        rounding = float(np.spacing(largest)) / 2 + _RELIEF_SLACK * (high_m - low_m)
        if not promised_m >= 2 * rounding:
            raise ValueError(
                f"a largest error of {promised_m:g} m is finer than 32-bit heights of {low_m:g} "
                f"… {high_m:g} m hold; "
                f"use at least {_up(2 * rounding):g} m"
            )
        inner = np.float32(promised_m * (1 - _FINEST_SLACK) - rounding)
        return cls(
            promised_m,
            float(np.nextafter(inner, np.float32(0))),
            promised_m - _STAGED_SLACK * (high_m - low_m),
        )

    def residuals(self, errors_m: np.ndarray) -> np.ndarray:
        """Quantize errors (source − wavelet sample) to residuals, int32: the only ones that keep
        the bound."""
        return np.rint(errors_m / (2 * self.inner_m)).astype(np.int32)


def _up(value: float) -> float:
    """Return the next number of two digits."""
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(np.ceil(value / unit) * unit)
