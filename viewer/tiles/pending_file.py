"""Opening a file on a thread: all reading and decoding that a first picture needs, while the window
lives on.

The thread makes an `OpenFile` with its first root tile; the thread that owns the GL context only
has to take it over (`Scene.open`, `Scene.add`), which is quick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from neural.container.reader import Reader, open_reader
from neural.raster.reading import Raster
from viewer.model.settings import LayerChoice
from viewer.tiles.terrain_file import OpenFile

Choose = Callable[[Reader], dict[str, LayerChoice]]
"""Rule for the choices of slots A and B in a file just opened. Raises UsageError."""


class Opening:
    """A file under way.

    `entry` is how tiles are decoded (`viewer.graphics.gpu_decoder.choose`), which is known once
    there is a GL context; a program that begins to open a file sooner sets the Future `entry`
    later. `check` returns, or raises NtileError, as soon as the file's head has been read; `result`
    when everything is there.
    """

    def __init__(
        self,
        path: str | Path,
        reference_dem: Raster | None,
        choose: Choose,
        entry: str | Future[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self.reference_dem = reference_dem
        self._choose = choose
        self.entry: Future[str] = entry if isinstance(entry, Future) else Future()
        if isinstance(entry, str):
            self.entry.set_result(entry)
        self._head: Future[dict[str, LayerChoice]] = Future()
        self._file: Future[OpenFile] = Future()
        self._thread = threading.Thread(target=self._run, name="opening", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True if `result` answers at once."""
        return self._file.done()

    def check(self) -> dict[str, LayerChoice]:
        """Wait for the file's head; what the slots are to hold. Raises NtileError."""
        return self._head.result()

    def result(self) -> OpenFile:
        """Wait for the file. Raises NtileError. Whoever asks owns the file."""
        return self._file.result()

    def cancel(self) -> None:
        """The file is not wanted any more: it is closed as soon as it is there."""
        self.entry.cancel()
        self._file.add_done_callback(_close)

    def _run(self) -> None:
        reader: Reader | None = None
        try:
            reader = open_reader(self.path)
            slots = self._choose(reader)
            self._head.set_result(slots)
            file = OpenFile(reader, self.reference_dem)
            reader = None  # the file closes it
            try:
                file.first(slots["A"], lambda: self.entry.result() == "numpy")
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


def _close(done: Future[OpenFile]) -> None:
    if done.exception() is None:
        done.result().close()
