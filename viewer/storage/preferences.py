"""User preferences, independent of the open file: one JSON file beside the layout.

An unreadable file is renamed and replaced, an unwritable one is ignored: either is a warning, never
a failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from neural.errors import NtileError
from viewer.storage import textfile
from viewer.storage.desktop import config_folder

NAME = "preferences.json"

THEMES = ("dark", "light", "system")
"""Values of `Preferences.theme`; "system" follows the desktop."""

RECENT = 12
"""Number of recent files kept."""


@dataclass
class Preferences:
    """Plain JSON values; `load` resets those outside BOUNDS."""

    theme: str = "dark"  # one of THEMES
    ui_scale: float = 1.0  # size of text and widgets, 0.75 to 3
    turn_speed: float = 1.0  # mouse sensitivity of orbiting and looking, 0.2 to 5
    zoom_speed: float = 1.0  # wheel sensitivity, 0.2 to 5
    cache_mb: float = 512.0  # default of --cache-mb, 16 to 65536
    folder: str = ""  # last folder of the file dialog
    # absolute paths of files that were opened, newest first
    recent: list[str] = field(default_factory=list)

    def remember(self, path: str) -> None:
        """Move a file to the front of the recent ones."""
        path = path if "://" in path else os.path.abspath(path)
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


class Store:
    """The preferences and their file."""

    def __init__(self, say: Callable[[str], object], folder: Path | None = None) -> None:
        self.path = (folder or config_folder()) / NAME
        self._say = say
        self._could_save = True
        self.values, problem = load(self.path)
        self._saved = asdict(self.values)
        if problem:
            say(problem)
            self._saved = {}

    def save(self) -> None:
        """Write changed preferences; report a failure once."""
        values = asdict(self.values)
        if values == self._saved:
            return
        try:
            textfile.keep_json(self.path, values, "they last until you quit")
            self._saved = values
            self._could_save = True
        except NtileError as error:
            if self._could_save:
                self._say(f"Preferences cannot be saved: {error}")
            self._could_save = False


class UnsavedStore(Store):
    """Usual preferences that are neither read from a file nor written to one."""

    def __init__(self) -> None:
        self.values = Preferences()

    def save(self) -> None:
        """Do nothing."""


def load(path: Path | None = None) -> tuple[Preferences, str]:
    """Return the preferences of a file and a warning, "" for none. A damaged file is renamed."""
    path = path or config_folder() / NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
    except FileNotFoundError:
        return Preferences(), ""
    except OSError as error:
        return (
            Preferences(),
            f"{path}: preferences cannot be read ({error.strerror}); the usual ones are used.",
        )
    except ValueError:
        aside = textfile.put_aside(path)
        if aside is None:
            return Preferences(), f"{path}: preferences are damaged; the usual ones are used."
        return (
            Preferences(),
            f"{path}: preferences were damaged and are reset; the old file is {aside.name}.",
        )
    loaded = Preferences()
    reset = []
    for entry in fields(Preferences):
        if entry.name in values:
            value = _checked(entry.name, values[entry.name])
            if value is None:
                reset.append(entry.name)
            else:
                setattr(loaded, entry.name, value)
    return loaded, f"{path}: {', '.join(reset)} made no sense and is reset." if reset else ""


def _checked(name: str, value: Any) -> Any:
    """Return a value of the right type within its bounds, or None."""
    if name in BOUNDS:
        low, high = BOUNDS[name]
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
        return float(min(max(value, low), high)) if right else None
    if name == "theme":
        return value if value in THEMES else None
    if name == "recent":
        good = isinstance(value, list) and all(isinstance(path, str) for path in value)
        return value[:RECENT] if good else None
    return value if isinstance(value, str) else None
