"""Mouse and keyboard: gestures become Camera calls, keys become actions. KEYS is also the F1 help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import imgui

from viewer import motion

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.viewport import Viewport

ORBIT_DEG_PER_PX = 0.3
WHEEL_STEP, WHEEL_FINE_STEP = 0.85, 0.97  # distance factor of one notch
FLY_TO_FACTOR = 0.4  # a double-click leaves this share of the distance
SPEED_STEP = 1.5  # of the + and − keys


def _flip(group: str, name: str) -> Callable[[App], None]:
    """An action that flips one yes/no setting."""

    def action(app: App) -> None:
        holder = getattr(app.settings, group)
        setattr(holder, name, not getattr(holder, name))

    return action


def _toggle_error(app: App) -> None:
    overlay = app.settings.overlay
    overlay.name = "none" if overlay.name == "error" else "error"


@dataclass(frozen=True)
class Key:
    """One key: imgui's name (with "ctrl+" before it where needed), what is printed on it, what it does."""

    chord: str
    shown: str
    text: str
    action: Callable[[App], None]


KEYS = (
    Key("ctrl+o", "Ctrl O", "open a file", lambda app: app.dialogs.open_file()),
    Key("f1", "F1", "show or hide this help", lambda app: app.toggle_help()),
    Key("escape", "Esc", "close this help", lambda app: app.close_help()),
    Key("tab", "Tab", "hide or show the panels", lambda app: app.toggle_panels()),
    Key("f11", "F11", "full screen", lambda app: app.toggle_fullscreen()),
    Key("f12", "F12", "save a screenshot", lambda app: app.screenshots.save()),
    Key("r", "R", "whole area in view", lambda app: app.home()),
    Key("n", "N", "north up", lambda app: app.turn(heading_deg=0.0)),
    Key("t", "T", "look straight down", lambda app: app.turn(pitch_deg=-89.9)),
    Key("o", "O", "error overlay", _toggle_error),
    Key("x", "X", "swap A and B", lambda app: app.swap_slots()),
    Key("left_bracket", "[", "fewer bits", lambda app: app.step_bits(+1)),
    Key("right_bracket", "]", "more bits", lambda app: app.step_bits(-1)),
    Key("w", "W", "wireframe", _flip("debug", "wireframe")),
    Key("l", "L", "tint levels of detail", _flip("debug", "lod_tint")),
    Key("b", "B", "boxes around tiles", _flip("debug", "bounds")),
    Key("f", "F", "freeze the choice of tiles", _flip("debug", "freeze")),
    Key("equal", "+", "fly faster", lambda app: app.change_speed(SPEED_STEP)),
    Key("minus", "−", "fly slower", lambda app: app.change_speed(1 / SPEED_STEP)),
)
"""Every key there is; the help overlay prints this table."""

GESTURES = (
    ("Drag left", "move the ground under the cursor"),
    ("Shift drag left, or drag middle", "orbit about the point clicked"),
    ("Wheel", "zoom to the cursor (Ctrl: finely)"),
    ("Double-click", "fly to the point"),
    ("Hold right", "look around; W A S D fly, Q E down and up"),
    ("Arrow keys", "move; Page Up and Page Down change the height"),
)
"""What the mouse and the movement keys do, for the help overlay."""

_FLIGHT = (("w", 0, 1), ("s", 0, -1), ("d", 1, 1), ("a", 1, -1), ("e", 2, 1), ("q", 2, -1))
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
    """A mouse button held since it went down over the scene."""

    kind: str  # "pan", "orbit" or "look"
    button: int
    point: np.ndarray  # world point (drawn space) under the cursor when it began


