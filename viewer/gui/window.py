"""The window: hello_imgui owns it and the loop, moderngl draws into its GL context, glfw adds
drops, title and full screen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import moderngl
import numpy as np
from imgui_bundle import hello_imgui, imgui, immapp

from viewer.graphics import gl
from viewer.gui import lost_display, theme
from viewer.gui.keyboard import Keyboard
from viewer.gui.visibility import Visibility
from viewer.storage.layout import Layout

# After imgui_bundle, which brings the glfw library that both must share.
import glfw  # isort: skip

MAIN = "MainDockSpace"

IDLE_FRAMES_PER_S = 2.0
"""Frame rate after 3 s without change or input; any input wakes the window at once."""

SCREEN = 0
"""OpenGL's name of the window's own framebuffer."""


class _Loader:
    """Loader of GL functions for moderngl, from the context that glfw made."""

    def load_opengl_function(self, name: str) -> int:
        return glfw.get_proc_address(name) or 0  # type: ignore[return-value]

    def __enter__(self) -> _Loader:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def release(self) -> None:
        """Do nothing: the window owns the context."""


Split = tuple[str, str, str, float]
"""A dock that is divided, the new dock, its side ("right", "down" …) and its share."""


class Options(NamedTuple):
    """Options of the window."""

    size: tuple[int, int]
    """Width and height in window coordinates."""
    gl: str
    """Choice of the OpenGL version, a key of `gl.VERSIONS`."""
    fixed: bool
    """True if layout and window place are neither restored nor saved."""


class Dockable(NamedTuple):
    """A panel as the window sees it."""

    title: str
    dock: str
    shown: bool
    """False for a panel that only a command opens."""
    draw: Callable[[], None]


class Callbacks(NamedTuple):
    """Functions that the window calls, in their order: at the start, in each frame, at the end."""

    style: Callable[[], None]
    """Set palette and sizes; imgui's style exists."""
    start: Callable[[moderngl.Context], None]
    """The GL context exists."""
    drop: Callable[[list[str]], None]
    """Files were dropped on the window."""
    menus: Callable[[], None]
    status: Callable[[], None]
    frame: Callable[[], None]
    """Everything before the panels."""
    draw_scene: Callable[[], None]
    """Draw the scene; the panels are done."""
    swap: Callable[[], None]
    """The window's picture is complete."""
    stop: Callable[[], None]
    """The window closes."""
    lost: Callable[[], None]
    """The display was lost, and the process ends: save what closing saves, without OpenGL."""
    say: Callable[[str], object]
    """A sentence on what is not kept."""
    title: Callable[[], str]
    """Return the window's title."""
    fronts: Callable[[], Sequence[str]]
    """Return the titles of panels to open in front of others, once each."""
    busy: Callable[[], bool]
    """Return True if the next frame will differ without any input."""


