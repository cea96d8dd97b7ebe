"""Rest of a window that nobody can see: nothing is drawn while it is hidden or minimized."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import imgui_bundle  # noqa: F401

# After imgui_bundle, which brings the glfw library that both must share.
import glfw  # isort: skip

LOOK_S = 0.1
"""Time between looks at the window's state, which the display has to be asked for."""

HIDDEN_WAIT_S = 0.25
"""Time between looks for signals while the window is hidden; events of the desktop come at once."""


class Visibility:
    """Visibility of a window, looked at from time to time."""

    def __init__(self) -> None:
        self.was_visible = False
        """True once the window has been on the screen: hello_imgui hides it for some frames."""
        self._look_s = 0.0  # time.monotonic() of the next look

    def wait(self, window: Any, is_ending: Callable[[], bool]) -> None:
        """Return when a glfw window can be seen, is closed, or `is_ending`."""
        if time.monotonic() < self._look_s:
            return
        while self._is_hidden(window) and not (is_ending() or glfw.window_should_close(window)):
            glfw.wait_events_timeout(HIDDEN_WAIT_S)
        self._look_s = time.monotonic() + LOOK_S

    def _is_hidden(self, window: Any) -> bool:
        is_visible = bool(glfw.get_window_attrib(window, glfw.VISIBLE))
        self.was_visible = self.was_visible or is_visible
        is_minimized = bool(glfw.get_window_attrib(window, glfw.ICONIFIED))
        return is_minimized or (self.was_visible and not is_visible)
