"""Error reference at the levels of a layer, filtered by the layer's own low-pass.

With another low-pass, the errors of a coarse tile would mostly be the difference of two filters:
tens of centimeters where the codec is off by millimeters. Reference samples of a level are computed
as the encoder computes its own, from levels up to `ErrorReference.depth` finer: gaps are filled,
and lines of samples end at missing tiles.

A wavelet sample is valid if the reference has data at its position. Beside a gap a drawn cell may
therefore be invalid although it has data elsewhere. More than `ErrorReference.depth` levels above
the finest, samples must also be two or more from gaps and the rim: nearer ones could only be
computed from averages of parts of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neural.container.reader import Reader
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.extension import extend_both, split_present
from neural.methods.lapped.tile_cache import TileCache
from neural.methods.lapped.wavelet import HALO
from neural.methods.lowpass import TAPS, LowPass, conversion, place, places
from neural.raster.fill import fill
from neural.surface.tile_surface import SurfaceDecoder, TileSurface
from neural.tiles import TILE, Tile
from viewer.tiles.reference import ErrorReference, local

KEPT_CELLS = 112
"""Cached tiles of a reference from which coarser samples are computed: 64 MB, or twice that if all
have gaps.

One coarse tile needs 100: its descendants and their neighbors.
"""

KEPT_SAMPLES = 24
"""Cached tiles of samples: 14 MB. Several layers, bits and quantities share them."""

_REACH = 2 * HALO
"""Margin of finer samples read around a window: the wavelet's, and as many again to extend line
ends."""

# margin of a tile's fill in samples, as in `neural.encoding.lapped.staged_layer`
FILL_MARGIN = TILE // 2


class ReferenceSamples(NamedTuple):
    """Reference samples of a level, [n, m]."""

    meters: np.ndarray  # float64, arbitrary where not valid
    valid: np.ndarray  # bool


class _Window(NamedTuple):
    """Intermediate samples on the way to a coarser level, [n, m]."""

    meters: np.ndarray  # float64
    valid: np.ndarray  # bool: data at the sample's position
    present: np.ndarray  # bool: valid or filled; elsewhere lines end


@dataclass(frozen=True)
class LevelReference:
    """Reference at the samples of a file's layers that have one low-pass. Thread-safe."""

    reference: ErrorReference
    low_pass: LowPass
    reader: Reader

    def places(self, tile: Tile) -> np.ndarray:
        """Return tile coordinates of a tile's samples along either axis, float64 [256]."""
        return places(self.low_pass, self._levels_above_finest(tile.z))

    def samples(self, tile: Tile, rim: int = 0) -> ReferenceSamples:
        """Return a tile's samples and `rim` ≤ 1 more on all sides, [256 + 2·rim, 256 + 2·rim].

        Raises NtileError where the reference cannot be read.
        """
        kept_rim = rim if self._is_native else 1  # no slower, and cached for both
        kept = self._caches.samples.setdefault((self.low_pass, kept_rim), TileCache(KEPT_SAMPLES))
        meters, valid = kept.of(tile, lambda tile: self._make(tile, kept_rim))
        cut = kept_rim - rim
        inner = np.s_[cut : cut + TILE + 2 * rim, cut : cut + TILE + 2 * rim]
        return ReferenceSamples(meters[inner], valid[inner])

    def error_at(self, surface: TileSurface, tile: Tile, u: float, v: float) -> float:
        """Return decoded − reference in meters at a position of a tile, interpolated from the
        errors of adjacent samples.

        Equals the overlay's value there, independent of the surfaces between their samples. NaN
        where no adjacent sample is valid.
        """
        first, shares = zip(*(self._around(tile.z, t) for t in (v, u)), strict=True)
        reference = self._samples(tile.z, TILE * tile.y + first[0], TILE * tile.x + first[1], 2)
        rows, columns = (np.arange(k, k + 2) for k in first)
        positions = self.places(tile)
        counts = reference.valid & surface.valid[np.ix_(rows, columns)]
        weights = np.outer(*shares) * counts
        if not weights.sum() > 0:
            return float("nan")
        errors = surface.heights(positions[columns], positions[rows]).meters - reference.meters
        return float((weights * np.where(counts, errors, 0.0)).sum() / weights.sum())

    def lacks_rims(self, z: int) -> bool:
        """Return True if samples of a level near the rim or a gap cannot be made and count as
        invalid."""
        return not self._is_native and self._levels_above_finest(z) > self.reference.depth

    def _around(self, z: int, t: float) -> tuple[int, tuple[float, float]]:
        """Return the first of the two samples of a tile adjacent to a coordinate, and the weights
        of both."""
        position = t * TILE - place(self.low_pass, self._levels_above_finest(z))
        first = min(max(int(np.floor(position)), 0), TILE - 2)
        share = min(max(position - first, 0.0), 1.0)
        return first, (1.0 - share, share)

    @property
    def _is_native(self) -> bool:
        return self.reference.low_pass.is_mean == self.low_pass.is_mean

    @property
    def _caches(self) -> _Caches:
        kept = _CACHES.get(self.reference)
        return _CACHES.setdefault(self.reference, _Caches()) if kept is None else kept

    def _levels_above_finest(self, z: int) -> int:
        return self.reader.grid.levels - 1 - z

    def _make(self, tile: Tile, rim: int) -> ReferenceSamples:
        """Make a tile's samples in quarters, which limits memory."""
        size = TILE + 2 * rim
        meters = np.zeros((size, size))
        valid = np.zeros((size, size), bool)
        half = size // 2
        for row in (0, half):
            for column in (0, half):
                y = TILE * tile.y - rim + row
                x = TILE * tile.x - rim + column
                part = self._samples(tile.z, y, x, half)
                where = np.s_[row : row + half, column : column + half]
                meters[where] = part.meters
                valid[where] = part.valid
        return ReferenceSamples(meters, valid)

    def _samples(self, z: int, row: int, column: int, size: int) -> _Window:
        """Return samples [size, size] of level z."""
        if self._is_native or self._levels_above_finest(z) == 0:
            return self._assembled(z, row, column, size, self._cells)
        return self._window(
            z, row, column, size, min(z + self.reference.depth, self.reader.grid.levels - 1)
        )

    def _window(self, z: int, row: int, column: int, size: int, start: int) -> _Window:
        """Make samples [size, size] of level z from those of level `start` below."""
        if z == start:
            return self._converted(z, row, column, size)
        boundary = self.low_pass.boundary
        if boundary is None:
            # Unknown finest cells have no part in a mean; of coarser ones an unknown part cannot be
            # left out.
            fewest = 1 if self._levels_above_finest(start) == 0 else 4
            return _averaged(self._window(z + 1, 2 * row, 2 * column, 2 * size, start), fewest)
        finer = self._window(
            z + 1, 2 * row - _REACH, 2 * column - _REACH, 2 * (size + _REACH), start
        )
        inner = np.s_[_REACH:-_REACH:2, _REACH:-_REACH:2]
        spare = _REACH - HALO
        meters = split_present(finer.meters, finer.present, boundary)[
            spare:-spare:2, spare:-spare:2
        ]
        window = _Window(meters, finer.valid[inner], finer.present[inner].copy())
        self._continue(window, z, row, column)
        return window

    def _continue(self, window: _Window, z: int, row: int, column: int) -> None:
        """Replace absent children by the fill of their parent, as encoders do; lines continue
        there."""
        if window.present.all():
            return
        for tile, src, dst in _overlapped(z, row, column, window.present.shape):
            lacking = self._inside(tile)[src] & ~window.present[dst]
            if lacking.any():
                cells = self._cells(tile)
                if cells.valid.any():
                    window.meters[dst][lacking] = _filled(cells.meters, cells.valid)[src][lacking]
                    window.present[dst] |= lacking

    def _converted(self, z: int, row: int, column: int, size: int) -> _Window:
        """Return the reference's own cells of level z, gaps filled, as samples of this low-pass."""
        if self._levels_above_finest(z) == 0:
            return self._assembled(z, row, column, size, self._gap_filled_cells)
        first, weights = conversion(
            self.reference.low_pass, self.low_pass, self._levels_above_finest(z)
        )
        cells = self._assembled(
            z, row + first, column + first, size + TAPS - 1, self._gap_filled_cells
        )
        meters, _ = extend_both(
            cells.meters, cells.present, (self.low_pass.boundary or LINEAR).of_samples(TAPS)
        )
        for _ in range(2):
            meters = sum(weight * meters[k : k + size] for k, weight in enumerate(weights)).T
        valid = ~_dilate(~cells.valid, self._doubt)
        inner = np.s_[-first : size - first, -first : size - first]
        return _Window(meters, valid[inner], cells.present[inner])

    @property
    def _doubt(self) -> int:
        """Distance from a gap or the rim within which samples are invalid, in cells of the level
        that the others are made from.

        Some of those are means of a part of their area; a sample's weight two samples away is
        small.
        """
        return 2 << self.reference.depth

    def _assembled(
        self, z: int, row: int, column: int, size: int, of: Callable[[Tile], ReferenceSamples]
    ) -> _Window:
        """Return a window of level z assembled from a function's tiles."""
        shape = size, size
        window = _Window(np.zeros(shape), np.zeros(shape, bool), np.zeros(shape, bool))
        for tile, src, dst in _overlapped(z, row, column, shape):
            cells = of(tile)
            if cells.valid.any():
                window.meters[dst] = cells.meters[src]
                window.valid[dst] = cells.valid[src]
                window.present[dst] = self._inside(tile)[src]
        return window

    def _inside(self, tile: Tile) -> np.ndarray:
        """Return the mask of a tile's cells inside the layers, bool [256, 256]."""
        if self.reader.has(0, tile):  # all layers of a file have the same tiles
            return self.reader.grid.tile_inside(tile)
        return np.zeros((TILE, TILE), bool)

    def _cells(self, tile: Tile) -> ReferenceSamples:
        """Return the reference's own cells of a tile; all invalid outside the pyramid."""
        _, x, y = tile
        if not (0 <= x < 1 << tile.z and 0 <= y < 1 << tile.z):
            return ReferenceSamples(np.zeros((TILE, TILE)), np.zeros((TILE, TILE), bool))
        return self._caches.cells.of(
            tile, lambda tile: ReferenceSamples(*self.reference.cells(tile))
        )

    def _gap_filled_cells(self, tile: Tile) -> ReferenceSamples:
        """Return a tile's cells with gaps filled, also from adjacent tiles, as encoders do."""
        cells = self._cells(tile)
        if not cells.valid.any() or (cells.valid | ~self.reader.grid.tile_inside(tile)).all():
            return cells
        return self._caches.gap_filled.of(tile, self._fill)

    def _fill(self, tile: Tile) -> ReferenceSamples:
        size = TILE + 2 * FILL_MARGIN
        meters = np.zeros((size, size))
        valid = np.zeros((size, size), bool)
        row = TILE * tile.y - FILL_MARGIN
        column = TILE * tile.x - FILL_MARGIN
        for neighbor, src, dst in _overlapped(tile.z, row, column, (size, size)):
            meters[dst], valid[dst] = (part[src] for part in self._cells(neighbor))
        inner = np.s_[FILL_MARGIN:-FILL_MARGIN, FILL_MARGIN:-FILL_MARGIN]
        return ReferenceSamples(_filled(meters, valid)[inner], self._cells(tile).valid)


