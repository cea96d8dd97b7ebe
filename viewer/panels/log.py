"""Log of messages, newest last."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import theme, toasts, widgets
from viewer.panels.panel import Panel
from viewer.session.messages import LEVELS

if TYPE_CHECKING:
    from viewer.session.messages import Message
    from viewer.session.protocols import DialogsView

_TIPS = ("All messages.", "Warnings and errors.", "Errors.")


class Log:
    """The log, with the mildest level listed."""

    def __init__(self) -> None:
        self.level = LEVELS[0]

    def draw(self, view: DialogsView) -> None:
        """Draw time, level and text of each message; the list follows the newest."""
        if imgui.begin_child("messages", hello_imgui.em_to_vec2(-11.5, 0)):
            for number, message in enumerate(view.messages.at_least(self.level)):
                _line(number, message)
            if imgui.get_scroll_y() >= imgui.get_scroll_max_y():
                imgui.set_scroll_here_y(1.0)
        imgui.end_child()
        imgui.same_line()
        imgui.begin_group()
        self._commands(view)
        imgui.end_group()

    def _commands(self, view: DialogsView) -> None:
        """Draw the level filter, and the commands on the messages listed."""
        counts = [view.messages.count(level) for level in LEVELS]
        labels = [
            f"{toasts.ICONS[level]} {sum(counts[k:])}###{level}" for k, level in enumerate(LEVELS)
        ]
        current = LEVELS.index(self.level)
        level = self.level = LEVELS[widgets.pills("levels", current, labels, _TIPS)]
        if imgui.small_button("Copy"):
            lines = [message.line for message in view.messages.at_least(level)]
            imgui.set_clipboard_text("\n".join(lines))
        widgets.tip("Copy the messages listed.")
        imgui.same_line()
        if imgui.small_button("Export…"):
            view.dialogs.save(
                "Export the log",
                ".txt",
                lambda path: _export(view, path, level),
                "terrain-viewer-log.txt",
            )
        imgui.same_line()
        if imgui.small_button("Clear"):
            view.run("log.clear")


def _line(number: int, message: Message) -> None:
    imgui.text_disabled(time.strftime("%H:%M:%S", time.localtime(message.when)))
    imgui.same_line()
    mild = message.level == LEVELS[0]
    color = theme.TEXT if mild else theme.level(message.level)
    imgui.push_style_color(imgui.Col_.text, theme.rgba(color))
    icon = "" if mild else f"{toasts.ICONS[message.level]}  "
    imgui.text_wrapped(f"{icon}{theme.seen(message.counted)}")
    imgui.pop_style_color()
    widgets.tip("Right-click to copy.")
    if imgui.begin_popup_context_item(f"message{number}"):
        if imgui.menu_item("Copy", "", False)[0]:
            imgui.set_clipboard_text(message.line)
        imgui.end_popup()


def _export(view: DialogsView, path: str, level: str) -> None:
    view.messages.report_errors(lambda: view.messages.export(path, level), f"Saved {path}.")


PANEL = Panel("Log", dock="Bottom", needs_document=False, draw=Log().draw)
