"""Every setting tried in this session: rows that come by themselves, measured further by a worker
when asked."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from neural.errors import NtileError, UsageError
from neural.raster.reading import Raster
from viewer.model import layers
from viewer.model.settings import LayerChoice
from viewer.scene import labels, results
from viewer.scene.results import Result, ResultErrors

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.scene.scene import Scene
    from viewer.tiles.pending_file import PendingFile

SMALL_TILES = 16
"""Areas of no more finest tiles are measured as a whole without being asked, once the window has
been idle."""

IDLE_S = 1.5
"""Nothing has changed for so long."""


class StoppedError(Exception):
    """The work is not wanted any more."""


class ResultsLog:
    """The rows, and the thread that measures whole areas. It outlives the files it is about."""

    def __init__(self) -> None:
        self.rows: list[Result] = []
        self.whole = False
        """True if the panel lists errors over the whole area instead of those in view."""
        self._thread: ThreadPoolExecutor | None = None
        self._measuring: dict[tuple[object, ...], Future[Result]] = {}
        # by path: reference raster and main file
        self._mains: dict[str, tuple[Raster | None, str | None]] = {}
        self._slots: object = None
        self._since = 0.0
        self._stopped = False

    # Rows that come by themselves

    def follow(self, app: App) -> None:
        """Once a frame: take over what is shown, and what the worker has done."""
        self._collect(app)
        scene = app.scene
        if (
            scene is None
            or scene.reader is None
            or not scene.ready
            or app.settings.compare.reference
        ):
            return
        shown = [scene.choice_in(pane) for pane in scene.panes]
        state = (
            repr(shown),
            scene.reference_name,
            scene.settled,
            app.viewport and app.viewport.pictures,
        )
        if state != self._slots:
            self._slots = state
            self._since = time.monotonic()
            for choice in shown:
                self.note(scene, choice, app.reference)
        elif time.monotonic() - self._since > IDLE_S:
            self._since = float("inf")  # once is enough
            for choice in shown:
                row = self.note(scene, choice, app.reference)
                self.measure(row, whole=self._is_small(scene, choice))

    def note(self, scene: Scene, choice: LayerChoice, dem: Raster | None) -> Result:
        """The row of a choice with what the scene knows of it; a new one where it was not tried
        before."""
        reader = scene.reader_of(choice)
        path = os.path.abspath(scene.reader_of(choice).path)
        against = scene.files[min(choice.file, len(scene.files) - 1)].reference
        exact = reader.layers[choice.index].is_reference and dem is None
        name = "" if against is None or exact else against.name
        row = results.of(path, reader, choice, name)
        row = next((each for each in self.rows if each.key == row.key), row)
        if not any(each is row for each in self.rows):
            self.rows.append(row)
        self._mains[path] = dem, str(scene.files[0].reader.path)
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

    def _is_small(self, scene: Scene, choice: LayerChoice) -> bool:
        reader = scene.reader_of(choice)
        return bool(reader.sizes()["tiles"][choice.index][-1] <= SMALL_TILES)

    # The whole area

    def measure(self, row: Result, *, whole: bool = True) -> None:
        """Have what is not known of a row found out: its size, and with `whole` its errors over the
        whole area."""
        whole = whole and row.reference != "" and row.whole is None
        if row.key in self._measuring or not (whole or row.total_bytes is None):
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "results")
        dem, main = self._mains.get(row.path, (None, None))
        choice = LayerChoice(row.layer, row.keep_bits)
        work = partial(results.measure, row.path, choice, dem, main, self._go_on, whole=whole)
        self._measuring[row.key] = self._thread.submit(work)

    def measuring(self, row: Result) -> bool:
        """Return True if a row is being measured or waits for that."""
        return row.key in self._measuring

    def _go_on(self, done: int, total: int) -> None:
        if self._stopped:
            raise StoppedError

    def _collect(self, app: App) -> None:
        for key, future in [
            (key, future) for key, future in self._measuring.items() if future.done()
        ]:
            del self._measuring[key]
            error = future.exception()
            if isinstance(error, NtileError):
                app.messages.error(str(error))
            row = next((each for each in self.rows if each.key == key), None)
            if row is None or error is not None:
                continue
            found = future.result()
            row.whole = found.whole or row.whole
            row.total_bytes = found.total_bytes
            row.bits_per_sample = found.bits_per_sample
            row.stack_bits_per_sample = found.stack_bits_per_sample
            row.decode_ms = row.decode_ms or found.decode_ms

    # Commands of the panel

    def restore(self, app: App, row: Result, slot: str) -> None:
        """Put a row's setting into a slot; a file that is not open is opened beside the first."""
        open_files = (
            []
            if app.scene is None
            else [os.path.abspath(file.reader.path) for file in app.scene.files]
        )
        if open_files and row.path not in open_files:
            app.files.add(row.path, row.layer, lambda opening: self._put(app, row, slot, opening))
        else:
            self._put(app, row, slot)

    def _put(self, app: App, row: Result, slot: str, opening: PendingFile | None = None) -> None:
        """The same, its file being among those open or just opened."""
        try:
            if app.scene is None or app.scene.reader is None:
                raise UsageError(f"{row.path}: open a file first; results are shown beside it.")
            files = [os.path.abspath(file.reader.path) for file in app.scene.files]
            index = (
                files.index(row.path)
                if opening is None
                else app.scene.add(opening.result(), row.layer)
            )
            choice = LayerChoice(row.layer, row.keep_bits, index)
            if choice.index >= len(app.scene.reader_of(choice).layers):
                raise UsageError(f"{row.path}: it has no layer {row.layer + 1} any more.")
        except NtileError as error:
            app.messages.error(str(error))
            return
        app.settings.slots[slot] = choice
        if layers.effective_bits(labels.layer_of(app.scene, choice), choice) != row.bits:
            app.messages.add(
                "warning",
                f"{row.path}: the layer is stored with other bits than when it was tried.",
            )

    def clear(self) -> None:
        """Forget all rows; what is shown comes back when something changes."""
        self._since = float("inf")
        for future in self._measuring.values():
            future.cancel()
        self._measuring.clear()
        self.rows.clear()

    def write(self, path: str) -> None:
        """Write the rows as .csv or .json. Raises NtileError."""
        results.write(path, [replace(row) for row in self.rows])

    def close(self) -> None:
        """End the thread after the tile it is at."""
        self._stopped = True
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