class Window:
    """The program's window, built from callbacks and panels."""

    def __init__(
        self,
        options: Options,
        callbacks: Callbacks,
        splits: Sequence[Split] = (),
        panels: Sequence[Dockable] = (),
    ) -> None:
        self.failure: BaseException | None = None
        """Exception that closed the window."""
        self.keyboard = Keyboard()
        self._options = options
        self._callbacks = callbacks
        self._splits = splits
        self._panels = panels
        self._ctx: moderngl.Context | None = None
        self._layout: Layout | None = None
        self._title = ""
        self._visibility = Visibility()
        self._hidden: set[str] = set()  # panels that come back with `show_panels(True)`
        # position and size before the window took the whole monitor
        self._windowed: tuple[int, int, int, int] | None = None

    def run(self) -> None:
        """Open the window and run until it closes. Raises GlError when no window or context can be
        had."""
        lost_display.call(self._lose)
        params = self.params(supported(self._options.gl))
        immapp.run(params, immapp.AddOnsParams(with_implot=True))

    def params(self, require: int) -> hello_imgui.RunnerParams:
        """Return hello_imgui's parameters: size, GL version `require`, docking layout,
        callbacks."""
        params = hello_imgui.RunnerParams()
        params.app_window_params.window_title = self._title = self._callbacks.title()
        geometry = params.app_window_params.window_geometry
        geometry.size = self._options.size
        params.app_window_params.restore_previous_geometry = not self._options.fixed
        if not self._options.fixed:
            self._layout = Layout(self._callbacks.say)
        copy = None if self._layout is None else self._layout.copy
        params.ini_folder_type = hello_imgui.IniFolderType.absolute_path
        params.ini_filename = "" if copy is None else str(copy)
        params.ini_filename_use_app_window_title = False
        params.ini_disable = copy is None

        context = params.renderer_backend_options.open_gl_options
        context.major_version = require // 100
        context.minor_version = require // 10 % 10
        context.use_core_profile = True
        context.use_forward_compat = True
        context.anti_aliasing_samples = 0  # the scene has its own

        inner = params.imgui_window_params
        inner.default_imgui_window_type = (
            hello_imgui.DefaultImGuiWindowType.provide_full_screen_dock_space
        )
        inner.show_menu_bar = True
        inner.show_menu_app = False
        inner.show_menu_view = False
        inner.show_status_bar = True
        inner.show_status_fps = False
        inner.remember_theme = inner.remember_status_bar_settings = False
        params.fps_idling.fps_idle = IDLE_FRAMES_PER_S
        params.docking_params = self._docking()
        self._connect(params)
        return params

    def _docking(self) -> hello_imgui.DockingParams:
        """Return the dock layout: panels right and at the bottom, the scene in the rest."""
        docking = hello_imgui.DockingParams()
        docking.docking_splits = [
            hello_imgui.DockingSplit(initial, new, getattr(imgui.Dir, side), share)
            for initial, new, side, share in self._splits
        ]
        docking.dockable_windows = [
            hello_imgui.DockableWindow(
                panel.title,
                panel.dock,
                self._guarded(panel.draw),
                is_visible_=panel.shown,
                can_be_closed_=False,
            )
            for panel in self._panels
        ]
        for dockable in docking.dockable_windows:  # others come when they are asked for
            dockable.remember_is_visible = self._is_remembered(dockable.label)
        private = imgui.internal.DockNodeFlagsPrivate_
        docking.main_dock_space_node_flags = (
            imgui.DockNodeFlags_.passthru_central_node.value
            | imgui.DockNodeFlags_.no_docking_over_central_node.value
            | private.no_window_menu_button.value
            | private.no_close_button.value
        )
        return docking

    def _guarded(self, function: Callable[[], None], *, widgets: bool = True) -> Callable[[], None]:
        """Wrap a callback so that its exception closes the window: none may pass through
        hello_imgui, which would abort.

        With `widgets` it runs between imgui's NewFrame and Render, so that scopes it left open have
        to be closed.
        """

        def call() -> None:
            if self.failure is not None:
                return
            state = imgui.internal.ErrorRecoveryState()
            if widgets:
                imgui.internal.error_recovery_store_state(state)
            try:
                function()
            except Exception as error:
                self.failure = error
                if widgets:
                    io = imgui.get_io()
                    io.config_error_recovery_enable_assert = False
                    io.config_error_recovery_enable_debug_log = False
                    imgui.internal.error_recovery_try_to_recover_state(state)

        return call

    def _connect(self, params: hello_imgui.RunnerParams) -> None:
        """Set hello_imgui's callbacks, in the order it calls them."""
        calls = params.callbacks
        calls.load_additional_fonts = theme.load_fonts
        calls.setup_imgui_style = self._callbacks.style
        calls.setup_imgui_config = _configure
        calls.post_init_add_platform_backend_callbacks = self._guarded(
            lambda: self.keyboard.attach(glfw_window()), widgets=False
        )
        calls.post_init = self._guarded(self._attach, widgets=False)
        calls.show_menus = self._guarded(self._callbacks.menus)
        calls.show_status = self._guarded(self._callbacks.status)
        calls.show_gui = self._guarded(self._frame)
        calls.custom_background = lambda: self._background(params)
        calls.before_swap = self._guarded(self._callbacks.swap, widgets=False)
        calls.pre_new_frame = self._guarded(self._before_frame, widgets=False)
        calls.before_exit = self._stop

    def _attach(self) -> None:
        """Join the window's GL context and its drops, then start the application."""
        self._ctx = gl.create_context(self._options.gl, standalone=False, context=_Loader())

        def on_drop(_window: Any, paths: Any) -> None:
            self._callbacks.drop(list(paths))

        glfw.set_drop_callback(glfw_window(), cast(Any, on_drop))
        self._callbacks.start(self._ctx)

    def _stop(self) -> None:
        """Close the application; hello_imgui has written its layout."""
        if self._layout is not None:
            self._layout.save()
        self._callbacks.stop()

    def _lose(self) -> None:
        """Save what closing saves; the display is gone."""
        if self._layout is not None:
            has_panels = self._visibility.was_visible  # else imgui has not read its own part yet
            self._layout.save(imgui.save_ini_settings_to_memory() if has_panels else None)
        self._callbacks.lost()

    def _before_frame(self) -> None:
        theme.add_fonts()
        self._rest()

    def _rest(self) -> None:
        """Wait, drawing nothing, while the window is hidden; one with `fixed` never is, as a
        picture of it is awaited."""
        if not self._options.fixed:
            self._visibility.wait(glfw_window(), self._is_ending)

    def _is_ending(self) -> bool:
        leaves = hello_imgui.get_runner_params().app_shall_exit
        return leaves or self.failure is not None

    def _frame(self) -> None:
        self._callbacks.frame()
        title = self._callbacks.title()
        if title != self._title:
            self._title = title
            as_text = title.encode(errors="backslashreplace").decode()
            glfw.set_window_title(glfw_window(), as_text)
        for panel in self._callbacks.fronts():
            show_panel(panel, True)

    def _background(self, params: hello_imgui.RunnerParams) -> None:
        """Clear the window in its own color; the draw list lays the scene's picture over it."""
        if self._ctx is not None:
            # whatever the scene left bound
            screen = self._ctx.detect_framebuffer(SCREEN)
            self._guarded(self._callbacks.draw_scene, widgets=False)()
            screen.use()
            color = theme.rgba(theme.BACKGROUND)
            screen.clear(color.x, color.y, color.z, 1.0)
        params.fps_idling.enable_idling = not self._callbacks.busy()
        if self.failure is not None:
            # not sooner: hello_imgui cannot end before its first frame
            params.app_shall_exit = True

    def show_panels(self, shown: bool) -> None:
        """Show or hide the panels, the menus and the status bar.

        Panels hidden so are shown the next time: hello_imgui forgets that they were not.
        """
        params = hello_imgui.get_runner_params()
        params.imgui_window_params.show_menu_bar = shown
        params.imgui_window_params.show_status_bar = shown
        for dockable in params.docking_params.dockable_windows:
            if not shown and dockable.is_visible:
                self._hidden.add(dockable.label)
            if dockable.label in self._hidden:
                dockable.is_visible = shown
                dockable.remember_is_visible = shown and self._is_remembered(dockable.label)
        if shown:
            self._hidden.clear()

    def _is_remembered(self, title: str) -> bool:
        return any(panel.shown for panel in self._panels if panel.title == title)

    def close(self) -> None:
        """Close the window when this frame is done."""
        hello_imgui.get_runner_params().app_shall_exit = True

    def toggle_fullscreen(self) -> None:
        """Give the window the monitor it is on, or its former place."""
        window = glfw_window()
        with warnings.catch_warnings():
            # Wayland has no window positions, and says so each time
            warnings.simplefilter("ignore")
            if glfw.get_window_monitor(window):
                x, y, width, height = self._windowed or (60, 60, 1280, 720)
                self._windowed = None
                glfw.set_window_monitor(window, cast(Any, None), x, y, width, height, 0)
                return
            self._windowed = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
            monitor = glfw.get_primary_monitor()
            mode = glfw.get_video_mode(monitor)
            glfw.set_window_monitor(
                window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate
            )


