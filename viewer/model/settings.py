"""All settings that users change at run time: the only thing panels write.

Plain mutable dataclasses, read by the scene each frame. A change takes effect on the next
`Scene.update`; no panel calls the scene to apply it. Units are in the names.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SHADING_MODES = ("hillshade", "elevation", "combined")
"""Values of `ShadingSettings.mode`."""

HILLSHADES = ("soft", "standard", "multidirectional", "igor")
"""Values of `ShadingSettings.hillshade`: the files of shaders/hillshade."""

SLOTS = ("A", "B")
"""Names of the two compared layer choices; values of `Settings.active`."""

MESH_QUADS = (16, 32, 64, 128, 256)
"""Values of `ViewSettings.mesh_quads` other than 0: each divides 256, so mesh vertices lie on
lattice samples."""


@dataclass
class ViewSettings:
    """Geometric detail, drawing quality and loading budget."""

    exaggeration: float = 1.0  # vertical scale factor; drawing only, never readouts, errors or LOD
    sse_px: float = 2.0  # largest screen-space error before a tile is refined, pixels
    # quads per tile side, one of MESH_QUADS; 0 = 64 on a software renderer, else 128
    mesh_quads: int = 0
    msaa: int = -1  # samples per pixel, 0 = off; -1 = off on a software renderer, else 4
    cache_mb: float = 512.0  # texture cache; tiles on screen are never evicted
    upload_budget_ms: float = 6.0  # upload time per frame
    fov_deg: float = 45.0  # vertical field of view


@dataclass
class LayerChoice:
    """A layer of an open file and its bit depth: content of a slot."""

    index: int = 0  # index into the file's layers
    keep_bits: int | None = None  # re-quantize to fewer bits; None = as stored
    file: int = 0  # index into Scene.files; 0 is the main one


@dataclass
class CompareSettings:
    """Comparison of the two slots."""

    # slot A left of the divider, slot B right of it; else the active slot alone
    split: bool = False
    divider: float = 0.5  # position, share of the picture's width
    reference: bool = False  # show the reference layer in place of the active slot


@dataclass
class ShadingSettings:
    """Shading and coloring of the surface."""

    mode: str = "combined"  # one of SHADING_MODES
    hillshade: str = "soft"  # one of HILLSHADES
    sun_azimuth_deg: float = 315.0  # clockwise from north
    sun_altitude_deg: float = 45.0  # above the horizon
    shadows: bool = False  # cast by the terrain, where relief is shown
    edl: bool = False  # eye-dome lighting
    edl_strength: float = 1.0  # factor of the default shade
    fog: float = 0.0  # density, 0 to 1: optical depth over the area's diagonal
    colormap: str = "terrain"  # a name of viewer.model.colormaps.names()
    elevation_auto: bool = True  # fit the color range to the layers' min/max
    elevation_full: bool = False  # fit it to outliers too
    elevation_min_m: float = 0.0  # used when elevation_auto is off
    elevation_max_m: float = 1000.0


@dataclass
class OverlaySettings:
    """Overlay on the surface, see viewer.model.overlays."""

    name: str = "none"  # one of overlays.NAMES
    against: str = "reference"  # error reference, one of overlays.AGAINST
    # color limit by overlay name; absent = automatic
    reach: dict[str, float] = field(default_factory=dict)
    # colormap by overlay name; absent = default
    colormap: dict[str, str] = field(default_factory=dict)
    amplification: float = 1.0  # factor of errors before coloring
    tolerance_m: float = 0.5  # largest error not marked by the overlay "tolerance"
    opacity: float = 1.0  # 0 to 1


@dataclass
class ContourSettings:
    """Contour lines over any shading and overlay."""

    on: bool = False
    auto: bool = True  # interval from the heights in view
    interval_m: float = 10.0  # used when auto is off
    labels: bool = True  # heights on every fifth line


@dataclass
class DebugSettings:
    """Diagnostics of rendering and tile selection."""

    wireframe: bool = False
    lod_tint: bool = False
    bounds: bool = False  # bounding boxes of drawn tiles
    freeze: bool = False  # keep the tile selection while the camera moves
    timing: bool = False  # measure GPU time by pass; a software renderer then waits for each
    # "z/x/y": draw only this tile, its descendants, or the ancestor in its place
    tile: str = ""


@dataclass
class DecorationSettings:
    """Decorations of exported pictures and films."""

    legend: bool = True
    scale: bool = False  # scale bar
    north: bool = False  # north arrow
    credits: bool = False  # attribution of the file
    measurements: bool = True  # shapes of `Settings.measuring` with labels


@dataclass
class Measurement:
    """One measurement on the terrain."""

    kind: str = "point"  # one of measurements.MEASUREMENT_KINDS
    points: list[list[float]] = field(default_factory=list)  # [[easting, northing], …]


@dataclass
class MeasuringSettings:
    """Measurements on the terrain, in eastings and northings of the file."""

    tool: str = "none"  # active tool: "none" or one of measurements.TOOLS
    kind: str = "distance"  # tool of the key M
    items: list[Measurement] = field(default_factory=list)
    # corners of the profile's line
    profile: list[list[float]] = field(default_factory=list)


@dataclass
class Settings:
    """All settings; one instance belongs to the app and is handed to the scene."""

    view: ViewSettings = field(default_factory=ViewSettings)
    slots: dict[str, LayerChoice] = field(
        default_factory=lambda: {slot: LayerChoice() for slot in SLOTS}
    )
    active: str = "A"  # slot on screen; in a split picture the one that keys and panels change
    compare: CompareSettings = field(default_factory=CompareSettings)
    shading: ShadingSettings = field(default_factory=ShadingSettings)
    overlay: OverlaySettings = field(default_factory=OverlaySettings)
    contours: ContourSettings = field(default_factory=ContourSettings)
    debug: DebugSettings = field(default_factory=DebugSettings)
    measuring: MeasuringSettings = field(default_factory=MeasuringSettings)
    decorations: DecorationSettings = field(default_factory=DecorationSettings)

    @property
    def layer(self) -> LayerChoice:
        """Layer choice of the active slot."""
        return self.slots[self.active]
