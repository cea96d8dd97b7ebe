"""The application: composes window, session and the window's own parts, and runs the frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
from imgui_bundle import imgui

from neural.errors import NtileError
from neural.system.signals import Ended, ended_by_signals
from viewer.gui import overlays, window
from viewer.gui.debugging import Debugging
from viewer.gui.dialogs import Dialogs
from viewer.gui.divider import Divider
from viewer.gui.input import Input
from viewer.gui.screenshots import Screenshots
from viewer.gui.viewport import Viewport
from viewer.model.camera_path import CameraPath
from viewer.model.file_types import TERRAIN_SUFFIXES
from viewer.pictures.png import write_png
from viewer.session.glide import Glide
from viewer.session.launch import Launch
from viewer.session.messages import Messages
from viewer.session.opening import Loading
from viewer.session.session import Session
from viewer.session.tools import Tool
from viewer.storage import project
from viewer.storage.preferences import Store

CLOSING_S = 10.0
"""Time that the window may take to close after a signal."""


class App:
    """A session in a window. Panels read it; what they change is in `settings`."""

    def __init__(self, launch: Launch, loading: Loading | None = None) -> None:
        """`loading`: the files of the launch, if threads are reading them."""
        self.launch = launch
        self._loading = loading
        messages = Messages()
        self.session = Session(launch.settings, messages, Store(messages.warning))
        self.dialogs: Dialogs = Dialogs(
            lambda path: self.open_paths([path]), self.session.files.open_reference
        )
        if self.session.preferences.values.folder:
            self.dialogs.folder = Path(self.session.preferences.values.folder)
        self.screenshots: Screenshots = Screenshots(messages)
        self.input = Input()
        self.debugging: Debugging = Debugging(self)
        self.viewport: Viewport | None = None
        self.divider = Divider(launch.settings, self.session.navigation)
        self.tools: list[Tool] = [self.divider, self.session.measuring.tool]
        """Tools that may take the mouse in the scene before the camera, in this order."""
        self.sheet: str = ""
        """The sheet that lies over everything, a name of viewer.gui.sheets.SHEETS; empty for
        none."""
        self.panels_shown: bool = True
        self.failure: Exception | Ended | None = None
        """Cause of the window's closing where nobody asked for it."""
        self._dropped: list[str] = []
        self._commands = list(launch.commands)
        self._title = ""
        self._ready_frames = 0

    def __getattr__(self, name: str) -> Any:
        """Attributes of the session, for panels and tests not yet moved to it."""
        return getattr(self.__dict__["session"], name)

    @property
    def glide(self) -> Glide | None:
        """Move of the camera under way."""
        return self.session.glide

    @glide.setter
    def glide(self, glide: Glide | None) -> None:
        self.session.glide = glide

    @property
    def path(self) -> Path | None:
        """Main file of the document."""
        document = self.session.document
        return None if document is None else document.path

    # Called by the window

    def start(self, ctx: moderngl.Context) -> None:
        """Make the scene on the window's GL context and open the launch's files. Raises
        NtileError."""
        launch = self.launch
        session = self.session
        scene = session.attach(ctx, launch.gl, interactive=True)
        self.viewport = Viewport(ctx)
        if launch.path is not None:
            if self._loading is not None:
                self._loading.entry.set_result(scene.decode_entry)
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
        self.debugging.frames.begin()
        self._open_dropped()
        self._run_launch_commands()
        self.viewport.place(window.central_area(), window.framebuffer_ratio())
        session.begin_frame(self.viewport.size, self.viewport.ratio)
        self.input.update(self)
        session.navigation.input_active = self.input.moving
        session.update()
        self._follow_session()
        overlays.draw(self)
        self.dialogs.draw()

    def draw_scene(self) -> None:
        """Bring the picture up to date; once a frame, after the panels."""
        viewport = self.viewport
        document = self.session.document
        if viewport is None or document is None:
            return
        io = imgui.get_io()
        over = not io.want_capture_mouse and viewport.contains(io.mouse_pos)
        self.session.draw(viewport, viewport.to_pixels(io.mouse_pos) if over else None)
        ready = document.scene.ready and not self.session.measuring.busy
        self._ready_frames = self._ready_frames + 1 if ready else 0
        if self.launch.screenshot and self._ready_frames == 3:
            self.screenshots.request(self._finish_screenshot)

    def finish_frame(self) -> None:
        """Hand the window's complete picture to those that requested it."""
        if self.session.scene is not None:
            self.screenshots.deliver(self.session.scene.ctx)
        if self.viewport is not None:
            self.debugging.frames.end(self.viewport.pictures)

    def stop(self) -> None:
        """Close the session with the window; hidden panels would stay hidden the next time."""
        if not self.panels_shown:
            self.toggle_panels()
        self.session.preferences.values.folder = str(self.dialogs.folder)
        self.session.close()
        if self.viewport is not None:
            self.viewport.release()

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        return self.session.busy or self.input.moving or bool(self._commands)

    def _open_dropped(self) -> None:
        if self._dropped:
            dropped = self._dropped
            self._dropped = []
            io = imgui.get_io()
            self.session.open_paths(dropped, beside=io.key_shift or io.key_ctrl)

    def _run_launch_commands(self) -> None:
        """Run the commands of `--do` once the files are open and the layout has settled."""
        ready = self._ready_frames > 0 or self.session.document is None
        if self._commands and ready and not self.session.files.busy:
            for command_id in self._commands:
                self.session.run(command_id)
            self._commands.clear()
        self.session.run_queued()

    def _follow_session(self) -> None:
        """Show the session's title and the panels that it brings to the front."""
        if self.session.title != self._title:
            self._title = self.session.title
            window.set_title(self._title)
        while self.session.panels_to_front:
            window.show_panel(self.session.panels_to_front.pop(0), True)

    # Commands of the window

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open files at the next frame; with Shift or Ctrl held, compare them."""
        self._dropped.extend(paths)

    def ask_compare(self) -> None:
        """Ask for a file to compare with."""
        self.dialogs.open("Compare with", TERRAIN_SUFFIXES, self.session.files.compare)

    def save_project(self) -> None:
        """Save the project to its file, or ask where."""
        if self.session.projects.path is None:
            self.save_project_as()
        else:
            self.session.projects.save()

    def save_project_as(self) -> None:
        """Ask where to save the project."""
        projects = self.session.projects
        self.dialogs.save("Save project", project.SUFFIX, projects.write, projects.suggested_name)

    def ask_film(self, path: CameraPath) -> None:
        """Ask where to render a film."""
        jobs = self.session.film.jobs
        suffix = jobs.film_suffix
        name = f"{self._stem}_film{suffix}"
        self.dialogs.save("Render film", suffix, lambda out: jobs.film(out, path), name)

    def ask_picture(self) -> None:
        """Ask where to render a picture."""
        self.dialogs.save(
            "Save picture", ".png", self.session.film.jobs.picture, f"{self._stem}.png"
        )

    @property
    def _stem(self) -> str:
        document = self.session.document
        return "terrain" if document is None else document.path.stem

    def toggle_sheet(self, name: str) -> None:
        """Show a sheet, or hide it where it is shown already."""
        self.sheet = "" if self.sheet == name else name

    def escape(self) -> None:
        """Close the sheet, or cancel the tool in use."""
        if self.sheet:
            self.sheet = ""
            return
        for tool in self.tools:
            if tool.cancel():
                return

    def toggle_panels(self) -> None:
        """Show or hide everything but the scene."""
        self.panels_shown = not self.panels_shown
        window.show_panels(self.panels_shown)

    def _finish_screenshot(self, picture: np.ndarray) -> None:
        """Write the picture of `--screenshot` and close the window."""
        try:
            write_png(str(self.launch.screenshot), picture)
        except NtileError as error:
            self.failure = error
        window.close()


def run(launch: Launch, loading: Loading | None = None) -> None:
    """Open the window and stay until it closes. Raises NtileError when that cannot be done or goes
    wrong, `Ended` after a signal."""
    app = App(launch, loading)

    def end(ended: Ended) -> None:
        app.failure = ended  # no exception may pass through hello_imgui

    try:
        with ended_by_signals(end, CLOSING_S):
            window.run(app)
    finally:
        if loading is not None and not loading.entry.done():
            loading.cancel()  # there was no window
    if app.failure is not None:
        raise app.failure
