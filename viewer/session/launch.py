"""Parsed command-line options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from neural.errors import NtileError, UsageError
from neural.raster.raster_name import is_utf8
from neural.raster.reading import ReferenceRaster
from viewer.film.output import VIDEO_SUFFIXES
from viewer.model.settings import Measurement, Settings
from viewer.session.messages import Messages
from viewer.session.open_request import OpenRequest
from viewer.storage.preferences import Store
from viewer.storage.project import Project
from viewer.tiles.pins import Pins


@dataclass
class Launch:
    """Validated command-line options; their files have not been opened."""

    path: str | None  # .ntile file; None opens an empty window
    compare: str | None = None  # another .ntile file, for slot B
    reference: ReferenceRaster | None = None  # to measure errors against
    methods: tuple[str, ...] = ()  # of the layers in slots A and B; none = see layers.default_slots
    bits: tuple[int, ...] = ()  # kept in slots A and B; none = as stored
    # eastings and northings of a line to draw a profile along
    profile: tuple[tuple[float, float], ...] = ()
    # "point", "distance" or "area", and its points
    measure: tuple[str, tuple[tuple[float, float], ...]] | None = None
    out: str | None = None  # where a headless profile or measurement goes; None = standard output
    results: str | None = None  # .csv or .json for the errors and sizes of the slots' layers
    screenshot: str | None = None  # PNG to write, then exit
    size: tuple[int, int] = (1280, 720)  # window or picture, pixels
    headless: bool = False
    view: str | None = None  # bookmark or view file to begin with; None = the whole area
    camera_path: str | None = None  # JSON file of a camera path
    flythrough: str | None = None  # one of film.generators.GENERATORS: a path made of the area
    render: str | None = None  # .mp4 or folder for the film of the path, then exit
    fps: float | None = None  # None = the path's
    duration_s: float | None = None  # None = the path's
    resume: bool = False  # keep the frames that a folder has
    gl: str = "auto"  # "auto", "4.3" or "4.1"
    # "dark", "light" or "system"; None = as preferred, dark in a picture without a window
    theme: str | None = None
    opened_project: Project | None = None  # what a project file says, with the options over it
    project_path: str | None = None
    # contents of the files, however often they are opened
    pins: Pins = field(default_factory=Pins, compare=False)
    # ids of commands to run when the files are open (`viewer.session.commands`)
    commands: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    messages: Messages = field(default_factory=Messages)
    preferences: Store | None = None  # of a window, if they have been read already

    def __post_init__(self) -> None:
        """Put the measurements into the settings, where pictures and the window read them."""
        if self.profile:
            self.settings.measuring.profile = [list(point) for point in self.profile]
        if self.measure is not None:
            kind, points = self.measure
            self.settings.measuring.items.append(
                Measurement(kind, [list(point) for point in points])
            )

    @property
    def outputs(self) -> list[str]:
        """Files to write; not a folder of frames."""
        every = [self.screenshot, self.out, self.results]
        if self.render and Path(self.render).suffix.lower() in VIDEO_SUFFIXES:
            every.append(self.render)
        return [out for out in every if out]

    @property
    def inputs(self) -> list[str]:
        """Files and URLs that are read."""
        raster = None if self.reference is None else self.reference.name
        every = self.path, self.compare, raster, self.camera_path, self.view, self.project_path
        return [path for path in every if path]

    @property
    def request(self) -> OpenRequest:
        """Files to open. Raises UsageError without any."""
        if self.path is None:
            raise UsageError("A picture needs a file; give the .ntile file to draw.")
        from_project = self.opened_project is not None
        return OpenRequest(
            self.path,
            self.reference,
            self.methods,
            self.bits,
            self.compare,
            self.opened_project,
            self.project_path or "",
            check_overlay=self.headless or not from_project,
            reference_optional=from_project and not self.headless,
            pins=self.pins,
        )

    def show_project(self, opened: Project, path: str) -> None:
        """Take over the files of a project; `settings` began as the project's."""
        opened.settings = asdict(self.settings)
        opened.reference = self.reference or opened.reference
        self.path = opened.files[0]
        self.reference = opened.reference
        self.opened_project = opened
        self.project_path = path
        self.pins = Pins(opened.contents)


def check_shown(names: Iterable[str]) -> None:
    """Raise NtileError for a name that a window cannot show."""
    for name in names:
        if not is_utf8(name):
            raise NtileError(
                f"{name}: a window shows names in UTF-8 only; rename it, or draw it with "
                "--headless."
            )
