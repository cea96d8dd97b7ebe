"""Sources of bytes for the reader."""

from __future__ import annotations

import os
from typing import Protocol

from neural.system.file_kinds import open_file
from neural.system.file_stamp import FileStamp
from neural.system.forks import ForkLock


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
        self._lock = ForkLock()

    def count(self, length: int) -> None:
        """Count one request of `length` bytes."""
        with self._lock:
            self.requests += 1
            self.bytes += length


class _Users:
    """Number of sources that read one open file, and their lock; the last one closes it."""

    def __init__(self) -> None:
        self.lock = ForkLock()
        self.count = 1


class FileSource:
    """A local file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open_file(path)
        self._users = _Users()
        self._closed = False
        self.size = self.stamp.size

    @property
    def stamp(self) -> FileStamp:
        """See `ByteSource`."""
        return FileStamp.of(self._file.fileno())

    def get_bytes(self, offset: int, length: int) -> bytes:
        """See `ByteSource`."""
        with self._users.lock:
            if self._closed:
                raise ValueError("read of closed file")
            if hasattr(os, "pread"):  # forked processes share the file's position
                return os.pread(self._file.fileno(), length, offset)
            self._file.seek(offset)
            return self._file.read(length)

    def share(self) -> FileSource:
        """See `ByteSource`."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        with self._users.lock:
            if self._closed:
                raise ValueError("read of closed file")
            self._users.count += 1
        return other

    def close(self) -> None:
        """See `ByteSource`."""
        with self._users.lock:
            if self._closed:
                return
            self._closed = True
            self._users.count -= 1
            if not self._users.count:
                self._file.close()
