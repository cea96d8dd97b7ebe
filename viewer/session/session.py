"""The session: one document, how it is looked at, and its parts. No window, no user interface.

The window (`viewer.app`), the command line (`viewer.cli`) and Python (`viewer.api`) share it. Its
parts get the objects they use, never the session.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from neural.errors import NtileError, UsageError
from neural.raster.crs import same_crs
from viewer.model import layers
from viewer.model.camera import Camera
from viewer.model.readings import ErrorStats, FrameStats, Pick
from viewer.model.settings import LayerChoice, Settings
from viewer.scene import labels, split
from viewer.scene.costs import UNKNOWN, Cost, Costs
from viewer.scene.legend import Legend, for_scene
from viewer.scene.scene import Scene
from viewer.session import commands, opening
from viewer.session.bookmarks import AreaBookmarks
from viewer.session.comparing import Comparing
from viewer.session.document import CurrentDocument, Document
from viewer.session.file_kinds import PathOpener
from viewer.session.file_queue import FileQueue
from viewer.session.file_watch import FileWatch
from viewer.session.film import FilmEditor
from viewer.session.film_jobs import FilmJobs
from viewer.session.glide import Glide
from viewer.session.measuring import Measuring
from viewer.session.messages import Messages
from viewer.session.navigation import Navigation
from viewer.session.open_request import OpenRequest
from viewer.session.opening import Loading
from viewer.session.pointer import Pointer
from viewer.session.projects import Projects
from viewer.session.results_log import ResultsLog
from viewer.storage.preferences import Store, UnsavedStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    import moderngl

    from neural.grid import Grid
    from viewer.graphics.contours import Label
    from viewer.scene.split import Side

PROGRAM = "Terrain Viewer"

FADE_S = 0.3
"""Time that tiles which come late take to appear in a window, seconds."""


class Target(Protocol):
    """Picture of the scene that is drawn again only when something has changed."""

    pictures: int
    """Number of pictures drawn so far."""

    def render(self, scene: Scene, camera: Camera) -> bool:
        """Bring the picture up to date; return True if anything had to be drawn."""


@dataclass(frozen=True)
class Readings:
    """Facts about the picture that is shown."""

    errors: ErrorStats | None = None
    """Errors in view; None while they are not measured."""
    legend: Legend | None = None
    """Legend of the colors; None where they mean nothing."""
    contour_labels: Sequence[Label] = ()
    """Heights to write on contour lines."""
    sides: Sequence[Side] = ()
    """Sides of a split picture; none while it is whole."""
    rmse_m: dict[str, float | None] = field(default_factory=dict)
    """RMSE in view by slot, meters; None where it has not been measured."""


class Session:
    """Document (at most one), settings, camera, and the parts that act on them.

    Made without OpenGL; `attach` gives it a context, then `open` shows files. With a window each
    frame is `begin_frame`, input, `update`, panels, `draw`.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        messages: Messages | None = None,
        preferences: Store | None = None,
    ) -> None:
        """Without `preferences` nothing is read from or written to the user's."""
        self.settings = settings or Settings()
        self.messages = messages or Messages()
        self.preferences = preferences or UnsavedStore()
        self.scene: Scene | None = None
        """Scene on the OpenGL context; None before `attach`. Use the document's where one is."""
        self.readings = Readings()
        self.queue = commands.Queue()
        self.panels_to_front: list[str] = []
        """Titles of panels to bring to the front; the window takes them out."""
        self.costs = Costs()
        self._current = current = CurrentDocument()
        self.navigation = Navigation(current, self.settings, self.messages)
        self.pointer = Pointer(current, self.navigation)
        self.measuring = Measuring(
            current,
            self.settings,
            self.pointer,
            self.navigation,
            self.messages,
            self.panels_to_front.append,
        )
        self.comparing = Comparing(current, self.settings, self.messages, self.measuring.forget)
        self.files = FileQueue(
            current, self.comparing, self.messages, self.open, lambda: self._drawable.decode_backend
        )
        self.projects = Projects(
            current, self.settings, self.navigation, self.preferences, self.messages
        )
        self.bookmarks = AreaBookmarks(self.settings, self.navigation, self.messages)
        self.film = FilmEditor(
            current,
            self.settings,
            self.navigation,
            self.bookmarks,
            FilmJobs(self.projects.gather_pinned, self.messages),
            self.messages,
        )
        self.projects.parts["film"] = self.film
        self.results = ResultsLog(current, self.settings, self.files, self.messages)
        self.watch = FileWatch(current, self.messages)
        self._paths = PathOpener(current, self.files, self.film, self.navigation, self.messages)
        self._slots_read = ""

    # Document

    @property
    def document(self) -> Document | None:
        """Open document; None without one."""
        return self._current.document

    def require_document(self) -> Document:
        """Return the open document. Raises UsageError where none is open."""
        return self._current.require("No file is open; open a .ntile file first.")

    @property
    def title(self) -> str:
        """Title of a window: name of the project or main file, and the program."""
        document = self.document
        if document is None:
            return PROGRAM
        return f"{Path(self.projects.path or document.path).name} – {PROGRAM}"

    def attach(
        self, ctx: moderngl.Context, gl_version: str = "auto", *, interactive: bool = False
    ) -> Scene:
        """Make the scene on an OpenGL context and return it.

        `interactive`: never wait for tiles or workers, load ahead, and fade late tiles in.
        """
        scene = Scene(ctx, self.settings, gl_version)
        if interactive:
            scene.waits = False
            scene.load_ahead = True
            scene.fade_s = FADE_S
        self.scene = scene
        return scene

    @property
    def _drawable(self) -> Scene:
        if self.scene is None:
            raise UsageError("This session has no OpenGL context; attach one before opening files.")
        return self.scene

    def open(self, request: OpenRequest, loading: Loading | None = None) -> list[str]:
        """Show the files of a request in place of the document; return warnings about parts of a
        project that were not restored.

        `loading`: its files, if threads are reading them; without it the call waits for them.
        Raises NtileError; the present document then stays as it was.
        """
        scene = self._drawable
        before = self._area
        try:
            warnings = opening.show(scene, request, loading)
        except NtileError as error:
            if not request.has_optional_reference:
                raise
            return self.open(request.without_reference(error))
        document = Document(scene, Path(request.path), request.reference)
        return self._enter(document, request, [*request.warnings, *warnings], before)

    @property
    def _area(self) -> Grid | None:
        """Grid of the main file; None without one."""
        document = self.document
        return None if document is None else document.reader.grid

    def _enter(
        self,
        document: Document,
        request: OpenRequest,
        warnings: list[str],
        before: Grid | None,
    ) -> list[str]:
        """Let all parts follow a new document in place of one of the area `before`."""
        camera = replace(self.camera)
        self._current.document = document
        self.watch.enter()
        self.measuring.enter(document)
        self.pointer.pick = None
        self.navigation.enter(document)
        self.messages.info(f"{'Reloaded' if request.reload else 'Opened'} {document.path.name}.")
        for remark in document.scene.files[0].remarks:
            self.messages.warning(remark)
        if remark := document.scene.heights.remark:
            self.messages.info(remark)
        if request.keep_view:
            if before is None or _overlaps(before, document.reader.grid):
                self.navigation.place(camera)
            if not request.reload:
                self.settings.overlay.name = "error"
        else:
            self.projects.path = None
        self.preferences.values.remember(request.path)
        self.preferences.save()
        project = request.project
        if project is not None:
            if project.camera is not None:
                self.navigation.place(project.camera)
            unrestored = self.projects.restore_parts(project, request.project_path)
            warnings = [*project.warnings, *warnings, *unrestored]
            self.projects.adopt(request.project_path)
        for warning in warnings:
            self.messages.warning(warning)
        return warnings

    def open_paths(self, paths: Sequence[str], *, beside: bool = False) -> None:
        """Read files on threads and open each as its kind; errors become messages.

        `beside`: compare terrain files with the open document.
        """
        self._paths.open(paths, beside=beside)

    def reload(self) -> None:
        """Open the files that have changed again, keeping view, settings and measurements; errors
        become messages, and the present files then stay. A window reads them on threads."""
        self.watch.begin_reload()
        self.files.reload()
        if self._drawable.waits:
            self.files.finish()

    def close_document(self) -> None:
        """Show no file."""
        if self.document is not None:
            self.document.scene.close()
            self._current.document = None
            self.pointer.pick = None
            self.navigation.glide = None
            self.readings = Readings()

    # Commands

    def run(self, command_id: str, *arguments: Any, **values: Any) -> None:
        """Queue a command of `viewer.session.commands`; it runs before the next frame."""
        self.queue.add(command_id, *arguments, **values)

    def run_queued(self) -> None:
        """Run the queued commands. Raises UsageError for an unknown one."""
        for call in self.queue.take():
            commands.run(self, call.id, *call.arguments, **call.values)

    def step_bits(self, step: int) -> None:
        """Go to fewer (+1) or more (−1) of the bits that the active slot's layer allows."""
        if self.document is not None:
            choice = self.settings.layer
            layers.step_bits(labels.layer_of(self.document.scene, choice), choice, step)

    # Frames of a window

    def begin_frame(self, size_px: tuple[int, int], pixel_ratio: float) -> None:
        """Take over files that have been read, and move the camera along its glide.

        `size_px` is the picture's width and height, `pixel_ratio` the pixels per unit of window
        coordinates.
        """
        self.navigation.size_px = size_px
        self.navigation.pixel_ratio = pixel_ratio
        self.files.update()
        self.watch.update()
        self.navigation.update()

    def update(self) -> None:
        """Follow the frame's input: history of the camera, measurements, playback."""
        self.navigation.watch()
        self.measuring.update()
        self.film.update()

    def draw(self, target: Target, pointer_px: tuple[float, float] | None) -> Readings:
        """Bring the picture up to date, report the scene's errors; return facts about the picture.

        `pointer_px` is the pixel under the mouse, None while it is elsewhere.
        """
        if self.document is None:
            return self.readings
        scene = self.document.scene
        self.navigation.stay_above_ground()
        drawn = target.render(scene, self.camera)
        for failure in scene.messages:
            self.messages.error(failure)
        scene.messages.clear()
        slots = repr((self.settings.slots, self.settings.active, scene.settled))
        if drawn or slots != self._slots_read:
            self._slots_read = slots
            self.readings = _read(scene)
        self.results.update(target.pictures)
        self.pointer.update(pointer_px, drawn=drawn)
        if pointer_px is not None:
            self.pointer.pick = self.measuring.follow(self.pointer.pick)
        return self.readings

    @property
    def busy(self) -> bool:
        """True if the next frame will differ without any input."""
        loading = self.document is not None and not self.document.scene.settled
        working = self.files.busy or self.measuring.busy or self.film.busy or self.queue.busy
        return loading or working or self.navigation.moving

    # Facts

    @property
    def camera(self) -> Camera:
        """Camera of the picture."""
        return self.navigation.camera

    @camera.setter
    def camera(self, camera: Camera) -> None:
        self.navigation.camera = camera

    @property
    def glide(self) -> Glide | None:
        """Move of the camera under way."""
        return self.navigation.glide

    @glide.setter
    def glide(self, glide: Glide | None) -> None:
        self.navigation.glide = glide

    @property
    def pick(self) -> Pick | None:
        """Surface under the cursor; None off the terrain."""
        return self.pointer.pick

    @property
    def errors(self) -> ErrorStats | None:
        """Errors in view; None while they are not measured."""
        return self.readings.errors

    @property
    def legend(self) -> Legend | None:
        """Legend of the picture; None where its colors mean nothing."""
        return self.readings.legend

    @property
    def rmse_m(self) -> dict[str, float | None]:
        """RMSE in view by slot, meters; None where it has not been measured."""
        return self.readings.rmse_m

    @property
    def stats(self) -> FrameStats:
        """Counters of the latest frame."""
        return FrameStats() if self.scene is None else self.scene.stats

    def cost(self, choice: LayerChoice) -> Cost:
        """Return size and rate of a layer at a bit depth, as far as counted."""
        if self.document is None:
            return UNKNOWN
        return self.costs.of(self.document.scene.reader_of(choice), choice)

    def close(self) -> None:
        """End all threads and jobs, save preferences, free GPU memory."""
        self.preferences.save(last=True)  # first: the rest may be cut off after a signal
        self.measuring.close()
        self.results.close()
        self.film.close()
        self.costs.close()
        self.watch.close()
        self.files.close()
        self._current.document = None
        if self.scene is not None:
            self.scene.release()
            self.scene = None


def _overlaps(one: Grid, other: Grid) -> bool:
    """Return True if two areas have the same coordinate system and a part in common."""
    a = one.bounds
    b = other.bounds
    apart = a.west >= b.east or b.west >= a.east or a.south >= b.north or b.south >= a.north
    return not apart and same_crs(one.crs_wkt, other.crs_wkt)


def _read(scene: Scene) -> Readings:
    """Return the facts about a scene's latest picture."""
    slots = scene.settings.slots
    return Readings(
        errors=scene.error_stats,
        legend=for_scene(scene),
        contour_labels=scene.survey.labels(scene.settings),
        sides=split.sides(scene),
        rmse_m={slot: scene.rmse_in_view(choice) for slot, choice in slots.items()},
    )