def error_at(
    reference: ErrorReference,
    decoder: SurfaceDecoder,
    surface: TileSurface | None,
    tile: Tile,
    easting: float,
    northing: float,
) -> float:
    """Return decoded − reference in meters at a position in a tile of the decoder's layer.

    At the finest level the two surfaces are compared, at coarser ones the samples: see
    `LevelReference.error_at`. NaN where the surface or the reference is undefined. Raises
    NtileError where the reference cannot be read.
    """
    grid = decoder.reader.grid
    if surface is None:
        return float("nan")
    u, v = local(grid, tile, easting, northing)
    if tile.z == grid.levels - 1:
        decoded = surface.heights(np.array([u]), np.array([v])).meters
        return float(decoded[0, 0] - reference.heights_at(easting, northing))
    at_levels = LevelReference(reference, decoder.method.low_pass, decoder.reader)
    return at_levels.error_at(surface, tile, u, v)


class _Caches:
    """Caches of one reference."""

    def __init__(self) -> None:
        self.cells = TileCache[ReferenceSamples](KEPT_CELLS)
        self.gap_filled = TileCache[ReferenceSamples](KEPT_CELLS)
        self.samples: dict[tuple[LowPass, int], TileCache[ReferenceSamples]] = {}


_CACHES: WeakKeyDictionary[ErrorReference, _Caches] = WeakKeyDictionary()


