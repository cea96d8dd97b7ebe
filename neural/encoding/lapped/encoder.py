"""Encoding: the levels' wavelet details from the finest up, then each tile's, quantized, from the
coarsest down.

Every magnitude is chosen by squared error + λ · bits of the context model, which the decoder has in
the same state. The transform is nearly orthonormal, so quantization needs to know nothing else, but
for the details at odd ends of the grid: these make up for all errors of the outermost samples,
which have neighbors on one side only.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from neural.encoding.lapped.rate_distortion import quantize_rdo
from neural.grid import Grid
from neural.methods.lapped.assembly import DETAILS, Assembly, Stack
from neural.methods.lapped.boundary import LINEAR, Ends
from neural.methods.lapped.coder import RangeWriter
from neural.methods.lapped.extension import split_level, split_present
from neural.methods.lapped.levels import (
    DetailLevel,
    LevelDetails,
    level_size,
    level_steps,
    odd_ends,
    reaching,
    walk,
)
from neural.methods.lapped.mask_coder import write_mask
from neural.methods.lapped.model import Model
from neural.methods.lapped.root import LOWEST_SHARE
from neural.methods.lapped.wavelet import BANDS, HALO
from neural.tiles import TILE, Tile

LAGRANGE = 0.11
"""Squared steps that one bit must save; ln 2 / 6 is the slope of uniform quantization."""

_MARGIN = 16
"""Samples beyond a tile that its bands may depend on: HALO, and where a line ends just beyond it
those of its end."""

_NEIGHBOR_REACH = 2 * HALO
"""Samples of a tile that its neighbors' details affect, through wavelet and restoration."""

CLOSING_PASSES = 2
"""Times that details at odd ends are chosen again after the errors that they left."""


_KEEP_TILES = 128
"""Coded tiles kept, 0.75 MB each: until their neighbors are there and their errors known."""


class TileSamples(NamedTuple):
    """Heights of one tile."""

    meters: np.ndarray  # float64 [256, 256]
    valid: np.ndarray  # bool [256, 256]


class SampleProvider(Protocol):
    """Provider of the samples of one level's tiles."""

    grid: Grid

    def samples(self, tile: Tile) -> TileSamples | None:
        """Return a tile's cells; None for an absent tile."""


class PaddedSamples(NamedTuple):
    """Cells of a tile and of its neighbors around it; all [256 + 2·margin, the same]."""

    meters: np.ndarray  # float64, 0 where there is no tile
    valid: np.ndarray  # bool
    present: np.ndarray  # bool: cells that the grid has, of tiles that there are


def padded_samples(heights: SampleProvider, tile: Tile, margin: int) -> PaddedSamples:
    """Return the cells of a tile and those up to `margin` beyond it."""
    size = TILE + 2 * margin
    padded = PaddedSamples(
        np.zeros((size, size)), np.zeros((size, size), bool), np.zeros((size, size), bool)
    )
    sides = {
        -1: (np.s_[:margin], np.s_[-margin:]),
        0: (np.s_[margin:-margin], np.s_[:]),
        1: (np.s_[-margin:], np.s_[:margin]),
    }
    for dy, (rows, from_rows) in sides.items():
        for dx, (columns, from_columns) in sides.items():
            neighbor = Tile(tile.z, tile.x + dx, tile.y + dy)
            inside = 0 <= neighbor.x < 1 << tile.z and 0 <= neighbor.y < 1 << tile.z
            samples = heights.samples(neighbor) if inside else None
            if samples is not None:
                src = np.s_[from_rows, from_columns]
                parts = *samples, heights.grid.tile_inside(neighbor)
                for out, values in zip(padded, parts, strict=True):
                    out[rows, columns] = values[src]
    return padded


