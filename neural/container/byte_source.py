"""Sources of bytes for the reader."""

from __future__ import annotations

import os
import threading
from typing import Protocol

from neural.system.file_stamp import FileStamp


class ByteSource(Protocol):
    """Random-access bytes. `get_bytes` may be called from several threads and may return fewer
    bytes at the end."""

    size: int

    @property
    def stamp(self) -> FileStamp:
        """Present state of the open file, wherever its name leads by now; raises OSError."""

    def get_bytes(self, offset: int, length: int) -> bytes:
        """Return bytes offset … offset + length; raises OSError when they cannot be had."""

    def share(self) -> ByteSource:
        """Return another source of the same open file, closed on its own."""

    def close(self) -> None:
        """Release the open resources."""


class Traffic:
    """Counters of reads so far; several threads count."""

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self._lock = threading.Lock()

    def count(self, length: int) -> None:
        """Count one request of `length` bytes."""
        with self._lock:
            self.requests += 1
            self.bytes += length


class _OpenFile:
    """An open local file with the number of sources that read it; the last one closes it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.file = open(path, "rb", buffering=0)
        self.lock = threading.Lock()
        self.users = 1


class FileSource:
    """A local file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._open = _OpenFile(path)
        self._closed = False
        self.size = self.stamp.size

    @property
    def stamp(self) -> FileStamp:
        """See `ByteSource`."""
        return FileStamp.of(self._open.file.fileno())

    def get_bytes(self, offset: int, length: int) -> bytes:
        """See `ByteSource`."""
        if self._closed:
            raise ValueError("read of closed file")
        with self._open.lock:
            self._open.file.seek(offset)
            return self._open.file.read(length)

    def share(self) -> FileSource:
        """See `ByteSource`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        with self._open.lock:
            if self._closed:
                raise ValueError("read of closed file")
            self._open.users += 1
        return other

    def close(self) -> None:
        """See `ByteSource`."""
        with self._open.lock:
            if self._closed:
                return
            self._closed = True
            self._open.users -= 1
            if not self._open.users:
                self._open.file.close()
