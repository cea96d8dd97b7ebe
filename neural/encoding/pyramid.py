"""A DEM as a quadtree of 256×256 tiles, finest cells averaged level by level
into coarser ones."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from neural.container.envelope import ChildInfo, Children
from neural.errors import DemError
from neural.grid import Grid
from neural.raster.fill import fill
from neural.tiles import TILE, Tile

_HALF = TILE // 2


class HeightSource(Protocol):
    """Source of a pyramid: a `neural.raster.dem.Dem`, or anything that reads like one."""

    name: str
    grid: Grid

    @property
    def read_ahead_cells(self) -> int:
        """Side of the aligned square, 256·2^k cells, that is best read at once."""

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return heights float32 [rows, cols] in meters and validity; outside the grid is
        invalid."""


@dataclass(eq=False)
class PyramidTile:
    """One tile with data: the cells of its own level and the facts that its parent takes from
    it."""

    tile: Tile
    heights: np.ndarray  # [256, 256] float32 meters, smooth where invalid
    valid: np.ndarray  # [256, 256] bool
    children: Children  # NW, NE, SW, SE; None where there is no data (or no finer level)
    info: ChildInfo  # extent of the own valid cells, geometric error over all finer levels


def count_tiles(grid: Grid) -> int:
    """Return tiles that touch the raster, all levels: how many `build` yields at most."""
    total = 0
    for z in range(grid.levels):
        span = grid.tile_span(Tile(z, 0, 0))
        total += -(-grid.width // span) * -(-grid.height // span)
    return total


def build(dem: HeightSource) -> Iterator[PyramidTile]:
    """Yield all tiles that hold data, children before their parent (NW, NE, SW, SE, then the
    parent).

    A coarser cell is the mean of the valid finest samples below it, and valid when there is any.
    The geometric error of a tile is the largest difference in meters between a finer level's valid
    sample and the bilinear surface through the next coarser cells, over all levels below; 0 on the
    finest. Memory grows with the number of levels, not of tiles. Raises DemError when no sample is
    valid, or as `dem.read` does.
    """
    root = yield from _subtree(_ReadAhead(dem), Tile(0, 0, 0))
    if root is None:
        raise DemError(
            f"{dem.name}: every sample is missing (nodata); check the file's nodata value."
        )


class _Means(NamedTuple):
    """Means of a finished tile, for its parent."""

    mean: np.ndarray  # [256, 256] float64 meters, 0 where there is no sample
    samples: np.ndarray  # [256, 256] float64 number of valid finest samples below each cell
    tile: PyramidTile


def _subtree(dem: _ReadAhead, tile: Tile) -> Generator[PyramidTile, None, _Means | None]:
    grid = dem.grid
    if 0 in grid.tile_cells(tile):
        return None
    finest = tile.z == grid.levels - 1
    parts: list[_Means | None] = [None] * 4
    if finest:
        heights, valid = dem.read_tile(tile)
        mean = heights.astype(np.float64)
        count = valid.astype(np.float64)
    else:
        mean, count = np.zeros((2, TILE, TILE))
        for k, child in enumerate(tile.children):
            parts[k] = part = yield from _subtree(dem, child)
            if part is not None:
                _average(part, mean[_quarter(k)], count[_quarter(k)])
        valid = count > 0
    if not valid.any():
        return None
    filled = fill(mean.astype(np.float32), valid)
    errors = [part.tile.info.geometric_error_m for part in parts if part is not None]
    if not finest:
        errors += _differences(filled, parts)
    extent = filled[valid]
    info = ChildInfo(float(extent.min()), float(extent.max()), max(errors, default=0.0))
    nw, ne, sw, se = (None if part is None else part.tile.info for part in parts)
    done = PyramidTile(tile, filled, valid, (nw, ne, sw, se), info)
    yield done
    return _Means(mean, count, done)


def _quarter(k: int) -> tuple[slice, slice]:
    """Return the slices of child k among its parent's cells."""
    return np.s_[
        _HALF * (k >> 1) : _HALF * (k >> 1) + _HALF, _HALF * (k & 1) : _HALF * (k & 1) + _HALF
    ]


def _average(child: _Means, mean: np.ndarray, count: np.ndarray) -> None:
    """Average the child's 2×2 cells by weight into a quarter of its parent."""
    weighted = child.mean * child.samples
    for j in (0, 1):
        for i in (0, 1):
            count += child.samples[j::2, i::2]
            mean += weighted[j::2, i::2]
    np.divide(mean, count, out=mean, where=count > 0)


def _differences(filled: np.ndarray, parts: list[_Means | None]) -> list[float]:
    """Return the largest |child − this surface| per child, at its valid cell centers, in meters."""
    # One more cell all round, linearly extended, makes the surface reach the rim of the outer
    # cells.
    p = np.pad(filled.astype(np.float64), 1, mode="reflect", reflect_type="odd")
    worst = []
    for k, part in enumerate(parts):
        if part is not None:
            rows, columns = _quarter(k)
            near = p[rows.start : rows.stop + 2, columns.start : columns.stop + 2]
            surface = _at_quarters(_at_quarters(near).T).T
            worst.append(
                float(np.abs(part.tile.heights - surface).max(where=part.tile.valid, initial=0))
            )
    return worst


def _at_quarters(p: np.ndarray) -> np.ndarray:
    """Interpolate linearly along axis 0 at a quarter and three quarters of each inner cell: [n + 2,
    m] → [2n, m]."""
    out = np.empty((2 * (len(p) - 2), p.shape[1]))
    out[0::2] = 0.75 * p[1:-1] + 0.25 * p[:-2]
    out[1::2] = 0.75 * p[1:-1] + 0.25 * p[2:]
    return out


class _ReadAhead:
    """Reader of the finest tiles of a whole aligned square at once, which the order of `build`
    visits one after another.

    A striped file decodes entire rows for every window; square by square, each row is decoded once
    per square.
    """

    def __init__(self, dem: HeightSource) -> None:
        self.dem = dem
        self.grid = dem.grid
        self.side = max(TILE, dem.read_ahead_cells)
        self.square: tuple[int, int] | None = None
        self.heights = self.valid = np.empty((0, 0))

    def read_tile(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return heights and validity [256, 256] of a finest tile."""
        row = tile.y * TILE
        col = tile.x * TILE
        if self.side == TILE:
            return self.dem.read(row, col, TILE, TILE)
        square = row // self.side, col // self.side
        top = square[0] * self.side
        left = square[1] * self.side
        if square != self.square:
            self.heights = self.valid = np.empty((0, 0))  # before the next ones are allocated
            rows = min(self.side, self.grid.height - top)
            cols = min(self.side, self.grid.width - left)
            rows, cols = (-(-n // TILE) * TILE for n in (rows, cols))
            self.heights, self.valid = self.dem.read(top, left, rows, cols)
            self.square = square
        window = np.s_[row - top : row - top + TILE, col - left : col - left + TILE]
        return self.heights[window], self.valid[window]
