"""Pane of the picture: current and target layer, and their tiles."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from neural.methods.base import Blocks
from neural.tiles import Tile
from viewer.graphics.tile_store import Resident, TileStore
from viewer.model import network_stats
from viewer.model.camera import Camera
from viewer.model.readings import FrameStats
from viewer.model.settings import Settings
from viewer.scene.ground import DrawnGround
from viewer.tiles import in_view
from viewer.tiles.fading import Fading
from viewer.tiles.lod import Frustum, Selection
from viewer.tiles.quadtree import ROOT
from viewer.tiles.source import TileSource
from viewer.tiles.tile_errors import ErrorMeasure, TileErrors, TileSample

MAX_SWITCH_DELAY_S = 2.0
"""Longest delay of a change of layer, bits or overlay while the camera moves, seconds; then the
coarse picture is shown. At rest the change waits for the whole picture: a coarse one would
misrepresent the layer."""

Want = tuple[TileSource, Tile, ErrorMeasure | None]
"""Tile to be loaded, with the measure of its errors or None."""


@dataclass(frozen=True)
class LayerState:
    """Content of a pane: a source, with or without its errors."""

    source: TileSource
    measure: ErrorMeasure | None = None

    def select(self, view: Frustum, sse_px: float) -> Selection:
        """Select the loaded tiles of a view (with their errors, if shown)."""
        return self.source.selector.select(view, sse_px, measured=self.measure)


class Pane:
    """The whole picture, or one side of a split one. Its first root tile is already loaded."""

    def __init__(self, store: TileStore, slot: str, state: LayerState) -> None:
        self.slot = slot
        self.current = self.target = state
        self.view: Frustum | None = None
        self.selection = Selection()
        """Tiles of the picture."""
        self.target_selection = Selection()
        """Tiles of the target state; differs from `selection` during a change."""
        self.fading = Fading()
        self._store = store
        self._errors: tuple[tuple[LayerState, Selection, Frustum], list[TileSample]] | None = None
        self._target_since = 0.0
        self._moved = False  # True if the camera moved since then

    @property
    def changing(self) -> bool:
        """True if the picture still precedes a change of slot, layer, bits or overlay."""
        return self.current != self.target

    @property
    def ready(self) -> bool:
        """True if the picture is the target's, with nothing left to load."""
        return (
            self.view is not None
            and not self.changing
            and self.target_selection.complete
            and not self.fading.active
        )

    @property
    def wants(self) -> list[Want]:
        """Missing tiles, most urgent first."""
        return [
            (self.target.source, tile, self.target.measure) for tile in self.target_selection.load
        ]

    @property
    def needs(self) -> list[tuple[LayerState, Selection]]:
        """Tiles that must not be evicted."""
        return [(self.target, self.target_selection), (self.current, self.selection)]

    def ground(self, *, wait: bool) -> DrawnGround | None:
        """Return the drawn surface, for picking; None before the first frame. `wait`: see
        `DrawnGround`."""
        if self.view is None:
            return None
        return DrawnGround(
            self._store, self.current.source, self.selection.draw, self.view, wait=wait
        )

    @property
    def errors(self) -> list[TileSample]:
        """Errors in view; empty without an error overlay. The same list until the picture
        changes."""
        if self.view is None:
            return []
        key = self.current, self.selection, self.view
        if self._errors is None or any(
            a is not b for a, b in zip(self._errors[0], key, strict=True)
        ):
            self._errors = key, errors_in(self._store, *key)
        return self._errors[1]

    @property
    def gaps(self) -> np.ndarray:
        """Height steps in meters to neighbors of the same level, along the edges of the picture's
        tiles."""
        steps = [
            resident.gaps.meters[np.isfinite(resident.gaps.meters)] for resident in self._residents
        ]
        return np.concatenate([np.zeros(0, np.float32), *steps])

    @property
    def _residents(self) -> list[Resident]:
        """Loaded tiles of the picture."""
        found = [self._store.resident(self.current.source, tile) for tile in self.selection.draw]
        return [resident for resident in found if resident is not None]

    @property
    def blocks(self) -> list[Blocks]:
        """Blocks of the picture's tiles; empty for a layer without."""
        found = [resident.blocks for resident in self._residents]
        return [blocks for blocks in found if blocks is not None]

    @property
    def block_sides(self) -> dict[int, float]:
        """Sides in meters of the layer's blocks by scale, coarse to fine; empty without blocks.

        All that the layer tells of, that its root has, so that they stay, and those in the picture.
        """
        source = self.current.source
        scales = set(network_stats.scales(source.layer))
        root = self._store.resident(source, ROOT)
        for resident in (*([] if root is None else [root]), *self._residents):
            scales.update(resident.block_scales)
        return {scale: source.reader.grid.block_side_m(scale) for scale in sorted(scales)}

    def copy_for(self, slot: str) -> Pane:
        """Return a pane for another slot that begins with this one's picture."""
        other = Pane(self._store, slot, self.current)
        other.view = self.view
        other.selection = self.selection
        return other

    def restart(self, state: LayerState) -> None:
        """Switch to a state at once; its root tile is loaded."""
        self.current = self.target = state
        self.selection = Selection()
        self.target_selection = Selection()

    def set_target(self, target: LayerState) -> None:
        """Set the target state; before the first frame its source is also the current one."""
        if target != self.target:
            self.target = target
            self._target_since = time.monotonic()
            self._moved = False
        if self.view is None:
            self.current = LayerState(target.source)

    def select_tiles(self, view: Frustum, settings: Settings) -> None:
        """Select the frame's tiles for a view, and switch to the target once it is complete."""
        self._moved |= self.view is not None and view != self.view
        if self.view is None or not settings.debug.freeze:
            self.view = view
        sse_px = settings.view.sse_px
        self.target_selection = self.target.select(self.view, sse_px)
        if self.changing and self._may_change():
            self.current = self.target
        self.selection = (
            self.target_selection if not self.changing else self.current.select(self.view, sse_px)
        )
        self.fading.update(self.selection)

    def _may_change(self) -> bool:
        """Return True if the target can replace the current state: it is complete, or overdue."""
        if not self.target_selection.keep:  # not even its root is loaded
            return False
        return self.target_selection.complete or (
            self._moved and time.monotonic() - self._target_since > MAX_SWITCH_DELAY_S
        )


