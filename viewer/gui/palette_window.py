"""The command palette: type a few letters of a command, choose with the arrows, Enter runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from viewer.gui import fuzzy, theme
from viewer.session.commands import Command

WIDTH_EM = 34.0
ROWS = 11
"""Rows in view; the list scrolls."""

TOP = 0.12
"""Distance of the palette from the top, share of the window's height."""

_FLAGS = (
    imgui.WindowFlags_.no_title_bar
    | imgui.WindowFlags_.no_resize
    | imgui.WindowFlags_.no_move
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_collapse
    | imgui.WindowFlags_.always_auto_resize
)


class Row(NamedTuple):
    """A command in the list."""

    command: Command
    enabled: bool
    checked: bool
    positions: tuple[int, ...] = ()
    """Indices of the title's matched characters."""
    chord: str = ""
    """Keys of the command as people write them."""


class PaletteWindow:
    """Query and selection of the palette."""

    def __init__(self) -> None:
        self.is_open: bool = False
        self.query = ""
        self.selected = 0
        """Index into the rows in view."""
        self._focus = False

    def toggle(self) -> None:
        """Open the palette with an empty query, or close it."""
        self.is_open = not self.is_open
        self.query = ""
        self.selected = 0
        self._focus = self.is_open

    def close(self) -> None:
        """Close the palette."""
        self.is_open = False

    def rows(self, commands: Sequence[Row]) -> list[Row]:
        """Return the commands that match the query: enabled ones first, the best match first."""
        matches = fuzzy.search(self.query, [(row, _texts(row)) for row in commands])
        rows = [row._replace(positions=positions) for row, positions in matches]
        return sorted(rows, key=lambda row: not row.enabled)  # stable

    def move(self, step: int, count: int) -> None:
        """Move the selection by `step` rows of `count`, around both ends."""
        self.selected = (self.selected + step) % max(count, 1)

    def draw(self, commands: Callable[[], Sequence[Row]], run: Callable[[str], object]) -> None:
        """Draw the palette while it is open; `run` gets the id of the command chosen."""
        if not self.is_open:
            return
        em = hello_imgui.em_size()
        viewport = imgui.get_main_viewport()
        width = min(WIDTH_EM * em, 0.96 * viewport.work_size.x)
        place = ImVec2(
            viewport.work_pos.x + viewport.work_size.x / 2,
            viewport.work_pos.y + TOP * viewport.work_size.y,
        )
        imgui.set_next_window_pos(place, imgui.Cond_.always, ImVec2(0.5, 0.0))
        imgui.set_next_window_size(ImVec2(width, 0), imgui.Cond_.always)
        imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(0.7 * em, 0.7 * em))
        visible = imgui.begin("##palette", None, _FLAGS)[0]
        imgui.pop_style_var()
        if visible:
            self._contents(commands(), run)
        imgui.end()

    def _contents(self, commands: Sequence[Row], run: Callable[[str], object]) -> None:
        if imgui.is_window_appearing() or self._focus:
            imgui.set_window_focus()
            imgui.set_keyboard_focus_here()
            self._focus = False
        imgui.set_next_item_width(-1)
        enter, query = imgui.input_text_with_hint(
            "##query", "Search commands", self.query, imgui.InputTextFlags_.enter_returns_true
        )
        if query != self.query:
            self.query = query
            self.selected = 0
        rows = self.rows(commands)
        self.selected = min(self.selected, max(len(rows) - 1, 0))
        moved = self._keys(len(rows))
        chosen = self._list(rows, moved)
        if chosen is None and enter and rows:
            chosen = rows[self.selected]
        if chosen is not None and chosen.enabled:
            self.close()
            run(chosen.command.id)
        elif enter:
            self._focus = True  # imgui ends typing with Enter

    def _keys(self, count: int) -> bool:
        """Take arrows, Esc and Ctrl+P; return True if the selection moved."""
        io = imgui.get_io()
        step = imgui.is_key_pressed(imgui.Key.down_arrow) - imgui.is_key_pressed(imgui.Key.up_arrow)
        page = imgui.is_key_pressed(imgui.Key.page_down) - imgui.is_key_pressed(imgui.Key.page_up)
        if step:
            self.move(step, count)
        elif page:
            self.selected = min(max(self.selected + page * (ROWS - 1), 0), max(count - 1, 0))
        again = (io.key_ctrl or io.key_super) and imgui.is_key_pressed(imgui.Key.p, False)
        elsewhere = imgui.is_mouse_clicked(0) and not imgui.is_window_hovered(
            imgui.HoveredFlags_.root_and_child_windows
        )
        if imgui.is_key_pressed(imgui.Key.escape, False) or again or elsewhere:
            self.close()
        return bool(step or page)

    def _list(self, rows: Sequence[Row], moved: bool) -> Row | None:
        """Draw the rows; return the one that was clicked."""
        chosen = None
        em = hello_imgui.em_size()
        imgui.push_style_var(imgui.StyleVar_.item_spacing, ImVec2(0.5 * em, 0.0))
        height = _row_height()
        if imgui.begin_child("##rows", ImVec2(-1, min(max(len(rows), 1), ROWS) * height)):
            if not rows:
                imgui.set_cursor_pos(ImVec2(0.5 * em, 0.25 * em))
                imgui.text_disabled("No command matches.")
            for number, row in enumerate(rows):
                if _draw_row(row, number == self.selected):
                    chosen = row
                if moved and number == self.selected:
                    imgui.set_scroll_here_y(0.5)
        imgui.end_child()
        imgui.pop_style_var()
        return chosen


