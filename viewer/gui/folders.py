"""Folder listings and shortcuts of the file dialog."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neural.raster.raster_name import is_utf8
from neural.system.home import home


@dataclass(frozen=True)
class Entry:
    """One line of the dialog's list."""

    name: str
    is_folder: bool
    size_bytes: int = 0


def listing(folder: Path, suffixes: Sequence[str], *, hidden: bool = False) -> list[Entry]:
    """List folders, then files whose names end in one of `suffixes`, each by name; skip names that
    are not UTF-8.

    Raises OSError.
    """
    listed = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_utf8(entry.name) or (entry.name.startswith(".") and not hidden):
                continue
            try:
                if entry.is_dir():
                    listed.append(Entry(entry.name, True))
                elif entry.is_file() and entry.name.lower().endswith(tuple(suffixes)):
                    listed.append(Entry(entry.name, False, entry.stat().st_size))
            except OSError:  # without access to its attributes it cannot be opened
                continue
    return sorted(listed, key=lambda entry: (not entry.is_folder, entry.name.lower()))


def places() -> list[tuple[str, Path]]:
    """Return the shortcuts as name and folder."""
    from assets import sample_files

    account = home()
    shortcuts = [] if account is None else [("Home", account)]
    with suppress(FileNotFoundError):  # it may have been removed
        shortcuts.append(("Start folder", Path.cwd()))
    shortcuts += [("Samples", path.parent) for path in sample_files()[:1]]
    if sys.platform == "win32":
        shortcuts += [(drive, Path(drive)) for drive in os.listdrives()]
    else:
        shortcuts += [("Computer", Path("/"))]
        shortcuts += [(mount.name, mount) for mount in _mounts()]
    return shortcuts


def _mounts() -> list[Path]:
    """Return mounted disks, from the folders where systems mount them."""
    mounts: list[Path] = []
    account = home()
    user = "" if account is None else account.name
    for parent in (Path("/Volumes"), Path("/media") / user, Path("/run/media") / user):
        try:
            mounts += [entry for entry in sorted(parent.iterdir()) if entry.is_dir()]
        except OSError:
            continue
    return mounts[:8]
