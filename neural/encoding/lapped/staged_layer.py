"""A staged layer on its way into a file: the samples of its levels, and its tiles' bytes at a
quantization step.

The work file holds every tile's heights. `lower_levels` makes the coarser ones what the wavelet
leaves of the finer; a `LayerCoder` then codes any tile, its ancestors first, and keeps the bytes in
the work file as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neural.container.envelope import ChildInfo, plain_offset
from neural.container.hilbert import tiles_from_ids
from neural.container.staging import Stage, StagedTile, valid_cells
from neural.encoding.lapped.bounded import BOUNDED_LAGRANGE, BoundedTiles
from neural.encoding.lapped.encoder import (
    LAGRANGE,
    Encoder,
    TileSamples,
    padded_samples,
    tile_bands,
)
from neural.grid import Grid
from neural.methods.lapped.assembly import DETAILS, RIM
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.coder import LARGEST
from neural.methods.lapped.extension import split_level
from neural.methods.lapped.levels import level_steps
from neural.methods.lapped.model import Model
from neural.methods.lapped.residuals import Bound
from neural.methods.lapped.tile_cache import TileCache
from neural.methods.lapped.wavelet import BANDS
from neural.progress import Report
from neural.raster.fill import fill
from neural.tiles import TILE, Tile, tile_id

SAMPLE_DTYPE = "<f4"
"""Staged heights, meters above the tile's offset."""

_KEEP_TILES = 32
FILL_MARGIN = TILE // 2  # samples around a tile that its fill reads; the side is a power of two


@dataclass(frozen=True)
class StagedLayer:
    """One layer of a work file, whose latents are heights [256, 256] of SAMPLE_DTYPE."""

    stage: Stage
    index: int
    grid: Grid

    def row(self, tile: Tile) -> StagedTile | None:
        """Return a staged tile; None for an absent one."""
        try:
            return self.stage.get(self.index, tile_id(tile))
        except KeyError:
            return None

    def tiles(self) -> list[Tile]:
        """Return all tiles in order of id."""
        z, x, y = (axis.tolist() for axis in tiles_from_ids(self.stage.ids(self.index)))
        return [Tile(*tile) for tile in zip(z, x, y, strict=True)]