def _texts(row: Row) -> tuple[str, ...]:
    command = row.command
    return command.title, f"{command.group} {command.title}", command.id.replace("_", " ")


def _row_height() -> float:
    return float(int(imgui.get_text_line_height() + 0.55 * hello_imgui.em_size()))


def _draw_row(row: Row, selected: bool) -> bool:
    """Draw title with the matched letters in the accent color, check mark, group and chord; return
    True if the row was clicked."""
    em = hello_imgui.em_size()
    origin = imgui.get_cursor_screen_pos()
    width = imgui.get_content_region_avail().x
    height = _row_height()
    imgui.push_style_color(imgui.Col_.header, theme.rgba(theme.HOVER))
    clicked = imgui.selectable(
        f"##{row.command.id}", selected, imgui.SelectableFlags_.none, ImVec2(width, height)
    )[0]
    imgui.pop_style_color()
    paint = imgui.get_window_draw_list()
    fade = 1.0 if row.enabled else 0.45
    top = origin.y + (height - imgui.get_text_line_height()) / 2
    if row.checked:
        paint.add_text(
            ImVec2(origin.x + 0.3 * em, top),
            theme.u32(theme.ACCENT, fade),
            icons_fontawesome_4.ICON_FA_CHECK,
        )
    _title(paint, origin.x + 1.8 * em, top, row, fade)
    right = origin.x + width - 0.5 * em
    right -= imgui.calc_text_size(row.chord).x
    paint.add_text(ImVec2(right, top), theme.u32(theme.TEXT, fade), row.chord)
    group = row.command.group
    column = origin.x + width - 7.0 * em - imgui.calc_text_size(group).x
    paint.add_text(
        ImVec2(min(column, right - em - imgui.calc_text_size(group).x), top),
        theme.u32(theme.DIM, fade),
        group,
    )
    return clicked


def _title(paint: imgui.ImDrawList, x: float, y: float, row: Row, fade: float) -> None:
    """Paint a title run by run: matched characters in the accent color."""
    title = row.command.title
    start = 0
    while start < len(title):
        matched = start in row.positions
        end = start + 1
        while end < len(title) and (end in row.positions) == matched:
            end += 1
        run = title[start:end]
        color = theme.ACCENT if matched else theme.TEXT
        paint.add_text(ImVec2(x, y), theme.u32(color, fade), run)
        x += imgui.calc_text_size(run).x
        start = end
