"""Files of an open raster, watched for changes: pixels of two states must not become one height."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence

from neural.errors import DemError
from neural.raster import raster_name
from neural.raster.facts import sampled_sha256, statement_sha256
from neural.system.file_stamp import FileStamp

_NOT_READ = (".aux.xml", ".ovr")
_BESIDE = (".aux.xml", ".msk")
"""Endings of files that say how a raster is read; GDAL lists them only where they are."""

_MANY = 16
"""Files of a mosaic above which they are checked once a second, and a touch counts as a change."""
_PAUSE_S = 1.0

_WHOLE_BYTES = 1 << 25
"""Size up to which all of a file is compared; a touch of a larger one counts as a change, as an
edit of a few pixels leaves its size."""


class OpenFiles:
    """Local files of an open raster as they were when it was opened.

    `lazy`: GDAL opens them when their pixels are read (mosaics), so a replaced one is another.
    """

    def __init__(self, name: str, listed: Sequence[str], *, lazy: bool) -> None:
        """Create for the raster `name` of which GDAL lists these files. Raises DemError where one
        changes meanwhile."""
        self._name = name
        self._lazy = lazy
        files = [raster_name.local_file(file) for file in (name, *listed)]
        paths = [file for file in files if file and not file.endswith(_NOT_READ)]
        self._stamps: dict[str, FileStamp] = {}
        self._digests: dict[str, str] = {}
        self._copies: dict[str, FileStamp] = {}  # other files of the same bytes in their places
        for path in dict.fromkeys(map(os.path.abspath, paths)):
            stamp = FileStamp.at(path)
            if stamp is not None:
                self._stamps[path] = stamp
        if len(self._stamps) <= _MANY:
            for path in self._stamps:
                self._digests[path] = _digest(path)
        self._beside: dict[str, tuple[FileStamp | None, str]] = {}
        for path in self._digests:
            for ending in _BESIDE:
                if path + ending not in self._stamps and not path.endswith(_BESIDE):
                    self._beside[path + ending] = _statement(path + ending)
        self._checked_s = time.monotonic()

    @property
    def content(self) -> str:
        """Text that differs between files of different contents; "" where that is not known."""
        digests = [*self._digests.values(), *(digest for _, digest in self._beside.values())]
        return "-".join(digest[:16] for digest in digests if digest)

    def is_current(self) -> bool:
        """Return True if all files are still those that were opened, and so are those that say how
        to read them; a touch and statistics are no change."""
        for path, (stamp, digest) in self._beside.items():
            if FileStamp.at(path) == stamp:
                continue
            now = _statement(path)
            if now[1] != digest:
                return False
            self._beside[path] = now
        return not self._changed(list(self._stamps))

    def check(self) -> None:
        """Raise DemError if pixels read since may be of another state than the first ones."""
        now_s = time.monotonic()
        if len(self._stamps) > _MANY and now_s - self._checked_s < _PAUSE_S:
            return
        self._checked_s = now_s
        for path in self._changed(list(self._stamps)):
            stamp = FileStamp.at(path)
            rewritten = stamp is not None and stamp.is_same_file(self._stamps[path])
            if rewritten or self._lazy:
                which = "" if os.path.abspath(self._name) == path else f" ({path})"
                raise DemError(
                    f"{self._name} was rewritten while it was open{which}; open it again."
                )

    def _changed(self, paths: list[str]) -> list[str]:
        """Return the paths that lead to other contents; take over the stamps of touched files."""
        changed = []
        for path in paths:
            before = self._stamps[path]
            stamp = FileStamp.at(path)
            if stamp is not None and stamp in (before, self._copies.get(path)):
                continue
            is_whole = path in self._digests and before.size <= _WHOLE_BYTES
            if stamp is not None and not is_whole and stamp.state == before.state:
                continue
            touched = stamp is not None and stamp.size == before.size and is_whole
            if stamp is None or not touched or _digest(path) != self._digests[path]:
                changed.append(path)
            elif stamp.is_same_file(before):
                self._stamps[path] = stamp
            else:
                self._copies[path] = stamp
        return changed


def _statement(path: str) -> tuple[FileStamp | None, str]:
    """Return stamp and digest of a file beside a raster; None and "" where none is."""
    stamp = FileStamp.at(path)
    return stamp, "" if stamp is None else _digest(path)


def _digest(path: str) -> str:
    """Return a digest of all bytes, of samples for a file above _WHOLE_BYTES."""
    try:
        if path.endswith(".aux.xml"):
            return statement_sha256(path)
        if os.path.getsize(path) > _WHOLE_BYTES:
            return sampled_sha256(path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
