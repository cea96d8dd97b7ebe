"""Fade-in of tiles that were loaded late: they begin as their parent and morph away from it."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from viewer.tiles.lod import Selection
from viewer.tiles.quadtree import NodeTable


class Fading:
    """Fade state of a pane's tiles: the last drawn ones and the start times of children that
    replaced their parents."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = 0.0
        """Duration of a fade; 0 disables it, so that pictures depend on the view and the loaded
        tiles alone."""
        self.generation = 0
        """Changes every frame while a fade is active (cache key)."""
        self.morph = np.zeros(0)
        """Morphs of the latest selection's tiles, as `Selection.morph`."""
        self._clock = clock
        self._table: NodeTable | None = None
        self._drawn = np.zeros(0, np.intp)
        self._began: dict[int, float] = {}  # by the parent's row

    @property
    def active(self) -> bool:
        """True if the next picture will differ."""
        return bool(self._began)

    def update(self, selection: Selection) -> None:
        """Update the morphs for the tiles drawn now."""
        self.morph = selection.morph
        table = selection.table
        if table is None or table is not self._table or not self.seconds:
            self._table = table
            self._drawn = selection.drawn
            self._began.clear()
            return
        now = self._clock()
        parents = table.parent[selection.drawn]
        if not np.array_equal(selection.drawn, self._drawn):
            for row in np.intersect1d(parents, self._drawn).tolist():
                self._began[row] = now
            self._drawn = selection.drawn
        self._began = {
            row: began for row, began in self._began.items() if now - began < self.seconds
        }
        if self._began:
            self.generation += 1
            remaining = np.zeros(len(table.exists))
            remaining[list(self._began)] = [
                1 - (now - began) / self.seconds for began in self._began.values()
            ]
            remaining = remaining[parents]
            self.morph = np.maximum(selection.morph, remaining * remaining * (3 - 2 * remaining))
