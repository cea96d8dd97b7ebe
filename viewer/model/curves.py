"""Curves through values at given times: cubic Hermite pieces whose velocities agree where they meet
(C1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EASINGS = {
    "smooth": "passes through at the speed of the whole path",
    "linear": "straight and at one speed; two of them may meet in a corner",
    "ease_in": "starts from rest",
    "ease_out": "comes to rest",
    "ease_in_out": "starts from rest and comes to rest",
}
"""Speed profiles of a segment between two keyframes."""

REACH = 3.0
"""Largest ratio of a velocity to the mean velocity of the adjacent segments: beyond it a cubic
overshoots (F. N. Fritsch, R. E. Carlson, Monotone piecewise cubic interpolation, 1980)."""


class Track:
    """Interpolant of values [n, k] at n increasing times.

    `monotone` keeps every component between its values at the two ends of a segment
    (Fritsch–Butland velocities, as PCHIP); otherwise velocities are those of the parabola through
    three neighbors (Bessel), at most REACH times the slower segment's, whichever way the axes lie.
    `closed` joins the last time to the first with the same velocity.
    """

    def __init__(
        self,
        times: Sequence[float] | np.ndarray,
        values: np.ndarray,
        easings: Sequence[str] | None = None,
        *,
        monotone: bool,
        closed: bool = False,
    ) -> None:
        self.times = np.asarray(times, np.float64)
        self.values = np.asarray(values, np.float64).reshape(len(self.times), -1)
        self._leave, self._arrive = _velocities(self.times, self.values, easings, monotone, closed)

    def value_at(self, time_s: float) -> np.ndarray:
        """Return the values at a time, float64 [k]; clamped before the first and after the last."""
        last = len(self.times) - 1
        values: np.ndarray
        if last == 0 or time_s <= self.times[0]:
            values = self.values[0].copy()
            return values
        if time_s >= self.times[last]:
            values = self.values[last].copy()
            return values
        i = int(np.searchsorted(self.times, time_s, side="right")) - 1
        span = self.times[i + 1] - self.times[i]
        u = (time_s - self.times[i]) / span
        u2 = u * u
        u3 = u * u * u
        rise = 3 * u2 - 2 * u3
        start = self.values[i]
        end = self.values[i + 1]
        bend = span * ((u3 - 2 * u2 + u) * self._leave[i] + (u3 - u2) * self._arrive[i])
        # From the nearer end, so that keyframes are met to the last bit in large coordinates.
        chord = start + rise * (end - start) if u < 0.5 else end + (rise - 1) * (end - start)
        values = chord + bend
        return values


def _velocities(
    times: np.ndarray,
    values: np.ndarray,
    easings: Sequence[str] | None,
    monotone: bool,
    closed: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the velocities at the start and the end of each segment, each [n − 1, k]."""
    spans = np.diff(times)
    slopes = np.diff(values, axis=0) / spans[:, None]
    count = len(spans)
    if count == 0:
        return slopes, slopes
    inner = _butland if monotone else _bessel
    velocity = np.zeros_like(values)
    for i in range(1, count):
        velocity[i] = inner(slopes[i - 1], slopes[i], spans[i - 1], spans[i])
    if closed:
        velocity[0] = velocity[-1] = inner(slopes[-1], slopes[0], spans[-1], spans[0])
    else:
        velocity[0] = _end(slopes[0], velocity[1])
        velocity[-1] = _end(slopes[-1], velocity[-2])
        if count == 1:
            velocity[:] = slopes[0]
    ways = ["smooth"] * count if easings is None else list(easings)[:count]
    for i, way in enumerate(ways):
        rests = ([i] if way in ("ease_in", "ease_in_out") else []) + (
            [i + 1] if way in ("ease_out", "ease_in_out") else []
        )
        for knot in rests:
            velocity[knot] = 0
            if closed and knot in (0, count):
                velocity[0] = velocity[-1] = 0
    leave = velocity[:-1].copy()
    arrive = velocity[1:].copy()
    for i in (i for i, way in enumerate(ways) if way == "linear"):
        leave[i] = arrive[i] = slopes[i]
        before = (i - 1) % count
        after = (i + 1) % count
        if (i > 0 or closed) and ways[before] in ("smooth", "ease_in"):
            arrive[before] = slopes[i]
        if (i < count - 1 or closed) and ways[after] in ("smooth", "ease_out"):
            leave[after] = slopes[i]
    return leave, arrive


def _bessel(
    before: np.ndarray, after: np.ndarray, span_before: float, span_after: float
) -> np.ndarray:
    velocity = (span_after * before + span_before * after) / (span_before + span_after)
    limit = REACH * min(float(np.linalg.norm(before)), float(np.linalg.norm(after)))
    speed = float(np.linalg.norm(velocity))
    return velocity * min(1.0, limit / speed) if speed > 0 else velocity


def _butland(
    before: np.ndarray, after: np.ndarray, span_before: float, span_after: float
) -> np.ndarray:
    one = 2 * span_after + span_before
    other = span_after + 2 * span_before
    same = before * after > 0
    safe = np.where(same, before, 1.0), np.where(same, after, 1.0)
    return np.where(same, (one + other) / (one / safe[0] + other / safe[1]), 0.0)


def _end(slope: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the velocity at a free end that leaves no curvature there, limited against
    overshoot."""
    free = (3 * slope - inner) / 2
    free = np.where(free * slope > 0, free, 0.0)
    limited: np.ndarray = np.sign(free) * np.minimum(np.abs(free), REACH * np.abs(slope))
    return limited
