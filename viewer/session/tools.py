"""Tools that may take the mouse in the scene before the camera: measuring, a divider to drag.

Each event goes to the tools in their order until one takes it; a press (or double-click) taken
belongs to that tool until the button is up again. Events that no tool takes move the camera. To
take clicks and leave dragging to the camera, take "click" and let "press" pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["hover", "press", "double", "drag", "release", "click"]
"""hover: no button is down. press, double (the second press of a double-click), drag, release: of a
button. click: a press that nobody took came up where it went down."""


@dataclass(frozen=True)
class Mouse:
    """Mouse event over the scene."""

    kind: Kind
    x_px: float  # pixels of the picture from its top left corner, as `Scene.pick` takes them
    y_px: float
    button: int = -1  # 0 left, 1 right, 2 middle; −1 while hovering
    ctrl: bool = False
    shift: bool = False
    alt: bool = False


class Tool(Protocol):
    """Receiver of mouse events while it is active."""

    def mouse(self, mouse: Mouse) -> bool:
        """Handle an event; return True if it is consumed."""

    def cancel(self) -> bool:
        """Cancel the action under way (key Esc); return False without one."""
