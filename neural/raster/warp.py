"""The north-up grid in meters that a rotated, geographic or foot-unit raster is read on
(`neural.raster.resample`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.errors import UsageError
from neural.grid import Bounds, Grid, bounds_of
from neural.raster import crs as crs_rules
from neural.raster import distortion
from neural.raster.distortion import place

if TYPE_CHECKING:
    from rasterio.crs import CRS

Affine6 = tuple[float, float, float, float, float, float]

STAND_IN = "EPSG:32631"
"""CRS that GDAL is shown for local meters: only its unit matters, as source and target are the
same."""

_EDGE_POINTS = 33
_MOST_TIMES = 100
_FEW_CELLS = 1e8
"""A target grid has no more than so many times the raster's own cells, or hardly any."""

_ASTRAY = 2e-3
"""Share of the ellipsoid's radius by which a place may move from one CRS to another: datums differ
by 1.6e-4."""

ALIKE = 0.1
"""Cells whose sides differ by no more than this share are about as large."""


class WarpPlan(NamedTuple):
    """A north-up grid in `target` that covers a source raster at its own resolution."""

    source: CRS
    source_transform: Affine6
    target: CRS
    transform: Affine6
    width: int
    height: int

    @property
    def bounds(self) -> Bounds:
        """Outline of the grid, in target meters."""
        return bounds_of(self.transform, self.width, self.height)


def is_north_up(transform: Sequence[float], width: int, height: int) -> bool:
    """Return True if rows run along parallels and columns along meridians (either way), to a
    thousandth of a cell."""
    a, b, _, d, e, _ = transform[:6]
    return a != 0 and e != 0 and abs(b) * height < 1e-3 * abs(a) and abs(d) * width < 1e-3 * abs(e)


