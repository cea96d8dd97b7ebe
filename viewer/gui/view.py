"""The window side of a session: dialogs, sheets, screenshots, input, palette."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgui_bundle import imgui

from viewer.gui.appearance import Appearance
from viewer.gui.debugging import Debugging
from viewer.gui.dialogs import Dialogs
from viewer.gui.divider import Divider
from viewer.gui.film_trail import FilmTrail
from viewer.gui.input import Input
from viewer.gui.palette_window import PaletteWindow
from viewer.gui.projected_shapes import ProjectedShapes
from viewer.gui.screenshots import Screenshots
from viewer.gui.sheet import OpenSheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from viewer.gui.viewport import Viewport
    from viewer.gui.window import Window
    from viewer.session.session import Session
    from viewer.session.tools import Tool


class WindowView:
    """A session with the parts that only a window has; menus, sheets and overlays draw it."""

    def __init__(self, session: Session, window: Window, theme: str | None = None) -> None:
        self.session = session
        self.window = window
        self.viewport: Viewport | None = None
        """The scene's texture; None before the GL context exists."""
        self.divider = Divider(session.settings, session.navigation)
        self.tools: list[Tool] = [self.divider, session.measuring.tool]
        """Tools that may take the mouse before the camera, in this order."""
        self.palette = PaletteWindow()
        self.sheet = OpenSheet()
        self.appearance = Appearance(session.preferences, theme)
        self.dialogs = Dialogs(lambda path: self.open_paths([path]), session.files.open_reference)
        if session.preferences.values.folder:
            self.dialogs.folder = Path(session.preferences.values.folder)
        self.screenshots = Screenshots(session.messages)
        self.debugging = Debugging(session)
        self.input = Input(session, self.tools, window.keyboard)
        self.shapes = ProjectedShapes()
        self.film_trail = FilmTrail()
        self.panels_shown: bool = True
        self._dropped: list[str] = []

    def run(self, command_id: str, *arguments: Any, **values: Any) -> None:
        """Queue a command of either table; it runs at the start of the next frame."""
        self.session.run(command_id, *arguments, **values)

    def pointer_px(self) -> tuple[float, float] | None:
        """Return the pixel of the scene under the mouse; None beside it and over widgets."""
        io = imgui.get_io()
        viewport = self.viewport
        if viewport is None or io.want_capture_mouse or not viewport.contains(io.mouse_pos):
            return None
        return viewport.to_pixels(io.mouse_pos)

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open files at the next frame; with Shift or Ctrl held, compare them."""
        self._dropped.extend(paths)

    def open_dropped(self) -> None:
        """Open the files of `open_paths`; called at the start of a frame."""
        if self._dropped:
            paths = self._dropped
            self._dropped = []
            io = imgui.get_io()
            self.session.open_paths(paths, beside=io.key_shift or io.key_ctrl)

    def toggle_panels(self) -> None:
        """Show or hide everything but the scene."""
        self.panels_shown = not self.panels_shown
        self.window.show_panels(self.panels_shown)

    def cancel(self) -> None:
        """Close the sheet, or cancel the tool in use."""
        if self.sheet.close():
            return
        for tool in self.tools:
            if tool.cancel():
                return
