"""Layout of the panels and place of the window, as hello_imgui writes them: several ini texts in
one file, each after a line with its name.

hello_imgui reads and writes a copy. The user's file is written here, by the rules of all settings:
the window that changed its layout last wins, and texts and sections that this version does not
know stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neural.errors import NtileError
from neural.system import output
from viewer.storage.desktop import config_folder
from viewer.storage.user_file import UserFile, unsaved

NAME = "window.ini"

TITLE = "The layout"

SHOWN = "ImGui_655921752_Default"
"""Name of the text that holds imgui's own part."""

_MARK = re.compile(r"^;;;<<<(.*)>>>;;;$", re.MULTILINE)
_SECTION = re.compile(r"^(?=\[)", re.MULTILINE)
_DATE = re.compile(r"^LastUsed=\d+\n", re.MULTILINE)


class Layout:
    """The user's file of the layout, and the copy that hello_imgui works on."""

    def __init__(self, say: Callable[[str], object], folder: Path | None = None) -> None:
        """Make the copy; `say` is told, in a sentence, of all that is not kept."""
        self._say = say
        folder = folder or config_folder()
        self._file = UserFile(None if folder is None else folder / NAME, TITLE, say)
        self._first = (self._file.read(_text) or b"").decode()
        self.copy: Path | None = None
        """Path of the copy; None where the machine has no place for temporary files."""
        try:
            place = output.scratch_folder("terrain-viewer-")
            self.copy = place / NAME
            if self._first:
                self.copy.write_text(self._first, encoding="utf-8", newline="")
        except OSError as error:
            self.copy = None
            say(f"{TITLE} is neither restored nor kept ({error.strerror}); set TMPDIR to a folder.")

    def save(self, shown: str | None = None) -> None:
        """Save the copy if it was changed, and remove it; `shown` replaces imgui's own part."""
        if self.copy is None:
            return
        with suppress(OSError, ValueError):
            mine = self.copy.read_text(encoding="utf-8") if self.copy.exists() else ""
            if shown is not None:
                mine = _joined(_parts(mine) | {SHOWN: f"\n{shown}"})
            if mine and _changed(_parts(self._first), _parts(mine)):
                self._save(mine)
            self._first = mine
        output.remove_folder(self.copy.parent)
        self.copy = None

    def _save(self, mine: str) -> None:
        def merge(content: bytes | None) -> bytes:
            theirs = "" if content is None else content.decode()
            return merged(self._first if theirs else "", mine, theirs).encode()

        try:
            self._file.change(_text, merge)
        except NtileError as error:
            if not self._file.is_unreadable:
                self._say(unsaved(TITLE, error))


def merged(base: str, mine: str, theirs: str) -> str:
    """Return the texts changed here, the other ones as they are in the file."""
    first = _parts(base)
    here = _parts(mine)
    file = _parts(theirs)
    changed = _changed(first, here)
    parts = file | {name: text for name, text in here.items() if name not in file}
    for name in changed:
        sections = _sections(here[name])
        more = [text for key, text in _sections(file.get(name, "")).items() if key not in sections]
        parts[name] = here[name] + "".join(more)
    return _joined(parts)


def _changed(base: dict[str, str], mine: dict[str, str]) -> list[str]:
    """Return the names of texts that differ by more than the day of their last use."""
    return [
        name
        for name, text in mine.items()
        if _DATE.sub("", base.get(name, "")) != _DATE.sub("", text)
    ]


def _text(content: bytes) -> None:
    """Raise ValueError for content that is no text."""
    if "\0" in content.decode():
        raise ValueError("it is no text")


def _parts(file: str) -> dict[str, str]:
    """Return the texts of a file by name; "" is that of its head."""
    pieces = _MARK.split(file)
    return {"": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))


def _joined(parts: dict[str, str]) -> str:
    named = (f";;;<<<{name}>>>;;;{text}" for name, text in parts.items() if name)
    return parts.get("", "") + "".join(named)


def _sections(text: str) -> dict[str, str]:
    """Return the sections of an ini text by their first line."""
    sections = (section for section in _SECTION.split(text) if section.strip())
    return {section.partition("\n")[0]: section for section in sections}
