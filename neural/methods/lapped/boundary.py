"""Boundary rules: extension of lines beyond a level's outermost samples for the wavelet, the
restoration and the surface.

The wavelet's lifting steps (`neural.methods.lapped.wavelet`) read one value beyond an end. Any
value will do that is made of values of the same kind that the step itself does not change: the step
can then be undone. `Boundary` is such a rule. It is applied by extending a line by HALO values and
lifting the longer line as if it went on; the extension is a small matrix, solved for once
(`split_extension`, `merge_extension`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import numpy as np

from neural.methods.lapped.wavelet import HALO, LIFTING, LOW_GAIN, merge_lines, split_lines

LONG = 24
"""Values of a run whose two ends do not act on one another; even."""

_SLOPE_REACH = 3
"""Samples that the slope beyond an end is taken over: over fewer, quantization errors weigh
more."""


class Extension(NamedTuple):
    """Values beyond both ends of a run of n values, as sums of its first and of its last k."""

    before: np.ndarray  # [reach, k], the places −reach … −1 from the first k values
    after: np.ndarray  # [reach, k], the places n … n + reach − 1 from the last k values


class Ends(NamedTuple):
    """Row and column of the details that end the grid's lines; outside an array where no detail
    does."""

    row: int
    column: int

    def seen_from(self, row: int, column: int) -> Ends:
        """Return them in an array that begins at this row and column of details."""
        return Ends(self.row - row, self.column - column)


@dataclass(frozen=True)
class Boundary:
    """Rule for the values that lifting steps read beyond the ends of a line; the first sample is an
    even one."""

    name: str
    turned: float
    """Beyond an even end: share of the outermost odd sample turned about the end (point symmetry);
    the rest is extrapolated from the odd samples alone."""
    odd_weights: tuple[float, ...]
    """Weights of the odd samples in that extrapolation, from the end inwards."""
    even_weights: tuple[float, ...]
    """Beyond an odd end: weights of the even samples, from the end inwards."""
    end_step: float
    """Quantization step of the details at an odd end of the grid over that of all others."""

    def lift(self, line: np.ndarray, inverse: bool = False) -> np.ndarray:
        """Split samples [n, m] into interleaved bands along axis 0, or merge them; the definition
        of the rule."""
        if len(line) < 2:
            return line.copy()
        even = line[0::2].astype(np.float64)
        odd = line[1::2].astype(np.float64)
        detail_gain = LOW_GAIN / np.sqrt(2.0)
        if inverse:
            even *= LOW_GAIN
            odd /= detail_gain
        steps = list(zip(LIFTING, _odd_gains(), strict=True))
        for number, (weight, gain) in (
            reversed(list(enumerate(steps))) if inverse else enumerate(steps)
        ):
            if number % 2 == 0:
                after = even[1:]
                if len(even) == len(odd):
                    after = np.concatenate([after, _extrapolated(even[::-1], self.even_weights)])
                odd += (-weight if inverse else weight) * (even[: len(odd)] + after)
                continue
            turned_share = np.zeros((len(even), 1))
            turned_share[0] += 2 * self.turned * gain
            before = np.concatenate([self._beyond_even(odd), odd])[: len(even)]
            after = odd
            if len(even) > len(odd):
                turned_share[-1] += 2 * self.turned * gain
                after = np.concatenate([odd, self._beyond_even(odd[::-1])])
            if inverse:
                even = (even - weight * (before + after)) / (1 + weight * turned_share)
            else:
                even = even * (1 + weight * turned_share) + weight * (before + after)
        if not inverse:
            even /= LOW_GAIN
            odd *= detail_gain
        out = np.empty(line.shape)
        out[0::2] = even
        out[1::2] = odd
        return out

    def _beyond_even(self, odd: np.ndarray) -> np.ndarray:
        """Return the part of the value beyond an even end that follows from odd samples [n, m],
        from the end inwards, [1, m]."""
        return (1 - self.turned) * _extrapolated(odd, self.odd_weights) - self.turned * odd[:1]

    def for_split(self, count: int) -> Extension:
        """Extend `count` samples by HALO for `neural.methods.lapped.wavelet.split_lines`."""
        return _solved(self, count, False)

    def for_merge(self, count: int) -> Extension:
        """Extend `count` interleaved bands by HALO for
        `neural.methods.lapped.wavelet.merge_lines`."""
        return _solved(self, count, True)

    def of_samples(self, reach: int) -> Callable[[int], Extension]:
        """Extend low-pass samples by `reach` for the restoration: mirrored, or along their
        slope."""
        return partial(reflection if self is REFLECT else linear_extension, reach=reach)

    def scale_ends(self, details: np.ndarray, ends: Ends) -> None:
        """Multiply the details [BAND_COUNT, n, m] that end the grid's lines by `end_step`, in
        place."""
        if 0 <= ends.row < details.shape[1]:
            details[1:, ends.row] *= self.end_step  # details along y, and along both
        if 0 <= ends.column < details.shape[2]:
            details[::2, :, ends.column] *= self.end_step  # along x, and along both

    @cached_property
    def end_gain(self) -> float:
        """Sample at an odd end over the detail there."""
        return float(self.lift(np.eye(LONG)[:, -1:], inverse=True)[-1, 0])


REFLECT = Boundary("reflect", 0.0, (1.0,), (1.0,), 1.0)
"""Files of schema 1: whole-sample symmetry, which bends slopes flat at every end."""

LINEAR = Boundary("linear", 0.5, (1.0, 0.5, 0.0, -0.5), (4 / 3, 1 / 3, -2 / 3), 0.7)
"""Exact on slopes: lines fitted to the outermost four odd samples, and to three even ones, go on
beyond the end."""

BOUNDARIES = {boundary.name: boundary for boundary in (REFLECT, LINEAR)}


def _extrapolated(values: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
    """Extrapolate from the first values [n, m]: weighted sum, or with too few values along their
    slope or constant, [1, m]."""
    if len(values) < len(weights):
        weights = (2.0, -1.0) if len(values) > 1 else (1.0,)
    return np.tensordot(weights, values[: len(weights)], 1)[None]


def _odd_gains() -> list[float]:
    """Return the ratio of odd to even samples of a constant line before each lifting step."""
    even = 1.0
    odd = 1.0
    gains = []
    for number, weight in enumerate(LIFTING):
        gains.append(odd / even)
        if number % 2 == 0:
            odd += 2 * weight * even
        else:
            even += 2 * weight * odd
    return gains


@lru_cache(maxsize=256)
def _solved(boundary: Boundary, count: int, inverse: bool) -> Extension:
    if boundary is REFLECT:
        return _mirrored_bands(count) if inverse else reflection(count, HALO)
    count = min(count, LONG + count % 2)
    lift = merge_lines if inverse else split_lines
    extended = lift(np.eye(count + 2 * HALO))
    beyond = np.concatenate([extended[:, :HALO], extended[:, HALO + count :]], axis=1)
    targets = boundary.lift(np.eye(count), inverse) - extended[:, HALO : HALO + count]
    values = np.linalg.lstsq(beyond, targets, rcond=1e-9)[0]
    values[np.abs(values) < 1e-12] = 0.0
    if count < LONG:
        return Extension(values[:HALO], values[HALO:])
    used = np.flatnonzero(values.any(axis=0))
    low = used[used < count // 2].max() + 1
    high = used[used >= count // 2].min()
    return Extension(values[:HALO, :low].copy(), values[HALO:, high:].copy())


def _mirrored_bands(count: int) -> Extension:
    """Mirror interleaved bands; the details of a single sample are 0."""
    extension = reflection(count, HALO)
    if count > 1:
        return extension
    even = (np.arange(HALO) % 2 == 0)[:, None]  # HALO is even: so are the places −HALO, −HALO + 2 …
    return Extension(extension.before * even, extension.after * ~even)


@lru_cache(maxsize=256)
def reflection(count: int, reach: int) -> Extension:
    """Return the whole-sample symmetric extension of `count` values by `reach`."""
    reached = min(count, reach + 1)
    before = np.zeros((reach, reached))
    period = max(2 * (count - 1), 1)
    for distance in range(1, reach + 1):
        folded = distance % period
        before[reach - distance, min(folded, period - folded) if count > 1 else 0] = 1.0
    return Extension(before, before[::-1, ::-1].copy())


@lru_cache(maxsize=256)
def linear_extension(count: int, reach: int) -> Extension:
    """Return the extension of `count` samples by `reach` along the mean slope of the outermost
    few."""
    over = min(_SLOPE_REACH, count - 1)
    before = np.zeros((reach, over + 1))
    before[:, 0] = 1.0
    if over:
        slope = np.arange(reach, 0, -1) / over
        before[:, 0] += slope
        before[:, over] -= slope
    return Extension(before, before[::-1, ::-1].copy())
