"""A layer's continuous surface at any places, in its file's own coordinates: for readouts, profiles
and areas."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from neural.container.reader import checked_tile
from neural.surface.tile_surface import Heights, SurfaceDecoder, TileSurface
from neural.system import arguments
from neural.system.forks import ForkLock
from neural.tiles import TILE, Tile

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from neural.container.reader import Reader

KEEP_TILES = 32
"""Tiles kept decoded."""

CHUNK = 16
"""Scattered places evaluated at once, as the diagonal of a lattice: methods evaluate lattices only.
A network evaluates the square of it, so it is small; one by one, a call's overhead would be ten
times as much."""

_BLOCKS = 16
"""Places of a tile are taken block by block, of so many along each side: neighbors share patches
and cache lines."""


class SurfaceSampler:
    """Interpolated heights of one layer at arbitrary places; threads may share it.

    Parameters
    ----------
    decoder : SurfaceDecoder
        The layer, at its bit depth.
    keep_tiles : int, optional
        Decoded tiles to cache.

    Raises
    ------
    ContainerError
        By its methods, for a damaged tile.
    ModelError
        By its methods, for unusable decoder weights.

    Examples
    --------
    >>> from assets import ROOT
    >>> from neural.container.reader import open_reader
    >>> with open_reader(ROOT / "samples" / "carrizo.ntile") as reader:
    ...     sampler = SurfaceSampler.of(reader, reader.layer("lapped_siren"))
    ...     surface = sampler.at([241500.0, 0.0], [3908000.0, 0.0], order=1)  # CRS meters
    >>> surface.meters.round(0), surface.east.shape
    (array([666.,  nan]), (2,))
    """

    def __init__(self, decoder: SurfaceDecoder, keep_tiles: int = KEEP_TILES) -> None:
        arguments.instance("decoder", decoder, SurfaceDecoder, "give a SurfaceDecoder")
        self.decoder = decoder
        self.grid = decoder.reader.grid
        self._keep = arguments.whole("keep_tiles", keep_tiles, 0)
        self._tiles: OrderedDict[Tile, TileSurface | None] = OrderedDict()
        self._lock = ForkLock()

    @classmethod
    def of(cls, reader: Reader, layer: Layer, keep_bits: int | None = None) -> SurfaceSampler:
        """Open the surface of a layer, re-quantized to `keep_bits` if given. Raises UsageError for
        a bit depth that it lacks."""
        return cls(SurfaceDecoder(reader, layer, keep_bits, lazy=True))

    def at(self, easting: Any, northing: Any, order: int = 0, level: int | None = None) -> Heights:
        """Return heights, and derivatives up to `order`, at scattered places.

        Parameters
        ----------
        easting, northing : array_like
            Coordinates in the file's CRS, meters; broadcast to one shape.
        order : {0, 1, 2}, optional
            Highest derivative: 0 heights in meters, 1 slopes in m/m as well, 2 the Laplacian in
            m/m² as well.
        level : int, optional
            Level to evaluate; by default the finest.

        Returns
        -------
        Heights
            Arrays of the broadcast shape; NaN outside the raster and in cells without data.
        """
        easting = arguments.numbers("easting", easting)
        northing = arguments.numbers("northing", northing)
        order, level = self._checked(order, level)
        column, row = self.grid.cell_of(easting, northing)
        shape = np.broadcast_shapes(column.shape, row.shape)
        column, row = (np.broadcast_to(a, shape).ravel() for a in (column, row))
        heights = _unknown(column.shape, order)
        for tile, indices in self._by_tile(column, row, level):
            surface = self.surface(tile)
            if surface is None:
                continue
            u, v, inside = self._local(tile, surface, column[indices], row[indices])
            indices = indices[inside]
            u = u[inside]
            v = v[inside]
            for chunk in _chunks(u, v):
                across, at_u = np.unique(u[chunk], return_inverse=True)
                down, at_v = np.unique(v[chunk], return_inverse=True)
                _put(heights, indices[chunk], surface.heights(across, down, order), (at_v, at_u))
        return _map_parts(heights, lambda part: part.reshape(shape))

    def lattice(
        self, eastings: np.ndarray, northings: np.ndarray, order: int = 0, level: int | None = None
    ) -> Heights:
        """Return the same on the lattice northings × eastings, both ascending: [len(northings),
        len(eastings)]."""
        eastings = _axis("eastings", eastings)
        northings = _axis("northings", northings)
        order, level = self._checked(order, level)
        column, _ = self.grid.cell_of(eastings, northings[-1])
        _, row = self.grid.cell_of(eastings[0], northings[::-1])
        column = np.asarray(column, np.float64)
        row = np.asarray(row, np.float64)
        heights = _unknown((len(row), len(column)), order)
        for x, at_x in self._along(column, self.grid.width, level):
            for y, at_y in self._along(row, self.grid.height, level):
                surface = self.surface(Tile(level, x, y))
                if surface is None:
                    continue
                u = column[at_x]
                v = row[at_y]
                u, v, inside = self._local(Tile(level, x, y), surface, u[None, :], v[:, None])
                lattice_part = np.ix_(at_y, at_x)
                for whole, part in zip(heights, surface.heights(u[0], v[:, 0], order), strict=True):
                    if whole is not None:
                        whole[lattice_part] = np.where(inside, part, np.nan)
        return _map_parts(heights, lambda part: part[::-1])

    def _checked(self, order: int, level: int | None) -> tuple[int, int]:
        order = arguments.whole("order", order, 0, 2)
        finest = self.grid.levels - 1
        return order, finest if level is None else arguments.whole("level", level, 0, finest)

    def surface(self, tile: Tile) -> TileSurface | None:
        """Return a tile's surface, kept for a while; None where the layer has no such tile."""
        tile = checked_tile(tile)
        with self._lock:
            if tile in self._tiles:
                self._tiles.move_to_end(tile)
                return self._tiles[tile]
        # two threads may do so at once; neither waits for the other
        surface = self.decoder.open_tile(tile)
        with self._lock:
            self._tiles[tile] = surface
            while len(self._tiles) > self._keep:
                self._tiles.popitem(last=False)
        return surface

    def _by_tile(
        self, column: np.ndarray, row: np.ndarray, level: int
    ) -> Iterator[tuple[Tile, np.ndarray]]:
        """Yield the places inside the raster, grouped by tile: indices."""
        grid = self.grid
        # The outline itself belongs to the raster, its eastern and southern sides too.
        inside = np.flatnonzero(
            (column >= 0) & (column <= grid.width) & (row >= 0) & (row <= grid.height)
        )
        side = TILE << (grid.levels - 1 - level)
        x = np.minimum(column[inside] // side, (grid.width - 1) // side).astype(np.int64)
        y = np.minimum(row[inside] // side, (grid.height - 1) // side).astype(np.int64)
        tiles, group = np.unique(x + (y << 32), return_inverse=True)
        for number, code in enumerate(tiles.tolist()):
            yield Tile(level, code & 0xFFFFFFFF, code >> 32), inside[group == number]

    def _along(
        self, position: np.ndarray, cells: int, level: int
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield tiles along one axis, and the positions inside the raster that lie in each."""
        side = TILE << (self.grid.levels - 1 - level)
        inside = np.flatnonzero((position >= 0) & (position <= cells))
        tile = np.minimum(position[inside] // side, (cells - 1) // side).astype(np.int64)
        for number in np.unique(tile).tolist():
            yield number, inside[tile == number]

    def _local(
        self, tile: Tile, surface: TileSurface, column: np.ndarray, row: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return tile coordinates of grid positions, and whether the cell that each lies in holds
        data."""
        side = self.grid.tile_span(tile)
        u, v = (np.clip(a / side - b, 0.0, 1.0) for a, b in ((column, tile.x), (row, tile.y)))
        columns, rows = self.grid.tile_cells(tile)
        cell_u = np.minimum((u * TILE).astype(np.intp), columns - 1)
        cell_v = np.minimum((v * TILE).astype(np.intp), rows - 1)
        return u, v, surface.valid[cell_v, cell_u]


def _axis(name: str, value: Any) -> np.ndarray:
    """Return the coordinates of one side of a lattice, at least one. Raises UsageError."""
    axis = arguments.numbers(name, value)
    if axis.ndim != 1 or not len(axis):
        arguments.refuse(name, value, "give a list of ascending coordinates")
    return axis


def _unknown(shape: tuple[int, ...], order: int) -> Heights:
    """Return arrays of NaN, as many as derivatives up to `order` take."""
    parts: list[Any] = [np.full(shape, np.nan) for _ in range((1, 3, 4)[order])]
    return Heights(*parts)


def _map_parts(heights: Heights, change: Callable[[np.ndarray], np.ndarray]) -> Heights:
    parts: list[Any] = [None if part is None else change(part) for part in heights]
    return Heights(*parts)


def _put(
    target: Heights, where: np.ndarray, values: Heights, pick: tuple[np.ndarray, np.ndarray]
) -> None:
    for whole, part in zip(target, values, strict=True):
        if whole is not None:
            whole[where] = np.asarray(part)[pick]


def _chunks(u: np.ndarray, v: np.ndarray) -> Iterator[np.ndarray]:
    """Yield places of a tile, a few neighbors at a time: indices."""
    order = np.lexsort((u, np.floor(u * _BLOCKS), np.floor(v * _BLOCKS)))
    for start in range(0, len(order), CHUNK):
        yield order[start : start + CHUNK]
