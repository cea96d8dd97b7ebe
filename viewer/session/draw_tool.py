"""Drawing points, lines and polygons on the terrain with the mouse (`viewer.session.tools.Tool`).

A click adds a vertex; dragging still moves the camera. A vertex is dragged to another place.
Double-click, right click or Enter ends the line or polygon, Backspace removes the last vertex, Esc
cancels.
"""

from __future__ import annotations

import numpy as np

from viewer.model.measurements import MIN_POINTS
from viewer.model.settings import Measurement, Settings
from viewer.session.navigation import Navigation
from viewer.session.pointer import Pointer
from viewer.session.tools import Mouse

GRIP_PX = 9.0
"""Distance within which the mouse grabs a vertex, in window coordinates."""

Points = list[list[float]]


class DrawTool:
    """Mouse tool that draws measurements; finished shapes are in `settings.measuring`."""

    def __init__(self, settings: Settings, pointer: Pointer, navigation: Navigation) -> None:
        self._settings = settings
        self._pointer = pointer
        self._navigation = navigation
        self.draft: Points = []
        """Vertices of the shape being drawn."""
        self.over: list[float] | None = None
        """Easting and northing under the mouse."""
        # points, index and former place of the vertex that is dragged
        self._held: tuple[Points, int, list[float]] | None = None

    def mouse(self, mouse: Mouse) -> bool:
        """See `viewer.session.tools.Tool`."""
        if self._settings.measuring.tool == "none":
            return False
        self.over = place = self._place(mouse)
        if mouse.kind == "press" and mouse.button == 0:
            self._held = self._vertex_near(mouse)
            return self._held is not None
        if mouse.kind in ("drag", "release") and self._held is not None:
            points, index, _ = self._held
            if place is not None:
                points[index] = place
            if mouse.kind == "release":
                self._held = None
            return True
        if mouse.kind == "click" and mouse.button == 0 and place is not None:
            self.add(place)
            return True
        if mouse.kind == "double" and mouse.button == 0:
            self.finish()  # its first click added the last vertex
            return True
        if mouse.kind == "click" and mouse.button == 1 and self.draft:
            self.finish()
            return True
        return False

    def add(self, place: list[float]) -> None:
        """Add a vertex (easting, northing)."""
        measuring = self._settings.measuring
        if measuring.tool == "point":
            measuring.items.append(Measurement("point", [place]))
            return
        self.draft.append(place)
        if measuring.tool == "profile":
            measuring.profile = self.draft

    def finish(self) -> None:
        """Complete the line or polygon; drop it if it has too few vertices."""
        measuring = self._settings.measuring
        draft = self.draft
        self.draft = []
        if measuring.tool in ("distance", "area") and len(draft) >= MIN_POINTS[measuring.tool]:
            measuring.items.append(Measurement(measuring.tool, draft))
        elif measuring.tool == "profile" and len(draft) == 1:
            measuring.profile = []

    def undo(self) -> None:
        """Remove the last vertex of the draft."""
        if self.draft:
            self.draft.pop()

    def choose(self, tool: str) -> None:
        """Activate a tool of `measurements.TOOLS`, or "none"; discard the draft."""
        self._discard()
        self._settings.measuring.tool = tool

    def cancel(self) -> bool:
        """Put a dragged vertex back, else discard the draft, else put the tool away."""
        measuring = self._settings.measuring
        if measuring.tool == "none":
            return False
        if self._held is not None:
            points, index, place = self._held
            points[index] = place
            self._held = None
        elif self.draft:
            self._discard()
        else:
            measuring.tool = "none"
        return True

    @property
    def dragging(self) -> bool:
        """True if a vertex is being moved."""
        return self._held is not None

    def _discard(self) -> None:
        measuring = self._settings.measuring
        if self.draft and measuring.tool == "profile":
            measuring.profile = []
        self.draft = []
        self._held = None

    def _place(self, mouse: Mouse) -> list[float] | None:
        """Return easting and northing of the surface under the mouse; None off the terrain."""
        if mouse.kind == "hover":  # the readout has it, not newer than necessary
            pick = self._pointer.pick
            return None if pick is None else [pick.easting, pick.northing]
        return self._pointer.place(mouse.x_px, mouse.y_px)

    def _vertex_near(self, mouse: Mouse) -> tuple[Points, int, list[float]] | None:
        """Return points, index and place of the nearest vertex within reach of the mouse."""
        measuring = self._settings.measuring
        shapes = [self.draft, measuring.profile, *(item.points for item in measuring.items)]
        shortest = GRIP_PX * self._navigation.pixel_ratio
        nearest = None
        for points in shapes:
            if not points:
                continue
            offsets = self._pointer.pixels(np.array(points)) - [mouse.x_px, mouse.y_px]
            distances = np.hypot(*offsets.T)
            index = int(np.argmin(np.where(np.isfinite(distances), distances, np.inf)))
            if distances[index] <= shortest:
                shortest = float(distances[index])
                nearest = (points, index, points[index])
        return nearest
