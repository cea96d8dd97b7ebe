"""File opened on a thread: all reading and decoding for a first picture, without blocking the
window.

The thread makes a `TerrainFile` with its first root tile; the thread that owns the GL context then
takes it over quickly (`Scene.open`, `Scene.add`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from neural.container.reader import Reader
from neural.errors import NtileError
from neural.raster.reading import Raster
from viewer.model.settings import LayerChoice
from viewer.tiles.pins import Pins
from viewer.tiles.terrain_file import TerrainFile

Open = Callable[[Path], Reader]
"""Opener of a file by its absolute path. Raises NtileError."""

Choose = Callable[[Reader], dict[str, LayerChoice]]
"""Rule for the choices of slots A and B in a file just opened. Raises UsageError."""


class PendingFile:
    """File being opened.

    `decode_backend` (`viewer.graphics.gpu_decoder.choose_backend`) is known once there is a GL
    context; a program that opens a file sooner sets the Future `decode_backend` later. `check`
    returns, or raises NtileError, as soon as the file's header has been read; `result` when
    everything is loaded. `pins` hold the file, and the
    raster, to a content; `open_file` opens it in their place, on the thread.
    """

    def __init__(
        self,
        path: str | Path,
        reference_dem: Raster | None,
        choose: Choose,
        decode_backend: str | Future[str] | None = None,
        pins: Pins | None = None,
        open_file: Open | None = None,
    ) -> None:
        self.path = Path(os.path.abspath(path))
        self._pins = pins or Pins()
        self._open = open_file or self._pins.open
        self.reference_dem = reference_dem
        self._choose = choose
        self.decode_backend: Future[str] = (
            decode_backend if isinstance(decode_backend, Future) else Future()
        )
        if isinstance(decode_backend, str):
            self.decode_backend.set_result(decode_backend)
        self._head: Future[dict[str, LayerChoice]] = Future()
        self._file: Future[TerrainFile] = Future()
        self._thread = threading.Thread(target=self._run, name="opening", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True if `result` returns at once."""
        return self._file.done()

    @property
    def error(self) -> NtileError | None:
        """Failure of a file that is `done`; None if it is open."""
        error = self._file.exception()
        return error if isinstance(error, NtileError) else None

    def check(self) -> dict[str, LayerChoice]:
        """Wait for the file's header; return the slots' choices. Raises NtileError."""
        return self._head.result()

    def wait(self) -> None:
        """Wait until `done`."""
        self._file.exception()

    def result(self) -> TerrainFile:
        """Wait for the file; the caller owns it. Raises NtileError."""
        return self._file.result()

    def cancel(self) -> None:
        """Cancel the opening: the file is closed as soon as it is open."""
        self.decode_backend.cancel()
        self._file.add_done_callback(_close)

    def _run(self) -> None:
        reader: Reader | None = None
        try:
            reader = self._open(self.path)
            slots = self._choose(reader)
            self._head.set_result(slots)
            file = TerrainFile(reader, self.reference_dem)
            reader = None  # owned by the file now
            try:
                self._pins.check(file.reference)
                file.first(slots["A"], lambda: self.decode_backend.result() == "numpy")
            except BaseException:
                file.close()
                raise
        except BaseException as error:
            if reader is not None:
                reader.close()
            if not self._head.done():
                self._head.set_exception(error)
            self._file.set_exception(error)
        else:
            self._file.set_result(file)


def _close(done: Future[TerrainFile]) -> None:
    if done.exception() is None:
        done.result().close()
