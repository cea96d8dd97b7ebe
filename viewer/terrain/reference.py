"""What errors are measured against: the file's own reference layer, or a DEM given by the user."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neural import raster_name
from neural.container import Reader
from neural.grid import Grid
from neural.lowpass import AVERAGE, LowPass
from neural.metadata import Layer
from neural.sampling import Sampler
from neural.surface import SurfaceDecoder
from neural.tiles import TILE, Tile, centres

POINT_BLOCK = 512
"""Cells along each side of a window of a DEM that is read for places inside it."""

BLOCK_CELLS = 1 << 22
"""Finest cells read at once while a coarse tile of a DEM is averaged: 20 MB."""


RASTER_DEPTH = 3
"""`Reference.depth` of rasters: at most 64 tiles below a tile are read, and a strip of 36 around them. Samples are
exact up to 3 levels above the finest; at the 4th and 5th they are 0.1 mm off on bare earth of 1 m, 1 cm in a town of
0.5 m. From 2 levels below they would be 10 times as far off."""


class Reference(Protocol):
    """Reference heights. Several threads may ask."""

    name: str
    low_pass: LowPass
    """That of its own coarse levels (`neural.lowpass`)."""
    depth: int
    """Levels below a tile that its samples of another low-pass are made from, as far as reading them is affordable."""

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return heights [256, 256] of a tile's samples by `low_pass` in metres, and which of them are known."""

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return metres at places (arrays of one shape), at the file's finest level; NaN where there is no height."""


class LayerReference:
    """A near-lossless layer of the same file."""

    low_pass = AVERAGE
    depth = RASTER_DEPTH

    def __init__(self, reader: Reader, layer: Layer) -> None:
        self.name = layer.title or layer.method
        self._decoder = SurfaceDecoder(reader, layer)
        self.sampler = Sampler(self._decoder)

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """See `Reference`."""
        surface = self._decoder.open_tile(tile)
        if surface is None:
            return np.zeros((TILE, TILE)), np.zeros((TILE, TILE), bool)
        at = centres()
        return surface.heights(at, at).metres, surface.valid

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """See `Reference`; the continuous surface."""
        return self.sampler.at(easting, northing).metres


class DemReference:
    """A raster, read in the file's own CRS; where its cells are others, it is interpolated bilinearly."""

    low_pass = AVERAGE
    depth = RASTER_DEPTH

    def __init__(self, path: str | Path, grid: Grid) -> None:
        from neural.dem import open_dem
        from neural.reading import ReadOptions

        self.name = raster_name.label(os.fspath(path))
        self._grid = grid
        self._dem: Any = open_dem(path, ReadOptions(crs=grid.crs_wkt or "local"), grid)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the raster."""
        with self._lock:
            self._dem.close()

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """See `Reference`; coarse tiles are averaged from all finest cells below them, block by block."""
        side = self._grid.tile_span(tile) // TILE
        total, count = np.zeros((TILE, TILE)), np.zeros((TILE, TILE))
        columns, rows = self._grid.tile_cells(tile)
        step = max(1, int(BLOCK_CELLS**0.5) // side)
        for top in range(0, rows, step):
            for left in range(0, columns, step):
                high, wide = min(step, rows - top), min(step, columns - left)
                at = ((tile.y * TILE + top) * side, (tile.x * TILE + left) * side, high * side, wide * side)
                heights, valid = self._finest(*at)
                here = slice(top, top + high), slice(left, left + wide)
                blocks = (high, side, wide, side)
                total[here] = np.where(valid, heights, 0.0).reshape(blocks).sum(axis=(1, 3))
                count[here] = valid.reshape(blocks).sum(axis=(1, 3))
        known = count > 0
        return np.divide(total, count, out=np.zeros_like(total), where=known), known

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """A window of the file's finest cells: heights [rows, cols] in metres and which are known."""
        return self._finest(row, col, rows, cols)

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """See `Reference`; bilinear between the raster's cells."""
        easting, northing = np.broadcast_arrays(np.asarray(easting, np.float64), np.asarray(northing, np.float64))
        columns, rows = (np.ravel(a) for a in self._dem.grid.cell_of(easting, northing))
        found = np.full(columns.shape, np.nan)
        own = self._dem.grid
        inside = (columns >= 0) & (columns <= own.width) & (rows >= 0) & (rows <= own.height)
        blocks = np.floor(columns / POINT_BLOCK).astype(np.int64) + (
            np.floor(rows / POINT_BLOCK).astype(np.int64) << 32
        )
        for block in np.unique(blocks[inside]):
            here = np.flatnonzero(inside & (blocks == block))
            heights, valid = self._scattered(rows[here], columns[here])
            found[here] = np.where(valid, heights, np.nan)
        return found.reshape(easting.shape)

    def _finest(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """The raster at the file's finest cells, a window of them."""
        grid, own = self._grid, self._dem.grid
        west, north = grid.transform[2], grid.transform[5]
        column_0, row_0 = own.cell_of(west, north)
        same = np.allclose(grid.transform[0:5:4], own.transform[0:5:4], rtol=1e-9, atol=0)
        shift = round(row_0), round(column_0)
        if same and abs(row_0 - shift[0]) < 1e-3 and abs(column_0 - shift[1]) < 1e-3:
            with self._lock:
                heights, valid = self._dem.read(row + shift[0], col + shift[1], rows, cols)
            return heights.astype(np.float64), valid
        rows_at = row_0 + (row + np.arange(rows) + 0.5) * (grid.transform[4] / own.transform[4])
        columns_at = column_0 + (col + np.arange(cols) + 0.5) * (grid.transform[0] / own.transform[0])
        return self._bilinear(rows_at, columns_at)

    def _bilinear(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The raster on the lattice of fractional positions rows × columns: see `_scattered`."""
        return self._scattered(rows[:, None], columns[None, :])

    def _scattered(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The raster at fractional positions (cell centres at halves) near each other, float64; all four valid."""
        top, left = int(np.floor(rows.min() - 0.5)), int(np.floor(columns.min() - 0.5))
        bottom, right = int(np.floor(rows.max() - 0.5)) + 2, int(np.floor(columns.max() - 0.5)) + 2
        with self._lock:
            heights, valid = self._dem.read(top, left, bottom - top, right - left)
        y, x = rows - 0.5 - top, columns - 0.5 - left
        i, j = y.astype(int), x.astype(int)
        fy, fx = y - i, x - j
        heights = np.where(valid, heights, 0.0)

        def corner(di: int, dj: int) -> tuple[np.ndarray, np.ndarray]:
            return heights[i + di, j + dj], valid[i + di, j + dj]

        (a, va), (b, vb), (c, vc), (d, vd) = corner(0, 0), corner(0, 1), corner(1, 0), corner(1, 1)
        mixed = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d)
        return mixed, va & vb & vc & vd


def local(grid: Grid, tile: Tile, easting: float, northing: float) -> tuple[float, float]:
    """Tile coordinates u, v of a point, clipped to [0, 1]."""
    column, row = grid.cell_of(easting, northing)
    span = grid.tile_span(tile)
    return min(max(column / span - tile.x, 0.0), 1.0), min(max(row / span - tile.y, 0.0), 1.0)


def find(reader: Reader, dem: str | Path | None) -> Reference | None:
    """The DEM if one is given, else the file's reference layer, else None. Raises NtileError."""
    if dem is not None:
        return DemReference(dem, reader.grid)
    layer = next((layer for layer in reader.layers if layer.is_reference), None)
    return None if layer is None else LayerReference(reader, layer)