def tile_bands(heights: SampleProvider, tile: Tile) -> np.ndarray:
    """Return interleaved bands [256, 256] of a tile's samples and its neighbors', meters.

    Even rows and columns hold the parent level's samples. Details that no valid sample needs are 0.
    """
    meters, valid, present = padded_samples(heights, tile, _MARGIN)
    inner = slice(_MARGIN - HALO, HALO - _MARGIN)
    split = split_present(meters, present, LINEAR)[inner, inner]
    bands = np.where(heights.grid.tile_inside(tile), split, 0.0)
    needed = reaching(valid)[_MARGIN // 2 : -_MARGIN // 2, _MARGIN // 2 : -_MARGIN // 2]
    for y, x in BANDS:
        bands[y::2, x::2] *= needed
    return bands


def details_of(bands: np.ndarray) -> np.ndarray:
    """Split interleaved bands [2 n, 2 m] into details [BAND_COUNT, n, m]."""
    return np.stack([bands[y::2, x::2] for y, x in BANDS])


class Encoder:
    """Encoder of one layer's tiles, coarse levels first; keeps the contexts of later tiles."""

    def __init__(
        self, model: Model, grid: Grid, step_m: float, base_m: float, lagrange: float = LAGRANGE
    ) -> None:
        self.model = model
        self.grid = grid
        self.step_m = step_m
        self.base_m = base_m
        self.lagrange = lagrange
        self._bodies: dict[Tile, bytes] = {}
        self.assembly = Assembly(model, self, step_m, base_m, boundary=LINEAR, keep=_KEEP_TILES)

    def body(self, tile: Tile) -> bytes | None:
        """See `neural.methods.base.Payloads`: a tile encoded before."""
        return self._bodies.get(tile)

    def encode(self, tile: Tile, bands: np.ndarray, source: TileSamples) -> bytes:
        """Return the method's bits of a tile, its parent's having been encoded before.

        `bands` [256, 256] are those of `tile_bands`, `source` its own samples.
        """
        writer = RangeWriter(self.model.distributions)
        valid = source.valid
        write_mask(valid, *self.assembly.masks_above(tile), self.model.mask_chance, writer.put_bits)
        levels = self.assembly.levels(tile, valid)
        details = [details_of(bands)]
        lowest = 0
        if tile.z == 0:
            columns, rows = self.grid.tile_cells(tile)
            samples = bands[0:rows:2, 0:columns:2] - self.base_m
            for level in levels[-2::-1]:
                split = split_level(samples, LINEAR)
                details.insert(0, _padded(split, len(level.coded[0])))
                samples = split[0::2, 0::2]
            lowest = int(np.rint(samples[0, 0] * LOWEST_SHARE / self.step_m))
            writer.put_large(lowest)
        parent = self.assembly.parent_details(tile)
        coded_levels = list[LevelDetails]()
        for level, level_details in zip(levels, details, strict=True):
            ends = self._ends(tile, level)
            unit = self._units(level, ends)
            in_steps = level_details / unit
            if level is levels[-1] and (0 <= ends.row < DETAILS or 0 <= ends.column < DETAILS):
                coded = self._quantize(None, level, parent, in_steps)
                self._close_ends(
                    tile, source, Stack(valid, [*coded_levels, coded], lowest), in_steps, unit, ends
                )
            coded_levels.append(self._quantize(writer, level, parent, in_steps))
            parent = coded_levels[-1].signed
        body = writer.finish()
        self.assembly.stacks.put(tile, Stack(valid, coded_levels, lowest))
        if tile.z < self.grid.levels - 1:
            self._bodies[tile] = body
        return body

    def _ends(self, tile: Tile, level: DetailLevel) -> Ends:
        """Return the details of a tile's level that end the grid's lines."""
        ends = odd_ends(*level_size(self.grid.height, self.grid.width, level.above))
        return ends.seen_from(DETAILS * tile.y, DETAILS * tile.x)

    def _units(self, level: DetailLevel, ends: Ends) -> np.ndarray:
        """Return the quantization step of every detail of a level in meters [BAND_COUNT, n, n]."""
        unit = np.broadcast_to(
            level_steps(self.step_m, level.above)[:, None, None], level.coded.shape
        ).copy()
        self.assembly.boundary.scale_ends(unit, ends)
        return unit

    def _quantize(
        self,
        writer: RangeWriter | None,
        level: DetailLevel,
        parent: np.ndarray | None,
        in_steps: np.ndarray,
    ) -> LevelDetails:
        """Choose the magnitudes of a level's details, and code them if a writer is given."""

        def visit(band: int, positions: np.ndarray, classes: np.ndarray) -> np.ndarray:
            signed = quantize_rdo(
                self.model.distributions, in_steps[band].ravel()[positions], classes, self.lagrange
            )
            if writer is not None:
                writer.put(signed, classes)
            return signed

        return walk(self.model, level, parent, visit)

    def _close_ends(
        self,
        tile: Tile,
        source: TileSamples,
        stack: Stack,
        in_steps: np.ndarray,
        unit: np.ndarray,
        ends: Ends,
    ) -> None:
        """Change the details wanted at the grid's odd ends to those that bring the outermost
        samples to their heights.

        `stack` holds the tile's details as chosen so far. Neighbors of its level count as absent,
        as they may not have been coded yet: samples that these affect are left as they are.
        """
        details = stack.details[-1]
        distributions = self.model.distributions
        columns, rows = self.grid.tile_cells(tile)
        closed = source.valid.copy()
        sizes = level_size(self.grid.height, self.grid.width, self.grid.levels - 1 - tile.z)
        for lines, index, size in ((closed, tile.y, sizes[0]), (closed.T, tile.x, sizes[1])):
            if index > 0:
                lines[:_NEIGHBOR_REACH] = False
            if TILE * (index + 1) < size:
                lines[-_NEIGHBOR_REACH:] = False
        at_ends = np.zeros(in_steps.shape, bool)
        if 0 <= ends.row < DETAILS:
            at_ends[1:, ends.row] = True
        if 0 <= ends.column < DETAILS:
            at_ends[::2, :, ends.column] = True
        for _ in range(CLOSING_PASSES):
            errors = np.where(
                closed, source.meters - _Alone(self.assembly, tile, stack).meters(), 0.0
            )
            errors = errors[:rows, :columns]
            missing = np.zeros(in_steps.shape)
            if 0 <= ends.row < DETAILS:
                _add_line(missing[1:, ends.row], errors[-1])
            if 0 <= ends.column < DETAILS:
                _add_line(missing[::2, :, ends.column], errors[:, -1])
            targets = details.steps[at_ends] + (missing / unit)[at_ends]
            in_steps[at_ends] = targets
            classes = details.classes[at_ends]
            details.signed[at_ends] = quantize_rdo(distributions, targets, classes, self.lagrange)
            details.steps[at_ends] = distributions.values(details.signed[at_ends], classes)


def _add_line(bands: np.ndarray, errors: np.ndarray) -> None:
    """Add the change of an end's two bands of details [2, n] that brings the errors [m] of its
    samples to 0, in meters."""
    line = LINEAR.lift(errors[:, None])[:, 0] / LINEAR.end_gain
    for band, part in zip(bands, (line[0::2], line[1::2]), strict=True):
        band[: len(part)] += part


class _Alone(Assembly):
    """One tile's samples from details that are not coded yet, above levels that are."""

    def __init__(self, coded: Assembly, tile: Tile, stack: Stack) -> None:
        super().__init__(
            coded.model, coded.payloads, coded.step_m, coded.base_m, boundary=coded.boundary
        )
        self._coded = coded
        self._tile = tile
        self._stack = stack

    def stack(self, tile: Tile) -> Stack | None:
        """See `Assembly`; no other tile is there."""
        return self._stack if tile == self._tile else None

    def meters(self) -> np.ndarray:
        """Return the tile's samples, float64 [256, 256]."""
        tile = self._tile
        above = (self._coded if tile.z else self).parent_window(tile)
        return self.window(tile.z, TILE * tile.y, TILE * tile.x, TILE, above).meters


def _padded(bands: np.ndarray, n: int) -> np.ndarray:
    """Split interleaved bands of any size up to 2 n into details [BAND_COUNT, n, n], padded with
    0."""
    padded = np.zeros((2 * n, 2 * n))
    padded[: bands.shape[0], : bands.shape[1]] = bands
    return details_of(padded)