def errors_in(
    store: TileStore, state: LayerState, selection: Selection, view: Frustum
) -> list[TileSample]:
    """Return the errors of a selection's tiles inside a view; empty without a measure."""
    if state.measure is None:
        return []
    lattices: dict[Tile, np.ndarray] = {}
    errors: dict[Tile, TileErrors] = {}
    for tile in selection.draw:
        resident = store.resident(state.source, tile)
        measured = None if resident is None else resident.errors_of(state.measure)
        if resident is not None and measured is not None:
            lattices[tile] = resident.offset_m + resident.profile.lattice
            errors[tile] = measured
    parts = in_view.blocks(view, state.source.reader.grid, lattices, errors)
    return [TileSample(measured, parts[tile]) for tile, measured in errors.items()]


def narrowed(
    view: Frustum, camera: Camera, size_px: tuple[int, int], columns: tuple[int, int]
) -> Frustum:
    """Return the frustum of pixel columns first … last − 1 of a view's picture."""
    width, height = camera.whole(size_px)
    left, right, *_ = camera.window
    across, _, forward = camera.axes
    tangent = math.tan(math.radians(camera.fov_deg) / 2) * width / height
    first, last = ((left + column / size_px[0] * (right - left)) * tangent for column in columns)
    sides = tuple(
        tuple(plane.tolist()) for plane in (across - first * forward, -across + last * forward)
    )
    return replace(view, planes=(*sides, *view.planes[2:]))


def interleaved(wants: Iterable[list[Want]]) -> Iterator[Want]:
    """Interleave lists: the most urgent of each, then the second of each, and so on."""
    for row in zip_longest(*wants):
        yield from (want for want in row if want is not None)


def frame_stats(store: TileStore, panes: Sequence[Pane], mesh_quads: int) -> FrameStats:
    """Return the counters of a frame over all panes."""
    drawn = [tile for pane in panes for tile in pane.selection.draw]
    missing = sum(len(pane.target_selection.load) for pane in panes)
    culled = sum(pane.selection.culled for pane in panes)
    errors_px = [px for pane in panes for px in pane.selection.errors_px.values()]
    gaps_m = [store.edge_gap_m.get(pane.current.source.key, 0.0) for pane in panes]
    return FrameStats(
        tiles_drawn=len(drawn),
        tiles_missing=missing,
        tiles_loading=store.streamer.pending,
        tiles_failed=len(store.failed),
        tiles_cached=len(store.cache),
        tiles_culled=culled,
        finest_level=max((tile.z for tile in drawn), default=0),
        triangles=2 * mesh_quads**2 * len(drawn),
        cache_bytes=store.cache.bytes,
        cache_budget_bytes=store.cache.budget_bytes,
        read_bytes=store.read_bytes,
        decode_ms=store.decode_ms,
        upload_ms=store.upload_ms,
        largest_error_px=max(errors_px, default=0.0),
        edge_gap_m=max(gaps_m),
        shared_bytes=store.shared_bytes,
        decoder=store.decode_backend,
    )
