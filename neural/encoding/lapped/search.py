"""A limit met with few, costly measurements."""

from __future__ import annotations

import math
from collections.abc import Callable

_SLOPE = 0.7  # guess of a function's doublings per unit
_NEAR = 0.01  # of the limit: near enough
_TRIES = 10
_HALVE = (6, 8)  # tries before which the bracket is halved, where it has not been narrow enough


def highest(
    value_at: Callable[[float], float], limit: float, start: float, low: float, high: float
) -> float | None:
    """Return the highest place in low … high at which a growing function is within the limit; None
    where even the lowest is not.

    Few values are asked for: the answer is good enough when its value is within 1 % of the limit.
    """
    excesses: dict[float, float] = {}  # place → doublings of the limit
    place = min(max(start, low), high)
    while len(excesses) < _TRIES and place not in excesses:
        excesses[place] = excess = math.log2(max(value_at(place), 1e-12 * limit) / limit)
        if math.log2(1 - _NEAR) <= excess <= 0:
            break
        place = _next(excesses, low, high)
    return max((place for place, excess in excesses.items() if excess <= 0), default=None)


def _next(excesses: dict[float, float], low: float, high: float) -> float:
    """Return the next place to try: the estimate of where the function is just below its limit."""
    within = max((place for place, excess in excesses.items() if excess <= 0), default=None)
    beyond = min((place for place, excess in excesses.items() if excess > 0), default=None)
    aim = -0.4 * _NEAR
    if within is not None and beyond is not None:
        width = beyond - within
        share = 0.5 if len(excesses) in _HALVE else (_inverse(excesses, aim) - within) / width
        return within + min(max(share, 0.02), 0.98) * width
    if len(excesses) == _TRIES - 1:
        return low if within is None else high
    last = list(excesses)[-2:]
    slope = (
        (excesses[last[0]] - excesses[last[-1]]) / (last[0] - last[-1])
        if len(last) == 2
        else _SLOPE
    )
    # Somewhat too far, as then the answer lies between two known places.
    return min(
        max(last[-1] + 1.1 * (aim - excesses[last[-1]]) / min(max(slope, 0.1), 3.0), low), high
    )


def _inverse(excesses: dict[float, float], aim: float) -> float:
    """Return the place of a value, on the parabola (place over value) through the three measured
    ones nearest to it."""
    near = sorted(excesses, key=lambda place: abs(excesses[place] - aim))[:3]
    place_of_aim = 0.0
    for place in near:
        others = [excesses[other] for other in near if other != place]
        place_of_aim += place * math.prod(
            (aim - other) / (excesses[place] - other or math.inf) for other in others
        )
    return place_of_aim