def supported(choice: str) -> int:
    """Return the best GL version of a `--gl` choice that a window can have, e.g. 430. Raises
    GlError.

    Tried with hidden windows, since hello_imgui cannot be started again after a failure.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glfw's own; failure becomes the GlError
        if glfw.init():
            for require in gl.VERSIONS[choice]:
                for hint, value in (*_version_hints(require), (glfw.VISIBLE, glfw.FALSE)):
                    glfw.window_hint(hint, value)
                hidden = glfw.create_window(16, 16, "", cast(Any, None), cast(Any, None))
                glfw.window_hint(glfw.VISIBLE, glfw.TRUE)
                if hidden:
                    glfw.destroy_window(hidden)
                    return require
    version = "4.1 or newer" if choice == "auto" else choice
    raise gl.GlError(
        f"No window with OpenGL {version} could be opened; check the display and the graphics "
        "driver "
        f"(on Debian or Ubuntu: {gl.INSTALL} libx11-6), or use --headless --screenshot OUT.png."
    )


def _version_hints(require: int) -> tuple[tuple[int, int], ...]:
    return (
        (glfw.CONTEXT_VERSION_MAJOR, require // 100),
        (glfw.CONTEXT_VERSION_MINOR, require // 10 % 10),
        (glfw.OPENGL_PROFILE, glfw.OPENGL_CORE_PROFILE),
        (glfw.OPENGL_FORWARD_COMPAT, glfw.TRUE),
    )


def _configure() -> None:
    hello_imgui.imgui_default_settings.setup_default_imgui_config()
    io = imgui.get_io()
    # arrows and Tab belong to the scene
    io.config_flags &= ~imgui.ConfigFlags_.nav_enable_keyboard.value


def glfw_window() -> Any:
    """Return the glfw window behind hello_imgui's."""
    from imgui_bundle.glfw_utils import glfw_window_hello_imgui

    return glfw_window_hello_imgui()


