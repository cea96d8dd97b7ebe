"""The application: owns the parts, runs one frame after another, and carries out what keys and
panels ask for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import moderngl
import numpy as np
from imgui_bundle import imgui

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from neural.system.signals import Ended, ended_by_signals
from viewer.graphics import contours
from viewer.gui import overlays, window
from viewer.gui.debugging import Debugging
from viewer.gui.dialogs import Dialogs
from viewer.gui.input import Input
from viewer.gui.screenshots import Screenshots
from viewer.gui.viewport import Viewport
from viewer.model import layers
from viewer.model.camera import Camera
from viewer.model.readings import ErrorStats, FrameStats, Pick
from viewer.model.settings import LayerChoice, Settings
from viewer.pictures.png import write_png
from viewer.scene import labels, legend
from viewer.scene.costs import UNKNOWN, Cost, Costs
from viewer.scene.scene import Scene
from viewer.session import file_kinds, glide
from viewer.session.comparing import Comparing
from viewer.session.file_queue import Files
from viewer.session.film import Studio
from viewer.session.launch import Launch
from viewer.session.measuring import Measuring
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.session.opening import check_overlay, compare_launch, for_first, open_file
from viewer.session.projects import Projects
from viewer.session.results_log import ResultsLog
from viewer.session.tools import Tool
from viewer.storage.preferences import Store
from viewer.tiles.pending_file import PendingFile

FADE_S = 0.3
"""How long tiles that come late take to appear."""

CLOSING_S = 10.0
"""Time that the window may take to close after a signal."""

PICK_SECONDS = 0.05
"""The cursor readout is refreshed at most this often."""


class App:
    """Everything behind the window. Panels read it; what they change is in `settings`."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.settings: Settings = launch.settings
        self.messages = Messages()
        self.preferences = Store(lambda sentence: self.messages.add("warning", sentence))
        self.camera = Camera()
        self.files: Files = Files(self)
        self.dialogs: Dialogs = Dialogs(
            lambda path: self.queue_drop([path]), self.files.open_reference
        )
        if self.preferences.values.folder:
            self.dialogs.folder = Path(self.preferences.values.folder)
        self.screenshots: Screenshots = Screenshots(self.messages)
        self.input = Input()
        self.debugging: Debugging = Debugging(self)
        self.scene: Scene | None = None
        self.viewport: Viewport | None = None
        self.path: Path | None = None
        self.reference: ReferenceRaster | None = None
        """The raster that errors are measured against instead of the file's own layer."""
        self.projects: Projects = Projects(self)
        self.film: Studio = Studio(self)
        self.pick: Pick | None = None
        """The surface under the cursor, or None."""
        self.errors: ErrorStats | None = None
        """Errors of the picture shown, or None while they are not measured."""
        self.costs = Costs()
        self.rmse_m: dict[str, float | None] = {}
        """Root mean square error of each slot in this view, or None where it has not been
        measured."""
        self.legend: legend.Legend | None = None
        """Legend of the picture shown; None where its colors mean nothing."""
        self.contour_labels: list[contours.Label] = []
        """Heights to write on contour lines of the picture shown."""
        self.glide: glide.Glide | None = None
        self.navigation: Navigation = Navigation(self)
        self.comparing: Comparing = Comparing(self)
        self.results: ResultsLog = ResultsLog()
        self.measuring: Measuring = Measuring()
        self.tools: list[Tool] = [self.comparing.divider, self.measuring.tool]
        """Tools that may take the mouse in the scene before the camera, in this order."""
        self.sheet: str = ""
        """The sheet that lies over everything, a name of viewer.gui.sheets.SHEETS; empty for
        none."""
        self.panels_shown: bool = True
        self.failure: Exception | Ended | None = None
        """Why the window closed without being asked to."""
        self._dropped: list[str] = []
        self._picked_at = 0.0
        self._pick_due = True
        self._slots_read = ""
        self._ready_frames = 0

    # Called by the window

    def start(self, ctx: moderngl.Context) -> None:
        """The window and its GL context exist: make the scene and open the file that was asked
        for."""
        self.scene = Scene(ctx, self.settings, self.launch.gl)
        self.scene.waits = False
        self.scene.load_ahead = True
        self.scene.fade_s = FADE_S
        self.viewport = Viewport(ctx)
        launch = self.launch
        if launch.opening is not None:
            launch.opening.decode_backend.set_result(self.scene.decode_backend)
        if launch.opened_project is not None:
            self.projects.begin(launch)
        elif launch.path is not None:
            self.load(launch.path, launch.reference, *for_first(launch), launch.opening)
        compare_launch(self.scene, launch)
        if launch.opened_project is None and launch.path is not None:
            check_overlay(self.scene)
        self.measuring.begin(self)
        if self.scene.reader is not None:
            self.film.begin(launch)

    def frame(self) -> None:
        """One frame of the user interface, before the panels."""
        if self.viewport is None:
            return
        self.debugging.frames.begin()
        self.files.update()
        if self._dropped:
            dropped = self._dropped
            self._dropped = []
            file_kinds.open_all(self, dropped)
        self.viewport.place(window.central_area(), window.framebuffer_ratio())
        before = replace(self.camera)
        self.navigation.update()
        self.input.update(self)
        self.navigation.watch(before)
        self.measuring.update(self)
        self.film.update()
        overlays.draw(self)
        self.dialogs.draw()

    def draw_scene(self) -> None:
        """Bring the picture up to date and take in what the scene reports; once a frame, after the
        panels."""
        scene = self.scene
        viewport = self.viewport
        if scene is None or viewport is None or scene.reader is None:
            return
        self.camera.stay_above(scene.surface_z(self.camera.easting, self.camera.northing))
        drawn = viewport.render(scene, self.camera)
        for sentence in scene.messages:
            self.messages.error(sentence)
        scene.messages.clear()
        slots = repr((self.settings.slots, self.settings.active, scene.settled))
        if drawn or slots != self._slots_read:
            self._slots_read = slots
            self.errors = scene.error_stats
            self.legend = legend.for_scene(scene)
            self.contour_labels = scene.survey.labels(self.settings)
            self.comparing.read(scene)
            self.rmse_m = {
                slot: scene.rmse_in_view(choice) for slot, choice in self.settings.slots.items()
            }
        self.results.follow(self)
        self._update_pick(drawn)
        self._ready_frames = (
            self._ready_frames + 1 if scene.ready and not self.measuring.busy else 0
        )
        if self.launch.screenshot and self._ready_frames == 3:
            self.screenshots.request(self._finish_screenshot)

    def finish_frame(self) -> None:
        """The window's picture is complete: hand it to whoever asked for it."""
        if self.scene is not None:
            self.screenshots.deliver(self.scene.ctx)
        if self.viewport is not None:
            self.debugging.frames.end(self.viewport.pictures)

    def stop(self) -> None:
        """The window is closing: free what is on the GPU; panels out of sight would stay so the
        next time."""
        if not self.panels_shown:
            self.toggle_panels()
        self.measuring.close()
        self.results.close()
        self.film.close()
        self.preferences.values.folder = str(self.dialogs.folder)
        self.preferences.save()
        self.costs.close()
        self.files.close()
        if self.scene is not None:
            self.scene.release()
        if self.viewport is not None:
            self.viewport.release()

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        loading = (
            self.scene is not None and self.scene.reader is not None and not self.scene.settled
        )
        moving = self.glide is not None or self.input.moving
        return loading or self.files.busy or moving or self.measuring.busy or self.film.busy

    # Commands of input and panels

    def load(
        self,
        path: str,
        reference: ReferenceRaster | None = None,
        methods: Sequence[str] = (),
        bits: Sequence[int] = (),
        opening: PendingFile | None = None,
    ) -> None:
        """Show a file, or raise NtileError and keep the present one; waits unless it is opened
        already."""
        assert self.scene is not None
        open_file(self.scene, path, reference, methods, bits, opening)
        self.path = Path(path)
        self.measuring.opened(self)
        self.pick = None
        self.reference = reference
        self.projects.path = None
        self.navigation.begin()
        window.set_title(f"{self.path.name} – Terrain Viewer")
        self.messages.info(f"Opened {self.path.name}.")
        for sentence in self.scene.files[0].remarks:
            self.messages.add("warning", sentence)
        self.preferences.values.remember(path)
        self.preferences.save()

    def open(
        self,
        path: str,
        reference: ReferenceRaster | None = None,
        opening: PendingFile | None = None,
    ) -> bool:
        """Show a file; what is wrong with it becomes a message and the present file stays."""
        try:
            self.load(path, reference, opening=opening)
        except NtileError as error:
            self.messages.error(str(error))
            return False
        return True

    def close_file(self) -> None:
        """Show no file."""
        if self.scene is not None and self.scene.reader is not None:
            self.scene.close()
            self.path = self.pick = self.errors = self.legend = self.glide = None
            self.rmse_m = {}
            window.set_title("Terrain Viewer")

    def open_reference(
        self, path: str, opening: PendingFile | None = None, *others: PendingFile
    ) -> bool:
        """Measure errors against this raster; the files are opened again with it, the first and
        those beside it."""
        if self.path is None or self.scene is None:
            self.messages.error(f"{path}: open a .ntile file before its reference raster.")
            return False
        camera = replace(self.camera)
        slots = self.settings.slots
        active = self.settings.active
        saved_as = self.projects.path
        if not self.open(str(self.path), ReferenceRaster(path), opening):
            for other in others:
                other.cancel()
            return False
        self.comparing.reopen(others)
        self.projects.path = saved_as
        self.camera = camera
        self.navigation.settling_frames = 0
        self.settings.slots = slots
        self.settings.active = active
        self.settings.overlay.name = "error"
        return True

    def queue_drop(self, paths: list[str]) -> None:
        """Files were dropped on the window; they are opened at the next frame."""
        self._dropped.extend(paths)

    def step_bits(self, step: int) -> None:
        """Go to fewer (+1) or more (−1) bits among those the layer allows."""
        if self.scene is None or self.scene.reader is None:
            return
        layers.step_bits(
            labels.layer_of(self.scene, self.settings.layer), self.settings.layer, step
        )

    def toggle_sheet(self, name: str) -> None:
        """Show a sheet, or hide it where it is shown already."""
        self.sheet = "" if self.sheet == name else name

    def escape(self) -> None:
        """The key Esc: close the sheet, or give up what a tool is at."""
        if self.sheet:
            self.sheet = ""
            return
        for tool in self.tools:
            if tool.cancel(self):
                return

    def toggle_panels(self) -> None:
        """Show or hide everything but the scene."""
        self.panels_shown = not self.panels_shown
        window.show_panels(self.panels_shown)

    def _finish_screenshot(self, picture: np.ndarray) -> None:
        """`--screenshot`: everything is loaded; save and close."""
        assert self.launch.screenshot is not None
        try:
            write_png(self.launch.screenshot, picture)
        except NtileError as error:
            self.failure = error
        window.close()

    def cost(self, choice: LayerChoice) -> Cost:
        """Return the cost of a slot's layer, as far as it is known."""
        if self.scene is None or self.scene.reader is None:
            return UNKNOWN
        return self.costs.of(self.scene.reader_of(choice), choice)

    def _update_pick(self, drawn: bool) -> None:
        """Read the surface under the cursor, not more often than needed."""
        io = imgui.get_io()
        assert self.scene is not None
        assert self.viewport is not None
        if io.want_capture_mouse or not self.viewport.contains(io.mouse_pos):
            self.pick = None
            return
        self._pick_due |= (
            drawn or self.pick is None or io.mouse_delta.x != 0 or io.mouse_delta.y != 0
        )
        now = time.monotonic()
        if self._pick_due and now - self._picked_at >= PICK_SECONDS:
            self.pick = self.scene.pick(self.camera, *self.viewport.to_pixels(io.mouse_pos))
            self._picked_at = now
            self._pick_due = self.pick is not None and self.pick.pending
        self.pick = self.measuring.follow(self, self.pick)

    @property
    def stats(self) -> FrameStats:
        """Counters of the latest frame."""
        return self.scene.stats if self.scene is not None else FrameStats()


def run(launch: Launch) -> None:
    """Open the window and stay until it closes. Raises NtileError when that cannot be done or goes
    wrong, `Ended` after a signal."""
    app = App(launch)

    def end(ended: Ended) -> None:
        app.failure = ended  # no exception may pass through hello_imgui

    try:
        with ended_by_signals(end, CLOSING_S):
            window.run(app)
    finally:
        if launch.opening is not None and not launch.opening.decode_backend.done():
            launch.opening.cancel()  # there was no window
    if app.failure is not None:
        raise app.failure
