"""Every message so far, newest last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer import theme

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Log"
DOCK = "Bottom"


def draw(app: App) -> None:
    """Time, level and text of each message; the view follows the newest."""
    if imgui.begin_child("messages", hello_imgui.em_to_vec2(-4.5, 0)):
        for message in app.messages.entries:
            imgui.text_disabled(time.strftime("%H:%M:%S", time.localtime(message.when)))
            imgui.same_line()
            again = f"  (×{message.count})" if message.count > 1 else ""
            imgui.push_style_color(
                imgui.Col_.text, theme.rgba(theme.TEXT if message.level == "info" else theme.level(message.level))
            )
            imgui.text_wrapped(message.text + again)
            imgui.pop_style_color()
        if imgui.get_scroll_y() >= imgui.get_scroll_max_y():
            imgui.set_scroll_here_y(1.0)
    imgui.end_child()
    imgui.same_line()
    imgui.begin_group()
    if imgui.small_button("Copy"):
        imgui.set_clipboard_text("\n".join(f"{m.level}: {m.text}" for m in app.messages.entries))
    if imgui.small_button("Clear"):
        app.messages.entries.clear()
    imgui.end_group()
