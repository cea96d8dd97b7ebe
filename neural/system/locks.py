"""Locks between processes. The system releases them when a process ends, in whatever way."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE_S = 2.0
"""Time to wait for a lock; settings are written in milliseconds."""

_RETRY_S = 0.005
_TAKEN = {errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def locked(path: str | os.PathLike[str], patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold the lock of a file, made if missing and left in its place, while the block runs.

    Threads exclude one another, too, and so does a thread itself: it must not nest. Where no lock
    can be had (no right to make the file, a file system without locks) the block runs without.
    Raises TimeoutError where another process keeps the lock for `patience_s`.
    """
    descriptor = _open(path)
    if descriptor is None:
        yield
        return
    try:
        deadline = time.monotonic() + patience_s
        while _is_taken(descriptor):
            if time.monotonic() >= deadline:
                raise TimeoutError(
                    errno.ETIMEDOUT, f"another process keeps {os.fspath(path)} locked"
                )
            time.sleep(_RETRY_S)
        yield
    finally:
        os.close(descriptor)


def _open(path: str | os.PathLike[str]) -> int | None:
    options = getattr(os, "O_NONBLOCK", 0)  # a pipe of that name would wait for a reader
    for access in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # the file may be another user's
        try:
            return os.open(path, access | options, 0o666)
        except OSError:
            continue
    return None


def _is_taken(descriptor: int) -> bool:
    """Lock a file; return True if another holder prevents that."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError as error:
        return error.errno in _TAKEN
    return False
