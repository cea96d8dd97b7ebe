"""The grand tour: from a view of the whole area down to its roughest places, round by the north, and back up.

The camera goes round the middle clockwise, as the sectors of `LEGS` say, and looks ahead and inwards; so it turns
steadily, about once in all, and never at the empty land outside. It is fast when high and slow when low.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from viewer.camera import Camera
from viewer.film.curves import Track
from viewer.film.generators import TOUR_S, looking_at
from viewer.film.heightfield import HeightField
from viewer.film.path import CameraPath, Keyframe
from viewer.stats import Bounds

OVERVIEW_PITCH_DEG = -32.0
KEYFRAME_S = 1.5
"""Time between keyframes: dense enough that the camera keeps to the curve it was made from."""

EASE = 0.1
"""Share of the time at either end in which the film gathers speed or comes to rest."""


class Leg(NamedTuple):
    """A place the tour goes by: in which quarter of the area, how high, and where the camera looks."""

    east: int  # +1: the eastern half
    north: int
    height: float  # above the terrain, in sizes of the area
    ahead: float  # how far ahead the camera looks, in sizes of the area
    inward: float  # 0: ahead; 1: to the middle of the area


LEGS = (
    Leg(-1, -1, 0.07, 0.34, 0.00),
    Leg(-1, +1, 0.12, 0.32, 0.10),
    Leg(+1, +1, 0.07, 0.34, 0.15),
    Leg(+1, -1, 0.26, 0.40, 0.65),
)

BESIDE = 0.10
"""How far outside of a rough place the camera passes it, in sizes of the area."""


def tour(
    field: HeightField, *, fov_deg: float = 45.0, aspect: float = 16 / 9, duration_s: float | None = None
) -> CameraPath:
    """A film of the area that ends where it began, at rest; always above the terrain."""
    duration_s = duration_s or TOUR_S
    bounds = field.bounds
    size = math.sqrt((bounds.east - bounds.west) * (bounds.north - bounds.south))
    middle = np.array([(bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2])
    middle_3d = np.array([*middle, field.height_m(*middle)])
    start = Camera(fov_deg=fov_deg)
    drawn = Bounds(*bounds[:4], field.drawn(bounds.low), field.drawn(bounds.high))
    start.frame(drawn, aspect, heading_deg=0.0, pitch_deg=OVERVIEW_PITCH_DEG)
    reach = (start.z - middle_3d[2]) / math.tan(math.radians(-OVERVIEW_PITCH_DEG))
    seen = np.array([start.easting, start.northing + reach, middle_3d[2]])

    places = [_roughest(field, leg) for leg in LEGS]
    outside = [(place - middle) / max(float(np.linalg.norm(place - middle)), 1e-9) for place in places]
    passes = [place + BESIDE * size * out for place, out in zip(places, outside, strict=True)]
    eyes, targets = [start.eye], [seen]
    for k, leg in enumerate(LEGS):
        before = passes[k - 1] if k else start.eye[:2]
        after = passes[k + 1] if k + 1 < len(LEGS) else start.eye[:2]
        along = (after - before) / max(float(np.linalg.norm(after - before)), 1e-9)
        ahead = np.array([*(places[k] + leg.ahead * size * along), 0.0])
        ahead[2] = field.height_m(*ahead[:2])
        z = (field.ceiling_m(*passes[k]) or field.height_m(*passes[k])) + leg.height * size
        eyes.append(np.array([*passes[k], z]))
        targets.append(ahead + leg.inward * (middle_3d - ahead))
    eyes.append(start.eye)
    targets.append(seen)
    times = _times(np.array(eyes), field, size)
    eye = Track(times, np.array(eyes), monotone=False)
    target = Track(times, np.array(targets), monotone=False)
    count = max(8, round(duration_s / KEYFRAME_S))
    frames = []
    for k in range(count + 1):
        share = _eased(k / count) * times[-1]
        frames.append(Keyframe(duration_s * k / count, looking_at(eye.at(share), target.at(share), fov_deg)))
    easings = ["ease_in", *["smooth"] * (count - 2), "ease_out", "smooth"]
    frames = [Keyframe(f.time_s, f.camera, easing) for f, easing in zip(frames, easings, strict=True)]
    return CameraPath(frames, loop=True)


def _times(eyes: np.ndarray, field: HeightField, size: float) -> list[float]:
    """When the camera is where, in some unit: it goes the faster the higher it is."""
    above = np.array([max(eye[2] - field.height_m(eye[0], eye[1]), 0.0) for eye in eyes])
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    speed = 0.25 * size + (above[:-1] + above[1:]) / 2
    return [0.0, *np.cumsum(np.maximum(steps, 1e-3 * size) / speed).tolist()]


def _eased(share: float) -> float:
    """Time that gathers speed and comes to rest, at one speed between: 0 → 0, 1 → 1, without a kink."""
    full = 1 - EASE
    if share > 0.5:
        return 1 - _eased(1 - share)
    if share >= EASE:
        return (share - EASE / 2) / full
    return EASE * ((share / EASE) ** 3 - 0.5 * (share / EASE) ** 4) / full


def _roughest(field: HeightField, leg: Leg) -> np.ndarray:
    """Easting and northing of the window of one quarter in which heights leave a plane the most."""
    rows, columns = field.heights.shape
    side = max(3, min(rows, columns) // 8)
    half = side // 2
    # Windows stay off the rim and off the middle, so that the four places are apart.
    xs = _starts(columns, half, leg.east)
    ys = _starts(rows, half, -leg.north)
    best, at = -1.0, (ys[len(ys) // 2], xs[len(xs) // 2])
    for y in ys:
        for x in xs:
            window = field.heights[y - half : y + half + 1, x - half : x + half + 1]
            if np.isnan(window).mean() > 0.3:
                continue
            rough = _roughness(window)
            if rough > best:
                best, at = rough, (y, x)
    dx, dy = field.spacing_m
    return np.array([field.bounds.west + (at[1] + 0.5) * dx, field.bounds.north - (at[0] + 0.5) * dy])


def _starts(count: int, half: int, sign: int) -> list[int]:
    """Middles of windows along one axis, between 40 % and 75 % of the way from the middle to the rim."""
    middle, reach = count / 2, count / 2 - half
    places = [round(middle + sign * share * reach) for share in np.linspace(0.4, 0.75, 6)]
    return [min(max(place, half), count - 1 - half) for place in dict.fromkeys(places)]


def _roughness(window: np.ndarray) -> float:
    y, x = np.nonzero(~np.isnan(window))
    plane = np.stack([x, y, np.ones(len(x))], axis=1).astype(float)
    heights = window[y, x]
    fit = np.linalg.lstsq(plane, heights, rcond=None)[0]
    return float(np.std(heights - plane @ fit))