def surrounded_after(tiles: Sequence[Tile]) -> Iterator[tuple[Tile, list[Tile]]]:
    """Yield each of a layer's tiles in the order given, with the finest ones whose last neighbor
    (or self) it is.

    In the order of ids most of these have been coded shortly before, so that their details are
    still in memory.
    """
    order = {tile: k for k, tile in enumerate(tiles)}
    top = max(tile.z for tile in tiles)

    def staged_neighbors(tile: Tile) -> list[Tile]:
        square = [Tile(tile.z, tile.x + dx, tile.y + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        return [neighbor for neighbor in square if neighbor in order]

    def last_number(tile: Tile) -> int:
        return max(order[neighbor] for neighbor in staged_neighbors(tile))

    for k, tile in enumerate(tiles):
        finest = staged_neighbors(tile) if tile.z == top else []
        yield tile, [other for other in finest if last_number(other) == k]


class StagedHeights:
    """`SampleProvider` of a staged layer; keeps the latest tiles in memory."""

    def __init__(self, layer: StagedLayer) -> None:
        self.grid = layer.grid
        self._layer = layer
        self._recent = TileCache[TileSamples | None](_KEEP_TILES)

    def samples(self, tile: Tile) -> TileSamples | None:
        """See `SampleProvider`."""
        return self._recent.of(tile, self._read)

    def _read(self, tile: Tile) -> TileSamples | None:
        row = self._layer.row(tile)
        return None if row is None else _samples(row, self.grid)


def _samples(row: StagedTile, grid: Grid) -> TileSamples:
    heights = (
        np.frombuffer(row.latents, SAMPLE_DTYPE).reshape(TILE, TILE).astype(np.float64)
        + row.offset_m
    )
    return TileSamples(heights, valid_cells(row, grid))


def lower_levels(layer: StagedLayer, report: Report) -> float:
    """Replace the coarser tiles' samples by the low-pass of their children's, from the finest level
    up.

    Where a child is absent the pyramid's heights stay. Each level follows from the one below and
    the finest from its valid cells, so an interrupted pass may be repeated. Returns the finest
    quantization step, in meters, at which all details have magnitudes that can be coded.
    """
    tiles = layer.tiles()
    finest = 0.0
    _join_fills(layer, tiles)
    heights = StagedHeights(layer)
    parents = [tile for tile in reversed(tiles) if tile.z < layer.grid.levels - 1]
    for done, tile in enumerate(parents, start=1):
        row = layer.row(tile)
        assert row is not None  # listed above
        lowered, step = _lowered(row, heights, layer)
        layer.stage.put(lowered)
        finest = max(finest, step)
        report(done, len(parents))
    return max(finest, _root_levels(layer)[1])


def _join_fills(layer: StagedLayer, tiles: list[Tile]) -> None:
    """Fill the gaps of the finest tiles with their neighbors in sight, so that fills meet where
    tiles do.

    A jump there would be details to code, and where none are coded an error of the valid cells
    beside it.
    """
    heights = StagedHeights(layer)
    for tile in tiles:
        row = layer.row(tile) if tile.z == layer.grid.levels - 1 else None
        if row is not None and row.mask is not None:
            meters, valid, _ = padded_samples(heights, tile, FILL_MARGIN)
            filled = fill((meters - row.offset_m).astype(SAMPLE_DTYPE), valid)[
                FILL_MARGIN:-FILL_MARGIN, FILL_MARGIN:-FILL_MARGIN
            ]
            layer.stage.put(replace(row, latents=filled.tobytes()))


def base_height(layer: StagedLayer) -> float:
    """Return the base height of the layer: its single coarsest sample in meters, as float32."""
    return float(np.float32(_root_levels(layer)[0]))


def _lowered(
    row: StagedTile, heights: StagedHeights, layer: StagedLayer
) -> tuple[StagedTile, float]:
    """Return a tile with its samples, bounds and those of its children as the level below leaves
    them; its finest step."""
    samples = _samples(row, layer.grid)
    grid = layer.grid
    children = list(row.children)
    finest = 0.0
    for k, child in enumerate(row.tile.children):
        if row.children[k] is None:
            continue
        child_row = layer.row(child)
        assert child_row is not None  # a present child is staged before its parent
        children[k] = child_row.info
        bands = tile_bands(heights, child)
        finest = max(finest, _finest_step(bands, grid.levels - 1 - child.z))
        columns, rows = (-(-count // 2) for count in grid.tile_cells(child))
        y = DETAILS * (k >> 1)
        x = DETAILS * (k & 1)
        samples.meters[y : y + rows, x : x + columns] = bands[0 : 2 * rows : 2, 0 : 2 * columns : 2]
    latents = (samples.meters - row.offset_m).astype(SAMPLE_DTYPE)
    stored = latents[samples.valid].astype(np.float64) + row.offset_m
    info = ChildInfo(float(stored.min()), float(stored.max()), row.info.geometric_error_m)
    nw, ne, sw, se = children
    return replace(row, latents=latents.tobytes(), info=info, children=(nw, ne, sw, se)), finest


def _root_levels(layer: StagedLayer) -> tuple[float, float]:
    """Return the single coarsest sample in meters, and the finest step of the details of the root
    and the levels above."""
    root = Tile(0, 0, 0)
    above = layer.grid.levels - 1
    columns, rows = layer.grid.tile_cells(root)
    bands = tile_bands(StagedHeights(layer), root)[:rows, :columns]
    finest = _finest_step(bands, above)
    while bands[0::2, 0::2].size > 1:
        above += 1
        bands = split_level(bands[0::2, 0::2], LINEAR)
        finest = max(finest, _finest_step(bands, above))
    return float(bands[0, 0]), finest


def _finest_step(bands: np.ndarray, above: int) -> float:
    """Return the finest step in meters at which the details of interleaved bands, `above` the
    finest level, can be coded."""
    units = level_steps(LINEAR.end_step, above) * (LARGEST - 1)
    largest = [np.abs(bands[y::2, x::2]).max(initial=0.0) for y, x in BANDS]
    return float(np.max(largest / units))


class LayerCoder(Encoder):
    """Coder of a staged layer's tiles on demand, each after its ancestors; coded bytes stay in the
    work file."""

    def __init__(
        self,
        model: Model,
        layer: StagedLayer,
        step_m: float,
        base_m: float,
        bound: Bound | None = None,
    ) -> None:
        super().__init__(
            model, layer.grid, step_m, base_m, LAGRANGE if bound is None else BOUNDED_LAGRANGE
        )
        self._layer = layer
        self._heights = StagedHeights(layer)
        self._settings = f"step {step_m!r} base {base_m!r} lagrange {self.lagrange!r}"
        self._bounded = None if bound is None else BoundedTiles(self.assembly, self._heights, bound)
        self.settings = self._settings + ("" if bound is None else f" bound {bound.promised_m!r}")
        """Settings that determine the bytes in the file, apart from the heights and the weights."""

    def body(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes without residuals, from which others are decoded; None for an
        absent tile."""
        return self._kept(tile, self._settings, self._coded)

    def final_body(self, tile: Tile) -> bytes:
        """Return a staged tile's bytes as the file has them. Raises NtileError where they would not
        keep to the bound."""
        if self._bounded is None or tile.z < self.grid.levels - 1:
            body = self.body(tile)
        else:
            body = self._kept(tile, self.settings, self._corrected)
        assert body is not None  # a staged tile
        return body

    def _kept(
        self, tile: Tile, settings: str, code: Callable[[Tile], bytes | None]
    ) -> bytes | None:
        """Return a tile's bytes with these settings, coded now unless they have been before."""
        stage = self._layer.stage
        index = self._layer.index
        id_ = tile_id(tile)
        stored = stage.body(index, id_, settings)
        if stored is None and (stored := code(tile)) is not None:
            stage.put_body(index, id_, settings, stored)
        return stored

    def _coded(self, tile: Tile) -> bytes | None:
        samples = self._heights.samples(tile)
        if samples is None:
            return None
        body = self.encode(tile, tile_bands(self._heights, tile), samples)
        self._bodies.clear()
        return body

    def _corrected(self, tile: Tile) -> bytes:
        row = self._layer.row(tile)
        layer = self._layer
        assert row is not None  # a staged tile
        assert self._bounded is not None
        return self._bounded.body(
            tile, plain_offset(row.offset_m, layer.stage.height_range(layer.index))
        )

    def errors(self, tile: Tile, margin: int = 0) -> np.ndarray:
        """Return errors of a finest tile's valid samples in meters, float64 [n]; of those `margin`
        from its rim at least."""
        samples = self._heights.samples(tile)
        assert samples is not None  # asked of staged tiles only
        inner = slice(margin, TILE - margin)
        decoded = self._decoded(tile)
        return np.asarray((decoded - samples.meters)[inner, inner][samples.valid[inner, inner]])

    def _decoded(self, tile: Tile) -> np.ndarray:
        """Return a finest tile's samples as the file gives them, meters [256, 256]."""
        if self._bounded is not None:
            return self._bounded.corrected(tile)[0].meters[RIM:-RIM, RIM:-RIM]
        return self.assembly.samples(tile).meters
