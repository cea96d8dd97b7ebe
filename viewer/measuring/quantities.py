"""Quantities of points, lines and polygons on all surfaces: plain numbers, units in their names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from neural.surface.sampling import SurfaceSampler
from viewer.measuring import geometry
from viewer.measuring.readout import read
from viewer.measuring.terrain import REFERENCE, Terrain
from viewer.model.measurements import MIN_POINTS

STEPS_PER_CELL = 2
"""Samples along a line per finest cell."""

MOST_SAMPLES = 20_000
"""Most samples along a line; longer lines are sampled more coarsely."""

MOST_CELLS = 1 << 20
"""Most cells of a polygon's bounding box; larger ones use larger cells."""


@dataclass(frozen=True)
class MeasurementResult:
    """Numbers of a measurement."""

    kind: str  # one of MEASUREMENT_KINDS
    points: list[list[float]]  # eastings and northings
    common: dict[str, Any]  # numbers independent of the surface
    # numbers by surface; NaN where unknown
    surfaces: dict[str, dict[str, float]]
    note: str = ""  # sentence on limits of the numbers

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; None for unknown numbers."""
        return _plain(asdict(self))


def never() -> bool:
    """Return False: a measurement that is never cancelled."""
    return False


def measure(
    terrain: Terrain,
    kind: str,
    points: Sequence[Sequence[float]],
    outdated: Callable[[], bool] = never,
) -> MeasurementResult:
    """Measure at the finest level. Raises ValueError for too few points, NtileError for unreadable
    data."""
    corners = geometry.as_ring(points) if kind == "area" else geometry.as_points(points)
    if len(corners) < MIN_POINTS[kind]:
        raise ValueError(
            f"{kind} takes {MIN_POINTS[kind]} different points or more, not {len(corners)}"
        )
    if kind == "point":
        return point(terrain, corners)
    return distance(terrain, corners) if kind == "distance" else area(terrain, corners, outdated)


def point(terrain: Terrain, corners: np.ndarray) -> MeasurementResult:
    """Measure height, slope, aspect and curvatures of each slot, the reference's height, and the
    position."""
    reading = read(terrain, *corners[0].tolist())
    common = {
        "easting_m": reading.easting,
        "northing_m": reading.northing,
        "longitude_deg": reading.longitude_deg,
        "latitude_deg": reading.latitude_deg,
        "tile": None if reading.tile is None else list(reading.tile),
        "level": reading.level,
    }
    surfaces = {
        name: {"height_m": height}
        | (
            {}
            if name == REFERENCE
            else {
                "slope_deg": reading.slope_deg[name],
                "aspect_deg": reading.aspect_deg[name],
                "profile_curvature_per_m": reading.profile_curvature[name],
                "plan_curvature_per_m": reading.plan_curvature[name],
            }
        )
        for name, height in reading.heights_m.items()
    }
    return MeasurementResult("point", corners[:1].tolist(), common, surfaces)


def distance(terrain: Terrain, corners: np.ndarray) -> MeasurementResult:
    """Measure a polyline: its horizontal length, straight from corner to corner, and along each
    surface."""
    ground_scale = terrain.grid.ground_scale
    line = geometry.along(corners, terrain.cell_m / STEPS_PER_CELL, MOST_SAMPLES, ground_scale)
    lengths_m = geometry.segment_lengths_m(corners, ground_scale)
    at_corner = np.searchsorted(line.distance_m, np.append(0.0, np.cumsum(lengths_m)) - 1e-9)
    horizontal_m = float(line.distance_m[-1])
    surfaces = {}
    note = ""
    for name, heights in terrain.heights(line.easting, line.northing).items():
        steps = np.diff(line.distance_m)
        rises = np.diff(heights)
        along_surface = np.hypot(steps, rises)
        valid = np.isfinite(along_surface)
        corner_heights = heights[at_corner]
        difference_m = float(corner_heights[-1] - corner_heights[0])
        surfaces[name] = {
            "start_m": float(corner_heights[0]),
            "end_m": float(corner_heights[-1]),
            "height_difference_m": difference_m,
            "gradient_percent": 100 * difference_m / horizontal_m,
            "straight_m": float(np.hypot(np.diff(corner_heights), lengths_m).sum()),
            "surface_m": float(along_surface.sum()) if valid.all() else math.nan,
            "climb_m": float(rises[valid & (rises > 0)].sum()),
            "descent_m": float(-rises[valid & (rises < 0)].sum()),
            "known_share": float(steps[valid].sum()) / horizontal_m,
        }
        if not valid.all():
            note = "Part of the line lies outside the area or where there is no data."
    common = {
        "horizontal_m": horizontal_m,
        "bearing_deg": geometry.bearing_deg(corners[0], corners[-1]),
        "sample_spacing_m": line.spacing_m,
    }
    return MeasurementResult("distance", corners.tolist(), common, surfaces, note)


def area(
    terrain: Terrain, corners: np.ndarray, outdated: Callable[[], bool] = never
) -> MeasurementResult:
    """Measure a polygon: its horizontal area, and that of each surface above it.

    The surface's is the sum over cells of √(1 + |gradient|²) times the part of the cell that the
    polygon covers.
    """
    ground_scale = terrain.grid.ground_scale
    common: dict[str, Any] = {
        "planimetric_m2": geometry.area_m2(corners, ground_scale),
        "perimeter_m": geometry.perimeter_m(corners, ground_scale),
    }
    if geometry.on_one_line(corners):
        common["planimetric_m2"] = 0.0
        note = "The points lie on one line, so the area is 0."
        return MeasurementResult("area", corners.tolist(), common, {}, note)
    if geometry.crosses_itself(corners):
        common["planimetric_m2"] = math.nan
        return MeasurementResult(
            "area", corners.tolist(), common, {}, "The outline crosses itself, so it has no area."
        )
    grid = terrain.grid
    places = np.stack(grid.cell_of(*corners.T), axis=1)  # columns and rows
    first = np.floor(places.min(axis=0))
    last = np.ceil(places.max(axis=0))
    step = 1
    while np.prod(np.ceil((last - first) / step)) > MOST_CELLS:
        step *= 2
    columns, rows = (int(n) for n in np.maximum(np.ceil((last - first) / step), 1))
    covered = geometry.coverage((places - first) / step, columns, rows)
    column, row = (first[k] + (np.arange(n) + 0.5) * step for k, n in enumerate((columns, rows)))
    easting = grid.transform[2] + grid.transform[0] * column
    northing = grid.transform[5] + grid.transform[4] * row
    cell_m2 = step * step * grid.cell_x_m * grid.cell_y_m
    common["sample_spacing_m"] = step * terrain.cell_m
    surfaces = {}
    note = ""
    for name in terrain.names:
        sums = _over_cells(terrain, name, easting, northing, covered * cell_m2, outdated)
        surfaces[name] = sums
        if sums["known_share"] < 1 - 1e-9:
            note = (
                "Part of the polygon lies outside the area or where there is no data; sums "
                "are of the rest."
            )
    return MeasurementResult("area", corners.tolist(), common, surfaces, note)


ROWS_AT_ONCE = 64
"""Rows of a polygon's cells decoded between two cancellation checks."""


