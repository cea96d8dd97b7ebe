"""Heights of an area in a memory-mapped pyramid, from which one network over all of it is
trained."""

from __future__ import annotations

import math
import os
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neural.encoding.acorn.statistics import BlockStatistics
from neural.encoding.pyramid import HeightSource, PyramidTile, build
from neural.errors import DemError, NtileError
from neural.system import output
from neural.tiles import TILE, levels_for

_ROWS_BYTES = 1 << 25  # of the heights that a pass over all of them has in memory at once


class Extents(NamedTuple):
    """Facts of the valid cells of aligned squares [rows, columns]; NaN heights where there are
    none."""

    cells: np.ndarray  # number of valid cells, int64
    low_m: np.ndarray  # float32
    high_m: np.ndarray  # float32


class Area:
    """Heights of all levels, float32 in meters, NaN where there is no data.

    Places are in cells of the finest level: columns eastward and rows southward from the
    northwestern corner, so that cell centers lie at k + 0.5.
    """

    def __init__(self, levels: list[np.ndarray]) -> None:
        self._levels = levels
        self.heights = levels[0]
        """Finest cells [height, width]."""
        self.height, self.width = self.heights.shape
        self.extents = cache(self._extents)
        self.statistics = cache(self._statistics)

    @classmethod
    def of(cls, heights: np.ndarray, valid: np.ndarray | None = None) -> Area:
        """Return the area of an array of meters [height, width]; NaN, too, is no data."""
        finest = np.array(heights, np.float32)
        if valid is not None:
            finest[~valid] = np.nan
        levels = [finest]
        mean = np.nan_to_num(finest.astype(np.float64))
        count = np.isfinite(finest).astype(np.float64)
        for _ in range(levels_for(*finest.shape) - 1):
            mean, count = _halved(mean, count)
            levels.append(np.where(count > 0, mean, np.nan).astype(np.float32))
        return cls(levels)

    @classmethod
    def create(cls, path: Path, width: int, height: int) -> Area:
        """Return an area without data in a new file. Raises NtileError where that cannot be
        written."""
        shapes = _shapes(width, height)
        try:
            with open(path, "wb") as file:
                # written, not only made longer: a map of room that the disk lacks ends the process
                rest = sum(map(math.prod, shapes))
                empty = np.full(min(rest, _ROWS_BYTES // 4), np.nan, np.float32)
                while rest:
                    file.write(empty[:rest].data)
                    rest -= min(rest, len(empty))
            return cls(_mapped(path, shapes))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise NtileError(
                f"{path} cannot be written ({output.explain(error, path)}); make room or "
                f"{output.ADVICE} for the output."
            ) from error

    @classmethod
    def open(cls, path: Path, width: int, height: int) -> Area | None:
        """Return the area of a file written before; None where it is not one of this size."""
        shapes = _shapes(width, height)
        try:
            if os.path.getsize(path) != 4 * sum(map(math.prod, shapes)):
                return None
            return cls(_mapped(path, shapes))
        except OSError:
            return None

    @property
    def levels(self) -> int:
        """Levels of the pyramid, the finest included."""
        return len(self._levels)

    @property
    def root_cells(self) -> int:
        """Side of the root square in finest cells."""
        return TILE << (self.levels - 1)

    def level(self, coarser: int) -> np.ndarray:
        """Return heights so many levels above the finest, means over 2^coarser finest cells; also
        `above` the pyramid."""
        if coarser < self.levels:
            return self._levels[coarser]
        return self._above[coarser - self.levels]

    @property
    def has_gaps(self) -> bool:
        """True where cells of the area have no data."""
        return self.samples < self.width * self.height

    @property
    def filled_level(self) -> int:
        """The first level that has no gaps: of the pyramid, or above it."""
        return self.levels + len(self._above) - 1

    @cached_property
    def _above(self) -> list[np.ndarray]:
        """Levels above the pyramid, up to the first without gaps."""
        levels = [self._levels[-1]]
        while np.isnan(levels[-1]).any():
            mean, count = _halved(np.nan_to_num(levels[-1]), np.isfinite(levels[-1]).astype(float))
            levels.append(np.where(count > 0, mean, np.nan).astype(np.float32))
        return levels[1:]

    def put(self, tile: PyramidTile) -> None:
        """Take over the heights of one tile."""
        level = self._levels[self.levels - 1 - tile.tile.z]
        top = tile.tile.y * TILE
        left = tile.tile.x * TILE
        window = level[top : top + TILE, left : left + TILE]
        rows, columns = window.shape
        window[:] = np.where(tile.valid, tile.heights, np.nan)[:rows, :columns]

    def flush(self) -> None:
        """Have the heights put so far on the disk."""
        base = self.heights.base
        if isinstance(base, np.memmap):
            base.flush()

    @cached_property
    def samples(self) -> int:
        """Number of valid finest cells."""
        return int(self.extents(TILE).cells.sum())

    @cached_property
    def low_m(self) -> float:
        """Lowest height, meters. Raises DemError where there is none."""
        return self._extreme(np.nanmin)

    @cached_property
    def high_m(self) -> float:
        """Highest height, meters. Raises DemError where there is none."""
        return self._extreme(np.nanmax)

    def _extreme(self, of: Any) -> float:
        extents = self.extents(TILE)
        if not extents.cells.any():
            raise DemError("every sample is missing (nodata); check the file's nodata value.")
        return float(of(extents.low_m if of is np.nanmin else extents.high_m))

    @property
    def offset_m(self) -> float:
        """Middle of the height range, as float32 has it: meters of a normalized height of 0."""
        return float(np.float32((self.low_m + self.high_m) / 2))

    @property
    def scale_m(self) -> float:
        """Half of the height range, as float32 has it: meters per normalized height; 0 where all
        heights are equal."""
        return float(np.float32((self.high_m - self.low_m) / 2))

    def normalized(self, meters: np.ndarray) -> np.ndarray:
        """Return normalized heights, float32, of meters."""
        divided = (meters - np.float32(self.offset_m)) * np.float32(1 / (self.scale_m or 1.0))
        return divided.astype(np.float32)

    def targets(
        self, columns: np.ndarray, rows: np.ndarray, coarser: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return heights in meters at places, bilinear between the centers of a level's cells, and
        the places that have one.

        Missing cells have no weight; a place whose nearest cell is missing, or that lies outside
        the area, has no height: it is 0 and False. `columns` and `rows` broadcast.
        """
        level = self.level(coarser)
        height, width = level.shape
        x, inside_x = _along(columns, coarser, width, self.width)
        y, inside_y = _along(rows, coarser, height, self.height)
        meters = np.zeros(np.broadcast_shapes(x.low.shape, y.low.shape), np.float32)
        weights = np.zeros_like(meters)
        largest = np.zeros_like(meters)
        nearest = np.full_like(meters, np.nan)
        flat = level.reshape(-1)
        for row, weight_y in ((y.low, 1 - y.share), (y.high, y.share)):
            for column, weight_x in ((x.low, 1 - x.share), (x.high, x.share)):
                cells = flat[row * width + column]
                weight = weight_y * weight_x
                is_nearer = weight > largest
                nearest = np.where(is_nearer, cells, nearest)
                largest = np.where(is_nearer, weight, largest)
                weight = np.where(np.isnan(cells), np.float32(0), weight)
                meters += weight * np.nan_to_num(cells)
                weights += weight
        valid = np.isfinite(nearest) & inside_x & inside_y
        return np.where(valid, meters / np.where(valid, weights, 1), 0).astype(np.float32), valid

    def filled(
        self, columns: np.ndarray, rows: np.ndarray, coarser: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return heights in meters at places [n] of gaps of a level, each as `targets` of the next
        coarser level that has one there, and the places that lie inside the area."""
        inside = (columns >= 0) & (columns <= self.width) & (rows >= 0) & (rows <= self.height)
        meters = np.zeros(len(columns), np.float32)
        rest = np.flatnonzero(inside)
        for level in range(coarser + 1, self.filled_level + 1):
            if not len(rest):
                break
            meters[rest], valid = self.targets(columns[rest], rows[rest], level)
            rest = rest[~valid]
        return meters, inside

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of finest heights [rows, cols] in meters and validity; outside the area
        is invalid."""
        heights = np.full((rows, cols), np.nan, np.float32)
        top = max(row, 0)
        left = max(col, 0)
        part = self.heights[top : max(row + rows, top), left : max(col + cols, left)]
        heights[top - row : top - row + part.shape[0], left - col : left - col + part.shape[1]] = (
            part
        )
        valid = np.isfinite(heights)
        return np.nan_to_num(heights), valid

    def _statistics(self, leaf: int, grid: int) -> BlockStatistics:
        return BlockStatistics.of_heights(self.heights, leaf=leaf, grid=grid, levels=self.levels)

    def _extents(self, side: int) -> Extents:
        rows = -(-self.height // side)
        columns = -(-self.width // side)
        count = np.zeros((rows, columns), np.int64)
        low = np.full((rows, columns), np.nan, np.float32)
        high = np.full((rows, columns), np.nan, np.float32)
        step = max(1, _ROWS_BYTES // (4 * self.width * side))
        starts = np.arange(0, self.width, side)
        for first in range(0, rows, step):
            band = self.heights[first * side : (first + step) * side]
            tops = np.arange(0, len(band), side)
            part = slice(first, first + len(tops))
            valid = np.isfinite(band)
            for out, ufunc, values in (
                (count, np.add, valid.astype(np.int64)),
                (low, np.fmin, band),
                (high, np.fmax, band),
            ):
                out[part] = ufunc.reduceat(ufunc.reduceat(values, tops), starts, axis=1)
        return Extents(count, low, high)


def staged(dem: HeightSource, path: Path) -> Area:
    """Read a raster once into a memory-mapped pyramid. Raises DemError without a valid sample."""
    area = Area.create(path, dem.grid.width, dem.grid.height)
    for tile in build(dem):
        area.put(tile)
    return area


class _Along(NamedTuple):
    low: np.ndarray  # cells
    high: np.ndarray
    share: np.ndarray  # weight of `high`, float32


def _along(
    places: np.ndarray, coarser: int, cells: int, finest_cells: int
) -> tuple[_Along, np.ndarray]:
    """Return cells and weights along one axis, and the places inside the area."""
    places = np.asarray(places, np.float64)
    inside = (places >= 0) & (places <= finest_cells)
    at = np.clip(places / (1 << coarser) - 0.5, 0, cells - 1)
    low = at.astype(np.int64)
    return _Along(low, np.minimum(low + 1, cells - 1), (at - low).astype(np.float32)), inside


def _shapes(width: int, height: int) -> list[tuple[int, int]]:
    """Return rows and columns of every level, the finest first."""
    return [(-(-height >> k), -(-width >> k)) for k in range(levels_for(width, height))]


def _mapped(path: Path, shapes: list[tuple[int, int]]) -> list[np.ndarray]:
    flat = np.memmap(path, np.float32, mode="r+")
    levels = []
    first = 0
    for rows, columns in shapes:
        # plain arrays: indexing a memmap takes longer
        levels.append(np.ndarray((rows, columns), np.float32, flat, 4 * first))
        first += rows * columns
    return levels


def _halved(mean: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and counts of the next coarser level."""
    pad = [(0, size % 2) for size in mean.shape]
    total = np.pad(mean * count, pad)
    weight = np.pad(count, pad)
    quarters = [(j, i) for j in (0, 1) for i in (0, 1)]
    totals = np.sum([total[j::2, i::2] for j, i in quarters], axis=0)
    weights = np.sum([weight[j::2, i::2] for j, i in quarters], axis=0)
    return np.divide(totals, weights, out=np.zeros_like(totals), where=weights > 0), weights
