"""Fonts of the system for letters that the program's own lacks: names may be in any script."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

_TIMEOUT_S = 5.0
_LOADABLE = (".ttf", ".otf", ".ttc", ".otc")
_WINDOWS = (
    *("segoeui.ttf", "msyh.ttc", "msgothic.ttc", "YuGothR.ttc", "malgun.ttf", "simsun.ttc"),
    *("leelawui.ttf", "tahoma.ttf", "Nirmala.ttc", "Nirmala.ttf", "mangal.ttf", "seguiemj.ttf"),
    *("seguisym.ttf", "ebrima.ttf", "gadugi.ttf", "sylfaen.ttf", "arial.ttf"),
)
_MACOS = (
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Light.ttc", "AppleSDGothicNeo.ttc"),
    *("GeezaPro.ttc", "ArialHB.ttc", "Thonburi.ttc", "Kohinoor.ttc", "Apple Symbols.ttf"),
    *("Supplemental/Arial Unicode.ttf", "Supplemental/DevanagariMT.ttc"),
)
_missing: dict[str, str] = {}
_told: set[str] = set()


class FontFile(NamedTuple):
    """A font: its file, and its number in that."""

    path: str
    number: int = 0


def script(letter: str) -> str:
    """Return the script of a letter, such as "Arabic", "CJK" or "symbols"."""
    name = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
    if not name or unicodedata.category(letter).startswith("S"):
        return "symbols"
    return name if name == "CJK" else name.capitalize()


def is_drawn(letter: str) -> bool:
    """Return True for a letter that has a shape; controls and selectors of variants have none."""
    return letter.isprintable() and not "\ufe00" <= letter <= "\ufe0f"


def candidates(letter: str) -> list[FontFile]:
    """Return installed fonts that may have a letter, best first."""
    if sys.platform == "win32":
        folder = os.path.join(os.environ.get("SystemRoot", r"C:\Windows"), "Fonts")
        return _existing(folder, _WINDOWS)
    if sys.platform == "darwin":
        return _existing("/System/Library/Fonts", _MACOS)
    return _of_fontconfig(ord(letter))


def report_missing(letter: str) -> None:
    """Note that no installed font has a letter."""
    _missing.setdefault(script(letter), letter)


def take_missing() -> list[str]:
    """Return a sentence for each script that no font was found for, once in the process's life."""
    fresh = {name: letter for name, letter in _missing.items() if name not in _told}
    _told.update(fresh)
    return [
        f"No installed font has the letter {letter} ({name}), so boxes stand for it; "
        "install a font for this script."
        for name, letter in fresh.items()
    ]


@cache
def _existing(folder: str, names: tuple[str, ...]) -> list[FontFile]:
    files = [os.path.join(folder, name) for name in names]
    return [FontFile(file) for file in files if os.path.isfile(file)]


@cache
def _of_fontconfig(code: int) -> list[FontFile]:
    """Return fonts with a letter as fontconfig orders them: without serifs and upright first."""
    best = _asked("fc-match", "--sort", "--format=%{file}\\t%{index}\\n", f"sans:charset={code:x}")
    having = {font.path for font in _asked("fc-list", "--format=%{file}\\n", f":charset={code:x}")}
    return [font for font in best if font.path in having] or [FontFile(path) for path in having]


def _asked(*command: str) -> list[FontFile]:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):  # no fontconfig, and hardly any fonts
        return []
    fonts = []
    for line in os.fsdecode(done.stdout).splitlines():
        path, _, number = line.partition("\t")
        outlines = "color" not in Path(path).name.lower()  # bitmaps cannot be scaled
        if path.lower().endswith(_LOADABLE) and outlines:
            fonts.append(FontFile(path, int(number or 0) & 0xFFFF))
    return fonts
