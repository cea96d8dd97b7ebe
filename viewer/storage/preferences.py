"""User preferences, independent of the open file: one JSON file beside the layout.

Where it cannot be read or written, that is said and never a failure. Values that this version does
not understand stay in the file until the user changes them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from neural.errors import NtileError
from neural.raster.raster_name import is_utf8
from viewer.storage import merging
from viewer.storage.desktop import config_folder
from viewer.storage.user_file import JsonFile, unsaved

NAME = "preferences.json"

THEMES = ("dark", "light", "system")
"""Values of `Preferences.theme`; "system" follows the desktop."""

RECENT = 12
"""Number of recent files kept."""


@dataclass
class Preferences:
    """Plain JSON values; `Store` limits numbers to BOUNDS."""

    theme: str = "dark"  # one of THEMES
    ui_scale: float = 1.0  # size of text and widgets, 0.75 to 3
    turn_speed: float = 1.0  # mouse sensitivity of orbiting and looking, 0.2 to 5
    zoom_speed: float = 1.0  # wheel sensitivity, 0.2 to 5
    cache_mb: float = 512.0  # default of --cache-mb, 16 to 65536
    folder: str = ""  # last folder of the file dialog
    # absolute paths of files that were opened, newest first
    recent: list[str] = field(default_factory=list)

    def remember(self, path: str) -> None:
        """Move a file to the front of the recent ones; those of a name that is no text are left
        out, as where they are read."""
        path = path if "://" in path else os.path.abspath(path)
        if not _is_path(path):
            return
        self.recent = [path, *(other for other in self.recent if other != path)][:RECENT]

    def recent_files(self) -> list[tuple[str, bool]]:
        """Return recent files and True if they exist, existing ones first."""
        files = [(path, "://" in path or os.path.isfile(path)) for path in self.recent]
        return sorted(files, key=lambda entry: not entry[1])


BOUNDS = {
    "ui_scale": (0.75, 3.0),
    "turn_speed": (0.2, 5.0),
    "zoom_speed": (0.2, 5.0),
    "cache_mb": (16.0, 65536.0),
}
"""Lowest and highest value of the numbers."""


RETRY_S = 10.0
"""Time after which a file that could not be written is tried again."""


class Store:
    """The preferences and their file, which several windows share."""

    def __init__(self, say: Callable[[str], object], folder: Path | None = None) -> None:
        """Read the preferences; `say` is told, in a sentence, of all that is not kept."""
        folder = folder or config_folder()
        path = None if folder is None else folder / NAME
        self._file = JsonFile(path, "Preferences", say)
        self._say = say
        self._retry_s = 0.0  # time.monotonic() of the next attempt after a failure
        self.values, problems = _understood(self._file.read())
        self._could_save = not self._file.is_unreadable
        self._saved = asdict(self.values)
        if problems:
            say(
                f"{path}: not understood and left in the file, the usual values are used: "
                f"{', '.join(problems)}."
            )

    @property
    def path(self) -> Path | None:
        """The file; None where the account has no place for settings."""
        return self._file.path

    def save(self, *, last: bool = False) -> None:
        """Write changed preferences, and take over the recent files of other windows.

        A failure is said once; another attempt is made after RETRY_S, or when it is the `last`.
        """
        values = asdict(self.values)
        if values == self._saved or (time.monotonic() < self._retry_s and not last):
            return
        try:
            self._file.change(lambda stored: self._merge(values, stored))
        except NtileError as error:
            self._retry_s = time.monotonic() + RETRY_S
            if self._could_save:
                self._say(unsaved("Preferences", error))
            self._could_save = False
            return
        self._saved = asdict(self.values)
        self._could_save = True

    def _merge(self, values: dict[str, Any], stored: dict[str, Any]) -> None:
        """Put what this window changed into the file's object."""
        base = self._saved if stored else asdict(Preferences())
        recent = values["recent"]
        stored |= merging.changes(base | {"recent": recent}, values)
        if recent != base["recent"]:
            theirs = stored.get("recent")
            merged = merging.recent(
                base["recent"], recent, theirs if isinstance(theirs, list) else [], RECENT
            )
            stored["recent"] = merged
            self.values.recent[:] = [path for path in merged if _is_path(path)]


class UnsavedStore(Store):
    """Usual preferences that are neither read from a file nor written to one."""

    def __init__(self) -> None:
        self.values = Preferences()

    @property
    def path(self) -> Path | None:
        """None: there is no file."""
        return None

    def save(self, *, last: bool = False) -> None:
        """Do nothing."""


def _understood(stored: dict[str, Any]) -> tuple[Preferences, list[str]]:
    """Return the preferences of a file's object, and its values that make no sense, each with the
    reason."""
    loaded = Preferences()
    problems = []
    for entry in fields(Preferences):
        if entry.name not in stored:
            continue
        value = stored[entry.name]
        problem = _problem(entry.name, value)
        if problem:
            problems.append(f"{entry.name} {_short(value)} {problem}")
        elif entry.name in BOUNDS:
            low, high = BOUNDS[entry.name]
            setattr(loaded, entry.name, float(min(max(value, low), high)))
        elif entry.name == "recent":
            loaded.recent = [path for path in value if _is_path(path)][:RECENT]
            wrong = [item for item in value if not _is_path(item)]
            problems += [f"recent {_short(item)} is no path" for item in wrong]
        else:
            setattr(loaded, entry.name, value)
    return loaded, problems


def _problem(name: str, value: Any) -> str:
    """Return the reason why a value makes no sense, "" if it does."""
    if name in BOUNDS:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return "" if is_number and value == value else "is no number"
    if name == "theme":
        return "" if value in THEMES else f"is none of {', '.join(THEMES)}"
    if name == "recent":
        return "" if isinstance(value, list) else "is no list"
    return "" if _is_path(value) else "is no text"


def _is_path(value: Any) -> bool:
    """Return True for a text that the window can show."""
    return isinstance(value, str) and "\0" not in value and is_utf8(value)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
