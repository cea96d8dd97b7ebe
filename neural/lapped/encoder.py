"""Encoding: the levels' wavelet details from the finest up, then each tile's, quantized, from the coarsest down.

Every magnitude is chosen by squared error + λ · bits of the context model, which the decoder has in the same state.
The transform is nearly orthonormal and lines end where tiles do, so quantization needs to know nothing else.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from neural.grid import Grid
from neural.lapped.assembly import (
    LOWEST_SHARE,
    Assembly,
    Model,
    Stack,
)
from neural.lapped.coder import RangeWriter
from neural.lapped.decide import decide
from neural.lapped.field import extend
from neural.lapped.levels import SYNTHESIS_REACH, Level, Walked, level_steps, reaching, walk
from neural.lapped.mask import write_mask
from neural.lapped.wavelet import BANDS, HALO, split_all, split_lines
from neural.tiles import TILE, Tile

LAGRANGE = 0.11
"""Squared steps that one bit must save; ln 2 / 6 is the slope of uniform quantization."""


class Samples(NamedTuple):
    """Heights of one tile."""

    metres: np.ndarray  # float64 [256, 256]
    valid: np.ndarray  # bool [256, 256]


class Heights(Protocol):
    """One level's tiles."""

    grid: Grid

    def samples(self, tile: Tile) -> Samples | None:
        """A tile's cells; None where there is no such tile."""


class Around(NamedTuple):
    """Cells of a tile and of its neighbours around it; all [256 + 2·reach, the same]."""

    metres: np.ndarray  # float64, 0 where there is no tile
    valid: np.ndarray  # bool
    present: np.ndarray  # bool: cells that the grid has, of tiles that there are


def around(heights: Heights, tile: Tile, reach: int) -> Around:
    """The cells of a tile and those up to `reach` beyond it."""
    size = TILE + 2 * reach
    found = Around(np.zeros((size, size)), np.zeros((size, size), bool), np.zeros((size, size), bool))
    places = {
        -1: (np.s_[:reach], np.s_[-reach:]),
        0: (np.s_[reach:-reach], np.s_[:]),
        1: (np.s_[-reach:], np.s_[:reach]),
    }
    for dy, (rows, from_rows) in places.items():
        for dx, (columns, from_columns) in places.items():
            beside = Tile(tile.z, tile.x + dx, tile.y + dy)
            inside = 0 <= beside.x < 1 << tile.z and 0 <= beside.y < 1 << tile.z
            samples = heights.samples(beside) if inside else None
            if samples is not None:
                there = np.s_[from_rows, from_columns]
                cells = *samples, heights.grid.tile_inside(beside)
                for out, values in zip(found, cells, strict=True):
                    out[rows, columns] = values[there]
    return found


def tile_bands(heights: Heights, tile: Tile) -> np.ndarray:
    """Interleaved bands [256, 256] of a tile's samples and its neighbours', metres.

    Even rows and columns hold the parent level's samples. Details that no valid sample needs are 0.
    """
    reach = 2 * (SYNTHESIS_REACH + 1)
    metres, valid, present = around(heights, tile, reach)
    metres, present = (each[reach - HALO : HALO - reach, reach - HALO : HALO - reach] for each in (metres, present))
    lines, _ = extend(metres, present, HALO)
    lines = split_lines(lines).T
    lines, _ = extend(lines, present[HALO:-HALO].T, HALO)
    bands = np.where(heights.grid.tile_inside(tile), split_lines(lines).T, 0.0)
    needed = reaching(valid)[reach // 2 : -reach // 2, reach // 2 : -reach // 2]
    for y, x in BANDS:
        bands[y::2, x::2] *= needed
    return bands


def details_of(bands: np.ndarray) -> np.ndarray:
    """Interleaved bands [2 n, 2 m] → details [BAND_COUNT, n, m]."""
    return np.stack([bands[y::2, x::2] for y, x in BANDS])


class Encoder:
    """Encodes one layer's tiles, coarse levels first; keeps what later tiles' contexts need."""

    def __init__(self, model: Model, grid: Grid, step_m: float, base_m: float, lagrange: float = LAGRANGE) -> None:
        self.model, self.grid = model, grid
        self.step_m, self.base_m, self.lagrange = step_m, base_m, lagrange
        self._bodies: dict[Tile, bytes] = {}
        self.assembly = Assembly(model, self, step_m, base_m)

    def body(self, tile: Tile) -> bytes | None:
        """See `neural.methods.base.Payloads`: a tile encoded before."""
        return self._bodies.get(tile)

    def encode(self, tile: Tile, bands: np.ndarray, valid: np.ndarray) -> bytes:
        """The method's bits of a tile, its parent's having been encoded before.

        `bands` [256, 256] are those of `tile_bands`, `valid` [256, 256] its cells that hold a height.
        """
        writer = RangeWriter(self.model.distributions)
        write_mask(valid, *self.assembly.masks_above(tile), self.model.mask_chance, writer.put_bits)
        levels = self.assembly.levels(tile, valid)
        details, lowest = [details_of(bands)], 0
        if tile.z == 0:
            columns, rows = self.grid.tile_cells(tile)
            samples = bands[0:rows:2, 0:columns:2] - self.base_m
            for level in levels[-2::-1]:
                split = split_all(samples)
                details.insert(0, _padded(split, len(level.coded[0])))
                samples = split[0::2, 0::2]
            lowest = int(np.rint(samples[0, 0] * LOWEST_SHARE / self.step_m))
            writer.put_large(lowest)
        parent, found = self.assembly.parent_details(tile), []
        for level, wanted in zip(levels, details, strict=True):
            found.append(self._quantize(writer, level, parent, wanted))
            parent = found[-1].signed
        body = writer.finish()
        self.assembly.stacks.put(tile, Stack(valid, found, lowest))
        if tile.z < self.grid.levels - 1:
            self._bodies[tile] = body
        return body

    def _quantize(self, writer: RangeWriter, level: Level, parent: np.ndarray | None, wanted: np.ndarray) -> Walked:
        in_steps = wanted / level_steps(self.step_m, level.above)[:, None, None]

        def visit(band: int, at: np.ndarray, classes: np.ndarray) -> np.ndarray:
            signed = decide(self.model.distributions, in_steps[band].ravel()[at], classes, self.lagrange)
            writer.put(signed, classes)
            return signed

        return walk(self.model, level, parent, visit)


def _padded(bands: np.ndarray, n: int) -> np.ndarray:
    """Interleaved bands of any size up to 2 n → details [BAND_COUNT, n, n], 0 where there are none."""
    whole = np.zeros((2 * n, 2 * n))
    whole[: bands.shape[0], : bands.shape[1]] = bands
    return details_of(whole)
