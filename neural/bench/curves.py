"""Curves of error over bits per sample: interpolation, means over places, and byte ratios at equal
error.

Errors and rates are ratios by nature, so curves are interpolated in log–log and means over places
are geometric; PSNR, a logarithm already, is averaged as it is. A mean exists only where every place
has a value: how many places reach a rate stands beside it, so that no place drops out unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Point = Mapping[str, Any]
Curve = Sequence[Point]

ERRORS = (
    "rmse_m",
    "mae_m",
    "le90_m",
    "max_error_m",
    "gradient_rmse",
    "sampled_gradient_rmse",
    "laplacian_rmse",
)
RATE_KEYS = ("bits_per_sample", "stack_bits_per_sample")
_MIN_ERROR = 1e-6
"""Errors below a micrometer (a flat tile decoded exactly) count as one, so that logarithms
exist."""

RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Bits per sample that tables show of codecs, which have no points of their own in common."""


class Ratio(NamedTuple):
    """Bytes of a neural point over those of the best codec at equal error.

    `bound` is "" for an interpolated value, "≥" where even that codec's fewest bytes give less
    error, "≤" where no codec of the sweep gets as exact.
    """

    value: float
    codec: str
    bound: str


def geometric(values: Sequence[float]) -> float:
    """Return the geometric mean, values below a micrometer counted as one."""
    return math.exp(sum(math.log(max(v, _MIN_ERROR)) for v in values) / len(values))


def _psnr(point: Point) -> float:
    """Return a point's PSNR in decibels; an exact decode counts as 200."""
    return min(float(point["psnr_db"]), 200.0)


def rate_range(curve: Curve) -> tuple[float, float]:
    """Return fewest and most bits per sample of a curve."""
    rates = [point["bits_per_sample"] for point in curve]
    return min(rates), max(rates)


def point_at_rate(curve: Curve, bits: float) -> dict[str, float] | None:
    """Return every error of a curve at `bits` per sample, interpolated; None outside its range."""
    ordered = sorted(curve, key=lambda point: point["bits_per_sample"])
    low, high = rate_range(curve)
    if not low <= bits <= high:
        return None
    x = np.log([point["bits_per_sample"] for point in ordered])
    interpolated = {"bits_per_sample": bits}
    for key in (*ERRORS, "stack_bits_per_sample"):
        y = np.log([max(point[key], _MIN_ERROR) for point in ordered])
        interpolated[key] = math.exp(np.interp(math.log(bits), x, y))
    interpolated["psnr_db"] = float(
        np.interp(math.log(bits), x, [_psnr(point) for point in ordered])
    )
    return interpolated


def mean_point(points: Sequence[Point]) -> dict[str, Any]:
    """Average one point of every place; `rmse_mean_m` is the arithmetic mean, the others are
    geometric."""
    mean: dict[str, Any] = {
        key: geometric([point[key] for point in points])
        for key in (*ERRORS, "bits_per_sample", "stack_bits_per_sample")
    }
    mean["psnr_db"] = float(np.mean([_psnr(point) for point in points]))
    mean["rmse_mean_m"] = float(np.mean([point["rmse_m"] for point in points]))
    for key in ("bits", "step_m", "macs_per_sample", "decoder_bytes"):
        if key in points[0]:
            mean[key] = points[0][key]
    return mean


def mean_at_rate(curves: Sequence[Curve], bits: float) -> dict[str, Any]:
    """Return the mean of all places at one rate, or only `bits_per_sample`; `places` is the number
    of places that reach it."""
    at_places = [point_at_rate(curve, bits) for curve in curves]
    reached = [point for point in at_places if point is not None]
    mean = mean_point(reached) if len(reached) == len(curves) else {"bits_per_sample": bits}
    return {**mean, "places": len(reached)}


def common_rates(curves: Sequence[Curve], count: int = 48) -> np.ndarray:
    """Return rates that all curves reach, evenly spaced in the logarithm; empty where they have
    none in common."""
    low = max(rate_range(curve)[0] for curve in curves)
    high = min(rate_range(curve)[1] for curve in curves)
    return np.geomspace(low, high, count).clip(low, high) if low < high else np.empty(0)


def rate_at(
    curve: Curve, key: str, error: float, result_key: str = "bits_per_sample"
) -> tuple[float, str]:
    """Return bits per sample at which a curve gets down to an error, and which bound that is (""
    when it is none).

    "≤": its fewest bits give less error already; "≥": its most bits give more. `result_key` names
    another value of the points to read there: another rate, which then orders the points, or
    another error.
    """
    ordered = sorted(
        curve, key=lambda point: point[result_key if result_key in RATE_KEYS else RATE_KEYS[0]]
    )
    x = np.log([max(point[result_key], _MIN_ERROR) for point in ordered])
    # An error reached with fewer bits is also reached with more.
    y = np.minimum.accumulate(np.log([max(point[key], _MIN_ERROR) for point in ordered]))
    log_error = math.log(max(error, _MIN_ERROR))
    if log_error > y[0]:
        return math.exp(x[0]), "≤"
    if log_error < y[-1]:
        return math.exp(x[-1]), "≥"
    return math.exp(np.interp(-log_error, -y, x)), ""


def ratio(
    point: Point, codecs: Mapping[str, Curve], key: str, rate: str = "bits_per_sample"
) -> Ratio:
    """Return bytes of a point, counted as `rate`, over those of the codec that needs fewest for the
    same error `key`."""
    rates = {name: rate_at(curve, key, point[key]) for name, curve in codecs.items()}
    # A codec that never gets there is no rival of one that does.
    best = min(rates, key=lambda name: (rates[name][1] == "≥", rates[name][0]))
    bits, bound = rates[best]
    return Ratio(point[rate] / bits, best, {"≤": "≥", "≥": "≤", "": ""}[bound])


def mean_ratio(ratios: Sequence[Ratio]) -> tuple[float, str]:
    """Return the geometric mean over places, and which bound it is: "?" where bounds point both
    ways."""
    return geometric([r.value for r in ratios]), common_bound([r.bound for r in ratios])


def common_bound(bounds: Sequence[str]) -> str:
    """Return the bound of a mean of bounded values: "" when none is a bound, "?" when they point
    both ways."""
    kinds = set(bounds) - {""}
    return kinds.pop() if len(kinds) == 1 else "?" if kinds else ""
