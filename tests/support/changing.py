"""Files that other programs change while they are open."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from tests.support import hills


class Raised(hills.Hills):
    """The hills, higher by some meters."""

    def __init__(self, meters: float) -> None:
        self._meters = meters

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        heights, valid = super().read(row, col, rows, cols)
        return heights + np.float32(self._meters), valid


def put(source: Path, target: Path) -> None:
    """Replace a file as programs do that write it whole."""
    shutil.copy(source, f"{target}.part")
    os.replace(f"{target}.part", target)


def touch(path: Path) -> None:
    """Move a file's modification time, which a write in the same tick would leave."""
    state = os.stat(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 7_000_000_000))


def rewrite(source: Path, target: Path) -> None:
    """Write another content into the same file, a little later."""
    with open(source, "rb") as new, open(target, "r+b") as old:
        old.write(new.read())
        old.truncate()
    touch(target)
