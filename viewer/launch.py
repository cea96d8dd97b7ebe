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
    screenshot: str | None = None  # PNG to write, then exit
    size: tuple[int, int] = (1280, 720)  # window or picture, pixels
    headless: bool = False
    gl: str = "auto"  # "auto", "4.3" or "4.1"
    theme: str | None = None  # "dark", "light" or "system"; None = as preferred, dark in a picture without a window
    settings: Settings = field(default_factory=Settings)
