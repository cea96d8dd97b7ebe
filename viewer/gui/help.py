"""The F1 sheet: every gesture and key, straight from the tables that make them work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import keys, sheet, theme

if TYPE_CHECKING:
    from viewer.app import App

COLUMN_EM = 22.0
SHOWN_EM = 8.0
"""Width of a column of groups, and of the keys in it."""

MOST_COLUMNS = 5

SHORT = 12
"""Signs that there is room for beside what a key does."""

Block = tuple[str, list[tuple[str, str]]]
"""A heading with its keys and what they do."""


def blocks() -> list[Block]:
    """The mouse, then the groups of commands that have keys."""
    found: list[Block] = [("Mouse", list(keys.GESTURES))]
    for group in keys.GROUPS:
        rows = [row for key in keys.KEYS if key.group == group for row in _rows(key)]
        if rows:
            found.append((group, rows))
    return found


def _rows(key: keys.Key) -> list[tuple[str, str]]:
    """Return chords and their effect: alternatives on one line where they are short."""
    shown = [keys.printed(chord) for chord in key.chords if not _spare(chord)]
    if len(" or ".join(shown)) <= SHORT:
        shown = [" or ".join(shown)] if shown else []
    return [(chord, key.text) for chord in shown]


def _spare(chord: keys.Chord) -> bool:
    """Return True if a chord only gives a key that other keyboards have elsewhere; the sheet does
    not need it."""
    return chord[1].startswith("keypad") or ("shift" in chord[0] and chord[1] == "equal")


def columns(found: Sequence[Block], count: int) -> list[list[Block]]:
    """Blocks in `count` columns at most, in their order, the longest column as short as can be."""
    heights = [len(rows) + 2 for _, rows in found]
    for limit in range(max(heights), sum(heights) + 1):
        filled: list[list[Block]] = [[]]
        room = limit
        for block, height in zip(found, heights, strict=True):
            if height > room:
                filled.append([])
                room = limit
            filled[-1].append(block)
            room -= height
        if len(filled) <= count:
            return filled
    raise ValueError("a sheet needs a column")


def draw(app: App) -> None:
    """The sheet in the middle of the window, as wide as its columns; it scrolls where it is too
    long."""
    viewport = imgui.get_main_viewport()
    em = hello_imgui.em_size()
    room = viewport.work_size
    count = max(1, min(MOST_COLUMNS, int((0.96 * room.x - 2 * em) // (COLUMN_EM * em))))
    filled = columns(blocks(), count)
    line = imgui.get_text_line_height_with_spacing()
    lines = 2.5 + max(sum(len(rows) + 1.6 for _, rows in column) for column in filled)
    size = ImVec2(len(filled) * COLUMN_EM * em + 2 * em, lines * line)
    if sheet.begin(app, "Mouse and keys", size):
        top = imgui.get_cursor_pos_y()
        for number, column in enumerate(filled):
            left = imgui.get_style().window_padding.x + number * COLUMN_EM * em
            imgui.set_cursor_pos(ImVec2(left, top))
            for heading, rows in column:
                _block(heading, rows, left)
    imgui.end()


def _block(heading: str, rows: Sequence[tuple[str, str]], left: float) -> None:
    em = hello_imgui.em_size()
    imgui.set_cursor_pos_x(left)
    imgui.text_colored(theme.rgba(theme.ACCENT), heading)
    for shown, text in rows:
        imgui.set_cursor_pos_x(left)
        imgui.text_unformatted(shown)
        imgui.same_line(left + SHOWN_EM * em)
        imgui.text_colored(theme.rgba(theme.DIM), text)
    imgui.dummy(ImVec2(0, 0.3 * em))
