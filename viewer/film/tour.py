"""Grand tour: from a view of the whole area down to its roughest part, once around that, and back
up.

Roughness is the deviation of heights from a plane; the camera circles an ellipse around the
weighted rough places, clockwise, at varying heights, looking ahead and inwards. It turns steadily,
once in total, with rough ground before it and the empty land outside behind it; fast when high and
slow when low.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from viewer.film.heightfield import HeightField
from viewer.model.camera import Camera, looking_at
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.model.curves import Track
from viewer.model.readings import BoundingBox

TOUR_S = 48.0
"""Default duration of a tour, seconds."""

OVERVIEW_PITCH_DEG = -32.0
KEYFRAME_S = 1.5
"""Time between keyframes, seconds: dense enough to keep the camera on its curve."""

EASE = 0.1
"""Share of the time at either end for acceleration and deceleration."""

WINDOWS = 12
"""Windows along each side of the area in which roughness is measured."""

OUTSIDE = 0.06
"""Largest distance outside of the area while the camera is low, in sizes of the area."""

AHEAD_DEG = 55.0
"""Angle around the ellipse by which the camera looks ahead."""


class Station(NamedTuple):
    """Position around the ellipse."""

    around_deg: float  # clockwise from the south
    height: float  # above the terrain, in sizes of the area
    inner: float  # target between center (0) and ellipse (1)


STATIONS = (
    Station(50, 0.15, 0.25),
    Station(95, 0.05, 0.30),
    Station(145, 0.07, 0.35),
    Station(200, 0.14, 0.25),
    Station(240, 0.13, 0.05),
    Station(275, 0.17, 0.05),
    Station(315, 0.27, 0.20),
)


def tour(
    field: HeightField,
    *,
    fov_deg: float = 45.0,
    aspect: float = 16 / 9,
    duration_s: float | None = None,
) -> CameraPath:
    """Return a tour of the area that ends where it began, at rest; always above the terrain."""
    duration_s = duration_s or TOUR_S
    bounds = field.bounds
    size = math.sqrt((bounds.east - bounds.west) * (bounds.north - bounds.south))
    start = Camera(fov_deg=fov_deg)
    drawn_bounds = BoundingBox(*bounds[:4], field.drawn(bounds.low), field.drawn(bounds.high))
    start.frame(drawn_bounds, aspect, heading_deg=0.0, pitch_deg=OVERVIEW_PITCH_DEG)
    level = field.height_m((bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2)
    reach = (start.z - level) / math.tan(math.radians(-OVERVIEW_PITCH_DEG))
    overview_target = np.array([start.easting, start.northing + reach, level])

    middle, axes = rough_part(field)
    axes = axes + 0.12 * size
    low = np.array([bounds.west, bounds.south]) - OUTSIDE * size
    high = np.array([bounds.east, bounds.north]) + OUTSIDE * size

    def position_at(degrees: float, share: float) -> np.ndarray:
        angle = math.radians(degrees)
        return np.clip(
            middle - share * axes * np.array([math.sin(angle), math.cos(angle)]), low, high
        )

    eyes = [start.eye]
    targets = [overview_target]
    for station in STATIONS:
        eye_position = position_at(station.around_deg, 1.0)
        top = field.ceiling_m(*eye_position)
        z = (
            max(field.height_m(*eye_position), -math.inf if top is None else top)
            + station.height * size
        )
        target_position = position_at(station.around_deg + AHEAD_DEG, station.inner)
        eyes.append(np.array([*eye_position, z]))
        targets.append(np.array([*target_position, field.height_m(*target_position)]))
    eyes.append(start.eye)
    targets.append(overview_target)
    times = _times(np.array(eyes), field, size)
    eye = Track(times, np.array(eyes), monotone=False)
    target = Track(times, np.array(targets), monotone=False)
    count = max(8, round(duration_s / KEYFRAME_S))
    easings = ["ease_in", *["smooth"] * (count - 2), "ease_out", "smooth"]
    frames = []
    for k, easing in enumerate(easings):
        share = _eased(k / count) * times[-1]
        camera = looking_at(eye.value_at(share), target.value_at(share), fov_deg)
        frames.append(Keyframe(duration_s * k / count, camera, easing))
    return CameraPath(frames, loop=True)


def rough_part(field: HeightField) -> tuple[np.ndarray, np.ndarray]:
    """Return the center (easting, northing) of the rough part and its spread along both axes, [2]
    each."""
    rows, columns = field.heights.shape
    places = []
    weights = []
    dx, dy = field.spacing_m
    for y0, y1 in _windows(rows):
        for x0, x1 in _windows(columns):
            window = field.heights[y0:y1, x0:x1]
            if np.isnan(window).mean() < 0.5:
                places.append(
                    (
                        field.bounds.west + (x0 + x1) / 2 * dx,
                        field.bounds.north - (y0 + y1) / 2 * dy,
                    )
                )
                weights.append(roughness(window) ** 2)
    if not weights or not sum(weights) > 0:
        bounds = field.bounds
        half = np.array([bounds.east - bounds.west, bounds.north - bounds.south]) / 2
        return np.array([bounds.west, bounds.south]) + half, half / math.sqrt(3)
    positions = np.array(places)
    weight = np.array(weights) / sum(weights)
    middle = weight @ positions
    return middle, np.sqrt(weight @ (positions - middle) ** 2)


def roughness(window: np.ndarray) -> float:
    """Return the RMS distance of heights [n, m] from their best-fitting plane, meters; NaN is
    ignored."""
    y, x = np.nonzero(~np.isnan(window))
    plane = np.stack([x, y, np.ones(len(x))], axis=1).astype(float)
    heights = window[y, x]
    fit = np.linalg.lstsq(plane, heights, rcond=None)[0]
    return float(np.sqrt(np.mean((heights - plane @ fit) ** 2)))


def _windows(count: int) -> list[tuple[int, int]]:
    parts = min(WINDOWS, max(1, count // 3))
    return [(count * k // parts, count * (k + 1) // parts) for k in range(parts)]


def _times(eyes: np.ndarray, field: HeightField, size: float) -> list[float]:
    """Return relative times of the stations: the camera is faster the higher it is."""
    above = np.array([max(eye[2] - field.height_m(eye[0], eye[1]), 0.0) for eye in eyes])
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=1)
    speed = 0.2 * size + (above[:-1] + above[1:]) / 2
    return [0.0, *np.cumsum(np.maximum(steps, 1e-3 * size) / speed).tolist()]


def _eased(share: float) -> float:
    """Ease a share of time in and out, at constant speed between: 0 → 0, 1 → 1, C1."""
    full = 1 - EASE
    if share > 0.5:
        return 1 - _eased(1 - share)
    if share >= EASE:
        return (share - EASE / 2) / full
    return EASE * ((share / EASE) ** 3 - 0.5 * (share / EASE) ** 4) / full
