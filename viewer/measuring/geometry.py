"""Lines and polygons on the grid: lengths, bearings, positions along a line, polygon coverage of
cells.

Points are eastings and northings in the file's meters, [n, 2]. Lengths and areas are those of the
grid times its ground scale; the rest of a map projection's scale factor is small (0.04 % at the
middle of a UTM zone).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """Positions along a polyline, corners included."""

    easting: np.ndarray  # [m]
    northing: np.ndarray
    distance_m: np.ndarray  # along the line, from its beginning
    spacing_m: float  # widest distance between neighbors


def as_points(points: object) -> np.ndarray:
    """Return points as float64 [n, 2] without consecutive duplicates."""
    array = np.asarray(points, np.float64).reshape(-1, 2)
    if len(array) < 2:
        return array
    return array[np.append(True, (np.diff(array, axis=0) != 0).any(axis=1))]


def as_ring(points: object) -> np.ndarray:
    """Return the corners of a polygon, float64 [n, 2], without consecutive duplicates; the first
    point again at the end, as WKT and GeoJSON write it, is one."""
    ring = as_points(points)
    while len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    return ring


def on_one_line(points: np.ndarray) -> bool:
    """Return True if points [n, 2] lie on one line, to the precision of their numbers."""
    offsets = points - points[0]
    reach = np.hypot(*offsets.T)
    far = offsets[int(np.argmax(reach))]
    length = float(reach.max())
    rounding = 4 * float(np.spacing(np.abs(points).max())) + 1e-12 * length
    across = np.abs(offsets[:, 0] * far[1] - offsets[:, 1] * far[0])
    return bool((across <= rounding * length).all())


def segment_lengths_m(points: np.ndarray, ground_scale: float = 1.0) -> np.ndarray:
    """Return the length of each segment [n − 1] on the ground, meters."""
    return np.hypot(*np.diff(points, axis=0).T) * ground_scale


def bearing_deg(start: np.ndarray, end: np.ndarray) -> float:
    """Return the bearing from one point to another, clockwise from grid north, in [0, 360); NaN
    between equal points."""
    east, north = np.asarray(end, np.float64) - np.asarray(start, np.float64)
    if east == 0 and north == 0:
        return float("nan")
    return float(np.degrees(np.arctan2(east, north)) % 360.0)


def along(points: np.ndarray, step_m: float, at_most: int, ground_scale: float = 1.0) -> Line:
    """Resample a polyline of two points or more evenly on each segment, at most `step_m` apart on
    the ground.

    Beyond about `at_most` positions the spacing is larger.
    """
    lengths = segment_lengths_m(points, ground_scale)
    total = float(lengths.sum())
    step = max(step_m, total / max(at_most - len(points), 1))
    pieces = np.maximum(np.ceil(lengths / step - 1e-9), 1).astype(int)
    shares = [np.arange(count) / count for count in pieces]
    places = [
        start + share[:, None] * (end - start)
        for start, end, share in zip(points, points[1:], shares, strict=False)
    ]
    start_m = np.concatenate([[0.0], np.cumsum(lengths)])
    distances = [
        begin + share * length
        for begin, share, length in zip(start_m, shares, lengths, strict=False)
    ]
    whole = np.concatenate([*places, points[-1:]])
    return Line(
        whole[:, 0],
        whole[:, 1],
        np.append(np.concatenate(distances), total),
        float((lengths / pieces).max()),
    )


def nearest(line: Line, easting: float, northing: float) -> int:
    """Return the position of a line nearest to a point."""
    return int(np.argmin(np.hypot(line.easting - easting, line.northing - northing)))


def area_m2(points: np.ndarray, ground_scale: float = 1.0) -> float:
    """Return the area on the ground of a closed polygon (the last corner joins the first)."""
    x, y = (points - points[0]).T
    return abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))) / 2 * ground_scale**2


def perimeter_m(points: np.ndarray, ground_scale: float = 1.0) -> float:
    """Return the length on the ground of a closed polygon's outline."""
    return float(segment_lengths_m(np.concatenate([points, points[:1]]), ground_scale).sum())


def crosses_itself(points: np.ndarray) -> bool:
    """Return True if two sides of a closed polygon that are no neighbors meet."""
    count = len(points)
    start = points
    end = np.roll(points, -1, axis=0)
    for one in range(count - 2):
        others = np.arange(one + 2, count - (one == 0))
        a = start[one]
        b = end[one]
        c = start[others]
        d = end[others]
        if ((_side(a, b, c) * _side(a, b, d) <= 0) & (_side(c, d, a) * _side(c, d, b) <= 0)).any():
            return True
    return False


def _side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return the sign of the side of the line a → b on which c lies."""
    (ax, ay) = a.T
    (bx, by) = b.T
    (cx, cy) = c.T
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def coverage(points: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Return the share of each unit cell covered by a simple polygon, in [0, 1]: [rows, columns].

    Points are columns and rows, inside 0 … columns and 0 … rows. Exact: every side is cut at the
    cells' borders, and each piece adds the area to its right within its row (as rasterizers of
    fonts do).
    """
    covered = np.zeros((rows, columns + 1))
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        if start[1] == end[1]:
            continue
        cuts = [np.array([0.0, 1.0])]
        for axis in range(2):
            low, high = sorted((start[axis], end[axis]))
            lines = np.arange(np.floor(low) + 1, np.ceil(high))
            if len(lines):
                cuts.append((lines - start[axis]) / (end[axis] - start[axis]))
        t = np.unique(np.clip(np.concatenate(cuts), 0.0, 1.0))
        x, y = start[:, None] + (end - start)[:, None] * t
        middle_x = (x[1:] + x[:-1]) / 2
        middle_y = (y[1:] + y[:-1]) / 2
        rise = np.diff(y)
        column = np.clip(np.floor(middle_x).astype(int), 0, columns - 1)
        row = np.clip(np.floor(middle_y).astype(int), 0, rows - 1)
        inside = middle_x - column
        np.add.at(covered, (row, column), rise * (1 - inside))
        np.add.at(covered, (row, column + 1), rise * inside)
    return np.clip(np.abs(np.cumsum(covered, axis=1)[:, :columns]), 0.0, 1.0)
