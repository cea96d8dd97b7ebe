"""Prefetching at rest: tiles of both slots, so that toggling or moving the divider never waits."""

from __future__ import annotations

from collections.abc import Sequence

from viewer.graphics.tile_store import TileStore
from viewer.model.settings import Settings
from viewer.scene.pane import LayerState, Pane, Want, interleaved
from viewer.tiles.lod import Frustum, Selection


class Prefetch:
    """Tiles of the whole view for every slot, requested after the panes' and while all fit into the
    cache."""

    def __init__(self, store: TileStore) -> None:
        self.enabled = False
        """True to prefetch at all; useless for a single picture."""
        self.view: Frustum | None = None
        """The view of the latest frame."""
        self.needs: list[tuple[LayerState, Selection]] = []
        """Tiles that must not be evicted while the view rests."""
        self.settled = True
        """True if there is nothing left to load."""
        self._store = store

    def choose(
        self, slots: Sequence[LayerState], view: Frustum, settings: Settings, panes: Sequence[Pane]
    ) -> list[Want]:
        """Return the frame's tiles to load after the panes'."""
        resting = view == self.view
        if self.view is None or not settings.debug.freeze:
            self.view = view
        self.needs = []
        self.settled = True
        if not self.enabled or settings.debug.freeze:
            return []
        if not resting or not all(pane.ready for pane in panes):
            self.settled = False
            return []
        chosen = [
            (state, state.select(view, settings.view.sse_px)) for state in dict.fromkeys(slots)
        ]
        keys = {(state.source.key, tile) for state, selection in chosen for tile in selection.keep}
        cache = self._store.cache
        if len(keys) * cache.slot_bytes > cache.budget_bytes:
            return []
        self.needs = chosen
        wants: list[list[Want]] = []
        for state, selection in chosen:
            wants.append([(state.source, tile, state.measure) for tile in selection.load])
        self.settled = not any(wants)
        return list(interleaved(wants))
