"""Level-of-detail selection: a quadtree walk by screen-space error. Pure: no GL, no files.

A tile is refined while its error covers more than `sse_px` pixels, and only once all its existing
children are loaded; until then it is drawn itself. As the root is always loaded, every visible
place is covered exactly once.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from neural.tiles import Tile
from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.tiles.quadtree import SATURATION, NodeTable

BOX_MARGIN = 0.05
"""Margin of a tile's box as a share of its height range: decoded heights overshoot the source's."""

SIDE_MARGIN = 1 / 8
"""Margin of a tile's box for culling as a share of its side: a tile at the picture's edge has its
neighbors drawn, so that stitching (`viewer.tiles.stitching`) does not change in sight."""

_REMEMBERED = 4
"""Capacity of the cache of selections by view: current and target source, and the panels'
queries."""

_FOUR = np.arange(4)
_CULLED = np.array([1 + 2 * SIDE_MARGIN, 1 + 2 * SIDE_MARGIN, 1.0])


@dataclass(frozen=True)
class Frustum:
    """View frustum for selection: eye, four side planes, and pixels per radian.

    Culling happens in drawn space, CRS meters where heights are exaggerated about `pivot_z`;
    distances are measured in true space with the eye moved there, on the ground, so exaggeration
    never changes which tiles a place gets.
    """

    eye: tuple[float, float, float]  # drawn space
    planes: tuple[tuple[float, float, float], ...]  # inward normals of planes through the eye
    px_per_radian: float
    rise: float = 1.0  # CRS meters drawn per meter of height
    pivot_z: float = 0.0  # height that exaggeration leaves in place, meters
    ground_scale: float = 1.0  # meters on the ground per CRS meter

    @classmethod
    def of(
        cls,
        camera: Camera,
        size_px: tuple[int, int],
        rise: float = 1.0,
        pivot_z: float = 0.0,
        ground_scale: float = 1.0,
    ) -> Frustum:
        """Return the frustum of a camera and a picture size in pixels."""
        width, height = camera.whole(size_px)
        left, right, bottom, top = camera.window
        across, upward, forward = camera.axes
        tangent = math.tan(math.radians(camera.fov_deg) / 2)
        tangent_x = tangent * width / height
        planes = (
            across - left * tangent_x * forward,
            -across + right * tangent_x * forward,
            upward - bottom * tangent * forward,
            -upward + top * tangent * forward,
        )
        return cls(
            (camera.easting, camera.northing, camera.z),
            tuple((float(p[0]), float(p[1]), float(p[2])) for p in planes),
            height / (2 * tangent),
            rise,
            pivot_z,
            ground_scale,
        )

    def drawn_z(self, z: np.ndarray) -> np.ndarray:
        """Return drawn heights (exaggerated) of true ones."""
        return self.pivot_z + (z - self.pivot_z) * self.rise

    def true_z(self, drawn_z: float) -> float:
        """Return the true height of a drawn one: inverse of `drawn_z`."""
        return self.pivot_z + (drawn_z - self.pivot_z) / self.rise

    @cached_property
    def true_eye(self) -> np.ndarray:
        """The eye in true space, float64 [3]: CRS meters east and north, meters of height."""
        x, y, z = self.eye
        return np.array([x, y, self.true_z(z)])

    @cached_property
    def true_planes(self) -> np.ndarray:
        """The picture's sides in true space, columns of float64 [3, 4]."""
        return (np.array(self.planes) * (1.0, 1.0, self.rise)).T

    def distances_m(self, center: np.ndarray, half: np.ndarray) -> np.ndarray:
        """Return distances on the ground from the eye to (true) boxes [n, 3], 0 inside."""
        outside = np.abs(center - self.true_eye)
        outside -= half
        np.maximum(outside, 0.0, out=outside)
        outside[:, :2] *= self.ground_scale
        return np.sqrt(np.einsum("ij,ij->i", outside, outside))

    def sees_each(self, center: np.ndarray, half: np.ndarray) -> np.ndarray:
        """Return a mask of the (true) boxes [n, 3] that may touch the picture; conservative just
        outside it."""
        planes = self.true_planes
        inside = (center - self.true_eye) @ planes
        inside += half @ np.abs(planes)
        return inside.min(axis=1) >= 0

    def sees(self, box: BoundingBox) -> bool:
        """Return `sees_each` of one box."""
        return bool(self.sees_each(*_center_and_half(box))[0])

    def distance_m(self, box: BoundingBox) -> float:
        """Return `distances_m` of one box."""
        return float(self.distances_m(*_center_and_half(box))[0])


def _center_and_half(box: BoundingBox) -> tuple[np.ndarray, np.ndarray]:
    low = np.array([[box.west, box.south, box.low]])
    high = np.array([[box.east, box.north, box.high]])
    return (low + high) / 2, (high - low) / 2


def _rows(values: object = ()) -> np.ndarray:
    return np.asarray(values, np.intp)