def _over_cells(
    terrain: Terrain,
    name: str,
    easting: np.ndarray,
    northing: np.ndarray,
    weights_m2: np.ndarray,
    outdated: Callable[[], bool],
) -> dict[str, float]:
    """Return sums over cell centers, northernmost row first, weighted by the covered area of each
    cell."""
    plan = surface = volume = 0.0
    low = math.inf
    high = -math.inf
    for start in range(0, len(northing), ROWS_AT_ONCE):
        if outdated():
            break
        rows = slice(start, start + ROWS_AT_ONCE)
        used = np.flatnonzero(weights_m2[rows].any(axis=0))
        if not len(used):
            continue
        columns = slice(int(used[0]), int(used[-1]) + 1)
        weights = weights_m2[rows, columns]
        meters, stretch = _heights_and_stretch(terrain, name, easting[columns], northing[rows])
        counts = np.isfinite(meters) & (weights > 0)
        plan += float(weights[counts].sum())
        surface += float((weights * stretch)[counts & np.isfinite(stretch)].sum())
        volume += float((weights * meters)[counts].sum())
        if counts.any():
            low = min(low, float(meters[counts].min()))
            high = max(high, float(meters[counts].max()))
    covered = plan > 0
    return {
        "surface_m2": surface if covered and surface > 0 else math.nan,
        "mean_m": volume / plan if covered else math.nan,
        "lowest_m": low if covered else math.nan,
        "highest_m": high if covered else math.nan,
        "known_share": plan / float(weights_m2.sum()) if covered else 0.0,
    }


def _heights_and_stretch(
    terrain: Terrain, name: str, easting: np.ndarray, northing: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return heights on a lattice, northernmost row first, and the ratio of surface to plan
    area."""
    surface = terrain.surface(name)
    if isinstance(surface, SurfaceSampler):
        decoded = surface.lattice(easting, northing[::-1], order=1)
        stretch = np.sqrt(1 + np.asarray(decoded.east) ** 2 + np.asarray(decoded.north) ** 2)
        return decoded.meters[::-1], stretch[::-1]
    grid = terrain.grid
    half_x = grid.transform[0] / 2
    half_y = -grid.transform[4] / 2
    e = easting[None, :]
    n = northing[:, None]
    west, east = (surface.heights_at(e + side * half_x, n) for side in (-1, 1))
    south, north = (surface.heights_at(e, n + side * half_y) for side in (-1, 1))
    stretch = np.sqrt(
        1 + ((east - west) / grid.cell_x_m) ** 2 + ((north - south) / grid.cell_y_m) ** 2
    )
    return surface.heights_at(e, n), stretch


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
