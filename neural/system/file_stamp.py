"""State of a file on disk, by which a change is noticed."""

from __future__ import annotations

import os
from typing import NamedTuple


class FileStamp(NamedTuple):
    """Size, modification time and identity of a file; equal stamps mean the same bytes."""

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, file: str | os.PathLike[str] | int) -> FileStamp:
        """Return the stamp of a path or an open descriptor. Raises OSError."""
        state = os.stat(file)
        return cls(state.st_size, state.st_mtime_ns, state.st_dev, state.st_ino)

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> FileStamp | None:
        """Return the stamp of a path; None where no file can be reached."""
        try:
            return cls.of(path)
        except (OSError, ValueError):
            return None

    @property
    def state(self) -> tuple[int, int]:
        """Size and time; some network drives number one file anew."""
        return self.size, self.mtime_ns

    def is_same_file(self, other: FileStamp) -> bool:
        """Return True if two stamps are of one file, perhaps of different states."""
        return (self.device, self.inode) == (other.device, other.inode)
