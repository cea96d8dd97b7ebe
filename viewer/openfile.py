"""One open file on screen: which layer and bits are shown, which tiles are drawn, which are asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import moderngl

from neural.container import Reader
from neural.errors import NtileError
from neural.surface import SurfaceDecoder, available_bits
from neural.tiles import Tile
from viewer import in_view, reference
from viewer.ground import DrawnGround
from viewer.lod import Selection, View
from viewer.overlay_kinds import HEIGHT, KINDS
from viewer.settings import Overlay, Settings
from viewer.source import Source, SourceKey
from viewer.store import MB, TileKey, TileStore
from viewer.tile_errors import Measure, Sample

PATIENCE_S = 2.0
"""While the camera moves, a change of layer, bits or overlay waits this long for the whole picture, then shows what
there is. At rest it waits for all of it: a coarse picture would be taken for what the layer can do."""

_ROOT = Tile(0, 0, 0)


@dataclass(frozen=True)
class Showing:
    """What a picture shows: a source, with its errors of some kind or without."""

    source: Source
    measure: Measure | None = None


class OpenFile:
    """A reader, its decoded tiles, and the picture's state. Made complete, or not at all (NtileError).

    It begins with the root of `layer`, or of the next layer that can be decoded. The reader is closed with it,
    also when it cannot be made.
    """

    def __init__(
        self, ctx: moderngl.Context, reader: Reader, reference_dem: str | Path | None, entry: str, layer: int
    ) -> None:
        self.reader = reader
        self.store = TileStore(ctx, entry)
        self.reference: reference.Reference | None = None
        self._sources: dict[SourceKey, Source] = {}
        self._unusable: dict[SourceKey, str] = {}
        self._said: set[str] = set()
        self._news: list[str] = []
        self.view: View | None = None
        try:
            self.reference = reference.find(self.reader, reference_dem)
            source = self._first(layer)
        except BaseException:
            self.close()
            raise
        self.shown = self.wanted = Showing(source)
        self.selection = Selection()
        """The tiles of the picture."""
        self.target = Selection()
        """The tiles that the settings and the camera ask for; differs from `selection` during a change."""
        self._pinned: tuple[Showing, Selection, Showing, Selection] | None = None
        self._wanted_since = 0.0
        self._moved = False  # whether the camera moved since then

    def close(self) -> None:
        """Free textures, end the workers, close the files."""
        self.store.clear()
        if isinstance(self.reference, reference.DemReference):
            self.reference.close()
        self.reader.close()

    @property
    def pivot_z(self) -> float:
        """The height that exaggeration leaves in place; the same for all layers of a file."""
        return self.reader.layers[0].root.min_m

    @property
    def ready(self) -> bool:
        """Whether the picture is what was asked for, with nothing left to load."""
        return self.view is not None and self.shown == self.wanted and self.target.complete

    def ground(self, *, wait: bool) -> DrawnGround | None:
        """The drawn surface, for picking; None before the first frame."""
        if self.view is None:
            return None
        return DrawnGround(self.store, self.shown.source, self.selection.draw, self.view, wait=wait)

    @property
    def errors(self) -> list[Sample]:
        """Errors of what is in view; empty while they are not shown."""
        return self._errors(self.shown, self.selection)

    def errors_of(self, key: SourceKey, sse_px: float) -> list[Sample]:
        """Height errors that another source would have in this view; empty unless all its tiles are still loaded."""
        source = self._sources.get(key)
        if source is None or self.view is None or self.reference is None:
            return []
        showing = Showing(source, Measure(HEIGHT, self.reference))
        selection = self._select(showing, sse_px)
        return self._errors(showing, selection) if selection.complete else []

    def _errors(self, showing: Showing, selection: Selection) -> list[Sample]:
        if showing.measure is None or self.view is None:
            return []
        residents = {tile: self.store.resident(showing.source, tile) for tile in selection.draw}
        lattices = {
            tile: resident.offset_m + resident.profile.lattice for tile, resident in residents.items() if resident
        }
        blocks = in_view.blocks(self.view, self.reader.grid, lattices)
        found = ((resident.errors_of(showing.measure), tile) for tile, resident in residents.items() if resident)
        return [Sample(errors, blocks[tile]) for errors, tile in found if errors is not None]

    def against(self, which: str) -> reference.Reference | None:
        """What errors are measured against, by a name of `overlay_kinds.AGAINST`; None where there is no such thing.

        The same object as long as it stands for the same surface.
        """
        return self.reference

    def problem(self, layer: int) -> str | None:
        """Why a layer cannot be shown, once that is known."""
        for key in (key for key in self._sources.keys() | self._unusable.keys() if key.layer == layer):
            why = self._unusable.get(key) or self.store.failed.get(TileKey(key, _ROOT))
            if why is not None:
                return why
        return None

    def update(self, settings: Settings, view: View) -> list[str]:
        """One frame: take in, choose, ask. Returns sentences about what went wrong, each once."""
        self.store.cache.budget_bytes = int(settings.view.cache_mb * MB)
        self._follow(settings)
        self._news += self.store.take_in(settings.view.upload_budget_ms)
        said = [sentence for sentence in dict.fromkeys(self._news) if sentence not in self._said]
        self._said.update(said)
        self._news.clear()
        self._moved |= self.view is not None and view != self.view
        if self.view is None or not settings.debug.freeze:
            self.view = view
        self.target = self._select(self.wanted, settings.view.sse_px)
        if self.wanted != self.shown and self._may_change():
            self.shown = self.wanted
        same = self.wanted == self.shown
        self.selection = self.target if same else self._select(self.shown, settings.view.sse_px)
        self._pin()
        self.store.request(self.wanted.source, self.target.load, self.wanted.measure)
        return said

    def _pin(self) -> None:
        """Keep what the picture and its successor need, said again only when that has changed."""
        pinned = (self.wanted, self.target, self.shown, self.selection)
        if pinned == self._pinned:
            self.store.cache.trim()
            return
        self._pinned = pinned
        keys = {TileKey(self.wanted.source.key, tile) for tile in self.target.keep | {_ROOT}}
        keys |= {TileKey(self.shown.source.key, tile) for tile in self.selection.keep | {_ROOT}}
        self.store.pin(keys)

    def _follow(self, settings: Settings) -> None:
        """Notice a change of slot, layer, bits or overlay; what cannot be shown leaves the picture."""
        choice = settings.layer
        index = min(max(choice.index, 0), len(self.reader.layers) - 1)
        kept = choice.keep_bits in available_bits(self.reader.layers[index])[1:]
        key = SourceKey(index, choice.keep_bits if kept else None)
        self._prepare(key)
        source = self.shown.source if key in self._unusable else self._sources[key]
        if self.store.has_failed(source, _ROOT):
            source = self.shown.source
        wanted = Showing(source, self._measure(settings.overlay))
        if wanted != self.wanted:
            self.wanted, self._wanted_since, self._moved = wanted, time.monotonic(), False
        if self.view is None:
            self.shown = Showing(source)

    def _measure(self, overlay: Overlay) -> Measure | None:
        """What an overlay needs measured, where there is something to measure against."""
        quantity = KINDS[overlay.name].measures if overlay.name in KINDS else ""
        against = self.against(overlay.against) if quantity else None
        return None if against is None else Measure(quantity, against)

    def _first(self, layer: int) -> Source:
        """The first source, its root loaded: of `layer`, else of the next in the file. Raises the first error."""
        count = len(self.reader.layers)
        keys = [SourceKey((layer + step) % count, None) for step in range(count)]
        for key in keys:
            self._prepare(key)
            if key not in self._unusable:
                return self._sources[key]
        raise NtileError(self._unusable[keys[0]])

    def _prepare(self, key: SourceKey) -> None:
        """Make a source on first use; before the first frame also load its root, as there is nothing else to show."""
        if key in self._unusable:
            return
        try:
            source = self._source(key)
            if self.view is None and not self.store.has(source, _ROOT):
                self.store.load_now(source, _ROOT)
        except NtileError as error:
            self._unusable[key] = str(error)
            self._news.append(str(error))

    def _source(self, key: SourceKey) -> Source:
        if key not in self._sources:
            self._sources[key] = Source(self.reader, key, numpy_decode=self.store.entry == "numpy")
        return self._sources[key]

    def decoder(self, key: SourceKey) -> SurfaceDecoder | None:
        """How a layer is decoded, shared with the picture; None where it cannot be."""
        try:
            return None if key in self._unusable else self._source(key).decoder
        except NtileError:
            return None

    def _select(self, showing: Showing, sse_px: float) -> Selection:
        assert self.view is not None
        return showing.source.selector.select(self.view, sse_px, measured=showing.measure)

    def _may_change(self) -> bool:
        """Whether what is wanted can replace what is shown: it is complete, or it has taken long enough."""
        if not self.target.keep:  # not even its root is there
            return False
        return self.target.complete or (self._moved and time.monotonic() - self._wanted_since > PATIENCE_S)