@dataclass(eq=False)
class Selection:
    """Result of one walk, as rows of the node table; tiles are listed lazily."""

    table: NodeTable | None = None
    drawn: np.ndarray = field(default_factory=_rows)
    px: np.ndarray = field(default_factory=lambda: np.zeros(0))  # errors of the drawn tiles
    # of the drawn tiles, see `morphs`
    morph: np.ndarray = field(default_factory=lambda: np.zeros(0))
    refined: np.ndarray = field(default_factory=_rows)  # tiles whose children were visited instead
    # drawn and refined tiles, and those outside the picture
    visited: np.ndarray = field(default_factory=_rows)
    missing: np.ndarray = field(default_factory=_rows)  # most urgent first
    culled: int = 0

    @property
    def complete(self) -> bool:
        """True if no loadable tile is missing."""
        return not len(self.missing)

    @cached_property
    def draw(self) -> list[Tile]:
        """The tiles to draw."""
        return self._tiles(self.drawn)

    @cached_property
    def load(self) -> list[Tile]:
        """The tiles to load, most urgent first."""
        return self._tiles(self.missing)

    @cached_property
    def keep(self) -> set[Tile]:
        """The tiles that must stay loaded: `visited` and the siblings of missing tiles."""
        if self.table is None:
            return set()
        # np.unique would import numpy.ma, which takes as long as the first frame's drawing.
        parents = np.array(sorted(set(self.table.parent[self.missing].tolist())), np.intp)
        siblings = (self.table.first[parents[parents >= 0], None] + _FOUR).ravel()
        return {*self._tiles(self.visited), *self._tiles(siblings[self.table.exists[siblings]])}

    @cached_property
    def errors_px(self) -> dict[Tile, float]:
        """Screen-space errors of the drawn tiles."""
        return dict(zip(self.draw, self.px.tolist(), strict=True))

    def _tiles(self, rows: np.ndarray) -> list[Tile]:
        if self.table is None:
            return []
        tiles = self.table.tiles
        return [tiles[row] for row in rows.tolist()]


def morphs(parent_px: np.ndarray, sse_px: float) -> np.ndarray:
    """Return the morphs of tiles to their parents, 0 … 1, from the parents' errors in pixels.

    1 at the moment at which the parent is drawn instead, falling smoothly to 0 at SATURATION times
    that error (Strugar 2009, "Continuous Distance-Dependent Level of Detail", but one value for
    four siblings).
    """
    share = np.clip((SATURATION - parent_px / sse_px) / (SATURATION - 1), 0.0, 1.0)
    return share * share * (3 - 2 * share)


class Selector:
    """Quadtree walker of one table. The previous walk's nodes are evaluated at once, new ones level
    by level."""

    def __init__(self, table: NodeTable) -> None:
        self.table = table
        self._px = np.zeros(0)
        self._seen = np.zeros(0, bool)
        self._split = np.zeros(0, bool)
        self._stamp = np.zeros(0, np.int64)  # number of a row's latest walk
        self._now = 0
        self._hint = _rows([0])
        self._recent: OrderedDict[Hashable, Selection] = OrderedDict()

    def select(self, view: Frustum, sse_px: float, *, measured: Hashable = None) -> Selection:
        """Select loaded tiles, with the errors of a measure; equal arguments return the same
        object."""
        kind = self.table.kind(measured)
        key = (view, sse_px, measured, self.table.version)
        selection = self._recent.get(key)
        if selection is None:
            selection = self._recent[key] = self._walk(view, sse_px, kind)
            if len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        self._recent.move_to_end(key)
        return selection

    def _walk(self, view: Frustum, sse_px: float, kind: int) -> Selection:
        table = self.table
        if not table.loaded[kind, 0]:
            return Selection(table, missing=_rows([] if table.failed[0] else [0]))
        self._reserve()
        self._now += 1
        self._evaluate(self._hint, view, sse_px, kind)
        front = _rows([0])
        fronts = []
        while front.size:
            fronts.append(front)
            parents = front.compress(self._split.take(front))
            front = (table.first.take(parents)[:, None] + _FOUR).reshape(-1)
            stamps = self._stamp.take(front)
            if stamps.min(initial=self._now) < self._now:
                self._evaluate(front.compress(stamps < self._now), view, sse_px, kind)
        visited = np.concatenate(fronts)
        visited = self._hint = visited.compress(table.exists.take(visited))
        seen = self._seen.take(visited)
        split = self._split.take(visited)
        ends = visited.compress(seen & ~split)
        px = self._px.take(ends)
        morph = morphs(self._px.take(table.parent.take(ends)), sse_px)
        morph[ends == 0] = 0.0  # the root has no parent
        waiting = ends.compress((px > sse_px) & (table.lacking[kind].take(ends) > 0))
        missing = self._missing(waiting, kind) if waiting.size else _rows()
        culled = len(visited) - int(np.count_nonzero(seen))
        return Selection(table, ends, px, morph, visited.compress(split), visited, missing, culled)

    def _evaluate(self, rows: np.ndarray, view: Frustum, sse_px: float, kind: int) -> None:
        table = self.table
        center = table.center.take(rows, axis=0)
        half = table.half.take(rows, axis=0)
        distance = view.distances_m(center, half)
        px = (
            table.error_m.take(rows) * view.px_per_radian / np.maximum(distance, 1e-3, out=distance)
        )
        half *= _CULLED
        seen = view.sees_each(center, half)
        self._stamp[rows] = self._now
        self._px[rows] = px
        self._seen[rows] = seen
        seen &= px > sse_px
        seen &= table.first.take(rows) >= 0
        seen &= table.lacking[kind].take(rows) == 0
        self._split[rows] = seen

    def _missing(self, waiting: np.ndarray, kind: int) -> np.ndarray:
        """Return the missing children that tiles wait for, those of the worst first; none of a tile
        with a failed child."""
        table = self.table
        waiting = waiting[np.argsort(-self._px[waiting], kind="stable")]
        children = table.first[waiting, None] + _FOUR
        lost = (table.failed[children] & ~table.loaded[kind, children]).any(axis=1)
        children = children[~lost].ravel()
        return children[table.exists[children] & ~table.loaded[kind, children]]

    def _reserve(self) -> None:
        more = len(self.table.exists) - len(self._stamp)
        if more > 0:
            for name in ("_px", "_seen", "_split", "_stamp"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate([array, np.zeros(more, array.dtype)]))
