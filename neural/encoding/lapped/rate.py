"""Choice of the quantization step from a quality, an error in meters, or bits per sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from neural.encoding.lapped.search import highest
from neural.encoding.lapped.staged_layer import StagedLayer
from neural.encoding.lapped.trials import Trials
from neural.errors import UsageError
from neural.methods.lapped.residuals import Bound
from neural.tiles import Tile

DEFAULT_QUALITY = 50.0

FINEST_STEP_M = 2.0**-14
COARSEST_STEP_M = 1024.0
"""Range of a search."""

STEP_SHARES = (2.2, 2.8, 3.5)
"""Candidate quantization steps, as multiples of the bound."""


def step_of_quality(quality: float) -> float:
    """Map quality 0 … 100 to quantization step in meters: 16 m at 0, 0.5 m at 50, 0.0156 m at 100,
    halved every ten."""
    step_m: float = 0.5 * 2.0 ** ((DEFAULT_QUALITY - quality) / 10.0)
    return step_m


@dataclass(frozen=True)
class Rate:
    """Setting of a layer's quantization step: at most one field is not None; without any, see
    `resolved`."""

    step_m: float | None = None
    target_rmse_m: float | None = None
    bits_per_sample: float | None = None
    max_error_m: float | None = None


def resolved(rate: Rate, quantum_m: Callable[[], float]) -> tuple[Rate, float]:
    """Return the rate with exactly one field set, and the quantum in meters it was derived from, or
    0.

    The default is the step of DEFAULT_QUALITY, or the quantum of the source's heights where that is
    coarser: with a step that large the code loses about as much as rounding to the quantum
    has lost (both 0.29 of it).
    """
    if rate != Rate():
        return rate, 0.0
    step_m = step_of_quality(DEFAULT_QUALITY)
    quantum = quantum_m()
    return Rate(step_m=max(step_m, quantum)), quantum if quantum > step_m else 0.0


def find_bound(rate: Rate, layer: StagedLayer) -> Bound | None:
    """Return the error bound of a rate, if any. Raises UsageError for one that 32-bit heights
    cannot keep."""
    if rate.max_error_m is None:
        return None
    try:
        return Bound.of(rate.max_error_m, *layer.stage.height_range(layer.index))
    except ValueError as error:
        raise UsageError(f"--max-error: {error}.") from error


def find_step(rate: Rate, finest_m: float, trials: Trials) -> float:
    """Return the quantization step in meters, a float32 number. Raises UsageError for an
    unreachable target.

    `finest_m` is the finest step that the layer can be coded with.
    """
    if rate.step_m is not None:
        step = float(np.float32(rate.step_m))
        if not finest_m <= step < math.inf:
            raise UsageError(
                f"a step of {step:g} m is too fine for this relief: give at least "
                f"{_round_up_two_digits(finest_m):g} m."
            )
        return step
    if rate.max_error_m is not None:
        steps = [
            float(np.float32(max(share * rate.max_error_m, finest_m))) for share in STEP_SHARES
        ]
        return min(steps, key=lambda step: (trials.bits_per_sample(step, trials.subset), step))
    low = math.log2(max(finest_m, FINEST_STEP_M))
    high = math.log2(COARSEST_STEP_M)
    if rate.target_rmse_m is not None:
        limit = rate.target_rmse_m
        start = math.log2(4 * rate.target_rmse_m)
        measure = trials.rmse_m
        doublings = _search(
            lambda octave, subset: measure(_step(octave), subset),
            limit,
            start,
            low,
            high,
            trials.subset,
        )
        if doublings is None:
            raise UsageError(
                f"--target-rmse {limit:g} is out of reach: the finest step leaves "
                f"{_round_up_two_digits(measure(_step(low))):g} m; "
                "ask for no less than that."
            )
        return _step(doublings)
    assert rate.bits_per_sample is not None
    limit = rate.bits_per_sample
    start = -math.log2(step_of_quality(DEFAULT_QUALITY))
    measure = trials.bits_per_sample
    doublings = _search(
        lambda octave, subset: measure(_step(-octave), subset),
        limit,
        start,
        -high,
        -low,
        trials.subset,
    )
    if doublings is None:
        raise UsageError(
            f"--bits-per-sample {limit:g} is out of reach: the lowest rate for this area is "
            f"{_round_up_two_digits(measure(_step(high))):g}; ask for no less than that."
        )
    return _step(-doublings)


def _search(
    value_at: Callable[[float, Sequence[Tile]], float],
    limit: float,
    start: float,
    low: float,
    high: float,
    subset: Sequence[Tile],
) -> float | None:
    """Run `highest`, starting from its result for a subset of tiles."""
    if subset:
        subset_result = highest(lambda octave: value_at(octave, subset), limit, start, low, high)
        start = start if subset_result is None else subset_result
    return highest(lambda octave: value_at(octave, ()), limit, start, low, high)


def _step(doublings: float) -> float:
    return float(np.float32(2.0**doublings))


def _round_up_two_digits(value: float) -> float:
    """Return a value rounded up to two significant digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / unit) * unit
