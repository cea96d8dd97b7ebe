"""Heights packed into the red, green and blue bytes of pictures: decoding, and telling them from
ordinary pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Encoding(NamedTuple):
    """meters = ((red · 256 + green) · 256 + blue) · step_m + base_m."""

    title: str
    step_m: float
    base_m: float


ENCODINGS = {
    "mapbox": Encoding("Terrain-RGB (Mapbox)", 0.1, -10000.0),
    "terrarium": Encoding("Terrarium", 1 / 256, -32768.0),
}
"""By the name that `--encoding` takes."""

_LOWEST_M = -12_000.0
_HIGHEST_M = 9_000.0
_MOST_OUTSIDE = 0.01
_MOST_STEP_M = 1000.0
# all of them on smooth ground, a quarter where neighbors differ by more than a byte's worth
_LEAST_CARRIES = 0.2
_WRAP = 64
_LEAST_PAIRS = 8


def decode(colors: np.ndarray, encoding: str) -> np.ndarray:
    """Return the heights of red, green and blue bytes [3, rows, cols]: float32 [rows, cols]
    meters."""
    kind = ENCODINGS[encoding]
    red, green, blue = colors.astype(np.int32)
    counts = (red << 16) + (green << 8) + blue
    heights: np.ndarray = (counts * kind.step_m + kind.base_m).astype(np.float32)
    return heights


def recognize(windows: Iterable[tuple[np.ndarray, np.ndarray]]) -> str | None:
    """Return the encoding that makes terrain of a raster's sample windows, None where they are a
    picture.

    A window is the bytes [3, rows, cols] and which samples count, bool [rows, cols]. Black counts
    never: it fills what is missing.
    """
    kept = [(colors, valid & colors.any(axis=0)) for colors, valid in windows]
    return next((name for name in ENCODINGS if _is_terrain(kept, name)), None)


def _is_terrain(windows: list[tuple[np.ndarray, np.ndarray]], encoding: str) -> bool:
    """Return True if the heights are plausible terrain without leaps, and where one byte steps by
    one the next byte wraps."""
    inside = total = 0
    leaps: list[np.ndarray] = []
    steps: list[np.ndarray] = []
    for colors, valid in windows:
        heights = decode(colors, encoding)
        inside += int(((heights > _LOWEST_M) & (heights < _HIGHEST_M) & valid).sum())
        total += int(valid.sum())
        for axis in (0, 1):
            both = _both(valid, axis)
            leaps.append(np.abs(np.diff(heights, axis=axis))[both])
            steps.append(np.diff(colors.astype(np.int16), axis=axis + 1)[:, both])
    if total == 0 or inside < (1 - _MOST_OUTSIDE) * total:
        return False
    leap_m = np.concatenate(leaps)
    (red, green, blue) = np.concatenate(steps, axis=1)
    if not leap_m.any() or np.median(leap_m) > _MOST_STEP_M:
        return False
    carried = [_carries(red, green), _carries(green, blue)]
    return True in carried or False not in carried


def _carries(high: np.ndarray, low: np.ndarray) -> bool | None:
    """Return True where the low byte wraps as the high one steps by ±1, as digits do; None where
    too little happens."""
    stepped = np.abs(high) == 1
    if stepped.sum() < _LEAST_PAIRS or not low.any():
        return None
    return bool(((high * low)[stepped] < -_WRAP).mean() > _LEAST_CARRIES)


def _both(valid: np.ndarray, axis: int) -> np.ndarray:
    """Return neighbors along an axis that are both valid."""
    lines = valid if axis == 0 else valid.T
    both: np.ndarray = lines[1:] & lines[:-1]
    return both if axis == 0 else both.T
