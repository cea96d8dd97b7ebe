"""Mouse and keyboard: gestures go to the tools or move the camera, keys queue commands
(`viewer.gui.keys`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import imgui

from viewer.gui import keys
from viewer.session.tools import Kind, Mouse, Tool

if TYPE_CHECKING:
    from viewer.gui.keyboard import Keyboard
    from viewer.gui.viewport import Viewport
    from viewer.model.camera import Camera
    from viewer.session.session import Session

ORBIT_DEG_PER_PX = 0.3
WHEEL_STEP = 0.85
WHEEL_FINE_STEP = 0.97  # distance factor of one notch
FLY_TO_FACTOR = 0.4  # a double-click leaves this share of the distance
CLICK_PX = 4.0  # a press that moved less than this, in window coordinates, is a click


_FLIGHT = (("w", 0, 1), ("s", 0, -1), ("d", 1, 1), ("a", 1, -1), ("e", 2, 1), ("q", 2, -1))
"""Places of keys, axes and signs."""

_ARROWS = (
    ("up_arrow", 0, 1),
    ("down_arrow", 0, -1),
    ("right_arrow", 1, 1),
    ("left_arrow", 1, -1),
    ("page_up", 2, 1),
    ("page_down", 2, -1),
)


@dataclass
class Drag:
    """A mouse button held since its press over the scene."""

    kind: str  # "pan", "orbit" or "look"
    button: int
    point: np.ndarray  # world point (drawn space) under the cursor at the press


class Input:
    """Reader of mouse and keyboard, once a frame; it moves the session's camera."""

    def __init__(self, session: Session, tools: Sequence[Tool], keyboard: Keyboard) -> None:
        self._session = session
        self._keyboard = keyboard
        self._tools = tools
        self.drag: Drag | None = None
        self.moving = False
        """True while a key or button moves the camera: the window must not idle."""
        # tool that took the press, and its button
        self._held: tuple[Tool, int] | None = None

    def update(self, viewport: Viewport) -> None:
        """Take in one frame of input; queue the commands whose keys went down."""
        session = self._session
        io = imgui.get_io()
        self.moving = False
        keyboard = self._keyboard
        keyboard.next_frame()
        if not io.want_capture_keyboard and not io.want_text_input and not imgui.is_mouse_down(1):
            for press in keyboard.presses:
                command_id = keys.command_of(press, keyboard.layout)
                if command_id is not None:
                    session.run(command_id)
        if session.document is None:
            self.drag = self._held = None
            return
        over = not io.want_capture_mouse and viewport.contains(io.mouse_pos)
        if self._held is not None:
            self._hold(viewport, io)
        elif over:
            self._begin(viewport, io)
        if self.drag is not None:
            self._continue(viewport, io)
        elif over and self._held is None:
            self._offer(viewport, io, "hover")
        if not io.want_capture_keyboard:
            self._fly(io)

    def _offer(self, viewport: Viewport, io: Any, kind: Kind, button: int = -1) -> Tool | None:
        """Return the tool that takes a mouse event, or None."""
        x, y = viewport.to_pixels(io.mouse_pos)
        mouse = Mouse(kind, x, y, button, io.key_ctrl, io.key_shift, io.key_alt)
        return next((tool for tool in self._tools if tool.mouse(mouse)), None)

    def _hold(self, viewport: Viewport, io: Any) -> None:
        """Send mouse events to the tool that took the press, until the button is up."""
        assert self._held is not None
        tool, button = self._held
        self.moving = down = imgui.is_mouse_down(button)
        self._held = self._held if down else None
        if not down or io.mouse_delta.x or io.mouse_delta.y:
            x, y = viewport.to_pixels(io.mouse_pos)
            kind: Kind = "drag" if down else "release"
            mouse = Mouse(kind, x, y, button, io.key_ctrl, io.key_shift, io.key_alt)
            tool.mouse(mouse)

    def _begin(self, viewport: Viewport, io: Any) -> None:
        """Handle presses and the wheel over the scene."""
        session = self._session
        x, y = viewport.to_pixels(io.mouse_pos)
        if io.mouse_wheel:
            step = WHEEL_FINE_STEP if io.key_ctrl else WHEEL_STEP
            session.glide = None
            session.camera.zoom(
                session.navigation.world_point(x, y),
                step ** (io.mouse_wheel * session.preferences.values.zoom_speed),
            )
        for button in range(3):
            if not imgui.is_mouse_clicked(button) or self.drag is not None:
                continue
            double = imgui.is_mouse_double_clicked(button)
            tool = self._offer(viewport, io, "double" if double else "press", button)
            if tool is not None:
                self._held = tool, button
                return
            if double and button == 0:
                session.navigation.fly_to(x, y, FLY_TO_FACTOR)
                return
            kind = ("orbit" if io.key_shift else "pan", "look", "orbit")[button]
            self.drag = Drag(kind, button, session.navigation.world_point(x, y))
            session.glide = None

    def _continue(self, viewport: Viewport, io: Any) -> None:
        """Continue the drag; outside the scene too, until its button is up."""
        session = self._session
        drag = self.drag
        assert drag is not None
        if not imgui.is_mouse_down(drag.button):
            self.drag = None
            if io.mouse_drag_max_distance_sqr[drag.button] < CLICK_PX**2 and viewport.contains(
                io.mouse_pos
            ):
                self._offer(viewport, io, "click", drag.button)
            return
        self.moving = True
        if io.mouse_delta.x == 0 and io.mouse_delta.y == 0:
            return
        dx = io.mouse_delta.x * viewport.ratio
        dy = io.mouse_delta.y * viewport.ratio
        if drag.kind == "pan":
            session.camera.pan(drag.point, *viewport.to_pixels(io.mouse_pos), viewport.size)
        elif drag.kind == "orbit":
            degrees = ORBIT_DEG_PER_PX / viewport.ratio * session.preferences.values.turn_speed
            session.camera.orbit(
                dx * degrees, _pitch_step(session.camera, -dy * degrees), drag.point
            )
        else:
            degrees = (
                session.camera.fov_deg / viewport.size[1] * session.preferences.values.turn_speed
            )
            session.camera.look(dx * degrees, -dy * degrees)

    def _fly(self, io: Any) -> None:
        """Move by held keys: arrows always, WASD and QE while the right button is down."""
        session = self._session
        looking = self.drag is not None and self.drag.kind == "look"
        move = np.zeros(3)
        for place, axis, sign in (*_ARROWS, *(_FLIGHT if looking else ())):
            if place in self._keyboard.held:
                move[axis] += sign
        if not move.any():
            return
        self.moving = True
        session.glide = None
        # Arrow keys move over the ground: forward is where the camera heads, not into the terrain.
        pitch = session.camera.pitch_deg
        if not looking:
            session.camera.pitch_deg = 0.0
        seconds = min(io.delta_time, 0.1)
        forward, right, up = np.sign(move).tolist()
        document = session.document
        ground_scale = 1.0 if document is None else document.scene.ground_scale
        session.camera.fly(seconds, forward, right, up, session.navigation.speed_m_s / ground_scale)
        session.camera.pitch_deg = pitch


def _pitch_step(camera: Camera, degrees: float) -> float:
    """Limit a pitch step (degrees) so that an orbit stays between straight down and just below the
    horizon."""
    return (
        min(max(camera.pitch_deg + degrees, -89.9), max(-3.0, camera.pitch_deg)) - camera.pitch_deg
    )
