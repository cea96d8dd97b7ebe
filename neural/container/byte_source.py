"""Sources of bytes for the reader."""

from __future__ import annotations

import os
import threading
from typing import Protocol


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
        self._lock = threading.Lock()

    def count(self, length: int) -> None:
        """Count one request of `length` bytes."""
        with self._lock:
            self.requests += 1
            self.bytes += length


class FileSource:
    """A local file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = open(path, "rb", buffering=0)
        self._lock = threading.Lock()
        self.size = os.fstat(self._file.fileno()).st_size

    def get_bytes(self, offset: int, length: int) -> bytes:
        """See `ByteSource`."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length)

    def close(self) -> None:
        """See `ByteSource`."""
        self._file.close()
