"""Surface of a layer as an error reference: for A − B, and for files without a reference of their
own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neural.grid import Grid
from neural.methods.lowpass import places
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import Tile
from viewer.tiles.reference import RASTER_DEPTH

KEPT_TILES = 8
"""Capacity of the cache of decoded tiles: of another grid, several overlap one tile."""


LEARNED_DEPTH = 1
"""`ErrorReference.depth` of learned layers: their tiles are slow to decode."""


class SurfaceReference:
    """Layer of any file in the same CRS, resampled to the cells of a grid
    (`reference.ErrorReference`).

    The grids may differ in origin, extent and cell size: heights are those of the continuous
    surface at the layer's sample positions in the cells, at the level of the most similar cell
    size.
    """

    def __init__(self, decoder: SurfaceDecoder, grid: Grid, name: str) -> None:
        self.name = name
        self.low_pass = decoder.method.low_pass
        self.depth = RASTER_DEPTH if decoder.layer.is_reference else LEARNED_DEPTH
        self._sampler = SurfaceSampler(decoder, KEPT_TILES)
        self._grid = grid

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return heights [256, 256] of a tile's samples in meters, and a bool mask of the valid
        ones."""
        west, south, east, north = self._grid.tile_bounds(tile)
        fractions = places(self.low_pass, self._grid.levels - 1 - tile.z)
        level = level_like(self._grid, tile.z, self._sampler.grid)
        lattice = self._sampler.lattice(
            west + fractions * (east - west), north - fractions[::-1] * (north - south), level=level
        )
        heights = lattice.meters[::-1]
        valid = ~np.isnan(heights)
        return np.where(valid, heights, 0.0), valid

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the grid's finest cells: heights [rows, cols] in meters and a bool
        mask of the valid ones."""
        a, _, west, _, e, north = self._grid.transform
        eastings = west + a * (col + np.arange(cols) + 0.5)
        northings = north + e * (row + np.arange(rows)[::-1] + 0.5)
        level = level_like(self._grid, self._grid.levels - 1, self._sampler.grid)
        heights = self._sampler.lattice(eastings, northings, level=level).meters[::-1]
        valid = ~np.isnan(heights)
        return np.where(valid, heights, 0.0), valid

    def heights_at(self, easting: Any, northing: Any) -> np.ndarray:
        """Return heights in meters at positions (arrays of one shape), at the finest level; NaN
        outside the surface."""
        return self._sampler.at(easting, northing).meters


def level_like(grid: Grid, level: int, other: Grid) -> int:
    """Return the level of another grid with the cell size most similar to a grid's level."""
    coarser = round(math.log2(grid.cell * (1 << (grid.levels - 1 - level)) / other.cell))
    return other.levels - 1 - min(max(coarser, 0), other.levels - 1)
