"""Every message so far, newest last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from neural.errors import NtileError
from viewer.gui import theme, toasts, widgets
from viewer.session.messages import LEVELS

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Log"
DOCK = "Bottom"

_TIPS = ("All messages.", "Warnings and errors.", "Errors.")

_chosen = {"level": "info"}  # mildest level listed; of the window, not of the settings


def draw(app: App) -> None:
    """Time, level and text of each message; the view follows the newest."""
    if imgui.begin_child("messages", hello_imgui.em_to_vec2(-11.5, 0)):
        for number, message in enumerate(app.messages.at_least(_chosen["level"])):
            imgui.text_disabled(time.strftime("%H:%M:%S", time.localtime(message.when)))
            imgui.same_line()
            color = theme.TEXT if message.level == "info" else theme.level(message.level)
            imgui.push_style_color(imgui.Col_.text, theme.rgba(color))
            imgui.text_wrapped(
                message.counted
                if message.level == "info"
                else f"{toasts.ICONS[message.level]}  {message.counted}"
            )
            imgui.pop_style_color()
            widgets.tip("Right-click copies it.")
            if imgui.begin_popup_context_item(f"message{number}"):
                if imgui.menu_item("Copy", "", False)[0]:
                    imgui.set_clipboard_text(message.line)
                imgui.end_popup()
        if imgui.get_scroll_y() >= imgui.get_scroll_max_y():
            imgui.set_scroll_here_y(1.0)
    imgui.end_child()
    imgui.same_line()
    imgui.begin_group()
    _commands(app)
    imgui.end_group()


def _commands(app: App) -> None:
    """Draw the choice of messages listed, and the commands on them."""
    at = LEVELS.index(_chosen["level"])
    counts = [app.messages.count(level) for level in LEVELS]
    labels = [
        f"{toasts.ICONS[level]} {sum(counts[k:])}###{level}" for k, level in enumerate(LEVELS)
    ]
    level = _chosen["level"] = LEVELS[widgets.pills("levels", at, labels, _TIPS)]
    if imgui.small_button("Copy"):
        imgui.set_clipboard_text(
            "\n".join(message.line for message in app.messages.at_least(level))
        )
    widgets.tip("Copy the messages listed.")
    imgui.same_line()
    if imgui.small_button("Export…"):
        app.dialogs.save(
            "Export the log",
            ".txt",
            lambda path: _export(app, path, level),
            "terrain-viewer-log.txt",
        )
    imgui.same_line()
    if imgui.small_button("Clear"):
        app.messages.entries.clear()


def _export(app: App, path: str, level: str) -> None:
    try:
        app.messages.export(path, level)
    except NtileError as error:
        app.messages.error(str(error))
    else:
        app.messages.info(f"Saved {path}.")
