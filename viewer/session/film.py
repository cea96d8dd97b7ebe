"""Camera-path editor: keyframes, playback, generators and path files."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neural.errors import NtileError
from viewer.model.camera_path import CameraPath, Keyframe, PathSampler, Pose, retimed
from viewer.model.settings import Settings
from viewer.scene.labels import layer_of
from viewer.session.bookmarks import AreaBookmarks
from viewer.session.document import CurrentDocument, Document
from viewer.session.film_jobs import FilmJobs
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.storage import path_file
from viewer.storage.bookmarks import find_view

if TYPE_CHECKING:  # imported where films are made: pictures start without them
    from viewer.film.flight import Flight
    from viewer.film.heightfield import HeightField

STEP_S = 3.0
"""Time from the last keyframe to a new one."""


class FilmEditor:
    """The camera path of a session, its playback and rendering."""

    def __init__(
        self,
        current: CurrentDocument,
        settings: Settings,
        navigation: Navigation,
        bookmarks: AreaBookmarks,
        jobs: FilmJobs,
        messages: Messages,
    ) -> None:
        self._current = current
        self._settings = settings
        self._navigation = navigation
        self._messages = messages
        self.bookmarks = bookmarks
        self.jobs = jobs
        self.path = CameraPath([])
        self.selected = -1
        """Index of the keyframe that is edited; −1 for none."""
        self.time_s = 0.0
        """Time of the preview on the path, seconds."""
        self.playing: bool = False
        self.line_shown = True
        """True if the path is drawn over the scene."""
        self.version = 0
        """Grows with every change of the path."""
        self._sampler: PathSampler | None = None
        self._flight: Future[Flight] | None = None
        self._field: Future[HeightField] | None = None
        self._entered: Document | None = None  # whose bookmarks and heights these are
        self._path_of: Document | None = None  # the one that was open when the path was taken
        # name and duration of a path to generate once the heights are read
        self._generating: tuple[str, float | None] | None = None
        self._started_s = 0.0
        self._pool = ThreadPoolExecutor(1, "film")

    # Keyframes

    def add_keyframe(self) -> None:
        """Append the present view as a keyframe."""
        document = self._current.document
        if document is None:
            return
        frames = self.path.keyframes
        self.path.crs = document.reader.grid.crs_wkt
        self._path_of = document
        time_s = frames[-1].time_s + STEP_S if frames else 0.0
        frame = self._with_view(Keyframe(time_s, replace(self._navigation.camera)))
        self._change([*frames, frame], len(frames))
        self.time_s = self.path.duration_s

    def update_keyframe(self) -> None:
        """Give the selected keyframe the present view."""
        if 0 <= self.selected < len(self.path.keyframes):
            frames = list(self.path.keyframes)
            frames[self.selected] = self._with_view(frames[self.selected])
            self._change(frames, self.selected)

    def delete_keyframe(self) -> None:
        """Delete the selected keyframe."""
        if 0 <= self.selected < len(self.path.keyframes):
            frames = [frame for k, frame in enumerate(self.path.keyframes) if k != self.selected]
            self._change(frames, min(self.selected, len(frames) - 1))

    def edit(self, index: int, *, time_s: float | None = None, easing: str | None = None) -> None:
        """Change the time (seconds; keyframes stay in order of time) or easing of a keyframe."""
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
        """Let the film end at its first view, appending a keyframe if necessary, or not."""
        frames = list(self.path.keyframes)
        self.path.loop = loop
        if loop and frames and not _is_closed(frames):
            first = frames[0]
            time_s = frames[-1].time_s + STEP_S
            frames.append(replace(first, time_s=time_s, camera=replace(first.camera)))
        self._change(frames, self.selected)

    def clear(self) -> None:
        """Begin a new path."""
        self.path = CameraPath([], self.path.crs, self.path.fps)
        self._change([], -1)

    def select(self, index: int) -> None:
        """Select a keyframe and glide there."""
        self.selected = index
        self.pause()
        frame = self.path.keyframes[index]
        self.time_s = frame.time_s - self.path.keyframes[0].time_s
        self._navigation.show(frame.camera)

    def _with_view(self, frame: Keyframe) -> Keyframe:
        """Return a keyframe with the present view; an exaggeration of 1 is not keyed."""
        view = self._settings.view
        keyed = view.exaggeration != 1 or frame.exaggeration is not None
        camera = replace(self._navigation.camera, fov_deg=view.fov_deg)
        return replace(frame, camera=camera, exaggeration=view.exaggeration if keyed else None)

    def _change(self, frames: list[Keyframe], selected: int) -> None:
        self.path.loop = self.path.loop and _is_closed(frames)
        self.path.keyframes = frames
        self.selected = selected
        self.version += 1
        self._sampler = None
        self._flight = None
        self.time_s = min(self.time_s, self.path.duration_s)

    def take(self, path: CameraPath) -> None:
        """Edit another path."""
        self.pause()
        self.path = path
        self.time_s = 0.0
        self._path_of = self._current.document
        self._change(path.keyframes, 0 if path.keyframes else -1)

    # Playback

    def toggle_play(self) -> None:
        """Play or pause the path; at its end it begins again."""
        if self.playing:
            self.pause()
            return
        if len(self.path.keyframes) < 2:
            self._messages.info(
                "A film needs two keyframes: press K at two views, or make a tour or an orbit."
            )
            return
        if self.time_s >= self.path.duration_s - 1e-3:
            self.time_s = 0.0
        self.playing = True
        self._started_s = time.monotonic() - self.time_s

    def pause(self) -> None:
        """Stop playing; the camera stays."""
        self.playing = False

    def scrub(self, time_s: float) -> None:
        """Show the view at a time of the path, seconds."""
        self.pause()
        self.time_s = time_s
        self._show()

    def pose(self, time_s: float) -> Pose | None:
        """Return the view at a time, above the terrain as soon as its heights are read; None
        without keyframes."""
        if not self.path.keyframes:
            return None
        field = self._finished_field
        if self._flight is None and field is not None:
            from viewer.film.flight import Flight
            from viewer.film.record import CLEARANCE_M

            path = replace(self.path, keyframes=list(self.path.keyframes))
            self._flight = self._pool.submit(Flight, path, field.ceiling_m, CLEARANCE_M)
        if self._flight is not None and self._flight.done():
            return self._flight.result().pose_at(time_s)
        if self._sampler is None:
            self._sampler = self.path.sampler()
        return self._sampler.pose_at(time_s)

    @property
    def _finished_field(self) -> HeightField | None:
        """Heights of the area at the present exaggeration; None until they are read."""
        field = self._field
        if field is None or not field.done() or field.exception():
            return None
        return replace(field.result(), exaggeration=self._settings.view.exaggeration)

    def _show(self) -> None:
        pose = self.pose(self.time_s)
        if pose is not None:
            from viewer.film import record

            self._navigation.glide = None
            self._navigation.camera = pose.camera
            self._settings.view.fov_deg = pose.camera.fov_deg
            record.apply(self._settings, pose)

    def update(self) -> None:
        """Play the path and generate a requested one; once a frame."""
        document = self._current.document
        if document is None:
            self.playing = False
            return
        field = self._enter(document)
        if self._generating is not None and field.done():
            self._generate(document, field, *self._generating)
        self.jobs.update()
        if not self.playing:
            return
        if self._navigation.moving:
            self.pause()
            return
        self.time_s = time.monotonic() - self._started_s
        if self.time_s >= self.path.duration_s:
            if self.path.loop:
                self._started_s += self.path.duration_s
                self.time_s %= self.path.duration_s
            else:
                self.time_s = self.path.duration_s
                self.playing = False
        self._show()

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        return self.playing or self._generating is not None

    # Files and generators

    def begin(
        self,
        *,
        view: str | None = None,
        path: str | None = None,
        generator: str | None = None,
        duration_s: float | None = None,
    ) -> None:
        """Begin with a view (bookmark or file), and with a path file or generated path. Raises
        NtileError."""
        document = self._current.document
        if document is None:
            return
        self._enter(document)
        if view is not None:
            grid = document.reader.grid
            self._navigation.show(find_view(view, grid, say=self._messages.warn_once))
        if path is not None:
            self.load(path, duration_s)
        elif generator is not None:
            self.generate(generator, duration_s)

    def load(self, file: str, duration_s: float | None = None) -> None:
        """Edit a path file. Raises NtileError for one that cannot be used here."""
        document = self._current.require(f"{file}: open a .ntile file before a camera path.")
        reader = document.reader
        path = path_file.read_path(file)
        path_file.check_crs(path, reader.grid.crs_wkt, file, str(reader.path))
        self.take(retimed(path, duration_s) if duration_s else path)

    def open(self, file: str) -> bool:
        """Edit a path file; report errors. Return True if that succeeded."""
        return self._messages.report_errors(lambda: self.load(file))

    def save(self, file: str) -> bool:
        """Write the path to a file; report errors. Return True if that succeeded."""
        return self._messages.report_errors(
            lambda: path_file.write_path(file, self.path), f"Saved {file}."
        )

    def generate(self, name: str, duration_s: float | None = None) -> None:
        """Make a path of `generators.GENERATORS` as soon as the area's heights are read."""
        self._generating = name, duration_s

    def _generate(
        self, document: Document, field: Future[HeightField], name: str, duration_s: float | None
    ) -> None:
        from viewer.film.generators import generate

        self._generating = None
        view = self._settings.view
        try:
            heights = replace(field.result(), exaggeration=view.exaggeration)
        except NtileError as error:
            self._messages.error(str(error))
            return
        width, height = self.jobs.size
        path = generate(
            name,
            heights,
            crs=document.reader.grid.crs_wkt,
            duration_s=duration_s,
            fov_deg=view.fov_deg,
            aspect=width / height,
        )
        self.take(replace(path, fps=self.path.fps))

    def _enter(self, document: Document) -> Future[HeightField]:
        """Follow a new document: its bookmarks and heights; clear a path of another area.

        Return its heights, read on a thread.
        """
        if document is self._entered and self._field is not None:
            return self._field
        self._entered = document
        self.playing = False
        moved = self.bookmarks.enter(document.reader.grid)
        if moved and self.path.keyframes and self._path_of is not document:
            self.clear()
        choice = self._settings.layer
        layer = layer_of(document.scene, choice).index if choice.file == 0 else 0
        from viewer.film.heightfield import HeightField

        span = document.scene.files[0].heights
        self._field = self._pool.submit(HeightField.read, document.reader, layer, span=span)
        self._flight = None
        return self._field

    def to_json(self) -> dict[str, Any] | None:
        """Return the path for project files; None without keyframes."""
        return path_file.to_json(self.path) if self.path.keyframes else None

    def from_json(self, values: Any) -> None:
        """See `projects.Part`."""
        if values is not None:
            self.take(path_file.from_json(values))

    def close(self) -> None:
        """Cancel rendering, end the thread."""
        self.jobs.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _is_closed(frames: list[Keyframe]) -> bool:
    return len(frames) > 1 and path_file.same_view(frames[0].camera, frames[-1].camera)
