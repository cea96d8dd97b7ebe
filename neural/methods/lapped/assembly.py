"""Decoding tiles from one another: entropy decoding along ancestors, samples along ancestors and
neighbors.

A tile's payload holds the wavelet details that turn the parent level's samples into its own, once
they are restored (`neural.methods.lapped.restoration`). A window of samples needs details and
parent samples around it, so a tile reads the payloads of its neighbors and of the tiles above
these. From the samples the surface is

    h(x) = cubic spline through the parent level's samples + Σ windowed sines of the nodes around x,

whose coefficients are the (orthonormal) transform of what the spline leaves. Everything is a
function of the place alone, so equal-level neighbors agree on their common edge. Where a tile is
absent lines end, by reflection; the root continues the levels within its own payload, down to one
value. Residuals (`neural.methods.lapped.residuals`), if a layer has them, are added to the samples
of the finest level, which the surface goes through like any others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.methods.lapped.basis import (
    HOP,
    SPLINE_HALO,
    SPLINE_PAD,
    along_spline,
    analyze,
    spline_coefficients,
)
from neural.methods.lapped.boundary import LINEAR, Boundary, linear_extension
from neural.methods.lapped.coder import RangeReader
from neural.methods.lapped.context import BAND_COUNT, STEP_RATIO_SCALE
from neural.methods.lapped.extension import extend, extend_both
from neural.methods.lapped.levels import (
    DetailLevel,
    LevelDetails,
    coded_details,
    level_size,
    level_steps,
    log_step_ratio,
    odd_ends,
    requantized,
    sample_shift,
    walk,
)
from neural.methods.lapped.mask_coder import halved, read_mask
from neural.methods.lapped.model import Model
from neural.methods.lapped.restoration import DETAIL_REACH, SAMPLE_REACH
from neural.methods.lapped.root import LOWEST_SHARE, above_root
from neural.methods.lapped.tile_cache import KEEP_TILES, TileCache
from neural.methods.lapped.wavelet import BANDS, HALO, merge_lines
from neural.tiles import TILE, Tile

if TYPE_CHECKING:
    from neural.methods.base import Payloads

CELLS = TILE // HOP
"""Cells along the side of a tile."""

NODE_ROWS = (CELLS + 2) * HOP
SPLINE_ROWS = TILE // 2 + 2 * SPLINE_PAD

SHIFT_AT = NODE_ROWS, SPLINE_ROWS
"""Row and column of a tile's latents that hold its `sample_shift`."""

DETAILS = TILE // 2
"""Details along the side of a tile's bands."""