def central_area() -> tuple[float, float, float, float]:
    """Return left, top, width and height of the part without panels, in window coordinates."""
    dock = hello_imgui.get_runner_params().docking_params.dock_space_id_from_name(MAIN)
    node = imgui.internal.dock_builder_get_central_node(dock) if dock is not None else None
    if node is None:
        size = imgui.get_io().display_size
        return 0.0, 0.0, max(size.x, 1.0), max(size.y, 1.0)
    return node.pos.x, node.pos.y, max(node.size.x, 1.0), max(node.size.y, 1.0)


def framebuffer_ratio() -> float:
    """Return framebuffer pixels per window coordinate: 2 on a retina screen, 1 where windows are
    measured in pixels."""
    return imgui.get_io().display_framebuffer_scale.x or 1.0


def show_panel(title: str, shown: bool) -> None:
    """Open a panel, in front of the others in its dock, or close it."""
    for dockable in hello_imgui.get_runner_params().docking_params.dockable_windows:
        if dockable.label == title:
            dockable.is_visible = dockable.focus_window_at_next_frame = shown


def read_screen(ctx: moderngl.Context) -> np.ndarray:
    """Return the framebuffer of the window, uint8 [h, w, 3], top row first."""
    screen = ctx.detect_framebuffer(SCREEN)
    # moderngl only knows the size at the start
    width, height = glfw.get_framebuffer_size(glfw_window())
    pixels = np.frombuffer(screen.read((0, 0, width, height), components=3, alignment=1), np.uint8)
    return pixels.reshape(height, width, 3)[::-1].copy()
