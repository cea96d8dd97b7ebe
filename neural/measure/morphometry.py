"""Slope, aspect and curvature from the derivatives of a surface, for readouts and overlays.

With p, q the slopes eastward and northward (m/m) and r, s, t the second derivatives ∂²z/∂x²,
∂²z/∂x∂y, ∂²z/∂y² (1/m):

    slope    arctan √(p² + q²)
    aspect   direction of steepest descent, clockwise from north: atan2(−p, −q)
    profile  −(p² r + 2 p q s + q² t) / ((p² + q²) (1 + p² + q²)^(3/2))   along the steepest descent
    plan     −(q² r − 2 p q s + p² t) / ((p² + q²) (1 + p² + q²)^(1/2))   across it (tangential)

Both curvatures are those of normal sections of the surface, in 1/m, positive where it is convex
(crests, spurs) and negative where it is concave (foot slopes, hollows). Profile curvature is that
of I. S. Evans, "General geomorphometry, derivatives of altitude, and descriptive statistics"
(1972). Across the slope the tangential form of H. Mitasova and J. Hofierka, "Interpolation by
regularized spline with tension: II" (1993), is taken: the curvature of contours, by which Evans and
L. W. Zevenbergen and C. R. Thorne (1987) mean plan curvature, is it divided by the sine of the
slope and grows without limit on level ground. shaders/overlay/*.glsl are the twins of these
functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.tiles import TILE

if TYPE_CHECKING:
    from neural.surface.tile_surface import TileSurface

FLAT_DEG = 0.3
"""Ground less steep than this counts as level and has no aspect."""

NO_DIRECTION = 1e-8
"""Least p² + q² at which curvatures are defined: below it the direction of descent is not."""


class Bend(NamedTuple):
    """Second derivatives of height, 1/m."""

    east_east: np.ndarray
    east_north: np.ndarray
    north_north: np.ndarray


def slope_deg(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the steepness in degrees from the slopes eastward and northward in m/m, any shape."""
    degrees: np.ndarray = np.degrees(np.arctan(np.hypot(east, north)))
    return degrees


def aspect_deg(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """Return the direction that a slope faces, degrees in [0, 360) clockwise from north; NaN on
    level ground (below `FLAT_DEG`)."""
    facing = np.degrees(np.arctan2(-np.asarray(east), -np.asarray(north))) % 360.0
    return np.where(
        slope_deg(east, north) < FLAT_DEG, np.nan, np.where(facing == 360.0, 0.0, facing)
    )


def profile_curvature(east: np.ndarray, north: np.ndarray, bend: Bend) -> np.ndarray:
    """Return the curvature along the steepest descent, 1/m, convex positive; NaN on level
    ground."""
    along = (
        east**2 * bend.east_east + 2 * east * north * bend.east_north + north**2 * bend.north_north
    )
    steepness = east**2 + north**2
    return _where_steep(east, north, -along, steepness * (1 + steepness) ** 1.5)


def plan_curvature(east: np.ndarray, north: np.ndarray, bend: Bend) -> np.ndarray:
    """Return the curvature across the steepest descent, 1/m, convex positive; NaN on level
    ground."""
    across = (
        north**2 * bend.east_east - 2 * east * north * bend.east_north + east**2 * bend.north_north
    )
    steepness = east**2 + north**2
    return _where_steep(east, north, -across, steepness * (1 + steepness) ** 0.5)


def _where_steep(
    east: np.ndarray, north: np.ndarray, value: np.ndarray, divisor: np.ndarray
) -> np.ndarray:
    steep = np.asarray(east) ** 2 + np.asarray(north) ** 2 >= NO_DIRECTION
    return np.where(steep, value, np.nan) / np.where(steep, divisor, 1.0)


def second_derivatives(surface: TileSurface, u: np.ndarray, v: np.ndarray) -> Bend:
    """Return second derivatives of a decoded tile on the lattice v × u (ascending), each [nv, nu].

    They are differences of the exact slopes one cell (1/256 of the tile) to either side, within the
    tile: what the viewer's shaders take from its texture of slopes.
    """
    u = np.asarray(u, np.float64)
    v = np.asarray(v, np.float64)
    west = np.maximum(u - 1 / TILE, 0.0)
    east = np.minimum(u + 1 / TILE, 1.0)
    north = np.maximum(v - 1 / TILE, 0.0)
    south = np.minimum(v + 1 / TILE, 1.0)
    east_slopes, west_slopes = (surface.heights(column, v, order=1) for column in (east, west))
    up, down = (surface.heights(u, column, order=1) for column in (north, south))
    across_m = (east - west)[None, :] * surface.side_m[0]
    along_m = (south - north)[:, None] * surface.side_m[1]
    twist = (east_slopes.north - west_slopes.north) / across_m + (up.east - down.east) / along_m
    return Bend(
        (east_slopes.east - west_slopes.east) / across_m,
        twist / 2,
        (up.north - down.north) / along_m,
    )
