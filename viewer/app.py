"""The application: composes window, session and the window's own parts, and runs the frames."""

from __future__ import annotations

from collections.abc import Sequence

import moderngl
import numpy as np

from neural.errors import NtileError, UsageError
from neural.raster.raster_name import is_utf8
from neural.system.signals import Ended, ended_by_signals
from viewer import panels
from viewer.gui import bars, overlays, window, window_commands
from viewer.gui.view import WindowView
from viewer.gui.viewport import Viewport
from viewer.model import fonts
from viewer.pictures.png import write_png
from viewer.session.launch import Launch
from viewer.session.opening import Loading
from viewer.session.session import Session
from viewer.storage.preferences import Store

CLOSING_S = 10.0
"""Time that the window may take to close after a signal."""


class App:
    """A session in a window: makes both and runs their frames."""

    def __init__(self, launch: Launch, loading: Loading | None = None) -> None:
        """Create the window; `loading` holds the launch's files, if threads are reading them."""
        self.launch = launch
        self._loading = loading
        messages = launch.messages
        preferences = launch.preferences or Store(messages.warn_once)
        self.session = Session(launch.settings, messages, preferences)
        self.window = window.Window(
            window.Options(launch.size, launch.gl, fixed=launch.screenshot is not None),
            window.Callbacks(
                style=lambda: self.view.appearance.begin(),
                start=self.start,
                drop=self.open_paths,
                menus=lambda: bars.menus(self.view),
                status=lambda: bars.status(self.view),
                frame=self.frame,
                draw_scene=self.draw_scene,
                swap=self.finish_frame,
                stop=self.stop,
                lost=self.save,
                say=messages.warn_once,
                title=lambda: self.session.title,
                fronts=self._take_panels_to_front,
                busy=lambda: self.busy,
            ),
            panels.SPLITS,
            [self._dockable(panel) for panel in panels.PANELS],
        )
        self.view: WindowView = WindowView(self.session, self.window, launch.theme)
        self.host = panels.Host(self.view)
        self._commands = list(launch.commands)
        self._ready_frames = 0
        self._saved = False

    @property
    def viewport(self) -> Viewport | None:
        """The scene's texture in the window; None before the GL context exists."""
        return self.view.viewport

    def _dockable(self, panel: panels.Panel) -> window.Dockable:
        return window.Dockable(panel.title, panel.dock, panel.shown, lambda: self.host.draw(panel))

    def _take_panels_to_front(self) -> list[str]:
        titles = list(self.session.panels_to_front)
        self.session.panels_to_front.clear()
        return titles

    # Called by the window

    def start(self, ctx: moderngl.Context) -> None:
        """Make the scene on the window's GL context and open the launch's files. Raises
        NtileError."""
        launch = self.launch
        session = self.session
        scene = session.attach(ctx, launch.gl, interactive=True)
        self.view.viewport = Viewport(ctx)
        if launch.path is not None:
            if self._loading is not None:
                self._loading.decode_backend.set_result(scene.decode_backend)
            session.open(launch.request, self._loading)
            session.film.begin(
                view=launch.view,
                path=launch.camera_path,
                generator=launch.flythrough,
                duration_s=launch.duration_s,
            )
        if launch.profile:
            session.measuring.show("profile")
        if launch.measure is not None:
            session.measuring.show(launch.measure[0])

    def frame(self) -> None:
        """Run a frame of the user interface, before the panels."""
        if self.viewport is None:
            return
        session = self.session
        view = self.view
        view.debugging.frames.begin()
        self._queue_launch_commands()
        window_commands.run_queued(view)
        view.open_dropped()
        self.viewport.place(window.central_area(), window.framebuffer_ratio())
        session.begin_frame(self.viewport.size, self.viewport.ratio)
        view.input.update(self.viewport)
        session.navigation.input_active = view.input.moving
        session.update()
        for sentence in fonts.take_missing():
            session.messages.warning(sentence)
        overlays.draw(view)
        view.dialogs.draw()

    def draw_scene(self) -> None:
        """Bring the picture up to date; once a frame, after the panels."""
        viewport = self.viewport
        document = self.session.document
        if viewport is None or document is None:
            return
        self.session.draw(viewport, self.view.pointer_px())
        ready = document.scene.ready and not self.session.measuring.busy
        self._ready_frames = self._ready_frames + 1 if ready else 0
        if self.launch.screenshot and self._ready_frames == 3:
            self.view.screenshots.request(self._finish_screenshot)

    def finish_frame(self) -> None:
        """Hand the window's complete picture to those that requested it."""
        if self.session.scene is not None:
            self.view.screenshots.deliver(self.session.scene.ctx)
        if self.viewport is not None:
            self.view.debugging.frames.end(self.viewport.pictures)

    def stop(self) -> None:
        """Close the session with the window."""
        self._take_folder()
        self.session.close()
        if self.viewport is not None:
            self.viewport.release()

    def save(self) -> None:
        """Save what closing saves, and end a rendering process; the session goes no further."""
        self._take_folder()
        self.session.preferences.save(last=True)
        self.session.film.jobs.close()

    def _take_folder(self) -> None:
        folder = str(self.view.dialogs.folder)
        if is_utf8(folder):
            self.session.preferences.values.folder = folder

    @property
    def unsaved(self) -> str | None:
        """Name of the launch's picture if it was not written; None where none is missing."""
        return None if self._saved else self.launch.screenshot

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        return self.session.busy or self.view.input.moving or bool(self._commands)

    def _queue_launch_commands(self) -> None:
        """Queue the commands of `--do` once the files are open and the layout has settled."""
        ready = self._ready_frames > 0 or self.session.document is None
        if self._commands and ready and not self.session.files.busy:
            for command_id in self._commands:
                self.session.run(command_id)
            self._commands.clear()
        elif self.launch.screenshot and not (self._commands or self.session.document or self.busy):
            self.window.failure = UsageError("No file is open; open a .ntile file first.")
            self.window.close()

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open files at the next frame; with Shift or Ctrl held, compare them."""
        self.view.open_paths(paths)

    def _finish_screenshot(self, picture: np.ndarray) -> None:
        """Write the picture of `--screenshot` and close the window."""
        try:
            write_png(str(self.launch.screenshot), picture)
            self._saved = True
        except NtileError as error:
            self.window.failure = error
        self.window.close()


def run(launch: Launch, loading: Loading | None = None) -> None:
    """Open the window and stay until it closes. Raises NtileError when that cannot be done or goes
    wrong, `Ended` after a signal."""
    app = App(launch, loading)

    def end(ended: Ended) -> None:
        app.window.failure = ended  # no exception may pass through hello_imgui

    try:
        with ended_by_signals(end, CLOSING_S):
            app.window.run()
    finally:
        if loading is not None and not loading.decode_backend.done():
            loading.cancel()  # there was no window
    if app.window.failure is not None:
        raise app.window.failure
    if app.unsaved is not None:
        raise NtileError(
            f"{app.unsaved}: not written, as the window was closed before the picture was complete."
        )
