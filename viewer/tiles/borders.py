"""Heights of a tile's mesh along its four sides: its own, and those when morphed to its parent.

The rules are those of shaders/terrain.vert, so that `viewer.tiles.stitching` computes the drawn
heights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from neural.tiles import TILE, Tile

NORTH, EAST, SOUTH, WEST, ACROSS, DOWN = range(6)
"""Rows of `Outline.lines`: the sides, and the lines through the middle from west to east and from
north to south."""

FAR = 4.0
"""Extent of a tile that fills its square: nothing is cut off."""


class Extent(NamedTuple):
    """End of a tile's mesh in u and v, and the last lattice texel along each axis that it reads.

    Heights beyond the raster's rim mean nothing, differ from tile to tile, and reach into the last
    cell, so the rim takes its height from one cell further in. A tile without holes inside the
    raster is not cut at all.
    """

    u: float = FAR
    v: float = FAR
    last_column: int = TILE
    last_row: int = TILE

    @classmethod
    def of(cls, u_end: float, v_end: float, holes: bool) -> Extent:
        """Return the extent of a tile that the raster fills up to these coordinates."""
        if not holes:
            return cls()
        last = (int(np.clip(np.floor(end * TILE + 1e-6) - 1, 0, TILE)) for end in (u_end, v_end))
        return cls(u_end, v_end, *last)

    def vertices(self, side: int, quads: int) -> np.ndarray:
        """Return the positions of the vertices along a side, in quads, float64 [quads + 1]; those
        beyond the rim lie on it."""
        end = self.v if side in (EAST, WEST, DOWN) else self.u
        return np.minimum(np.arange(quads + 1.0), end * quads)


class Outline(NamedTuple):
    """Heights along a decoded tile's sides and middle lines, for stitching."""

    offset_m: float
    extent: Extent
    lines: np.ndarray  # float32 [6, 257] meters above offset_m, west to east or north to south
    filled: np.ndarray  # bool [4, 256]: cells along the sides with data


def outline(above_m: np.ndarray, offset_m: float, extent: Extent, valid: np.ndarray) -> Outline:
    """Return the outline of a tile with heights float32 [257, 257] above offset_m and valid cells
    bool [256, 256]."""
    lattice = np.arange(TILE + 1)
    rows = np.minimum(lattice, extent.last_row)
    columns = np.minimum(lattice, extent.last_column)
    lines = np.stack(
        [
            above_m[rows[0], columns],
            above_m[rows, columns[-1]],
            above_m[rows[-1], columns],
            above_m[rows, columns[0]],
            above_m[rows[TILE // 2], columns],
            above_m[rows, columns[TILE // 2]],
        ]
    )
    filled = np.stack([valid[0], valid[:, -1], valid[-1], valid[:, 0]])
    return Outline(offset_m, extent, lines.astype(np.float32), filled)


class Sides(NamedTuple):
    """A tile's sides at the vertices of a mesh: N, E, S, W, each west to east or north to south."""

    heights: np.ndarray  # float64 [4, quads + 1] meters
    rise: np.ndarray  # float64 [4, quads + 1]: its parent's mesh minus its own
    # float64 [4, quads + 1]: 1 for vertices near data, else almost 0
    weight: np.ndarray
    positions: np.ndarray  # float64 [4, quads + 1]: of the vertices, quads


def sides(tile: Tile, outline: Outline, parent: Outline | None, quads: int) -> Sides:
    """Return the sides of a tile; without a parent (the root) it never morphs."""
    step = TILE // quads
    heights = outline.offset_m + outline.lines[:4, ::step].astype(np.float64)
    positions = np.stack([outline.extent.vertices(side, quads) for side in range(4)])
    rise = np.zeros_like(heights)
    if parent is not None:
        east = tile.x & 1
        south = tile.y & 1
        north_south = (ACROSS, SOUTH) if south else (NORTH, ACROSS)
        west_east = (DOWN, EAST) if east else (WEST, DOWN)
        shift = (east, south, east, south)
        for side, line in enumerate((north_south[0], west_east[1], north_south[1], west_east[0])):
            place = (shift[side] * quads + positions[side]) / 2
            parent_heights = parent.offset_m + parent.lines[line, ::step].astype(np.float64)
            vertices = parent.extent.vertices(line, quads)
            rise[side] = np.interp(place, vertices, parent_heights) - heights[side]
    near = outline.filled.reshape(4, quads, step).any(axis=2)
    both = np.zeros((4, quads + 1), bool)
    both[:, :-1] |= near
    both[:, 1:] |= near
    return Sides(heights, rise, np.where(both, 1.0, 1e-9), positions)