class Input:
    """Reads imgui's input state once a frame and moves the app's camera."""

    def __init__(self) -> None:
        self.drag: Drag | None = None
        self.moving = False
        """Whether a key or button is moving the camera: the window must not idle."""

    def update(self, app: App) -> None:
        """Take in one frame of input."""
        io = imgui.get_io()
        self.moving = False
        if not io.want_capture_keyboard and not imgui.is_mouse_down(1):
            for key in KEYS:
                if _pressed(key.chord, io):
                    key.action(app)
        if app.scene is None or app.scene.reader is None or app.viewport is None:
            self.drag = None
            return
        if not io.want_capture_mouse and app.viewport.contains(io.mouse_pos):
            self._begin(app, app.viewport, io)
        if self.drag is not None:
            self._continue(app, app.viewport, io)
        if not io.want_capture_keyboard:
            self._fly(app, io)

    def _begin(self, app: App, viewport: Viewport, io: Any) -> None:
        """Presses and wheel over the scene."""
        x, y = viewport.to_pixels(io.mouse_pos)
        if io.mouse_wheel:
            step = WHEEL_FINE_STEP if io.key_ctrl else WHEEL_STEP
            app.glide = None
            app.camera.zoom(app.world_point(x, y), step**io.mouse_wheel)
        if imgui.is_mouse_double_clicked(0):
            app.glide = motion.towards(app.camera, app.world_point(x, y), FLY_TO_FACTOR)
            self.drag = None
            return
        for button in range(3):
            if imgui.is_mouse_clicked(button) and self.drag is None:
                kind = ("orbit" if io.key_shift else "pan", "look", "orbit")[button]
                self.drag = Drag(kind, button, app.world_point(x, y))
                app.glide = None

    def _continue(self, app: App, viewport: Viewport, io: Any) -> None:
        """The drag under way; it goes on outside the scene until its button is up."""
        drag = self.drag
        assert drag is not None
        if not imgui.is_mouse_down(drag.button):
            self.drag = None
            return
        self.moving = True
        if io.mouse_delta.x == 0 and io.mouse_delta.y == 0:
            return
        dx, dy = io.mouse_delta.x * viewport.ratio, io.mouse_delta.y * viewport.ratio
        if drag.kind == "pan":
            app.camera.pan(drag.point, *viewport.to_pixels(io.mouse_pos), viewport.size)
        elif drag.kind == "orbit":
            degrees = ORBIT_DEG_PER_PX / viewport.ratio
            app.camera.orbit(dx * degrees, _pitch_step(app, -dy * degrees), drag.point)
        else:
            degrees = app.camera.fov_deg / viewport.size[1]
            app.camera.look(dx * degrees, -dy * degrees)

    def _fly(self, app: App, io: Any) -> None:
        """Held keys: arrows always, WASD and QE while the right button is down."""
        looking = self.drag is not None and self.drag.kind == "look"
        move = np.zeros(3)
        for name, axis, sign in (*_ARROWS, *(_FLIGHT if looking else ())):
            if imgui.is_key_down(getattr(imgui.Key, name)):
                move[axis] += sign
        if not move.any():
            return
        self.moving = True
        app.glide = None
        # Arrow keys move over the ground: forward is where the camera heads, not into the terrain.
        pitch = app.camera.pitch_deg
        if not looking:
            app.camera.pitch_deg = 0.0
        seconds = min(io.delta_time, 0.1)
        forward, right, up = np.sign(move).tolist()
        app.camera.fly(seconds, forward, right, up, app.fly_speed_m_s)
        app.camera.pitch_deg = pitch


def _pitch_step(app: App, degrees: float) -> float:
    """Keep an orbit between straight down and just below the horizon, where the ground is in view."""
    return min(max(app.camera.pitch_deg + degrees, -89.9), max(-3.0, app.camera.pitch_deg)) - app.camera.pitch_deg


def _pressed(chord: str, io: Any) -> bool:
    *modifiers, name = chord.split("+")
    wants_ctrl = "ctrl" in modifiers
    return wants_ctrl == bool(io.key_ctrl or io.key_super) and imgui.is_key_pressed(getattr(imgui.Key, name), False)
