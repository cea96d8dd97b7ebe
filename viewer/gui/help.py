"""The F1 sheet: gestures and keys, from the tables that bind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import keys, theme
from viewer.gui.keyboard import US, Layout
from viewer.gui.window_commands import BY_ID
from viewer.session.commands import GROUPS

if TYPE_CHECKING:
    from viewer.gui.view import WindowView

COLUMN_EM = 22.0
CHORD_EM = 8.0
"""Width of a column of groups, and of the chords in it."""

MAX_COLUMNS = 5

SHORT = 12
"""Characters that fit beside the title of a command."""

Block = tuple[str, list[tuple[str, str]]]
"""A heading with rows of chord and title."""


def blocks(layout: Layout = US) -> list[Block]:
    """Return the gestures, then the commands with keys by group, as a keyboard's layout has
    them."""
    groups: list[Block] = [("Mouse", keys.gestures(layout))]
    bound = [BY_ID[command_id] for command_id in dict.fromkeys(keys.KEYS.values())]
    for group in GROUPS:
        ids = [command.id for command in bound if command.group == group]
        rows = [row for command_id in ids for row in _rows(command_id, layout)]
        if rows:
            groups.append((group, rows))
    return groups


def _rows(command_id: str, layout: Layout) -> list[tuple[str, str]]:
    """Return chords and title of a command: alternatives on one line where they are short."""
    first, *others = keys.chords(command_id, layout)
    bound = [first, *(chord for chord in others if not _is_spare(chord))]
    printed = [keys.printed(chord, layout) for chord in bound]
    if len(" or ".join(printed)) <= SHORT:
        printed = [" or ".join(printed)]
    return [(chord, BY_ID[command_id].title) for chord in printed]


def _is_spare(chord: keys.Chord) -> bool:
    """Return True if a further chord only serves other keyboards; the sheet leaves it out."""
    return chord.name.startswith("keypad") or chord.name in ("plus", "equal")


def columns(groups: Sequence[Block], count: int) -> list[list[Block]]:
    """Distribute blocks over at most `count` columns in their order; the longest column is as short
    as possible."""
    heights = [len(rows) + 2 for _, rows in groups]
    for limit in range(max(heights), sum(heights) + 1):
        filled: list[list[Block]] = [[]]
        room = limit
        for block, height in zip(groups, heights, strict=True):
            if height > room:
                filled.append([])
                room = limit
            filled[-1].append(block)
            room -= height
        if len(filled) <= count:
            return filled
    raise ValueError("a sheet needs a column")


def draw(view: WindowView) -> None:
    """Draw the sheet in the middle of the window, as wide as its columns; it scrolls where it is
    too long."""
    viewport = imgui.get_main_viewport()
    em = hello_imgui.em_size()
    room = viewport.work_size
    count = max(1, min(MAX_COLUMNS, int((0.96 * room.x - 2 * em) // (COLUMN_EM * em))))
    filled = columns(blocks(view.window.keyboard.layout), count)
    line = imgui.get_text_line_height_with_spacing()
    lines = 2.5 + max(sum(len(rows) + 1.6 for _, rows in column) for column in filled)
    size = ImVec2(len(filled) * COLUMN_EM * em + 2 * em, lines * line)
    if view.sheet.begin("Mouse and keys", size):
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
    for chord, title in rows:
        imgui.set_cursor_pos_x(left)
        imgui.text_unformatted(chord)
        imgui.same_line(left + CHORD_EM * em)
        imgui.text_colored(theme.rgba(theme.DIM), title)
    imgui.dummy(ImVec2(0, 0.3 * em))