ROOT_SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Details along the side of the levels above the root, coarse to fine."""

# samples more than are seen: lines are reflected about a sample, so ends need one more behind them
_SPARE = 2
RIM = HOP + HOP // 2 + _SPARE
"""Samples beyond a tile that its outermost nodes see, where lines end."""

ABOVE_REACH = HALO // 2 + SAMPLE_REACH
"""Parent samples beyond a window that say something of it."""

_ABOVE_RIM = RIM // 2 + ABOVE_REACH  # those beyond a tile, which its spline sees as well
_KEEP_WINDOWS = 24


class SampleWindow(NamedTuple):
    """Samples of a level, meters float64 [n, m], and their presence, bool."""

    meters: np.ndarray
    present: np.ndarray


@dataclass(frozen=True, eq=False)
class Stack:
    """A tile's details and, for the root, those of the levels of ROOT_SIZES before them; its own
    come last."""

    valid: np.ndarray  # bool [256, 256], cells that hold a height
    details: list[LevelDetails]
    lowest: int = 0  # the root's: the single coarsest sample, in quantization steps above the base
    residuals: np.ndarray | None = None  # int32 [256, 256], of the finest level

    @property
    def signed(self) -> list[np.ndarray]:
        """Signed magnitudes of all levels, int32 [BAND_COUNT, n, n]."""
        return [level.signed for level in self.details]


class Assembly:
    """One layer's decoded tiles (`neural.methods.base.Linked`)."""

    def __init__(
        self,
        model: Model,
        payloads: Payloads,
        step_m: float,
        base_m: float,
        coarser: int = 0,
        bound_m: float | None = None,
        boundary: Boundary = LINEAR,
        keep: int = KEEP_TILES,
    ) -> None:
        """Create from a model and payloads; `coarser` bits of all details are dropped, `boundary`
        extends line ends, and `keep` decoded tiles are cached.

        `step_m` is the quantization step of the finest level, `base_m` a height near all others,
        `bound_m` half the step of residuals (`neural.methods.lapped.residuals.Bound.inner_m`):
        None, or 0, where the layer has none. They are left out with `coarser` details.
        """
        self.model = model
        self.payloads = payloads
        self.step_m = step_m
        self.base_m = base_m
        self.coarser = coarser
        self.boundary = boundary
        self._step_m = step_m * 2.0**coarser
        self.bound_m = bound_m or None
        self.stacks = TileCache[Stack | None](keep)
        self._windows = TileCache[SampleWindow](_KEEP_WINDOWS)

    def stack(self, tile: Tile) -> Stack | None:
        """Return a tile's decoded payload; None for an absent tile."""
        return self.stacks.of(tile, self._decode)

    def tile_window(self, tile: Tile) -> SampleWindow:
        """Return a tile's samples with a margin of RIM on all sides, cached."""
        return self._windows.of(tile, self._read_tile_window)

    def samples(self, tile: Tile) -> SampleWindow:
        """Return a tile's samples without a rim, in two thirds of the time of `tile_window`; not
        cached."""
        return self.window(tile.z, TILE * tile.y, TILE * tile.x, TILE, self.parent_window(tile))

    @property
    def cached_bytes(self) -> int:
        """See `Linked`."""
        stacks = [stack for stack in self.stacks.kept() if stack is not None]
        arrays = [stack.valid for stack in stacks]
        arrays += [array for stack in stacks for level in stack.details for array in level]
        arrays += [array for window in self._windows.kept() for array in window]
        return sum(array.nbytes for array in arrays)

    def latents(self, tile: Tile, offset_m: float) -> np.ndarray:
        """See `LappedSiren.latent_shape`: nodes with a margin of one cell, then the spline's
        coefficients."""
        return self.analyzed(*self.windows(tile), offset_m, self.payloads.grid.levels - 1 - tile.z)

    def windows(self, tile: Tile) -> tuple[SampleWindow, SampleWindow]:
        """Return the windows for `analyzed`: samples around a tile of the parent's and of its own
        level, RIM far."""
        return self.parent_window(tile), self.tile_window(tile)

    def parent_window(self, tile: Tile) -> SampleWindow:
        """Return the parent level's samples above a tile with a margin of _ABOVE_RIM."""
        size = DETAILS + 2 * _ABOVE_RIM
        if tile.z == 0:
            return self._above_root(-_ABOVE_RIM, -_ABOVE_RIM, size)
        y, x = (DETAILS * (index & 1) + RIM - _ABOVE_RIM for index in (tile.y, tile.x))
        return SampleWindow(
            *(part[y : y + size, x : x + size] for part in self.tile_window(tile.parent))
        )

    def _read_tile_window(self, tile: Tile) -> SampleWindow:
        return self.window(
            tile.z,
            TILE * tile.y - RIM,
            TILE * tile.x - RIM,
            TILE + 2 * RIM,
            self.parent_window(tile),
        )

    def analyzed(
        self, above: SampleWindow, around: SampleWindow, offset_m: float, levels_above: int = 0
    ) -> np.ndarray:
        """Return the latents of a tile, `levels_above` the finest level, from its `windows`.

        Beyond the ends of lines the surface goes on along their slope, whatever the wavelet takes
        to be there.
        """
        parents, _ = extend_both(
            above.meters - offset_m, above.present, partial(linear_extension, reach=_ABOVE_RIM)
        )
        spline = spline_coefficients(parents)
        positions = np.arange(-RIM, TILE + RIM) + 0.5 + 2 * (_ABOVE_RIM - SPLINE_HALO)
        below = along_spline(along_spline(spline, positions)[0].T, positions)[0].T
        samples, reached = extend_both(
            around.meters - offset_m, around.present, partial(linear_extension, reach=RIM)
        )
        remainder = np.where(reached, samples - below, 0.0)[_SPARE:-_SPARE, _SPARE:-_SPARE]
        out = np.zeros((NODE_ROWS + SPLINE_ROWS, NODE_ROWS), np.float32)
        weights = self.model.weights
        out[:NODE_ROWS] = analyze(weights, analyze(weights, remainder).T).T
        inner = slice(_ABOVE_RIM - SPLINE_HALO, _ABOVE_RIM - SPLINE_HALO + SPLINE_ROWS)
        out[NODE_ROWS:, :SPLINE_ROWS] = spline[inner, inner]
        out[SHIFT_AT] = sample_shift(levels_above)
        return out

    def valid(self, tile: Tile) -> np.ndarray:
        """Return the cells of a tile that hold a height, bool [256, 256]; all False for an absent
        tile."""
        stack = self.stack(tile)
        return np.zeros((TILE, TILE), bool) if stack is None else stack.valid

    def masks_above(self, tile: Tile) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the inputs of `read_mask`: cells of the level above, and those that the grid has
        below, by level."""
        inside = [self.payloads.grid.tile_inside(tile)]
        if tile.z:
            half = TILE // 2
            y = half * (tile.y & 1)
            x = half * (tile.x & 1)
            return self.valid(tile.parent)[y : y + half, x : x + half], inside
        while len(inside[0]) > 1:
            inside.insert(0, halved(inside[0]))
        return inside[0], inside[1:]

    def levels(self, tile: Tile, valid: np.ndarray) -> list[DetailLevel]:
        """Return the levels of the `Stack` of a tile with these cells, coarse to fine."""
        grid = self.payloads.grid
        above = grid.levels - 1 - tile.z
        cell = max(grid.cell_x_m, grid.cell_y_m)
        columns, rows = grid.tile_cells(tile)
        grids = [(valid, (rows, columns))]
        while tile.z == 0 and len(grids[0][0]) > 2:
            rows, columns = (-(-n // 2) for n in grids[0][1])
            grids.insert(0, (halved(grids[0][0]), (rows, columns)))
        counts = range(above + len(grids) - 1, above - 1, -1)
        return [
            DetailLevel(
                coded_details(valid, size, tile.z > 0),
                log_step_ratio(self.step_m, cell * 2.0**count),
                count,
            )
            for (valid, size), count in zip(grids, counts, strict=True)
        ]

    def parent_details(self, tile: Tile) -> np.ndarray | None:
        """Return signed magnitudes of the parent's quarter above a tile [BAND_COUNT, DETAILS / 2,
        DETAILS / 2]."""
        if tile.z == 0:
            return None
        above = self.stack(tile.parent)
        half = DETAILS // 2
        if above is None:
            return np.zeros((BAND_COUNT, half, half), np.int32)
        y = half * (tile.y & 1)
        x = half * (tile.x & 1)
        return above.details[-1].signed[:, y : y + half, x : x + half]

    def _decode(self, tile: Tile) -> Stack | None:
        body = self.payloads.body(tile)
        if body is None:
            return None
        reader = RangeReader(body, self.model.distributions)
        valid = read_mask(*self.masks_above(tile), self.model.mask_chance, reader.take_bits)
        lowest = reader.take_large() if tile.z == 0 else 0
        parent = self.parent_details(tile)
        details: list[LevelDetails] = []
        for level in self.levels(tile, valid):
            details.append(
                walk(
                    self.model, level, parent, lambda band, positions, classes: reader.take(classes)
                )
            )
            parent = details[-1].signed
        residuals = None
        if self.bound_m is not None and tile.z == self.payloads.grid.levels - 1:
            if self.coarser:
                return Stack(valid, details, lowest)  # what follows is of no use
            residuals = self.model.residuals.read(
                reader, valid, self.expected_error_class(details[-1], self.bound_m)
            )
        reader.finish()
        return Stack(valid, details, lowest, residuals)

    def expected_error_class(self, details: LevelDetails, bound_m: float) -> np.ndarray:
        """See `Residuals.expected_error_class`; of a finest tile's samples."""
        ratio = log_step_ratio(self.step_m, bound_m) // (STEP_RATIO_SCALE // 8)
        return self.model.residuals.expected_error_class(details.signed, details.classes, ratio)

    def window(
        self, z: int, row: int, column: int, size: int, above: SampleWindow | None = None
    ) -> SampleWindow:
        """Return samples [size, size] of level z; `above`: parent samples around it, for an even
        row, column and size."""
        if z < 0:
            return self._above_root(row, column, size)
        odd_row = row % 2
        odd_column = column % 2
        if odd_row or odd_column or size % 2:
            whole = self.window(z, row - odd_row, column - odd_column, (size + 2) // 2 * 2)
            cut = np.s_[odd_row : odd_row + size, odd_column : odd_column + size]
            return SampleWindow(whole.meters[cut], whole.present[cut])
        half = size // 2 + 2 * ABOVE_REACH
        if above is None:
            above = self.window(z - 1, row // 2 - ABOVE_REACH, column // 2 - ABOVE_REACH, half)
        skip = (len(above.meters) - half) // 2
        inner = np.s_[skip : skip + half, skip : skip + half]
        bands, present = self._bands(
            SampleWindow(*(part[inner] for part in above)), z, row, column, size
        )
        lines, _ = extend(bands.T, present.T, self.boundary.for_merge)
        lines = merge_lines(lines)
        lines, _ = extend(lines.T, present[:, HALO:-HALO], self.boundary.for_merge)
        samples = SampleWindow(merge_lines(lines), present[HALO:-HALO, HALO:-HALO])
        if self.bound_m is not None and z == self.payloads.grid.levels - 1 and not self.coarser:
            self._correct(samples.meters, z, row, column)
        return samples

    def _bands(
        self, above: SampleWindow, z: int, row: int, column: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the interleaved bands of a window with a margin of HALO, and their presence;
        `above` reaches ABOVE_REACH parent samples further."""
        grid = self.payloads.grid
        rows_end, columns_end = level_size(grid.height, grid.width, grid.levels - 1 - z)
        steps = level_steps(self._step_m, grid.levels - 1 - z)
        rim = HALO + 2 * DETAIL_REACH
        details = np.zeros((BAND_COUNT, size // 2 + rim, size // 2 + rim))
        present = np.zeros((size + 2 * rim, size + 2 * rim), bool)
        row = row - rim
        column = column - rim
        for stack, (y, x), (top, left, bottom, right) in self._reached(
            z, row, column, len(present)
        ):
            end = max(min(bottom, rows_end) - row, 0), max(min(right, columns_end) - column, 0)
            present[top - row : end[0], left - column : end[1]] = True
            src = np.s_[:, (top - y) // 2 : (bottom - y) // 2, (left - x) // 2 : (right - x) // 2]
            dst = np.s_[
                :,
                (top - row) // 2 : (bottom - row) // 2,
                (left - column) // 2 : (right - column) // 2,
            ]
            details[dst] = _in_steps(stack.details[-1], self.coarser)[src]
        ends = odd_ends(rows_end, columns_end).seen_from(row // 2, column // 2)
        self.boundary.scale_ends(details, ends)
        samples, _ = extend_both(
            above.meters / steps[0], above.present, self.boundary.of_samples(SAMPLE_REACH)
        )
        added = self.model.restoration(samples, details)
        self.boundary.scale_ends(added, ends.seen_from(DETAIL_REACH, DETAIL_REACH))
        present = present[rim - HALO : HALO - rim, rim - HALO : HALO - rim]
        bands = np.empty(present.shape)
        bands[0::2, 0::2] = above.meters[SAMPLE_REACH:-SAMPLE_REACH, SAMPLE_REACH:-SAMPLE_REACH]
        inner = details[:, DETAIL_REACH:-DETAIL_REACH, DETAIL_REACH:-DETAIL_REACH]
        for step, band, more, (y, x) in zip(steps, inner, added, BANDS, strict=True):
            bands[y::2, x::2] = step * (band + more) * present[y::2, x::2]
        return bands, present

    def _correct(self, meters: np.ndarray, z: int, row: int, column: int) -> None:
        """Add the residuals of all tiles that a window of the finest level reaches."""
        assert self.bound_m is not None
        for stack, (y, x), (top, left, bottom, right) in self._reached(z, row, column, len(meters)):
            if stack.residuals is not None:
                dst = np.s_[top - row : bottom - row, left - column : right - column]
                meters[dst] += (
                    2 * self.bound_m * stack.residuals[top - y : bottom - y, left - x : right - x]
                )

    def _reached(
        self, z: int, row: int, column: int, size: int
    ) -> Iterator[tuple[Stack, tuple[int, int], tuple[int, int, int, int]]]:
        """Yield tiles that a window reaches, where each begins, and its part of the window: top,
        left, bottom, right."""
        grid = self.payloads.grid
        rows_end, columns_end = level_size(grid.height, grid.width, grid.levels - 1 - z)
        for y in range(max(row, 0) // TILE * TILE, min(row + size, rows_end), TILE):
            for x in range(max(column, 0) // TILE * TILE, min(column + size, columns_end), TILE):
                stack = self.stack(Tile(z, x // TILE, y // TILE))
                if stack is not None:
                    end = min(row + size, y + TILE), min(column + size, x + TILE)
                    yield stack, (y, x), (max(row, y), max(column, x), *end)

    @cached_property
    def _highest(self) -> np.ndarray:
        """Samples of the level above the root, from which all windows begin."""
        stack = self.stack(Tile(0, 0, 0))
        grid = self.payloads.grid
        assert stack is not None  # a file without a root is refused when it is opened
        lowest_m = self.base_m + stack.lowest * self.step_m / LOWEST_SHARE
        details = [_in_steps(level, self.coarser) for level in stack.details[:-1]]
        cells = grid.tile_cells(Tile(0, 0, 0))
        return above_root(
            self.model.restoration,
            lowest_m,
            details,
            self._step_m,
            grid.levels,
            cells,
            self.boundary,
        )

    def _above_root(self, row: int, column: int, size: int) -> SampleWindow:
        """Return a window of the level above the root: the samples that exist, nothing beyond."""
        samples = self._highest
        meters = np.zeros((size, size))
        present = np.zeros((size, size), bool)
        rows, columns = samples.shape
        dst = np.s_[max(-row, 0) : max(rows - row, 0), max(-column, 0) : max(columns - column, 0)]
        src = np.s_[max(row, 0) : max(row + size, 0), max(column, 0) : max(column + size, 0)]
        meters[dst] = samples[src]
        present[dst] = True
        return SampleWindow(meters, present)


def _in_steps(details: LevelDetails, coarser: int) -> np.ndarray:
    """Return details [BAND_COUNT, n, n] in steps, of `coarser` bits less."""
    return requantized(details.signed, coarser).astype(np.float64) if coarser else details.steps
