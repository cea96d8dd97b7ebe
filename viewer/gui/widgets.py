"""Widgets shared by panels and sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme

BADGE_EM = 1.1
"""Width of a slot's badge."""


def tip(text: str) -> None:
    """Add a tooltip to the last item."""
    if imgui.begin_item_tooltip():
        imgui.push_text_wrap_pos(hello_imgui.em_size(22))
        imgui.text_unformatted(theme.seen(text))
        imgui.pop_text_wrap_pos()
        imgui.end_tooltip()


def heading(text: str) -> None:
    """Draw the title of a group of widgets."""
    imgui.push_style_color(imgui.Col_.text, theme.rgba(theme.DIM))
    imgui.separator_text(text)
    imgui.pop_style_color()


def dim(text: str) -> None:
    """Draw a wrapped note in the dim color."""
    imgui.push_style_color(imgui.Col_.text, theme.rgba(theme.DIM))
    imgui.text_wrapped(theme.seen(text))
    imgui.pop_style_color()


def facts(name: str, rows: Iterable[tuple[str, ...]], pairs: int = 1) -> None:
    """Draw a table of label and value, `pairs` per line; a third string is the tooltip."""
    if not imgui.begin_table(
        name, 2 * pairs, imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.no_pad_outer_x
    ):
        return
    for _ in range(pairs):
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.0)
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.3)
    for label, value, *explanation in rows:
        imgui.table_next_column()
        imgui.text_colored(theme.rgba(theme.DIM), label)
        if explanation:
            tip(explanation[0])
        imgui.table_next_column()
        imgui.push_text_wrap_pos(0.0)
        imgui.text_unformatted(theme.seen(value))
        imgui.pop_text_wrap_pos()
        if explanation:
            tip(explanation[0])
    imgui.end_table()


def labeled(label: str) -> str:
    """Draw a label on the left third of the line and return the id of the next widget, which fills
    the rest."""
    imgui.align_text_to_frame_padding()
    imgui.text_colored(theme.rgba(theme.DIM), label)
    imgui.same_line(hello_imgui.em_size(7.0))
    imgui.set_next_item_width(-1)
    return f"##{label}"


def choose(label: str, current: int, items: Sequence[str]) -> int:
    """Draw a labeled drop-down list; return the index chosen."""
    preview = items[current] if 0 <= current < len(items) else ""
    if imgui.begin_combo(labeled(label), theme.seen(preview)):
        for index, item in enumerate(items):
            if imgui.selectable(f"{theme.seen(item)}##{index}", index == current)[0]:
                current = index
        imgui.end_combo()
    return current


def pill(label: str, pressed: bool, size: ImVec2 | None = None) -> bool:
    """Draw a button that may look pressed; return True if it was clicked. `size` as for imgui's
    button."""
    if pressed:
        imgui.push_style_color(imgui.Col_.button, theme.rgba(theme.ACCENT_DEEP))
        imgui.push_style_color(imgui.Col_.button_hovered, theme.rgba(theme.ACCENT_DEEP))
        imgui.push_style_color(imgui.Col_.text, theme.rgba(theme.ON_ACCENT))
    clicked = imgui.button(label, size or ImVec2(0, 0))
    if pressed:
        imgui.pop_style_color(3)
    return clicked


def badge(slot: str, height: float | None = None) -> None:
    """Draw the letter of a slot on the accent color, as an item as high as a line of text or
    `height`."""
    line = imgui.get_text_line_height()
    imgui.dummy(ImVec2(BADGE_EM * hello_imgui.em_size(), height or line))
    place = imgui.get_item_rect_min()
    room = imgui.get_item_rect_size().y - line
    paint_badge(imgui.get_window_draw_list(), place.x, place.y + room / 2, slot)


def paint_badge(paint: imgui.ImDrawList, x: float, y: float, slot: str) -> None:
    """Paint a slot's badge into a draw list, its top left corner at (x, y)."""
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(slot)
    corner = ImVec2(x + BADGE_EM * em, y + size.y)
    paint.add_rect_filled(ImVec2(x, y), corner, theme.u32(theme.ACCENT_DEEP), 0.2 * em)
    paint.add_text(ImVec2(x + (BADGE_EM * em - size.x) / 2, y), theme.u32(theme.ON_ACCENT), slot)


def centered(text: str, *, dim: bool = False) -> None:
    """Draw a line of text centered in its column, left-aligned where it is too long."""
    room = imgui.get_content_region_avail().x - imgui.calc_text_size(text).x
    imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + max(room / 2, 0))
    imgui.text_colored(theme.rgba(theme.DIM if dim else theme.TEXT), text)


def pills(name: str, current: int, items: Sequence[str], tips: Sequence[str] = ()) -> int:
    """Draw a row of buttons of which one is pressed; return the index chosen. Wraps in narrow
    panels."""
    spacing = imgui.get_style().item_inner_spacing.x
    right = imgui.get_cursor_screen_pos().x + imgui.get_content_region_avail().x
    imgui.push_id(name)
    for index, item in enumerate(items):
        width = imgui.calc_text_size(item, True).x + 2 * imgui.get_style().frame_padding.x
        if index and imgui.get_item_rect_max().x + spacing + width <= right:
            imgui.same_line(0, spacing)
        if pill(item, index == current):
            current = index
        if index < len(tips):
            tip(tips[index])
    imgui.pop_id()
    return current


def strip(table: Sequence[Sequence[int]], size: ImVec2) -> None:
    """Draw a color table [256][3] as a horizontal bar item."""
    origin = imgui.get_cursor_screen_pos()
    imgui.dummy(size)
    draw = imgui.get_window_draw_list()
    for k in range(32):
        a, b = (
            0xFF000000 | blue << 16 | green << 8 | red
            for red, green, blue in (table[8 * k], table[8 * k + 7])
        )
        x0 = origin.x + size.x * k / 32
        x1 = origin.x + size.x * (k + 1) / 32
        draw.add_rect_filled_multi_color(
            ImVec2(x0, origin.y), ImVec2(x1, origin.y + size.y), a, b, b, a
        )
