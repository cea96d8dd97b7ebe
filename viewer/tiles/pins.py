"""Files that are opened several times in one piece of work, held to one content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from neural.container.reader import Reader, open_reader
from neural.errors import NtileError
from viewer.tiles.reference import DemReference, ErrorReference


class Pins:
    """Contents of files by absolute path: those given, else those of the first time that a file is
    opened. Thread-safe."""

    def __init__(self, contents: Mapping[str, str] | None = None) -> None:
        self.contents = dict(contents or {})

    def open(self, path: str | Path) -> Reader:
        """Open a .ntile file. Raises NtileError, also where its content is another than before."""
        reader = open_reader(path)
        try:
            self._hold(os.path.abspath(path), reader.content)
        except BaseException:
            reader.close()
            raise
        return reader

    def check(self, reference: ErrorReference | None) -> None:
        """Raise NtileError where a reference raster's content is another than before."""
        if isinstance(reference, DemReference) and reference.content:
            self._hold(os.path.abspath(reference.path), reference.content)

    def _hold(self, path: str, content: str) -> None:
        if self.contents.setdefault(path, content) != content:
            raise NtileError(f"{path} has changed since it was opened; open it again.")
