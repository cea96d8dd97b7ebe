"""References of errors: the file's own reference layer, or a user's DEM."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.errors import NtileError
from neural.grid import Grid
from neural.methods.lowpass import AVERAGE, LowPass
from neural.raster import raster_name
from neural.raster.reading import Raster, ReferenceRaster
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE, Tile, centers

BLOCK_CELLS = 1 << 22
"""Finest cells read at once while a coarse tile of a DEM is averaged: 20 MB."""

_OPTION = re.compile(r"--(unit|src-crs|nodata|encoding)\b")  # of `ntile`, in messages


RASTER_DEPTH = 3
"""`ErrorReference.depth` of rasters: at most 64 tiles below a tile are read, and a strip of 36
around them. Samples are exact up to 3 levels above the finest; at the 4th and 5th they are 0.1 mm
off on bare earth of 1 m, 1 cm in a town of 0.5 m. From 2 levels below they would be 10 times as far
off."""


class ErrorReference(Protocol):
    """Reference heights. Thread-safe."""

    name: str
    low_pass: LowPass
    """Low-pass of its coarse levels (`neural.methods.lowpass`)."""
    depth: int
    """Levels below a tile that samples of another low-pass are made from; limited by the cost of
    reading."""

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return heights [256, 256] of a tile's samples by `low_pass` in meters, and a bool mask of
        the valid ones."""

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return heights in meters at positions (arrays of one shape), at the file's finest level;
        NaN without a height."""


class LayerReference:
    """Near-lossless layer of the same file."""

    low_pass = AVERAGE
    depth = RASTER_DEPTH

    def __init__(self, reader: Reader, layer: Layer) -> None:
        self.name = layer.title or layer.method
        self._decoder = SurfaceDecoder(reader, layer)
        self.sampler = SurfaceSampler(self._decoder)

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return a tile's samples as `ErrorReference.cells`."""
        surface = self._decoder.open_tile(tile)
        if surface is None:
            return np.zeros((TILE, TILE)), np.zeros((TILE, TILE), bool)
        positions = centers()
        return surface.heights(positions, positions).meters, surface.valid

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return heights of the continuous surface as `ErrorReference.heights_at`."""
        return self.sampler.at(easting, northing).meters


class DemReference:
    """Raster, read as the file's source was; bilinear where its cells differ from the file's."""

    low_pass = AVERAGE
    depth = RASTER_DEPTH

    def __init__(self, raster: Raster, reader: Reader) -> None:
        """Open a raster for an open file. Raises NtileError, also where it lies outside the file's
        area."""
        from neural.measure.reference_raster import open_reference

        with _own_options():
            self._heights = open_reference(raster, reader)
        self.name = self._heights.name
        name = ReferenceRaster.of(raster).name
        self.path = raster_name.local_file(name) or name
        """File that it is read from; its whole name where that is no file of this machine."""
        self._grid = reader.grid

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on assumptions of reading and on uncovered parts."""
        heights = self._heights
        return (*heights.notes, heights.warning) if heights.warning else heights.notes

    @property
    def content(self) -> str:
        """Text that differs between rasters of different contents; "" where it is not known."""
        return self._heights.content

    def is_current(self) -> bool:
        """Return True if the raster's files are still those that were opened."""
        return self._heights.is_current()

    def close(self) -> None:
        """Close the raster."""
        self._heights.close()

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return a tile's samples as `ErrorReference.cells`; coarse tiles are averaged from all
        finest cells below, block by block."""
        side = self._grid.tile_span(tile) // TILE
        total = np.zeros((TILE, TILE))
        count = np.zeros((TILE, TILE))
        columns, rows = self._grid.tile_cells(tile)
        step = max(1, int(BLOCK_CELLS**0.5) // side)
        for top in range(0, rows, step):
            for left in range(0, columns, step):
                high = min(step, rows - top)
                wide = min(step, columns - left)
                window = (
                    (tile.y * TILE + top) * side,
                    (tile.x * TILE + left) * side,
                    high * side,
                    wide * side,
                )
                heights, valid = self.read(*window)
                block = slice(top, top + high), slice(left, left + wide)
                blocks = (high, side, wide, side)
                total[block] = np.where(valid, heights, 0.0).reshape(blocks).sum(axis=(1, 3))
                count[block] = valid.reshape(blocks).sum(axis=(1, 3))
        valid_cells = count > 0
        return np.divide(total, count, out=np.zeros_like(total), where=valid_cells), valid_cells

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the file's finest cells: heights [rows, cols] in meters and a bool
        mask of the valid ones."""
        with _own_options():
            return self._heights.read(row, col, rows, cols)

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return heights as `ErrorReference.heights_at`, bilinear between the raster's cells."""
        with _own_options():
            return self._heights.heights_at(easting, northing)


@contextmanager
def _own_options() -> Iterator[None]:
    """Replace `ntile`'s option names by the viewer's in errors of reading."""
    try:
        yield
    except NtileError as error:
        raise type(error)(_OPTION.sub(r"--reference-\1", str(error))) from error


def local(grid: Grid, tile: Tile, easting: float, northing: float) -> tuple[float, float]:
    """Return tile coordinates u, v of a point, clipped to [0, 1]."""
    column, row = grid.cell_of(easting, northing)
    span = grid.tile_span(tile)
    return min(max(column / span - tile.x, 0.0), 1.0), min(max(row / span - tile.y, 0.0), 1.0)


def find(reader: Reader, dem: Raster | None) -> ErrorReference | None:
    """Return the user's DEM, else the file's reference layer, else None. Raises NtileError."""
    if dem is not None:
        return DemReference(dem, reader)
    layer = next((layer for layer in reader.layers if layer.is_reference), None)
    return None if layer is None else LayerReference(reader, layer)
