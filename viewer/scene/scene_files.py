"""Open files of a scene: their common tile store, and the panes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from neural.container.reader import Reader
from neural.errors import NtileError
from viewer.graphics.tile_store import MB, TileKey, TileStore
from viewer.model.camera import Camera
from viewer.model.height_range import HeightRange, combined
from viewer.model.overlays import HEIGHT, OVERLAYS
from viewer.model.settings import SLOTS, LayerChoice, Settings
from viewer.scene.pane import LayerState, Pane, errors_in, interleaved, narrowed
from viewer.scene.prefetch import Prefetch
from viewer.tiles.difference import SurfaceReference
from viewer.tiles.lod import Frustum, Selection
from viewer.tiles.quadtree import ROOT
from viewer.tiles.reference import ErrorReference
from viewer.tiles.source import SourceKey, TileSource
from viewer.tiles.terrain_file import TerrainFile, check_crs
from viewer.tiles.tile_errors import ErrorMeasure, TileSample


class SceneFiles:
    """Main file and compared ones. Constructed complete, or not at all (NtileError).

    Begins with the file's first source (`TerrainFile.first`), else with `choice` or the next layer
    that can be decoded.
    """

    def __init__(self, store: TileStore, file: TerrainFile, choice: LayerChoice) -> None:
        self.store = store
        self.files: list[TerrainFile] = []
        self.prefetch = Prefetch(self.store)
        self._reported: set[str] = set()
        self._errors: list[str] = []
        self._pinned: list[tuple[LayerState, Selection]] = []
        self._difference: tuple[tuple[SourceKey, int], SurfaceReference] | None = None
        try:
            source = self._enter(file, choice)
        except BaseException:
            self.close()
            raise
        self.panes = [Pane(self.store, SLOTS[0], LayerState(source))]
        """One, or one for each slot from left to right."""

    def add(self, file: TerrainFile, choice: LayerChoice) -> int:
        """Add a file for comparison; return its index.

        Raises NtileError where it cannot be shown with the first; the file is then closed.
        """
        try:
            check_crs(self.files[0].reader, file.reader)
        except BaseException:
            file.close()
            raise
        self._enter(file, choice)
        return len(self.files) - 1

    def remove(self, index: int, settings: Settings) -> None:
        """Close a compared file; its slots get the first file's layers."""
        file = self.files[index]
        assert index > 0
        choices = settings.slots
        for slot, choice in choices.items():
            if choice.file == index:
                choices[slot] = LayerChoice()
            elif choice.file > index:
                choices[slot] = replace(choice, file=choice.file - 1)
        del self.files[index]
        self._difference = None
        for pane in self.panes:
            if file.serial in (pane.current.source.key.file, pane.target.source.key.file):
                pane.restart(LayerState(self._beginning(self.files[0])))
        self._pinned = []
        self.store.forget(file.serial)
        end = partial(_end, self.store.streamer.settle, (file,))  # a worker may be reading it
        threading.Thread(target=end, name="closing").start()

    def close(self, *, wait: bool = True) -> None:
        """Free textures, end the workers, close the files; without `wait` a thread waits for the
        workers."""
        end = partial(_end, self.store.clear(), tuple(self.files))
        if wait:
            end()
        else:
            threading.Thread(target=end, name="closing").start()

    @property
    def pivot_z(self) -> float:
        """Height that exaggeration leaves in place; the same for all layers and files."""
        main = self.files[0]
        return main.heights.low if main.heights.trimmed else main.reader.layers[0].root.min_m

    @property
    def ready(self) -> bool:
        """True if all panes are ready."""
        return all(pane.ready for pane in self.panes)

    def file_of(self, source: TileSource) -> int:
        """Return the index of the file that a source belongs to."""
        return next(
            index for index, file in enumerate(self.files) if file.serial == source.key.file
        )

    def source(self, choice: LayerChoice) -> TileSource:
        """Return the source of a choice of file, layer and bits. Raises NtileError."""
        file = self._file(choice)
        return file.source(file.key(choice))

    def problem(self, layer: int, file: int = 0) -> str | None:
        """Return the error sentence of a layer that failed to load, or None."""
        opened = self.files[file]
        for key in (key for key in opened.keys if key.layer == layer):
            why = opened.problems.get(key) or self.store.failed.get(TileKey(key, ROOT))
            if why is not None:
                return why
        return None

    def errors_of(self, choice: LayerChoice, sse_px: float) -> list[TileSample]:
        """Return height errors of a choice against the reference over the whole view.

        Empty unless all its tiles are still loaded and measured.
        """
        file = self._file(choice)
        view = self.prefetch.view
        key = file.key(choice)
        if key not in file.keys or key in file.problems or view is None or file.reference is None:
            return []
        source = file.source(key)
        state = LayerState(source, ErrorMeasure(HEIGHT, source.at_levels(file.reference)))
        selection = state.select(view, sse_px)
        return errors_in(self.store, state, selection, view) if selection.complete else []

    def update(
        self, settings: Settings, view: Frustum, camera: Camera, size_px: tuple[int, int]
    ) -> list[str]:
        """Run one frame: upload, select, request. Return error sentences, each once."""
        self.store.cache.budget_bytes = int(settings.view.cache_mb * MB)
        self._arrange(settings)
        for pane in self.panes:
            pane.set_target(self._target_of(pane, settings))
        self._errors += self.store.take_in(settings.view.upload_budget_ms)
        for pane, columns in zip(self.panes, self.columns(settings, camera, size_px), strict=True):
            pane.select_tiles(
                view if len(self.panes) == 1 else narrowed(view, camera, size_px, columns), settings
            )
        slots = [state for slot in SLOTS if (state := self._state_of(slot, settings)) is not None]
        early = self.prefetch.choose(slots, view, settings, self.panes)
        self._pin([need for pane in self.panes for need in pane.needs] + self.prefetch.needs)
        self.store.request([*interleaved([pane.wants for pane in self.panes]), *early])
        fresh = [
            sentence for sentence in dict.fromkeys(self._errors) if sentence not in self._reported
        ]
        self._reported.update(fresh)
        self._errors.clear()
        return fresh

    def _pin(self, needs: list[tuple[LayerState, Selection]]) -> None:
        """Pin the panes' tiles, only after they have changed."""
        if needs == self._pinned:
            self.store.cache.trim()
            return
        self._pinned = needs
        kept = {TileKey(file.begins, ROOT) for file in self.files if file.begins is not None}
        seen = {
            TileKey(state.source.key, tile)
            for state, selection in needs
            for tile in selection.keep | {ROOT}
        }
        self.store.pin(kept | seen)

    def columns(
        self, settings: Settings, camera: Camera, size_px: tuple[int, int]
    ) -> list[tuple[int, int]]:
        """Return the first and last + 1 pixel column of each pane; equal where a piece of the
        picture is outside the pane."""
        width = size_px[0]
        if len(self.panes) == 1:
            return [(0, width)]
        whole = camera.whole(size_px)[0]
        divider = min(max(round(settings.compare.divider * whole), 1), whole - 1)
        divider -= round((camera.window[0] + 1) / 2 * whole)
        divider = min(max(divider, 0), width)
        return [(0, divider), (divider, width)]

    def _arrange(self, settings: Settings) -> None:
        """Match the panes to the settings; a new one begins with the present picture."""
        slots = SLOTS if settings.compare.split else (settings.active,)
        if tuple(pane.slot for pane in self.panes) == slots:
            return
        if len(slots) == len(self.panes):
            self.panes[0].slot = slots[0]
            return
        old = {pane.slot: pane for pane in self.panes}
        present = self.panes[0]
        self.panes = [old[slot] if slot in old else present.copy_for(slot) for slot in slots]

    def _target_of(self, pane: Pane, settings: Settings) -> LayerState:
        """Return the target state of a pane's slot; where that fails, of the pane's current
        source."""
        file, key = self._key_of(pane.slot, settings)
        self._prepare(file, key, at_once=pane.view is None)
        state = self._state_of(pane.slot, settings)
        if state is not None:
            return state
        return self._with_errors(
            pane.slot, self.files[self.file_of(pane.current.source)], pane.current.source, settings
        )

    def _state_of(self, slot: str, settings: Settings) -> LayerState | None:
        """Return the state of a slot's layer, or None where it cannot be shown."""
        file, key = self._key_of(slot, settings)
        if key in file.problems or TileKey(key, ROOT) in self.store.failed:
            return None
        return self._with_errors(slot, file, file.source(key), settings)

    def _key_of(self, slot: str, settings: Settings) -> tuple[TerrainFile, SourceKey]:
        """Return the file and source key of a slot, or of the reference layer where that replaces
        the slot."""
        choice = settings.slots[slot]
        file = self._file(choice)
        if settings.compare.reference and slot == settings.active:
            truth = next((layer for layer in file.reader.layers if layer.is_reference), None)
            if truth is not None:
                return file, SourceKey(truth.index, None, file.serial)
        return file, file.key(choice)

    def _with_errors(
        self, slot: str, file: TerrainFile, source: TileSource, settings: Settings
    ) -> LayerState:
        """Return the state of a source with the overlay's errors, if it has a reference."""
        overlay = settings.overlay
        quantity = OVERLAYS[overlay.name].measures if overlay.name in OVERLAYS else ""
        against = self.against(slot, file, settings) if quantity else None
        return LayerState(
            source, None if against is None else ErrorMeasure(quantity, source.at_levels(against))
        )

    def against_of(self, pane: Pane, settings: Settings) -> ErrorReference | None:
        """Return the reference of a pane's errors, shown or not."""
        return self.against(pane.slot, self.files[self.file_of(pane.current.source)], settings)

    def against(self, slot: str, file: TerrainFile, settings: Settings) -> ErrorReference | None:
        """Return the reference of a slot's errors; None without one.

        The same object for the same surface. Slot B is not subtracted from itself.
        """
        if settings.overlay.against != SLOTS[1]:
            return file.reference
        if slot == SLOTS[1]:
            return None
        choice = settings.slots[SLOTS[1]]
        other = self._file(choice)
        key = other.key(choice), file.serial
        if self._difference is None or self._difference[0] != key:
            try:
                decoder = other.source(key[0]).decoder
            except NtileError as error:
                self._errors.append(str(error))
                return None
            self._difference = key, SurfaceReference(decoder, file.reader.grid, SLOTS[1])
        return self._difference[1]

    def _enter(self, file: TerrainFile, choice: LayerChoice) -> TileSource:
        """Append a file with its first root; on failure nothing changes and the file is closed."""
        try:
            if file.begins is None:
                file.first(choice, lambda: self.store.decode_backend == "numpy")
            if file.reference is None and self.files:
                file.reference = self._main_reference(file.reader)
            source = self._beginning(file)
        except BaseException:
            self.store.forget(file.serial)
            file.close()
            raise
        self._errors += file.problems.values()
        self.files.append(file)
        return source

    def _beginning(self, file: TerrainFile) -> TileSource:
        """Return the first source of a file, its root loaded; the root stays cached while the file
        is open."""
        source = file.first_source
        if not self.store.has(source, ROOT):
            self.store.put(source, ROOT, *file.roots.pop(source.key))
        return source

    @property
    def step_m(self) -> float:
        """Least quantization step of the layers on screen, meters; 0 where one has none."""
        return min(pane.current.source.step_m for pane in self.panes)

    @property
    def heights(self) -> HeightRange:
        """Range of heights of all layers of all files, so that compared layers share their
        colors."""
        return combined([file.heights for file in self.files])

    def _main_reference(self, reader: Reader) -> ErrorReference | None:
        """Return the main file's reference layer for a file without its own."""
        main = self.files[0]
        layer = next((layer for layer in main.reader.layers if layer.is_reference), None)
        if layer is None:
            return None
        decoder = main.source(SourceKey(layer.index, None, main.serial)).decoder
        return SurfaceReference(decoder, reader.grid, layer.title or layer.method)

    def _prepare(self, file: TerrainFile, key: SourceKey, *, at_once: bool) -> None:
        """Create a source on first use, and load its root for the first picture."""
        if key in file.problems:
            return
        try:
            source = file.source(key)
            if at_once and not self.store.has(source, ROOT):
                self.store.load_now(source, ROOT)
        except NtileError as error:
            file.problems[key] = str(error)
            self._errors.append(str(error))

    def _file(self, choice: LayerChoice) -> TerrainFile:
        return self.files[min(max(choice.file, 0), len(self.files) - 1)]


def _end(end_workers: Callable[[], None], files: Sequence[TerrainFile]) -> None:
    end_workers()
    for file in files:
        file.close()
