"""Ground scale of a projected CRS, and discontinuities of its coordinates.

Lengths are those between points on the CRS's own ellipsoid, so nothing here depends on formulas of
a projection.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from neural.raster import crs as crs_rules
from neural.raster import wkt
from neural.raster.vertical import to_wkt

if TYPE_CHECKING:
    from rasterio.crs import CRS

TOLERANCE = 0.005
"""Relative error of lengths up to which a CRS's meters are taken as meters on the ground."""

JUMP = 8.0
"""Ratio of distances in a CRS, to those elsewhere, above which neighboring places lie on two sides
of a cut."""

LATTICE = 17
"""Places along either side of a raster that are looked at."""

_STEP = 1e-5
"""Half the length of the steps that are measured, as a share of the ellipsoid's radius: 64 m on
Earth."""


@dataclass(frozen=True)
class GroundScale:
    """Ground meters per CRS meter over an area: the least and the largest, at any place and in any
    direction."""

    low: float
    high: float

    @property
    def is_one(self) -> bool:
        """True where CRS meters are ground meters."""
        return self.low >= 1 - TOLERANCE and self.high <= 1 + TOLERANCE

    @property
    def middle(self) -> float:
        """The one scale that is least wrong."""
        return math.sqrt(self.low * self.high)

    @property
    def is_uniform(self) -> bool:
        """True where one scale holds at every place in every direction."""
        return self.high <= self.middle * (1 + TOLERANCE)

    def __str__(self) -> str:
        return (
            f"{self.low:.4g}"
            if f"{self.low:.4g}" == f"{self.high:.4g}"
            else f"{self.low:.4g} to {self.high:.4g}"
        )


def ground_scale(crs: CRS, x: np.ndarray, y: np.ndarray) -> GroundScale | None:
    """Return the ground scale of a projected CRS in meters over places [n]; None where all lie
    outside its domain."""
    step = _STEP * _ellipsoid(crs)[0]
    west, east, south, north = (
        on_ellipsoid(crs, x + dx * step, y + dy * step)
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1))
    )
    along_x = (east - west) / (2 * step)
    along_y = (north - south) / (2 * step)
    xx, yy, xy = (
        np.einsum("ij,ij->i", a, b) for a, b in ((along_x,) * 2, (along_y,) * 2, (along_x, along_y))
    )
    mean = (xx + yy) / 2
    spread = np.hypot((xx - yy) / 2, xy)
    finite = np.isfinite(mean)
    if not finite.any():
        return None
    least = (mean - spread)[finite].min()
    most = (mean + spread)[finite].max()
    return GroundScale(math.sqrt(max(float(least), 0.0)), math.sqrt(float(most)))


def jumps(ground: np.ndarray, x: np.ndarray, y: np.ndarray) -> bool:
    """Return True where neighbors on a lattice of places on the ground [n, m, 3] are torn apart in
    a CRS, at x, y [n, m].

    Places that are not finite are left out.
    """
    ratios = []
    for axis in (0, 1):
        apart = np.hypot(np.diff(x, axis=axis), np.diff(y, axis=axis))
        on_ground = np.linalg.norm(np.diff(ground, axis=axis), axis=-1)
        ratios.append(
            np.divide(
                apart, on_ground, out=np.full_like(apart, np.nan), where=on_ground > 0
            ).ravel()
        )
    ratio = np.concatenate(ratios)
    ratio = ratio[np.isfinite(ratio)]
    return bool(len(ratio)) and bool(ratio.max() > JUMP * np.median(ratio))


def on_ellipsoid(crs: CRS, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return geocentric Cartesian coordinates [n, 3] in meters of places [n] of a CRS; NaN outside
    its domain."""
    longitude, latitude = crs_rules.transform(crs, crs_rules.geographic(crs), x, y)
    in_range = np.abs(latitude) <= 90 + 1e-9
    lam, phi = (np.radians(np.where(in_range, a, np.nan)) for a in (longitude, latitude))
    radius, flattening = _ellipsoid(crs)
    squared = flattening * (2 - flattening)
    normal = radius / np.sqrt(1 - squared * np.sin(phi) ** 2)
    across = normal * np.cos(phi)
    return np.stack(
        [across * np.cos(lam), across * np.sin(lam), normal * (1 - squared) * np.sin(phi)], axis=-1
    )


def lattice(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and rows of LATTICE × LATTICE places from one corner of a raster to the
    other."""
    columns, rows = np.meshgrid(np.linspace(0, width, LATTICE), np.linspace(0, height, LATTICE))
    return columns, rows


def place(
    transform: Sequence[float], columns: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates of columns and rows by affine coefficients."""
    a, b, c, d, e, f = transform[:6]
    return a * columns + b * rows + c, d * columns + e * rows + f


def _ellipsoid(crs: CRS) -> tuple[float, float]:
    """Return the equatorial radius in meters and flattening of a CRS's datum."""
    node = wkt.parse(to_wkt(crs_rules.geographic(crs))).find("ELLIPSOID")
    assert node is not None
    unit = node.find("LENGTHUNIT")
    radius, inverse = (float(str(value)) for value in node.values[1:3])
    return radius * (float(str(unit.values[1])) if unit else 1.0), 1 / inverse if inverse else 0.0
