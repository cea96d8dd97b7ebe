"""Sources of bytes for the reader."""

from __future__ import annotations

import os
from typing import Protocol

from neural.system.forks import ForkLock


class ByteSource(Protocol):
    """Random-access bytes. `get_bytes` may be called from several threads and may return fewer
    bytes at the end."""

    size: int

    def get_bytes(self, offset: int, length: int) -> bytes:
        """Return bytes offset … offset + length; raises OSError when they cannot be had."""

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


class FileSource:
    """A local file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "rb", buffering=0)
        self._lock = ForkLock()  # where reads move a common position
        self.size = os.fstat(self._file.fileno()).st_size

    def get_bytes(self, offset: int, length: int) -> bytes:
        """See `ByteSource`."""
        if hasattr(os, "pread"):  # threads and forked processes share the file's position
            return os.pread(self._file.fileno(), length, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        """See `ByteSource`."""
        self._file.close()
