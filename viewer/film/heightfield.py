"""Small raster of the whole area: a ceiling for paths, and a measure of relief. Pure numpy, any
thread."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neural.container.reader import Reader
from neural.errors import NtileError
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE
from viewer.model.height_range import HeightRange
from viewer.model.readings import BoundingBox

SIDE = 320
"""Samples along the longer side of the area."""

TILES = 4
"""Maximum number of tiles along a side of the level read: 16 tiles suffice for any area."""


@dataclass(frozen=True, eq=False)
class HeightField:
    """Heights in meters on a regular lattice, row 0 in the north; NaN without data."""

    bounds: BoundingBox  # of the area; low and high are those of the lattice
    heights: np.ndarray  # float64 [rows, columns]
    margin_m: float  # largest height of the finest surface above the lattice, meters
    exaggeration: float = 1.0
    pivot_z: float = 0.0  # height that exaggeration leaves in place, meters
    ground_scale: float = 1.0  # meters on the ground per CRS meter

    @classmethod
    def read(
        cls,
        reader: Reader,
        layer: int = 0,
        *,
        exaggeration: float = 1.0,
        span: HeightRange | None = None,
    ) -> HeightField:
        """Read the field of a layer; without the outliers of `span`, its bounds are those of a
        picture. Raises NtileError for a damaged file, or an area without any height."""
        grid = reader.grid
        chosen = reader.layers[layer]
        cells = max(grid.width, grid.height)
        top = grid.levels - 1
        level = max(
            z for z in range(grid.levels) if math.ceil(cells / (TILE << (top - z))) <= TILES
        )
        spacing = cells / SIDE
        columns = _lattice(grid.width, spacing)
        rows = _lattice(grid.height, spacing)
        decoder = SurfaceDecoder(reader, chosen, lazy=True, keep_tiles=TILES * TILES)
        heights, valid = decoder.lattice(columns, rows, level)
        heights[~valid] = np.nan
        if not valid.any():
            raise NtileError(f"{reader.path}: it holds no heights; encode it again.")
        ends = float(np.nanmin(heights)), float(np.nanmax(heights))
        pivot_z = reader.layers[0].root.min_m
        if span is not None and span.trimmed:
            ends = tuple(np.clip(ends, *span.ends()).tolist())
            pivot_z = span.low
        bounds = BoundingBox(*grid.bounds, *ends)
        margin = chosen.root.geometric_error_m if level < top else 0.0
        margin = min(margin, bounds.high - bounds.low)
        return cls(bounds, heights, margin, exaggeration, pivot_z, grid.ground_scale)

    def drawn(self, z_m: float, exaggeration: float | None = None) -> float:
        """Return the drawn height of a true one, with vertical exaggeration (None: the field's)."""
        exaggeration = self.exaggeration if exaggeration is None else exaggeration
        return self.pivot_z + (z_m - self.pivot_z) * exaggeration / self.ground_scale

    @property
    def spacing_m(self) -> tuple[float, float]:
        """Distance between samples, eastward and northward, meters."""
        rows, columns = self.heights.shape
        return (self.bounds.east - self.bounds.west) / columns, (
            self.bounds.north - self.bounds.south
        ) / rows

    def cell(self, easting: float, northing: float) -> tuple[float, float]:
        """Return fractional column and row of a position; sample centers are integers."""
        dx, dy = self.spacing_m
        return (easting - self.bounds.west) / dx - 0.5, (self.bounds.north - northing) / dy - 0.5

    def ceiling_m(
        self, easting: float, northing: float, exaggeration: float | None = None
    ) -> float | None:
        """Return the highest drawn terrain around a position, meters; None without any nearby."""
        column, row = self.cell(easting, northing)
        x = round(column)
        y = round(row)
        nearby = self.heights[max(y - 1, 0) : max(y + 2, 0), max(x - 1, 0) : max(x + 2, 0)]
        if nearby.size == 0 or np.isnan(nearby).all():
            return None
        return self.drawn(float(np.nanmax(nearby)) + self.margin_m, exaggeration)

    def height_m(self, easting: float, northing: float) -> float:
        """Return the drawn height at a position, meters; outside and in holes that of the nearest
        sample."""
        column, row = self.cell(easting, northing)
        rows, columns = self.heights.shape
        y = min(max(round(row), 0), rows - 1)
        x = min(max(round(column), 0), columns - 1)
        value = self.heights[y, x]
        if np.isnan(value):
            valid = np.argwhere(~np.isnan(self.heights))
            y, x = valid[np.argmin(((valid - (y, x)) ** 2).sum(axis=1))]
            value = self.heights[y, x]
        return self.drawn(float(value))


def _lattice(cells: int, spacing: float) -> np.ndarray:
    count = max(2, round(cells / spacing))
    return (np.arange(count) + 0.5) * (cells / count)
