"""The debug panel's side of the app: whether it is open, frame times, the report, and showing a
single tile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from imgui_bundle import imgui

from viewer.gui import window
from viewer.session import report
from viewer.session.frame_times import FrameTimes

if TYPE_CHECKING:
    from viewer.app import App

PANEL = "Debug"
"""Title of the panel."""


class Debugging:
    """Commands of the debug panel and its keys."""

    def __init__(self, app: App) -> None:
        self.frames = FrameTimes()
        self.shown: bool = False
        self._app = app

    def toggle(self) -> None:
        """Open or close the panel; while it is open GPU time is measured."""
        self.shown = not self.shown
        self._app.settings.debug.timing = self.shown
        window.show_panel(PANEL, self.shown)

    def report(self) -> dict[str, Any]:
        """`viewer.session.report` of this window."""
        return {} if self._app.scene is None else report.collect(self._app.scene, self.frames)

    def copy_report(self) -> None:
        """Put the report on the clipboard, as JSON."""
        imgui.set_clipboard_text(json.dumps(self.report(), indent=1, ensure_ascii=False))
        self._app.messages.info("The report is on the clipboard.")

    def only_tile_under_cursor(self) -> None:
        """Draw only the tile under the cursor, or all again."""
        debug = self._app.settings.debug
        pick = self._app.pick
        debug.tile = "/".join(map(str, pick.tile)) if not debug.tile and pick is not None else ""