def _dilate(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilate a mask [n, m] by `radius` along both axes."""
    for _ in range(2):
        counts = np.cumsum(np.pad(mask, ((radius + 1, radius), (0, 0))), axis=0)
        mask = (counts[2 * radius + 1 :] > counts[: -2 * radius - 1]).T
    return mask


def _averaged(finer: _Window, fewest: int) -> _Window:
    """Return the means of the valid samples of each 2 × 2, where at least `fewest` are valid."""
    rows, columns = (n // 2 for n in finer.valid.shape)
    blocks = rows, 2, columns, 2
    count = finer.valid.reshape(blocks).sum(axis=(1, 3))
    total = np.where(finer.valid, finer.meters, 0.0).reshape(blocks).sum(axis=(1, 3))
    valid = count >= fewest
    return _Window(total / np.maximum(count, 1), valid, valid)


def _filled(meters: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return heights [n, n] with gaps filled; at least one must be valid. Computed in float32
    relative to one of them, as encoders fill."""
    base = meters[valid][0]
    return np.where(valid, meters, fill((meters - base).astype(np.float32), valid) + base)


def _overlapped(
    z: int, row: int, column: int, shape: tuple[int, ...]
) -> Iterator[tuple[Tile, tuple[slice, slice], tuple[slice, slice]]]:
    """Iterate over the tiles of a level that overlap a window, with the common part in the tile and
    in the window."""
    for y in range(max(row // TILE, 0), min(-(-(row + shape[0]) // TILE), 1 << z)):
        for x in range(max(column // TILE, 0), min(-(-(column + shape[1]) // TILE), 1 << z)):
            src, dst = zip(
                *(_common(*side) for side in ((y, row, shape[0]), (x, column, shape[1]))),
                strict=True,
            )
            yield Tile(z, x, y), src, dst


def _common(tile: int, first: int, count: int) -> tuple[slice, slice]:
    """Return the samples common to a tile and to `count` from `first` on, as slices of the tile and
    relative to `first`."""
    start = max(TILE * tile, first)
    stop = min(TILE * (tile + 1), first + count)
    return slice(start - TILE * tile, stop - TILE * tile), slice(start - first, stop - first)
