"""The window under a test's control: glfw without a display, and imgui's own test engine as the
user."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.support.required import gl_is_required

try:
    from imgui_bundle import hello_imgui, imgui, immapp
    from imgui_bundle.immapp import testing
except ImportError as error:  # a system library is missing
    if gl_is_required():
        raise
    pytest.skip(f"needs a window's libraries: {error}", allow_module_level=True)

import glfw  # isort: skip (after imgui-bundle, which brings the library)

from viewer.app import App
from viewer.graphics.gl import GlError
from viewer.gui import keys, window
from viewer.gui.keyboard import PLACES
from viewer.session.launch import Launch

MODIFIERS = {"ctrl": glfw.MOD_CONTROL, "shift": glfw.MOD_SHIFT, "alt": glfw.MOD_ALT}
SIZE = (800, 560)
TALL = (800, 1600)  # every widget of every panel is in view
PATIENCE_S = 60.0  # a busy machine is no failure


def desktop():
    """glfw's null platform with EGL contexts: no window shows, with or without a display. Closing a
    window ends it."""
    glfw.init_hint(glfw.PLATFORM, glfw.PLATFORM_NULL)
    assert glfw.init(), glfw.get_error()
    glfw.window_hint(glfw.CONTEXT_CREATION_API, glfw.EGL_CONTEXT_API)


def require_platform() -> None:
    """Skip the test where glfw's null platform gets no EGL context (seen with NVIDIA's drivers)."""
    desktop()
    try:
        window.supported("auto")
    except GlError as error:
        if gl_is_required():
            raise
        pytest.skip(f"needs EGL without a display: {error}")
    finally:
        glfw.terminate()


class Parts:
    """App, session and window view under one name."""

    def __init__(self, app: App) -> None:
        self._faces = app, app.session, app.view

    def __getattr__(self, name):
        face = next((face for face in self._faces if hasattr(face, name)), self._faces[0])
        return getattr(face, name)

    @property
    def path(self):
        """Main file of the document, or None."""
        document = self._faces[1].document
        return None if document is None else document.path


def run(launch: Launch, steps, *, remember: bool = False) -> Parts:
    """Run an app with a test function that has a `Driver`; `remember` keeps the layout from run to
    run."""
    desktop()
    app = App(launch)
    params = app.window.params(430)
    params.ini_disable = not remember
    params.fps_idling.vsync_to_monitor = False
    params.fps_idling.fps_idle = 60
    testing.run(
        test_function=lambda ctx: steps(Driver(ctx, app)),
        runner_params=params,
        add_ons_params=immapp.AddOnsParams(with_implot=True),
    )
    return Parts(app)


class Driver:
    """Driver of the window for tests."""

    def __init__(self, ctx, app):
        self.ctx = ctx
        self.app = Parts(app)
        engine = imgui.test_engine.get_io(hello_imgui.get_imgui_test_engine())
        engine.config_watchdog_warning = engine.config_watchdog_kill_test = 10 * PATIENCE_S

    def settle(self):
        """Until every tile is there and the camera rests."""
        self.ctx.yield_(2)
        self.wait(lambda: not self.app.busy)
        self.ctx.yield_(2)

    def wait(self, condition):
        """Let frames pass until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert not self.ctx.is_error()  # the test engine then skips everything, frames too
            assert self.app.window.failure is None
            assert time.monotonic() < deadline, self.app.session.stats
            self.ctx.yield_()

    def scene(self):
        """The scene's picture when it has settled, int16 [h, w, 3]."""
        self.settle()
        return self._grab(lambda window_picture: self.app.viewport.image())

    def window(self):
        """The whole window, int16 [h, w, 3]."""
        return self._grab(lambda window_picture: window_picture)

    def _grab(self, take):
        got = []
        self.app.view.screenshots.request(
            lambda picture: got.append(take(picture).astype(np.int16))
        )
        self.wait(lambda: got)
        return got[0]

    def at(self, right, down):
        """Put the cursor at this share of the scene and let the readout follow."""
        self.at_once(right, down)
        self.wait(
            lambda: (
                self.app.session.pick is None
                or not (self.app.session.pick.pending or self.app.session.measuring.readout.busy)
            )
        )
        self.ctx.yield_()

    def at_once(self, right, down):
        """The same, whatever the readout still finds out."""
        left, top, width, height = self.app.viewport.area
        self.ctx.mouse_move_to_pos((left + right * width, top + down * height))
        self.app.session.pointer.refresh()
        self.ctx.yield_(2)

    def press(self, chord):
        """Press a chord of `viewer.gui.keys` on a US keyboard, such as "w" or "ctrl+shift+d"."""
        modifiers, name = keys.parse(chord)
        if name == "plus":
            modifiers, name = modifiers | {"shift"}, "equal"
        held = sum(getattr(imgui.Key, f"mod_{modifier}").value for modifier in modifiers)
        # glfw's event, then imgui's: imgui's own translation needs an event of the system
        self._key(name, glfw.PRESS, sum(MODIFIERS[modifier] for modifier in modifiers))
        self.ctx.key_press(held | getattr(imgui.Key, name).value)
        self._key(name, glfw.RELEASE)
        self.ctx.yield_(2)

    def hold(self, name, seconds=0.2):
        """Hold a key down for a while."""
        self._key(name, glfw.PRESS)
        self.ctx.key_hold(getattr(imgui.Key, name).value, seconds)
        self._key(name, glfw.RELEASE)

    def _key(self, name, action, modifiers=0):
        code = next(code for code, place in PLACES.items() if place == name)
        self.app.window.keyboard.key(None, code, 0, action, modifiers)


def changed(a, b, threshold=8) -> float:
    """Share of pixels that differ visibly."""
    return float((np.abs(a - b).max(axis=2) > threshold).mean())
