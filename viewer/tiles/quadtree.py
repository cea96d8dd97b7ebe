"""Known part of a layer's quadtree as growing arrays, walked by `viewer.tiles.lod`. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable

import numpy as np

from neural.container.envelope import ChildInfo, Children
from neural.tiles import Tile
from viewer.model.readings import BoundingBox

SHADING_SHARE = 32.0
"""Largest ratio of shading error to geometric error. A cell counts as an error of its own size,
because relief shading shows its slopes even where heights barely differ; the limit keeps water and
plains coarse."""

SATURATION = 1.5
"""A tile counts as this many times worse than the worst of its children, at least. So a tile's
error covers more than `SATURATION`·sse pixels as soon as a child's covers more than sse: its own
morph has ended (`lod.morphs`)."""

MEASURES = 4
"""Number of error kinds tracked at once."""

ROOT = Tile(0, 0, 0)


def visible_error_m(info: ChildInfo, cell_m: float) -> float:
    """Return the error of drawing a tile instead of its children, in meters: in height or in
    shading."""
    return max(info.geometric_error_m, min(cell_m, SHADING_SHARE * info.geometric_error_m))


class NodeTable:
    """Announced tiles as rows; facts of others are ignored. Row 0 is the root, the four children of
    a tile are adjacent (NW, NE, SW, SE).

    Everything is true space: meters, never exaggerated. Boxes enclose those of all known
    descendants, and errors are saturated, so both only grow and a tile's error in pixels is at
    least `SATURATION` times each child's.
    """

    def __init__(
        self,
        root: ChildInfo,
        box: Callable[[Tile, ChildInfo], BoundingBox],
        cell_m: Callable[[Tile], float],
    ) -> None:
        self._box_of = box
        self._cell_m = cell_m
        self.tiles: list[Tile] = []
        self.infos: list[ChildInfo | None] = []
        """Facts of the parent's envelope; None for a child that does not exist."""
        self.address = np.zeros((0, 3), np.int64)
        """z, x and y of the tiles."""
        self.center = np.zeros((0, 3))
        self.half = np.zeros((0, 3))
        """Half the box's sides."""
        self.error_m = np.zeros(0)
        """Saturated `visible_error_m`."""
        self.parent = np.zeros(0, np.intp)
        self.first = np.zeros(0, np.intp)
        """Row of the first child; −1 for a tile without children or one that was never read."""
        self.exists = np.zeros(0, bool)
        self.loaded = np.zeros((1 + MEASURES, 0), bool)
        """True if a tile is loaded: [0] at all, [k] with the errors of kind k."""
        self.failed = np.zeros(0, bool)
        """True if a tile cannot be loaded."""
        self.lacking = np.zeros((1 + MEASURES, 0), np.int8)
        """Number of existing children that are not loaded, indexed as `loaded`."""
        self.version = 0
        """Incremented by every change."""
        self._rows: dict[Tile, int] = {}
        self._kinds: OrderedDict[Hashable, int] = OrderedDict()
        self._add(-1, [ROOT], [root])

    def __len__(self) -> int:
        return len(self.tiles)

    def row(self, tile: Tile) -> int | None:
        """Return the row of a tile; None unless it has been announced."""
        row = self._rows.get(tile)
        return None if row is None or self.infos[row] is None else row

    def learn(self, tile: Tile, children: Children) -> None:
        """Add the children of an announced tile from its envelope."""
        row = self._rows.get(tile)
        if row is None or self.first[row] >= 0 or not any(children):
            return
        start = self._add(row, list(tile.children), list(children))
        self.first[row] = start
        rows = slice(start, start + 4)
        self.lacking[:, row] = self.exists[rows].sum()
        self._enclose(row, rows)
        self.version += 1

    def kind(self, measure: Hashable) -> int:
        """Return the row of `loaded` and `lacking` for the errors of a measure (None: regardless of
        errors).

        The least recently used of more than `MEASURES` is dropped.
        """
        if measure is None:
            return 0
        if measure not in self._kinds:
            free = set(range(1, 1 + MEASURES)).difference(self._kinds.values())
            kind = self._kinds[measure] = min(free) if free else self._kinds.popitem(last=False)[1]
            parents = np.flatnonzero(self.first[: len(self)] >= 0)
            self.loaded[kind] = False
            self.lacking[kind] = 0
            self.lacking[kind, parents] = self.exists[self.first[parents, None] + np.arange(4)].sum(
                axis=1
            )
            self.version += 1
        self._kinds.move_to_end(measure)
        return self._kinds[measure]

    def knows(self, measure: Hashable) -> bool:
        """Return True if the errors of a measure are tracked."""
        return measure in self._kinds

    def mark(
        self, tile: Tile, *, loaded: bool = False, measured: Collection[Hashable] = ()
    ) -> None:
        """Set a tile's loaded state, and the measures of its errors."""
        row = self._rows.get(tile)
        if row is None:
            return
        kinds = {kind: measure in measured for measure, kind in self._kinds.items()}
        for kind, available in ({0: True} | kinds).items():
            value = loaded and available
            if self.loaded[kind, row] != value:
                self.loaded[kind, row] = value
                if row:
                    self.lacking[kind, self.parent[row]] += -1 if value else 1
                self.version += 1

    def fail(self, tile: Tile) -> None:
        """Mark a tile as impossible to load; its parent is drawn in its place."""
        row = self._rows.get(tile)
        if row is not None:
            self.failed[row] = True
            self.version += 1

    def boxes(self, rows: np.ndarray) -> np.ndarray:
        """Return west, south, low, east, north, high of rows, float64 [n, 6]."""
        center = self.center[rows]
        half = self.half[rows]
        return np.concatenate([center - half, center + half], axis=1)

    def _add(self, parent: int, tiles: list[Tile], infos: list[ChildInfo | None]) -> int:
        start = len(self.tiles)
        count = len(tiles)
        self._reserve(start + count)
        for row, (tile, info) in enumerate(zip(tiles, infos, strict=True), start):
            self._rows[tile] = row
            self.address[row] = tile
            self.parent[row] = parent
            self.first[row] = -1
            self.exists[row] = info is not None
            if info is not None:
                box = self._box_of(tile, info)
                low, high = (np.array([box[k], box[k + 1], box[4 + k // 2]]) for k in (0, 2))
                self.center[row] = (low + high) / 2
                self.half[row] = (high - low) / 2
                self.error_m[row] = visible_error_m(info, self._cell_m(tile))
        self.tiles += tiles
        self.infos += infos
        return start

    def _enclose(self, row: int, rows: slice) -> None:
        """Extend boxes and errors of a tile and its ancestors to those of the tiles below."""
        exists = self.exists[rows]
        low = (self.center[rows, 2] - self.half[rows, 2])[exists].min()
        high = (self.center[rows, 2] + self.half[rows, 2])[exists].max()
        error = float(self.error_m[rows][exists].max())
        while row >= 0:
            error *= SATURATION
            own_low = self.center[row, 2] - self.half[row, 2]
            own_high = self.center[row, 2] + self.half[row, 2]
            if own_low <= low and high <= own_high and error <= self.error_m[row]:
                return
            low = min(low, own_low)
            high = max(high, own_high)
            self.center[row, 2] = (low + high) / 2
            self.half[row, 2] = (high - low) / 2
            self.error_m[row] = error = max(error, float(self.error_m[row]))
            row = int(self.parent[row])

    def _reserve(self, count: int) -> None:
        """Grow the arrays by doubling to hold `count` rows."""
        capacity = len(self.exists)
        if count <= capacity:
            return
        more = max(64, 2 * capacity, count) - capacity
        for name in ("address", "center", "half", "error_m", "parent", "first", "exists", "failed"):
            array = getattr(self, name)
            setattr(
                self, name, np.concatenate([array, np.zeros((more, *array.shape[1:]), array.dtype)])
            )
        for name in ("loaded", "lacking"):
            array = getattr(self, name)
            setattr(
                self,
                name,
                np.concatenate([array, np.zeros((len(array), more), array.dtype)], axis=1),
            )
