"""Results of every layer and bit depth shown in a session; a worker measures whole areas."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from neural.container.reader import Reader
from neural.errors import NtileError, UsageError
from neural.raster.reading import Raster
from viewer.model import layers
from viewer.model.settings import LayerChoice, Settings
from viewer.scene import labels, results
from viewer.scene.results import Result, ResultErrors
from viewer.scene.scene import Scene
from viewer.session.document import CurrentDocument
from viewer.session.file_queue import FileQueue
from viewer.session.messages import Messages
from viewer.tiles.pending_file import PendingFile
from viewer.tiles.pins import Pins
from viewer.tiles.reference import DemReference

SMALL_TILES = 16
"""Areas of no more finest tiles are measured as a whole unasked, once the picture has been idle."""

IDLE_S = 1.5
"""Time without a change after which the picture counts as idle, seconds."""


class _Source(NamedTuple):
    """Files that a row is measured on."""

    dem: Raster | None
    main: str
    contents: dict[str, str]  # of files and rasters, by path


class StoppedError(Exception):
    """The work is no longer needed."""


class ResultsLog:
    """Rows of results, and the thread that measures whole areas; they outlive their files."""

    def __init__(
        self,
        current: CurrentDocument,
        settings: Settings,
        files: FileQueue,
        messages: Messages,
    ) -> None:
        self._current = current
        self._settings = settings
        self._files = files
        self._messages = messages
        self.rows: list[Result] = []
        self.whole = False
        """True if the panel lists errors over the whole area instead of those in view."""
        self._thread: ThreadPoolExecutor | None = None
        self._measuring: dict[tuple[object, ...], Future[Result]] = {}
        self._sources: dict[tuple[object, ...], _Source] = {}  # by row
        self._slots: object = None
        self._since_s = 0.0
        self._stopped = False

    # Rows that come by themselves

    def update(self, picture: int) -> None:
        """Add rows of the layers shown and take in the worker's results; once a frame.

        `picture`: number of the picture drawn last; the time of idling begins with it.
        """
        self._collect()
        document = self._current.document
        if document is None or not document.scene.ready or self._settings.compare.reference:
            return
        scene = document.scene
        choices = [scene.choice_in(pane) for pane in scene.panes]
        state = (repr(choices), scene.reference_name, scene.settled, picture)
        if state != self._slots:
            self._slots = state
            self._since_s = time.monotonic()
            for choice in choices:
                self.note(scene, choice, document.reference)
        elif time.monotonic() - self._since_s > IDLE_S:
            self._since_s = float("inf")  # once is enough
            for choice in choices:
                row = self.note(scene, choice, document.reference)
                self.measure(row, whole=self._is_small(scene, choice))

    def note(self, scene: Scene, choice: LayerChoice, dem: Raster | None) -> Result:
        """Return the row of a choice, updated with the scene's numbers, adding it if necessary."""
        reader = scene.reader_of(choice)
        path = os.path.abspath(reader.path)
        against = scene.files[min(choice.file, len(scene.files) - 1)].reference
        exact = reader.layers[choice.index].is_reference and dem is None
        name = "" if against is None or exact else against.name
        self._remove_earlier(scene, path)
        row = results.of(path, reader, choice, name)
        row = next((other for other in self.rows if other.key == row.key), row)
        if not any(other is row for other in self.rows):
            self.rows.append(row)
        main = scene.files[0].reader
        contents = {os.path.abspath(main.path): main.content, path: reader.content}
        if isinstance(against, DemReference) and against.content:
            contents[os.path.abspath(against.path)] = against.content
        self._sources[row.key] = _Source(dem, os.path.abspath(main.path), contents)
        if scene.store is not None:
            decoder = scene.decoder(choice)
            done = next(
                (done for source, done in scene.store.decoded.items() if source.decoder is decoder),
                None,
            )
            row.decode_ms = row.decode_ms if done is None else 1e3 * done.seconds / done.tiles
        errors = None if exact else scene.errors_in_view(choice)
        if errors is not None:
            row.view = ResultErrors(
                errors.samples, errors.rmse_m, errors.mae_m, errors.max_error_m, errors.le90_m
            )
        return row

    def _remove_earlier(self, scene: Scene, path: str) -> None:
        """Remove the rows of contents that an open file had before it was reloaded."""
        readers = [file.reader for file in scene.files]
        contents = {reader.content for reader in readers if os.path.abspath(reader.path) == path}
        for row in [row for row in self.rows if row.path == path and row.content not in contents]:
            self.rows.remove(row)
            future = self._measuring.pop(row.key, None)
            if future is not None:
                future.cancel()

    def _is_small(self, scene: Scene, choice: LayerChoice) -> bool:
        reader = scene.reader_of(choice)
        return bool(reader.sizes()["tiles"][choice.index][-1] <= SMALL_TILES)

    # The whole area

    def measure(self, row: Result, *, whole: bool = True) -> None:
        """Measure the missing numbers of a row on the worker: its size, and with `whole` its errors
        over the whole area."""
        whole = whole and row.reference != "" and row.whole is None
        if row.key in self._measuring or not (whole or row.total_bytes is None):
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "results")
        source = self._sources.get(row.key, _Source(None, row.path, {row.path: row.content}))
        readers = self._open_readers(source.contents)
        work = partial(
            results.measure,
            readers.get(row.path, row.path),
            LayerChoice(row.layer, row.keep_bits),
            source.dem,
            readers.get(source.main, source.main),
            self._go_on,
            whole=whole,
            pins=Pins(source.contents),
        )
        future = self._thread.submit(work)
        future.add_done_callback(partial(_close, tuple(readers.values())))
        self._measuring[row.key] = future

    def _open_readers(self, contents: Mapping[str, str]) -> dict[str, Reader]:
        """Return readers of those files of some contents that are open, by path; to be closed."""
        document = self._current.document
        readers: dict[str, Reader] = {}
        for file in () if document is None else document.scene.files:
            path = os.path.abspath(file.reader.path)
            if path not in readers and contents.get(path) == file.reader.content:
                readers[path] = file.reader.duplicate()
        return readers

    def measure_all(self) -> None:
        """Have every row measured over the whole area."""
        for row in self.rows:
            self.measure(row)

    def measuring(self, row: Result) -> bool:
        """Return True if a row is being measured or waits for that."""
        return row.key in self._measuring

    def _go_on(self, done: int, total: int) -> None:
        if self._stopped:
            raise StoppedError

    def _collect(self) -> None:
        for key, future in list(self._measuring.items()):
            if not future.done():
                continue
            del self._measuring[key]
            error = future.exception()
            if isinstance(error, NtileError):
                self._messages.error(str(error))
            row = next((row for row in self.rows if row.key == key), None)
            if row is None or error is not None:
                continue
            measured = future.result()
            row.whole = measured.whole or row.whole
            row.total_bytes = measured.total_bytes
            row.bits_per_sample = measured.bits_per_sample
            row.stack_bits_per_sample = measured.stack_bits_per_sample
            row.decode_ms = row.decode_ms or measured.decode_ms

    # Commands of the panel

    def restore(self, row: Result, slot: str) -> None:
        """Put a row's layer and bits into a slot, opening its file if necessary; report errors."""
        document = self._current.document
        if document is not None and _index(document.scene, row) is None:
            pins = Pins({row.path: row.content} if row.content else {})
            on_loaded = partial(self._put, row, slot)
            self._files.add(row.path, row.layer, on_loaded, pins)
        else:
            self._put(row, slot)

    def _put(self, row: Result, slot: str, opening: PendingFile | None = None) -> None:
        self._messages.report_errors(lambda: self._fill(row, slot, opening))

    def _fill(self, row: Result, slot: str, opening: PendingFile | None) -> None:
        """Fill a slot; the row's file is open, or has just been read. Raises NtileError."""
        document = self._current.document
        if document is None:
            if opening is not None:
                opening.cancel()
            raise UsageError(f"{row.path}: open a file first; results are shown beside it.")
        scene = document.scene
        index = _index(scene, row)
        if opening is not None:
            index = scene.add(opening.result(), row.layer)
        if index is None:
            raise UsageError(f"{row.path}: it is not open any more; open it again.")
        choice = LayerChoice(row.layer, row.keep_bits, index)
        if choice.index >= len(scene.reader_of(choice).layers):
            raise UsageError(f"{row.path}: it has no layer {row.layer + 1} any more.")
        self._settings.slots[slot] = choice
        if layers.effective_bits(labels.layer_of(scene, choice), choice) != row.bits:
            self._messages.warning(
                f"{row.path}: the layer is stored with other bits than when it was tried."
            )

    def clear(self) -> None:
        """Delete all rows; the layers shown come back when something changes."""
        self._since_s = float("inf")
        for future in self._measuring.values():
            future.cancel()
        self._measuring.clear()
        self.rows.clear()

    def write(self, path: str) -> None:
        """Write the rows as .csv or .json. Raises NtileError."""
        results.write(path, [replace(row) for row in self.rows])

    def close(self) -> None:
        """End the thread after its present tile."""
        self._stopped = True
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)


def _close(readers: Sequence[Reader], _: Future[Result]) -> None:
    for reader in readers:
        reader.close()


def _index(scene: Scene, row: Result) -> int | None:
    """Return the index of a row's file in a scene; None if it is not open."""
    for index, file in enumerate(scene.files):
        is_content = row.content in ("", file.reader.content)
        if is_content and os.path.abspath(file.reader.path) == row.path:
            return index
    return None
