"""Ray casting on the drawn surface: a march over coarse lattices, then the exact decode at the
hit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

import numpy as np

from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile
from viewer.model.readings import BoundingBox

STEPS = 192
"""Samples along the part of a ray inside one tile."""

CLOSE_M = 1e-4
"""Distance of ray and surface that counts as a hit, meters."""

REFINEMENTS = 40
"""Most exact height evaluations per hit (usually five)."""


class Ground(Protocol):
    """Drawn tiles for ray casting; heights are drawn ones (exaggerated)."""

    def box(self, tile: Tile) -> BoundingBox:
        """Return the tile's drawn box."""

    def area(self, tile: Tile) -> tuple[float, float, float, float]:
        """Return west, south, east, north of the whole tile."""

    def coarse(self, tile: Tile) -> np.ndarray:
        """Return drawn heights [n + 1, n + 1] on the tile's vertices, north row first."""

    def surface(self, tile: Tile) -> TileSurface | None:
        """Return the tile's exact decode; None while unavailable, `coarse` is used then."""

    def drawn(self, z: float) -> float:
        """Return the drawn height of a true one."""


class Hit(NamedTuple):
    """Point of the drawn surface in a tile, and its tile coordinates."""

    tile: Tile
    point: np.ndarray  # float64 [3]: easting, northing, drawn z
    u: float
    v: float


def first_hit(
    ground: Ground, tiles: Iterable[Tile], eye: np.ndarray, direction: np.ndarray
) -> Hit | None:
    """Return the nearest point where the ray from `eye` meets one of the tiles, holes excluded."""
    crossed = []
    for tile in tiles:
        span = _crossing(ground.box(tile), eye, direction)
        if span is not None:
            crossed.append((*span, tile))
    for near, far, tile in sorted(crossed):
        hit = _in_tile(ground, tile, eye, direction, near, far)
        if hit is not None:
            return hit
    return None


def _crossing(
    box: BoundingBox, eye: np.ndarray, direction: np.ndarray
) -> tuple[float, float] | None:
    """Return the ray parameters at the entry and exit of a box, entry ≥ 0; None for a miss."""
    low = np.array([box.west, box.south, box.low]) - eye
    high = np.array([box.east, box.north, box.high]) - eye
    near = 0.0
    far = np.inf
    for a, b, d in zip(low, high, direction, strict=True):
        if abs(d) < 1e-12:
            if a > 0 or b < 0:
                return None
            continue
        first, last = sorted((a / d, b / d))
        near = max(near, first)
        far = min(far, last)
    return (float(near), float(far)) if near <= far else None


def _in_tile(
    ground: Ground, tile: Tile, eye: np.ndarray, direction: np.ndarray, near: float, far: float
) -> Hit | None:
    surface = ground.surface(tile)
    coarse = ground.coarse(tile)
    west, south, east, north = ground.area(tile)

    def local(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = (eye[0] + t * direction[0] - west) / (east - west)
        v = (north - eye[1] - t * direction[1]) / (north - south)
        return np.clip(u, 0, 1), np.clip(v, 0, 1)

    def exact(t: float) -> float:
        """Return the height of the ray above the surface."""
        u, v = (np.atleast_1d(a) for a in local(np.asarray(t)))
        if surface is None:
            return float(eye[2] + t * direction[2] - bilinear(coarse, u, v)[0])
        return float(
            eye[2] + t * direction[2] - ground.drawn(float(surface.heights(u, v).meters[0, 0]))
        )

    t = np.linspace(near, far, STEPS)
    u, v = local(t)
    above = eye[2] + t * direction[2] - bilinear(coarse, u, v) >= 0
    valid = np.ones((TILE, TILE), bool) if surface is None else surface.valid
    covered = valid[
        np.minimum((v * TILE).astype(int), TILE - 1), np.minimum((u * TILE).astype(int), TILE - 1)
    ]
    for k in np.flatnonzero(above[:-1] & ~above[1:] & (covered[:-1] | covered[1:])):
        # The coarse lattice may be off by a little, so the exact search starts a step early and
        # ends a step late.
        distance = _root(exact, float(t[max(int(k) - 1, 0)]), float(t[min(int(k) + 2, STEPS - 1)]))
        u_hit, v_hit = (float(a) for a in local(np.asarray(distance)))
        if valid[min(int(v_hit * TILE), TILE - 1), min(int(u_hit * TILE), TILE - 1)]:
            return Hit(tile, eye + distance * direction, u_hit, v_hit)
    return None


def _root(height: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of `height` between low and high: false position, Illinois variant."""
    above = height(low)
    below = height(high)
    if above < 0:
        return low
    if below >= 0:
        return high
    for _ in range(REFINEMENTS):
        root = (low * below - high * above) / (below - above)
        now = height(root)
        if abs(now) < CLOSE_M:
            return root
        if now >= 0:
            low = root
            above = now
            below = below / 2
        else:
            high = root
            below = now
            above = above / 2
    return (low + high) / 2


def bilinear(lattice: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Interpolate a vertex lattice at scattered tile coordinates."""
    n = lattice.shape[0] - 1
    x = u * n
    y = v * n
    j = np.minimum(x.astype(int), n - 1)
    i = np.minimum(y.astype(int), n - 1)
    fx = x - j
    fy = y - i
    top = (1 - fx) * lattice[i, j] + fx * lattice[i, j + 1]
    bottom = (1 - fx) * lattice[i + 1, j] + fx * lattice[i + 1, j + 1]
    return (1 - fy) * top + fy * bottom
