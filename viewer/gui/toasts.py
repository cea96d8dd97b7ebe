"""Toasts: recent messages over the scene, newest at the bottom right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, icons_fontawesome_4, imgui

from viewer.gui import theme, widgets, window
from viewer.session.commands import BY_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.session.messages import Message, Messages

ICONS = {
    "info": icons_fontawesome_4.ICON_FA_INFO_CIRCLE,
    "warning": icons_fontawesome_4.ICON_FA_EXCLAMATION_TRIANGLE,
    "error": icons_fontawesome_4.ICON_FA_EXCLAMATION_CIRCLE,
}
"""Level → icon; colors alone would not reach everyone."""

_CARD = (
    imgui.WindowFlags_.no_decoration
    | imgui.WindowFlags_.no_docking
    | imgui.WindowFlags_.always_auto_resize
    | imgui.WindowFlags_.no_saved_settings
    | imgui.WindowFlags_.no_focus_on_appearing
    | imgui.WindowFlags_.no_nav
    | imgui.WindowFlags_.no_move
)


def draw(
    messages: Messages, area: tuple[float, float, float, float], run: Callable[[str], object]
) -> None:
    """Draw recent messages in the lower right corner of `area` (left, top, width, height); a click
    dismisses one, the button of its command calls `run`."""
    left, top, width, height = area
    em = hello_imgui.em_size()
    bottom = top + height - em
    newest = messages.toasts()
    more = len(messages.young()) - len(newest)
    for number, message in enumerate(reversed(newest)):
        imgui.set_next_window_pos(
            ImVec2(left + width - em, bottom), imgui.Cond_.always, ImVec2(1, 1)
        )
        imgui.set_next_window_bg_alpha(0.96)
        color = theme.rgba(theme.level(message.level))
        imgui.push_style_color(imgui.Col_.border, color)
        if imgui.begin(f"##toast{number}", None, _CARD)[0]:
            imgui.text_colored(color, ICONS[message.level])
            imgui.same_line()
            imgui.push_text_wrap_pos(max(min(28 * em, 0.8 * width), 8 * em))
            imgui.text_unformatted(theme.seen(message.counted))
            imgui.pop_text_wrap_pos()
            if message.level != "info":
                to_log = f"Log, {more} more" if more and number == len(newest) - 1 else "Log"
                _buttons(message, to_log, run)
            if (
                imgui.is_window_hovered()
                and imgui.is_mouse_clicked(0)
                and not imgui.is_any_item_hovered()
            ):
                message.dismissed = True
            bottom -= imgui.get_window_height() + 0.4 * em
        imgui.end()
        imgui.pop_style_color()


def _buttons(message: Message, to_log: str, run: Callable[[str], object]) -> None:
    """Draw the buttons that answer a message, copy it and open the log."""
    if message.command:
        if imgui.small_button(BY_ID[message.command].title):
            run(message.command)
            message.dismissed = True
        imgui.same_line()
    if imgui.small_button("Copy"):
        imgui.set_clipboard_text(message.line)
    widgets.tip("Copy this message.")
    imgui.same_line()
    if imgui.small_button(to_log):
        window.show_panel("Log", True)
        message.dismissed = True
    imgui.same_line()
    if imgui.small_button("Dismiss"):
        message.dismissed = True
