"""The mouse over the terrain: the surface under it, and places on screen."""

from __future__ import annotations

import time

import numpy as np

from viewer.measuring.lines import Projector
from viewer.model.readings import Pick
from viewer.session.document import CurrentDocument
from viewer.session.navigation import Navigation

PICK_S = 0.05
"""Shortest time between two readouts of the cursor."""


class Pointer:
    """Surface under the cursor, read no more often than needed."""

    def __init__(self, current: CurrentDocument, navigation: Navigation) -> None:
        self._current = current
        self._navigation = navigation
        self.pick: Pick | None = None
        """Surface under the cursor; None off the terrain."""
        self._position_px: tuple[float, float] | None = None
        self._picked_s = 0.0
        self._due = True

    def update(self, position_px: tuple[float, float] | None, *, drawn: bool) -> None:
        """Read the surface under a pixel; None clears it.

        `drawn`: the picture is another one than in the frame before.
        """
        moved = position_px != self._position_px
        self._position_px = position_px
        document = self._current.document
        if position_px is None or document is None:
            self.pick = None
            return
        self._due |= drawn or moved or self.pick is None
        now = time.monotonic()
        if self._due and now - self._picked_s >= PICK_S:
            self.pick = document.scene.pick(self._navigation.camera, *position_px)
            self._picked_s = now
            self._due = self.pick is not None and self.pick.pending

    def refresh(self) -> None:
        """Read the surface in the next frame, however short the time since the last readout."""
        self._picked_s = 0.0

    def place(self, x_px: float, y_px: float) -> list[float] | None:
        """Return easting and northing of the drawn surface under a pixel; None off the terrain."""
        document = self._current.document
        if document is None:
            return None
        pick = document.scene.pick(self._navigation.camera, x_px, y_px)
        return None if pick is None else [pick.easting, pick.northing]

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Return pixels [n, 2] of places [n, 2] on the drawn surface; NaN if unseen."""
        document = self._current.document
        ground = None if document is None else document.scene.ground
        if ground is None:
            return np.full((len(places), 2), np.nan)
        navigation = self._navigation
        return Projector(ground, navigation.camera, navigation.size_px).places(places)[0]
