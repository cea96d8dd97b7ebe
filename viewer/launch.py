"""What a run of the viewer was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from viewer.settings import Settings


@dataclass
class Launch:
    """The command's options, checked but not yet tried."""

    path: str | None  # .ntile file; None opens an empty window
    reference: str | None = None  # DEM to measure errors against
    methods: tuple[str, ...] = ()  # of the layers in slots A and B; none = see layers.default_slots
    bits: tuple[int, ...] = ()  # kept in slots A and B; none = as stored
    profile: tuple[tuple[float, float], ...] = ()  # eastings and northings of a line to draw a profile along
    measure: tuple[str, tuple[tuple[float, float], ...]] | None = None  # "point", "distance" or "area", and its points
    out: str | None = None  # where a headless profile or measurement goes; None = standard output
    screenshot: str | None = None  # PNG to write, then exit
    size: tuple[int, int] = (1280, 720)  # window or picture, pixels
    headless: bool = False
    camera_path: str | None = None  # JSON file of a camera path
    flythrough: str | None = None  # one of film.generators.GENERATORS: a path made of the area
    render: str | None = None  # .mp4 or folder for the film of the path, then exit
    fps: float | None = None  # None = the path's
    duration_s: float | None = None  # None = the path's
    resume: bool = False  # keep the frames that a folder has
    gl: str = "auto"  # "auto", "4.3" or "4.1"
    theme: str | None = None  # "dark", "light" or "system"; None = as preferred, dark in a picture without a window
    settings: Settings = field(default_factory=Settings)
