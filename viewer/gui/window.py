"""The window: hello_imgui owns it and the loop, moderngl draws into its GL context, glfw does what
imgui cannot."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import moderngl
import numpy as np
from imgui_bundle import hello_imgui, imgui, immapp

from viewer.graphics import gl
from viewer.gui import appearance, theme

# After imgui_bundle, which brings the glfw library that both must share.
import glfw  # isort: skip

if TYPE_CHECKING:
    from viewer.app import App

INI = "terrain-viewer/window.ini"
"""Layout and window place, inside the user's configuration folder."""

MAIN = "MainDockSpace"

IDLE_FRAMES_PER_S = 2.0
"""While nothing changes and for 3 s nothing was typed or moved; any input is answered at once."""

SCREEN = 0
"""OpenGL's name of the window's own framebuffer."""


class _Loader:
    """How moderngl finds GL functions in the context glfw made, whatever the platform."""

    def load_opengl_function(self, name: str) -> int:
        return glfw.get_proc_address(name) or 0  # type: ignore[return-value]

    def __enter__(self) -> _Loader:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def release(self) -> None:
        """The window owns the context."""


def run(app: App) -> None:
    """Open the window and run until it closes. Raises GlError when no window or context can be
    had."""
    immapp.run(make_params(app, supported(app.launch.gl)), immapp.AddOnsParams(with_implot=True))


def supported(choice: str) -> int:
    """The best GL version of a `--gl` choice that a window can have here, e.g. 430. Raises GlError.

    hello_imgui cannot be started again after a failure, so this is found out with a window nobody
    sees.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glfw's own; what matters becomes the GlError's sentence
        if glfw.init():
            for require in gl.VERSIONS[choice]:
                for hint, value in (*_version_hints(require), (glfw.VISIBLE, glfw.FALSE)):
                    glfw.window_hint(hint, value)
                hidden = glfw.create_window(16, 16, "", cast(Any, None), cast(Any, None))
                glfw.window_hint(glfw.VISIBLE, glfw.TRUE)
                if hidden:
                    glfw.destroy_window(hidden)
                    return require
    wanted = "4.1 or newer" if choice == "auto" else choice
    raise gl.GlError(
        f"No window with OpenGL {wanted} could be opened; check the display and the graphics "
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


def make_params(app: App, require: int) -> hello_imgui.RunnerParams:
    """Everything hello_imgui needs to know: size, GL version, docking layout, callbacks."""
    params = hello_imgui.RunnerParams()
    params.app_window_params.window_title = "Terrain Viewer"
    geometry = params.app_window_params.window_geometry
    geometry.size = app.launch.size
    fixed = app.launch.screenshot is not None
    params.app_window_params.restore_previous_geometry = not fixed
    params.ini_folder_type = hello_imgui.IniFolderType.app_user_config_folder
    params.ini_filename = INI
    params.ini_filename_use_app_window_title = False
    params.ini_disable = fixed

    wanted = params.renderer_backend_options.open_gl_options
    wanted.major_version = require // 100
    wanted.minor_version = require // 10 % 10
    wanted.use_core_profile = True
    wanted.use_forward_compat = True
    wanted.anti_aliasing_samples = 0  # the scene has its own

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
    params.docking_params = _docking(app)
    _connect(app, params)
    return params


def _docking(app: App) -> hello_imgui.DockingParams:
    """Panels in a column on the right and along the bottom; the scene has the rest."""
    from viewer import panels  # some of them open others

    docking = hello_imgui.DockingParams()
    docking.docking_splits = [
        hello_imgui.DockingSplit(*split[:2], getattr(imgui.Dir, split[2]), split[3])
        for split in panels.SPLITS
    ]
    docking.dockable_windows = [
        hello_imgui.DockableWindow(
            panel.TITLE,
            panel.DOCK,
            _guarded(app, panel.draw, app),
            is_visible_=getattr(panel, "SHOWN", True),
            can_be_closed_=False,
        )
        for panel in panels.PANELS
    ]
    for panel, dockable in zip(panels.PANELS, docking.dockable_windows, strict=True):
        # others come when they are asked for
        dockable.remember_is_visible = getattr(panel, "SHOWN", True)
    private = imgui.internal.DockNodeFlagsPrivate_
    docking.main_dock_space_node_flags = (
        imgui.DockNodeFlags_.passthru_central_node.value
        | imgui.DockNodeFlags_.no_docking_over_central_node.value
        | private.no_window_menu_button.value
        | private.no_close_button.value
    )
    return docking


def _guarded(
    app: App, function: Callable[..., None], *arguments: Any, widgets: bool = True
) -> Callable[[], None]:
    """A callback that closes the window when it fails: no exception may pass through hello_imgui,
    which would abort.

    `widgets` says that it runs between imgui's NewFrame and Render, so that what it left open has
    to be closed.
    """

    def call() -> None:
        if app.failure is not None:
            return
        state = imgui.internal.ErrorRecoveryState()
        if widgets:
            imgui.internal.error_recovery_store_state(state)
        try:
            function(*arguments)
        except Exception as error:
            app.failure = error
            if widgets:
                io = imgui.get_io()
                io.config_error_recovery_enable_assert = (
                    io.config_error_recovery_enable_debug_log
                ) = False
                imgui.internal.error_recovery_try_to_recover_state(state)

    return call


def _connect(app: App, params: hello_imgui.RunnerParams) -> None:
    """Callbacks, in the order hello_imgui calls them."""
    from viewer.gui import bars

    calls = params.callbacks
    calls.load_additional_fonts = theme.load_fonts
    calls.setup_imgui_style = lambda: appearance.begin(app)
    calls.setup_imgui_config = _configure
    calls.post_init = _guarded(app, _attach, app, widgets=False)
    calls.show_menus = _guarded(app, bars.menus, app)
    calls.show_status = _guarded(app, bars.status, app)
    calls.show_gui = _guarded(app, app.frame)
    calls.custom_background = lambda: _background(app, params)
    calls.before_swap = _guarded(app, app.finish_frame, widgets=False)
    calls.before_exit = app.stop


def _configure() -> None:
    hello_imgui.imgui_default_settings.setup_default_imgui_config()
    io = imgui.get_io()
    # arrows and Tab belong to the scene
    io.config_flags &= ~imgui.ConfigFlags_.nav_enable_keyboard.value


def _attach(app: App) -> None:
    """The window is there: join its GL context and its drops, then start the app."""
    ctx = gl.create_context(app.launch.gl, standalone=False, context=_Loader())

    def on_drop(_window: Any, paths: Any) -> None:
        app.open_paths(list(paths))

    glfw.set_drop_callback(glfw_window(), cast(Any, on_drop))
    app.start(ctx)


def _background(app: App, params: hello_imgui.RunnerParams) -> None:
    """Under the panels: the window's own color; the scene's picture is laid over it by the draw
    list."""
    if app.scene is not None:
        screen = app.scene.ctx.detect_framebuffer(SCREEN)  # whatever the scene left bound
        _guarded(app, app.draw_scene, widgets=False)()
        screen.use()
        color = theme.rgba(theme.BACKGROUND)
        screen.clear(color.x, color.y, color.z, 1.0)
    params.fps_idling.enable_idling = not app.busy
    if app.failure is not None:
        params.app_shall_exit = True  # not sooner: hello_imgui cannot end before its first frame


def glfw_window() -> Any:
    """The glfw window behind hello_imgui's."""
    from imgui_bundle.glfw_utils import glfw_window_hello_imgui

    return glfw_window_hello_imgui()


