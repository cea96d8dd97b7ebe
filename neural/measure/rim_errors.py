"""Errors of a decoded surface along the raster's rim, where samples have neighbors on one side
only.

Counted are the outermost samples and, half a cell further out, the outline, up to which heights are
offered. There the reference goes on along its mean slope over the last few cells, as the surface
does over its own; on rough ground the surface, being smooth, differs from that by more than the
codec's error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from neural.measure.height_reader import HeightReader
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile, centers

if TYPE_CHECKING:
    from neural.grid import Grid

SLOPE_CELLS = 3
"""Cells that the slope beyond the outermost samples is taken over."""


class RimErrors:
    """Running sums over the finest tiles of a layer."""

    def __init__(self, grid: Grid, reference: HeightReader) -> None:
        self._grid = grid
        self._reference = reference
        self._squares = {"rim_rmse_m": 0.0, "outline_rmse_m": 0.0}
        self._counts = dict.fromkeys(self._squares, 0)

    def report(self) -> dict[str, float | None]:
        """Return the root mean square errors in meters of the outermost samples and of the outline;
        None where none is valid."""
        return {
            name: (squares / self._counts[name]) ** 0.5 if self._counts[name] else None
            for name, squares in self._squares.items()
        }

    def add(self, tile: Tile, surface: TileSurface) -> None:
        """Compare the parts of a tile's sides that lie on the raster's outline."""
        columns, rows = self._grid.tile_cells(tile)
        for along_x, cells, first, extent in (
            (True, columns, tile.x, self._grid.width),
            (False, rows, tile.y, self._grid.height),
        ):
            lines = slice(0, rows if along_x else columns)
            if first == 0:
                self._side(tile, surface, along_x, 0, lines, outermost=0)
            if TILE * first + cells == extent:
                self._side(tile, surface, along_x, cells, lines, outermost=cells - 1)

    def _side(
        self,
        tile: Tile,
        surface: TileSurface,
        along_x: bool,
        end: int,
        lines: slice,
        outermost: int,
    ) -> None:
        """Add one side: `end` is the outline's place in cells of the tile, `outermost` the line of
        cells next to it."""
        inward = 1 if outermost == 0 and end == 0 else -1
        across = centers()[lines]
        places = np.sort(np.array([end, outermost + 0.5]) / TILE)
        u, v = (places, across) if along_x else (across, places)
        decoded = surface.heights(u, v).meters
        valid = surface.valid[:, outermost] if along_x else surface.valid[outermost]
        decoded = decoded if along_x else decoded.T
        if inward < 0:
            decoded = decoded[:, ::-1]  # the outline first
        heights, present = self._reference_lines(tile, along_x, outermost, inward, len(across))
        present[:, 0] &= valid[lines]
        outline = heights[:, 0] + (heights[:, 0] - heights[:, SLOPE_CELLS]) / (2 * SLOPE_CELLS)
        for name, error, counted in (
            ("rim_rmse_m", decoded[:, 1] - heights[:, 0], present[:, 0]),
            ("outline_rmse_m", decoded[:, 0] - outline, present[:, 0] & present[:, SLOPE_CELLS]),
        ):
            self._squares[name] += float(error[counted] @ error[counted])
            self._counts[name] += int(counted.sum())

    def _reference_lines(
        self, tile: Tile, along_x: bool, outermost: int, inward: int, count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the reference heights [count, SLOPE_CELLS + 1] from the outermost line of cells
        inwards, and which are known."""
        row = TILE * tile.y
        col = TILE * tile.x
        reach = SLOPE_CELLS + 1
        start = outermost if inward > 0 else outermost - SLOPE_CELLS
        if along_x:
            heights, present = self._reference.read(row, col + start, count, reach)
        else:
            heights, present = (
                part.T for part in self._reference.read(row + start, col, reach, count)
            )
        return heights[:, ::inward].astype(np.float64), present[:, ::inward].copy()
