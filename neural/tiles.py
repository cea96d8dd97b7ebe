"""Tile addresses: the quadtree, its Hilbert ids (PMTiles v3) and the sampling lattices of a tile.

x grows eastward, y (and v) southward, as rows and columns of the raster do. Local coordinates u, v
are in [0, 1] over the tile's area. Pure functions, no I/O.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TILE = 256
"""Cells along each side of a tile."""

MAX_LEVEL = 26
"""Deepest level a layer may have (PMTiles ids fit 31 levels; layers use up to 5 of them)."""


class Tile(NamedTuple):
    """One square of the pyramid: level z (0 is the single root), column x, row y."""

    z: int
    x: int
    y: int

    @property
    def parent(self) -> Tile:
        """The tile one level coarser that covers this one (the root has none)."""
        if self.z == 0:
            raise ValueError("the root tile has no parent")
        return Tile(self.z - 1, self.x >> 1, self.y >> 1)

    @property
    def children(self) -> tuple[Tile, Tile, Tile, Tile]:
        """The four finer tiles in row-major order: NW, NE, SW, SE. Child k sits at (k & 1, k >>
        1)."""
        z = self.z + 1
        x = 2 * self.x
        y = 2 * self.y
        return Tile(z, x, y), Tile(z, x + 1, y), Tile(z, x, y + 1), Tile(z, x + 1, y + 1)


def tile_id(tile: Tile) -> int:
    """Return the cumulative Hilbert id of a tile (PMTiles v3 spec, section "Tile ID")."""
    z, x, y = tile
    if not (0 <= z <= 31 and 0 <= x < 1 << z and 0 <= y < 1 << z):
        raise ValueError(f"{tile} is not a tile")
    d = 0
    s = (1 << z) >> 1
    while s:
        rx = int(bool(x & s))
        ry = int(bool(y & s))
        d += s * s * ((3 * rx) ^ ry)
        if ry == 0:
            if rx:
                x = s - 1 - x
                y = s - 1 - y
            x, y = y, x
        x = x & (s - 1)
        y = y & (s - 1)
        s >>= 1
    return ((1 << 2 * z) - 1) // 3 + d


def tile_from_id(value: int) -> Tile:
    """Return the inverse of `tile_id`."""
    z = 0
    while value >= ((1 << 2 * (z + 1)) - 1) // 3:
        z += 1
    d = value - ((1 << 2 * z) - 1) // 3
    x = y = 0
    for k in range(z):
        s = 1 << k
        rx = 1 & (d >> 1)
        ry = 1 & (d ^ rx)
        if ry == 0:
            if rx:
                x = s - 1 - x
                y = s - 1 - y
            x, y = y, x
        x = x + s * rx
        y = y + s * ry
        d >>= 2
    return Tile(z, x, y)


def levels_for(width: int, height: int) -> int:
    """Return the number of levels Z+1 so that 256·2^Z cells cover the raster."""
    z = 0
    while TILE << z < max(width, height):
        z += 1
    return z + 1


def centers(n: int = TILE) -> np.ndarray:
    """Return sample centers (i + 0.5)/n of a tile side, float64 [n]."""
    return (np.arange(n) + 0.5) / n


def vertices(n: int = TILE) -> np.ndarray:
    """Return mesh vertices i/n of a tile side, both edges included, float64 [n + 1]."""
    return np.arange(n + 1) / n