def central_area() -> tuple[float, float, float, float]:
    """The part of the window no panel covers: left, top, width, height in window coordinates."""
    dock = hello_imgui.get_runner_params().docking_params.dock_space_id_from_name(MAIN)
    node = imgui.internal.dock_builder_get_central_node(dock) if dock is not None else None
    if node is None:
        size = imgui.get_io().display_size
        return 0.0, 0.0, max(size.x, 1.0), max(size.y, 1.0)
    return node.pos.x, node.pos.y, max(node.size.x, 1.0), max(node.size.y, 1.0)


def framebuffer_ratio() -> float:
    """Pixels per unit of the window's coordinates: 2 on a retina screen, 1 where windows are
    counted in pixels."""
    return imgui.get_io().display_framebuffer_scale.x or 1.0


_hidden: set[str] = set()  # panels that come back with `show_panels(True)`


def show_panels(shown: bool) -> None:
    """Show or hide the panels, the menus and the status bar."""
    params = hello_imgui.get_runner_params()
    params.imgui_window_params.show_menu_bar = shown
    params.imgui_window_params.show_status_bar = shown
    for dockable in params.docking_params.dockable_windows:
        if not shown and dockable.is_visible:
            _hidden.add(dockable.label)
        if dockable.label in _hidden:
            dockable.is_visible = shown
    if shown:
        _hidden.clear()


def show_panel(title: str, shown: bool) -> None:
    """Open a panel, in front of the others in its dock, or close it."""
    for dockable in hello_imgui.get_runner_params().docking_params.dockable_windows:
        if dockable.label == title:
            dockable.is_visible = dockable.focus_window_at_next_frame = shown


def set_title(title: str) -> None:
    """Change the window's title."""
    glfw.set_window_title(glfw_window(), title)


def close() -> None:
    """Close the window when this frame is done."""
    hello_imgui.get_runner_params().app_shall_exit = True


# place of the window before it took the whole monitor
_windowed: list[tuple[int, int, int, int]] = []


def toggle_fullscreen() -> None:
    """Give the window the monitor it is on, or its former place."""
    window = glfw_window()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Wayland has no window positions, and says so each time
        if glfw.get_window_monitor(window):
            x, y, width, height = _windowed.pop() if _windowed else (60, 60, 1280, 720)
            glfw.set_window_monitor(window, cast(Any, None), x, y, width, height, 0)
            return
        _windowed[:] = [(*glfw.get_window_pos(window), *glfw.get_window_size(window))]
        monitor = glfw.get_primary_monitor()
        mode = glfw.get_video_mode(monitor)
        glfw.set_window_monitor(
            window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate
        )


def read_screen(ctx: moderngl.Context) -> np.ndarray:
    """The window as drawn so far, uint8 [h, w, 3], top row first."""
    screen = ctx.detect_framebuffer(SCREEN)
    # moderngl only knows the size at the start
    width, height = glfw.get_framebuffer_size(glfw_window())
    pixels = np.frombuffer(screen.read((0, 0, width, height), components=3, alignment=1), np.uint8)
    return pixels.reshape(height, width, 3)[::-1].copy()