def outline_degrees(
    crs: CRS, transform: Sequence[float], width: int, height: int
) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a raster in degrees on its own datum; continuous across
    the date line."""
    columns, rows = _outline(width, height)
    x, y = place(transform, np.append(columns, width / 2), np.append(rows, height / 2))
    longitude, latitude = crs_rules.transform(crs, crs_rules.geographic(crs), x, y)
    finite = np.isfinite(longitude)
    longitude = longitude[finite]
    latitude = latitude[finite]
    if not finite.any() or (_in_degrees(crs) and (np.abs(y).max() > 91 or np.abs(x).max() > 720)):
        raise UsageError(
            f"its coordinates do not fit the CRS {crs_rules.label(crs)}; say what they are with "
            "--src-crs."
        )
    longitude = longitude[-1] + (longitude - longitude[-1] + 180) % 360 - 180
    return (
        float(longitude.min()),
        float(latitude.min()),
        float(longitude.max()),
        float(latitude.max()),
    )


def plan(source: CRS, target: CRS, transform: Sequence[float], width: int, height: int) -> WarpPlan:
    """Return the target grid: square cells of the source cell's area at the center, aligned to
    multiples of their size.

    Raises UsageError when the coordinates do not fit the CRSs, or the raster lies across a cut of
    the target CRS.
    """
    source, transform = _unwrap(source, transform, width, height)
    x, y = _reprojected(source, target, transform, width, height)
    # One column and one row at the center, in target meters.
    middle_columns = width / 2 + np.array([-0.5, 0.5, 0, 0])
    middle_rows = height / 2 + np.array([0, 0, -0.5, 0.5])
    cx, cy = crs_rules.transform(source, target, *place(transform, middle_columns, middle_rows))
    if not (np.isfinite(cx).all() and np.isfinite(cy).all()):
        raise misfit(source, target)
    column = np.array([cx[1] - cx[0], cy[1] - cy[0]])
    row = np.array([cx[3] - cx[2], cy[3] - cy[2]])
    cell = float(f"{math.sqrt(abs(column[0] * row[1] - column[1] * row[0])):.6g}")
    if not cell > 0:
        raise UsageError(
            "its geotransform gives cells without area; repair it, for example with gdal_edit.py."
        )
    slack = 1e-3  # rounding must not add a row of cells that only touch the raster
    first_column = math.floor(x.min() / cell + slack)
    last_column = math.ceil(x.max() / cell - slack)
    first_row = math.ceil(y.max() / cell - slack)
    last_row = math.floor(y.min() / cell + slack)
    columns = max(last_column - first_column, 1)
    rows = max(first_row - last_row, 1)
    if columns * rows > _MOST_TIMES * width * height + _FEW_CELLS:
        raise UsageError(
            f"its {width} × {height} cells would become {columns} × {rows} in "
            f"{crs_rules.label(target)}; "
            "check its CRS and geotransform, or cut it into parts."
        )
    placed = (cell, 0.0, first_column * cell, 0.0, -cell, first_row * cell)
    return WarpPlan(source, transform, target, placed, columns, rows)


def onto(plan: WarpPlan, grid: Grid) -> WarpPlan:
    """Return the plan with the cells of a grid in its target CRS, where its own are about as large;
    else the plan itself."""
    side = math.sqrt(-grid.transform[0] * grid.transform[4])
    if abs(plan.transform[0] - side) > ALIKE * side:
        return plan
    return plan._replace(transform=grid.transform, width=grid.width, height=grid.height)


def _reprojected(
    source: CRS, target: CRS, transform: Affine6, width: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return places of the raster in the target CRS, around its edge and inside; those that it
    cannot show are left out."""
    inner_columns, inner_rows = distortion.lattice(width, height)
    edge_columns, edge_rows = _outline(width, height)
    columns = np.concatenate([inner_columns.ravel(), edge_columns])
    rows = np.concatenate([inner_rows.ravel(), edge_rows])
    source_x, source_y = place(transform, columns, rows)
    x, y = crs_rules.transform(source, target, source_x, source_y)
    if source != target:
        before = distortion.on_ellipsoid(source, source_x, source_y)
        after = distortion.on_ellipsoid(target, x, y)
        away = np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1)
        x, y = (np.where(away <= _ASTRAY, a, np.nan) for a in (x, y))
        shape = inner_rows.shape
        count = inner_rows.size
        lattice_x = x[:count].reshape(shape)
        lattice_y = y[:count].reshape(shape)
        if distortion.jumps(before[:count].reshape(*shape, 3), lattice_x, lattice_y):
            raise UsageError(
                f"it lies across a cut of {crs_rules.label(target)}, where coordinates jump "
                "from one end of the CRS "
                "to the other; give another CRS with --crs, or leave --crs away."
            )
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        raise misfit(source, target)
    return x[finite], y[finite]


def misfit(source: CRS, target: CRS) -> UsageError:
    """Return the error for a raster outside the domain of a CRS."""
    return UsageError(
        f"its coordinates cannot be brought from {crs_rules.label(source)} to "
        f"{crs_rules.label(target)}; "
        "say what they are with --src-crs, or give another target with --crs."
    )


def _in_degrees(crs: CRS) -> bool:
    return crs.is_geographic and math.isclose(crs.units_factor[1], math.pi / 180, rel_tol=1e-9)


def _unwrap(crs: CRS, transform: Sequence[float], width: int, height: int) -> tuple[CRS, Affine6]:
    """Return longitudes counted from the raster's middle where they leave ±180°: GDAL looks pixels
    up within that range."""
    a, b, c, d, e, f = transform[:6]
    ends = np.array([0, a * width, b * height, a * width + b * height]) + c
    if not _in_degrees(crs) or (ends.min() >= -180 and ends.max() <= 180):
        return crs, (a, b, c, d, e, f)
    meridian = float(np.round((ends.min() + ends.max()) / 2))
    wrapped = (meridian + 180) % 360 - 180
    return crs_rules.geographic(crs, wrapped), (a, b, c - meridian, d, e, f)


def _outline(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and rows of points around the raster's edge."""
    t = np.linspace(0, 1, _EDGE_POINTS)
    zero = np.zeros_like(t)
    one = np.ones_like(t)
    return np.concatenate([t, t, zero, one]) * width, np.concatenate([zero, one, t, t]) * height
