"""Kinds of files that are no regular ones, and inputs opened without waiting at them."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def kind(mode: int) -> str | None:
    """Return a noun such as "a pipe" for the mode of a file that is no regular one, else None."""
    return next((text for is_kind, text in _KINDS if is_kind(mode)), None)


def endless(path: str | os.PathLike[str]) -> str | None:
    """Return the noun for a path at which a reader may wait for ever, such as a named pipe; None
    for files and directories, and where nothing is."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    return None if stat.S_ISDIR(mode) else kind(mode)


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for unbuffered reading. Raises OSError, at once, for a pipe or another
    kind."""
    file = open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | _NO_WAIT))
    other = kind(os.fstat(file.fileno()).st_mode)
    if other is not None:
        file.close()
        raise OSError(errno.EINVAL, f"it is {other}, not a file")
    return file
