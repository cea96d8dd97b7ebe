"""Window side of the debug panel: frame times, report, visibility."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from viewer.gui import window
from viewer.session import report
from viewer.session.frame_times import FrameTimes

if TYPE_CHECKING:
    from viewer.session.session import Session

PANEL = "Debug"
"""Title of the panel."""


class Debugging:
    """Commands of the debug panel and its keys."""

    def __init__(self, session: Session) -> None:
        self.frames = FrameTimes()
        self.is_open: bool = False
        self._session = session

    def toggle(self) -> None:
        """Open or close the panel; while it is open GPU time is measured."""
        self.is_open = not self.is_open
        self._session.settings.debug.timing = self.is_open
        window.show_panel(PANEL, self.is_open)

    def report(self) -> dict[str, Any]:
        """Return `viewer.session.report.collect` of this window; {} without a GL context."""
        scene = self._session.scene
        return {} if scene is None else report.collect(scene, self.frames)
