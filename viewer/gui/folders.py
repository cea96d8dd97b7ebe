"""Disk content of the file dialog: a folder's entries, and the places to start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neural.raster.raster_name import is_utf8


@dataclass(frozen=True)
class Entry:
    """One line of the dialog's list."""

    name: str
    is_folder: bool
    size_bytes: int = 0


def listing(folder: Path, suffixes: Sequence[str], *, hidden: bool = False) -> list[Entry]:
    """Folders, then files whose names end in one of `suffixes`, by name; none that a window cannot
    show.

    Raises OSError.
    """
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_utf8(entry.name) or (entry.name.startswith(".") and not hidden):
                continue
            try:
                if entry.is_dir():
                    found.append(Entry(entry.name, True))
                elif entry.is_file() and entry.name.lower().endswith(tuple(suffixes)):
                    found.append(Entry(entry.name, False, entry.stat().st_size))
            except OSError:  # what cannot even be looked at cannot be opened
                continue
    return sorted(found, key=lambda entry: (not entry.is_folder, entry.name.lower()))


def places() -> list[tuple[str, Path]]:
    """Shortcuts: name and folder."""
    from assets import sample_files

    found = [("Home", Path.home()), ("Start folder", Path.cwd())]
    found += [("Samples", path.parent) for path in sample_files()[:1]]
    if sys.platform == "win32":
        found += [(drive, Path(drive)) for drive in os.listdrives()]
    else:
        found += [("Computer", Path("/"))]
        found += [(f"{mount.name}", mount) for mount in _mounts()]
    return found


def _mounts() -> list[Path]:
    """Disks and sticks, where systems put them."""
    found: list[Path] = []
    for parent in (
        Path("/Volumes"),
        Path("/media") / Path.home().name,
        Path("/run/media") / Path.home().name,
    ):
        try:
            found += [entry for entry in sorted(parent.iterdir()) if entry.is_dir()]
        except OSError:
            continue
    return found[:8]
