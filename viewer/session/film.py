"""Film making in the window: what `App.film` is. Keyframes, playing and generators; views and
rendering beside it."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neural.errors import NtileError
from viewer.film import record
from viewer.film.flight import Flight
from viewer.film.generators import generate
from viewer.film.heightfield import HeightField
from viewer.model.camera_path import CameraPath, Keyframe, PathSampler, Pose, retimed
from viewer.model.settings import LayerChoice
from viewer.scene.labels import layer_of
from viewer.session.bookmarks import Views
from viewer.session.film_jobs import Rendering, said
from viewer.storage import path_file
from viewer.storage.bookmarks import find_view

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.session.launch import Launch

STEP_S = 3.0
"""Time from the last keyframe to a new one."""


class Studio:
    """The camera path of one window, and what is made of it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.path = CameraPath([])
        self.selected = -1
        """The keyframe that is edited; −1 for none."""
        self.time_s = 0.0
        """Where on the path the preview is."""
        self.playing: bool = False
        self.line_shown = True
        """True if the path is drawn over the scene."""
        self.views: Views = Views(app)
        self.rendering: Rendering = Rendering(app)
        self.version = 0
        """Grows with every change of the path."""
        self._sampler: PathSampler | None = None
        self._flight: Future[Flight] | None = None
        self._field: Future[HeightField] | None = None
        self._shown: object = None  # the file that views and field are of
        self._wanted: tuple[str, float | None] | None = None  # a generator that waits for the field
        self._started = 0.0
        self._pool = ThreadPoolExecutor(1, "film")

    # Keyframes

    def add_keyframe(self) -> None:
        """Keep the present view as a keyframe at the end of the path."""
        app = self._app
        if app.scene is None or app.scene.reader is None:
            return
        frames = self.path.keyframes
        self.path.crs = app.scene.reader.grid.crs_wkt
        time_s = frames[-1].time_s + STEP_S if frames else 0.0
        self._change([*frames, self._present(Keyframe(time_s, replace(app.camera)))], len(frames))
        self.time_s = self.path.duration_s

    def update_keyframe(self) -> None:
        """Give the selected keyframe the present view."""
        if 0 <= self.selected < len(self.path.keyframes):
            frames = list(self.path.keyframes)
            frames[self.selected] = self._present(frames[self.selected])
            self._change(frames, self.selected)

    def delete_keyframe(self) -> None:
        """Forget the selected keyframe."""
        if 0 <= self.selected < len(self.path.keyframes):
            frames = [frame for k, frame in enumerate(self.path.keyframes) if k != self.selected]
            self._change(frames, min(self.selected, len(frames) - 1))

    def edit(self, index: int, *, time_s: float | None = None, easing: str | None = None) -> None:
        """Give a keyframe another time, which puts it into its place in the order, or another
        easing."""
        frame = self.path.keyframes[index]
        others = [other for k, other in enumerate(self.path.keyframes) if k != index]
        if time_s is not None:
            while any(abs(other.time_s - time_s) < 1e-3 for other in others):
                time_s += 0.1
            frame = replace(frame, time_s=max(time_s, 0.0))
        if easing is not None:
            frame = replace(frame, easing=easing)
        frames = sorted([*others, frame], key=lambda one: one.time_s)
        self._change(frames, frames.index(frame))

    def set_loop(self, loop: bool) -> None:
        """Let the film end where it began; where it does not, a keyframe like the first is
        added."""
        frames = self.path.keyframes
        self.path.loop = loop
        if (
            loop
            and frames
            and not (len(frames) > 1 and path_file.same_view(frames[0].camera, frames[-1].camera))
        ):
            last = replace(
                frames[0], time_s=frames[-1].time_s + STEP_S, camera=replace(frames[0].camera)
            )
            frames = [*frames, last]
        self._change(list(frames), self.selected)

    def clear(self) -> None:
        """Begin a new path."""
        self.path = CameraPath([], self.path.crs, self.path.fps)
        self._change([], -1)

    def select(self, index: int) -> None:
        """Choose a keyframe and go there."""
        self.selected = index
        self.pause()
        frame = self.path.keyframes[index]
        self.time_s = frame.time_s - self.path.keyframes[0].time_s
        self._app.navigation.show(frame.camera)

    def _present(self, frame: Keyframe) -> Keyframe:
        """A keyframe with the present view; exaggeration is kept where it is not the usual one."""
        view = self._app.settings.view
        exaggeration = (
            view.exaggeration if view.exaggeration != 1 or frame.exaggeration is not None else None
        )
        camera = replace(self._app.camera, fov_deg=view.fov_deg)
        return replace(frame, camera=camera, exaggeration=exaggeration)

    def _change(self, frames: list[Keyframe], selected: int) -> None:
        if self.path.loop and not (
            len(frames) > 1 and path_file.same_view(frames[0].camera, frames[-1].camera)
        ):
            self.path.loop = False
        self.path.keyframes = frames
        self.selected = selected
        self.version += 1
        self._sampler = None
        self._flight = None
        self.time_s = min(self.time_s, self.path.duration_s)

    def take(self, path: CameraPath) -> None:
        """Show another path."""
        self.pause()
        self.path = path
        self.time_s = 0.0
        self._change(path.keyframes, 0 if path.keyframes else -1)

    # Playing

    def toggle_play(self) -> None:
        """Play or pause the path; at its end it begins anew."""
        if self.playing:
            self.pause()
            return
        if len(self.path.keyframes) < 2:
            self._app.messages.info(
                "A film needs two keyframes: press K at two views, or make a tour or an orbit."
            )
            return
        if self.time_s >= self.path.duration_s - 1e-3:
            self.time_s = 0.0
        self.playing = True
        self._started = time.monotonic() - self.time_s

    def pause(self) -> None:
        """Stop playing, the camera stays."""
        self.playing = False

    def scrub(self, time_s: float) -> None:
        """Show the view at a time of the path."""
        self.pause()
        self.time_s = time_s
        self._show()

    def pose(self, time_s: float) -> Pose | None:
        """The view at a time, above the terrain as soon as that has been looked at; None without
        keyframes."""
        if not self.path.keyframes:
            return None
        if (
            self._flight is None
            and self._field is not None
            and self._field.done()
            and not self._field.exception()
        ):
            field = replace(self._field.result(), exaggeration=self._app.settings.view.exaggeration)
            path = replace(self.path, keyframes=list(self.path.keyframes))
            self._flight = self._pool.submit(Flight, path, field.ceiling_m, record.CLEARANCE_M)
        if self._flight is not None and self._flight.done():
            return self._flight.result().at(time_s)
        if self._sampler is None:
            self._sampler = self.path.sampler()
        return self._sampler.at(time_s)

    def _show(self) -> None:
        app = self._app
        pose = self.pose(self.time_s)
        if pose is not None:
            app.glide = None
            app.camera = pose.camera
            app.settings.view.fov_deg = pose.camera.fov_deg
            record.apply(app.settings, pose)

    def update(self) -> None:
        """One frame of the window."""
        app = self._app
        scene = app.scene
        if scene is None or scene.reader is None:
            self.playing = False
            return
        if scene.reader is not self._shown:
            self._enter()
        if self._wanted is not None and self._field is not None and self._field.done():
            self._make(*self._wanted)
        self.rendering.update()
        if not self.playing:
            return
        if app.input.moving or app.glide is not None:
            self.pause()
            return
        self.time_s = time.monotonic() - self._started
        if self.time_s >= self.path.duration_s:
            if self.path.loop:
                self._started += self.path.duration_s
                self.time_s %= self.path.duration_s
            else:
                self.time_s = self.path.duration_s
                self.playing = False
        self._show()

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        return self.playing or self._wanted is not None

    # Files and generators

    def begin(self, launch: Launch) -> None:
        """`--view`, `--path`, `--flythrough` of a window. Raises NtileError."""
        app = self._app
        assert app.scene is not None
        assert app.scene.reader is not None
        self._enter()
        if launch.view is not None:
            app.navigation.show(find_view(launch.view, app.scene.reader.grid))
        if launch.camera_path is not None:
            self.load(launch.camera_path, launch.duration_s)
        elif launch.flythrough is not None:
            self.generate(launch.flythrough, launch.duration_s)

    def load(self, file: str, duration_s: float | None = None) -> None:
        """Show a path file. Raises NtileError for one that cannot be used here."""
        scene = self._app.scene
        if scene is None or scene.reader is None:
            raise NtileError(f"{file}: open a .ntile file before a camera path.")
        path = path_file.read_path(file)
        path_file.check_crs(path, scene.reader.grid.crs_wkt, file, str(scene.reader.path))
        self.take(retimed(path, duration_s) if duration_s else path)

    def open(self, file: str) -> bool:
        """Show a path file; what is wrong with it becomes a message."""
        return said(self._app, lambda: self.load(file))

    def save(self, file: str) -> bool:
        """Write the path to a file; what goes wrong becomes a message."""
        return said(self._app, lambda: path_file.write_path(file, self.path), f"Saved {file}.")

    def generate(self, name: str, duration_s: float | None = None) -> None:
        """Make a path of the area, as soon as its heights are there."""
        self._wanted = name, duration_s

    def _make(self, name: str, duration_s: float | None) -> None:
        app = self._app
        self._wanted = None
        assert self._field is not None
        assert app.scene is not None
        assert app.scene.reader is not None
        assert app.viewport is not None
        try:
            field = replace(self._field.result(), exaggeration=app.settings.view.exaggeration)
        except NtileError as error:
            app.messages.error(str(error))
            return
        path = generate(
            name,
            field,
            crs=app.scene.reader.grid.crs_wkt,
            duration_s=duration_s,
            fov_deg=app.settings.view.fov_deg,
            aspect=self.rendering.size[0] / self.rendering.size[1],
        )
        self.take(replace(path, fps=self.path.fps))

    def _enter(self) -> None:
        """Another file is open: its views, its heights; a path of another area is put away."""
        app = self._app
        assert app.scene is not None
        reader = app.scene.reader
        assert reader is not None
        self._shown = reader
        self.playing = False
        if self.views.enter(reader.grid) and self.path.keyframes:
            self.clear()
        choice: LayerChoice = app.settings.layer
        layer = layer_of(app.scene, choice).index if choice.file == 0 else 0
        self._field = self._pool.submit(HeightField.read, reader, layer)
        self._flight = None

    def to_json(self) -> dict[str, Any] | None:
        """The path, for project files; None without keyframes."""
        return path_file.to_json(self.path) if self.path.keyframes else None

    def from_json(self, values: Any) -> None:
        """See `projects.Part`."""
        if values is not None:
            path = path_file.from_json(values)
            self._enter()
            self.take(path)

    def close(self) -> None:
        """The window closes."""
        self.rendering.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
