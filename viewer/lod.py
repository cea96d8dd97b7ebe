"""Which tiles to draw and which to load: a quadtree walk by screen-space error. Pure: no GL, no files.

A tile is refined while its error covers more than `sse_px` pixels, and only once all its existing children are
loaded; until then it is drawn itself. As the root is always loaded, every visible place is covered exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from neural.envelope import ChildInfo, Children
from neural.tiles import Tile
from viewer.camera import Camera
from viewer.stats import Bounds

SHADING_SHARE = 32.0
"""A cell counts as an error of its own size, because relief shading shows its slopes even where heights barely
differ, but as no more than this many times the geometric error, so that water and plains stay coarse."""

BOX_MARGIN = 0.05
"""Share of a tile's height range by which its box is enlarged: decoded heights overshoot the source's."""


class Tree(Protocol):
    """What the walk must know of a layer."""

    root: ChildInfo

    def box(self, tile: Tile, info: ChildInfo) -> Bounds:
        """The tile's true (never exaggerated) box."""

    def cell_m(self, tile: Tile) -> float:
        """Size of one cell of the tile."""

    def children(self, tile: Tile) -> Children | None:
        """What is known of the four children; None while the tile has never been read."""


@dataclass(frozen=True)
class View:
    """A camera as the walk sees it: where the eye is, the picture's four sides, and pixels per radian.

    Culling happens in drawn space, where heights are exaggerated about `pivot_z`; distances are measured in
    true space with the eye moved there, so exaggeration never changes which tiles a place gets.
    """

    eye: tuple[float, float, float]  # drawn space
    planes: tuple[tuple[float, float, float], ...]  # inward normals of planes through the eye
    px_per_radian: float
    exaggeration: float = 1.0
    pivot_z: float = 0.0

    @classmethod
    def of(cls, camera: Camera, size_px: tuple[int, int], exaggeration: float = 1.0, pivot_z: float = 0.0) -> View:
        """The view of a camera through a picture of this many pixels."""
        width, height = size_px
        right, up, forward = camera.axes
        tangent = math.tan(math.radians(camera.fov_deg) / 2)
        tangent_x = tangent * width / height
        planes = (
            right + tangent_x * forward,
            -right + tangent_x * forward,
            up + tangent * forward,
            -up + tangent * forward,
        )
        return cls(
            (camera.easting, camera.northing, camera.z),
            tuple((float(p[0]), float(p[1]), float(p[2])) for p in planes),
            height / (2 * tangent),
            exaggeration,
            pivot_z,
        )

    def drawn_z(self, z: float) -> float:
        """Where a height is drawn."""
        return self.pivot_z + (z - self.pivot_z) * self.exaggeration

    def sees(self, box: Bounds) -> bool:
        """Whether a (true) box may touch the picture; a few boxes just outside it count as seen."""
        x, y, z = self.eye
        west, south, east, north, low, high = box
        low, high = self.drawn_z(low), self.drawn_z(high)
        for a, b, c in self.planes:
            far_x = east if a > 0 else west
            far_y = north if b > 0 else south
            far_z = high if c > 0 else low
            if a * (far_x - x) + b * (far_y - y) + c * (far_z - z) < 0:
                return False
        return True

    def distance_m(self, box: Bounds) -> float:
        """Distance from the eye to a box in true space, 0 inside."""
        x, y, z = self.eye
        z = self.pivot_z + (z - self.pivot_z) / self.exaggeration
        west, south, east, north, low, high = box
        dx = max(west - x, 0.0, x - east)
        dy = max(south - y, 0.0, y - north)
        dz = max(low - z, 0.0, z - high)
        return math.sqrt(dx * dx + dy * dy + dz * dz)


@dataclass
class Selection:
    """What one walk decided; the counters go to the statistics panel."""

    draw: list[Tile] = field(default_factory=list)
    load: list[Tile] = field(default_factory=list)  # most urgent first
    keep: set[Tile] = field(default_factory=set)  # visited: drawn tiles, their ancestors and siblings
    errors_px: dict[Tile, float] = field(default_factory=dict)  # of the drawn tiles
    culled: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is missing that could be loaded."""
        return not self.load


def visible_error_m(info: ChildInfo, cell_m: float) -> float:
    """What is lost by drawing a tile instead of its children, in metres: in height or in shading."""
    return max(info.geometric_error_m, min(cell_m, SHADING_SHARE * info.geometric_error_m))


def select(
    tree: Tree,
    view: View,
    sse_px: float,
    loaded: Callable[[Tile], bool],
    failed: Callable[[Tile], bool] = lambda tile: False,
) -> Selection:
    """Walk the quadtree from the root.

    `loaded` says which tiles can be drawn now. `failed` marks tiles that never will be; their parents are then
    drawn for good.
    """
    out = Selection()
    urgency: dict[Tile, float] = {}
    root = Tile(0, 0, 0)
    if not loaded(root):
        if not failed(root):
            out.load.append(root)
        return out
    waiting = [(root, tree.root)]
    while waiting:
        tile, info = waiting.pop()
        out.keep.add(tile)
        box = tree.box(tile, info)
        if not view.sees(box):
            out.culled += 1
            continue
        distance = max(view.distance_m(box), 1e-3)
        error_px = visible_error_m(info, tree.cell_m(tile)) * view.px_per_radian / distance
        children = tree.children(tile) if error_px > sse_px else None
        existing = [
            (child, known) for child, known in zip(tile.children, children or (), strict=False) if known is not None
        ]
        missing = [child for child, _ in existing if not loaded(child)]
        if existing and not missing:
            waiting += existing
            continue
        out.draw.append(tile)
        out.errors_px[tile] = error_px
        if missing and not any(failed(child) for child in missing):
            out.keep.update(child for child, _ in existing)
            urgency.update((child, error_px) for child in missing)
    out.load = sorted(urgency, key=lambda child: (-urgency[child], child))
    return out
