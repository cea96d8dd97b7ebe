"""Search for a limit with few, costly measurements."""

from __future__ import annotations

import math
from collections.abc import Callable

_SLOPE = 0.7  # guess of a function's doublings per unit
_NEAR = 0.01  # tolerance, as a share of the limit
_TRIES = 10
_HALVE = (6, 8)  # tries before which the bracket is halved, where it has not been narrow enough


def highest(
    value_at: Callable[[float], float], limit: float, start: float, low: float, high: float
) -> float | None:
    """Return the highest x in [low, high] at which an increasing function is within the limit; None
    if even the lowest is not.

    The search ends as soon as a value is within 1 % below the limit.
    """
    excesses: dict[float, float] = {}  # x → doublings of the limit
    x = min(max(start, low), high)
    while len(excesses) < _TRIES and x not in excesses:
        excesses[x] = excess = math.log2(max(value_at(x), 1e-12 * limit) / limit)
        if math.log2(1 - _NEAR) <= excess <= 0:
            break
        x = _next(excesses, low, high)
    return max((x for x, excess in excesses.items() if excess <= 0), default=None)


def _next(excesses: dict[float, float], low: float, high: float) -> float:
    """Return the next x to try, an estimate of the point just below the limit."""
    within = max((x for x, excess in excesses.items() if excess <= 0), default=None)
    beyond = min((x for x, excess in excesses.items() if excess > 0), default=None)
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
    # Somewhat too far, as then the answer lies between two measured x.
    return min(
        max(last[-1] + 1.1 * (aim - excesses[last[-1]]) / min(max(slope, 0.1), 3.0), low), high
    )


def _inverse(excesses: dict[float, float], aim: float) -> float:
    """Return the x of a value, on the parabola (x over value) through the three nearest
    measurements."""
    nearest = sorted(excesses, key=lambda x: abs(excesses[x] - aim))[:3]
    x_of_aim = 0.0
    for x in nearest:
        others = [excesses[other] for other in nearest if other != x]
        x_of_aim += x * math.prod(
            (aim - other) / (excesses[x] - other or math.inf) for other in others
        )
    return x_of_aim
