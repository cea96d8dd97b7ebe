"""Drawing points, lines and polygons on the terrain with the mouse (`viewer.session.tools.Tool`).

A click adds a corner; the mouse still moves the camera when it is dragged. A corner is dragged to
another place. Double-click, right click or Enter ends the line or polygon, Backspace takes the last
corner back, Esc gives up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from viewer.model.measurements import MIN_POINTS
from viewer.model.settings import Measurement

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.session.tools import Mouse

GRIP_PX = 9.0
"""How near to a corner the mouse takes hold of it, in window coordinates."""


Points = list[list[float]]


class DrawTool:
    """The mouse while something is being measured; what is drawn is in `settings.measuring`."""

    def __init__(self) -> None:
        self.draft: Points = []
        """Corners of what is being drawn."""
        self.over: list[float] | None = None
        """Easting and northing under the mouse."""
        # whose corner is dragged, which, and where it was
        self._held: tuple[Points, int, list[float]] | None = None

    def mouse(self, app: App, mouse: Mouse) -> bool:
        """See `viewer.session.tools.Tool`."""
        if app.settings.measuring.tool == "none":
            return False
        here = self._place(app, mouse)
        self.over = here
        if mouse.kind == "press" and mouse.button == 0:
            self._held = self._corner_near(app, mouse)
            return self._held is not None
        if mouse.kind in ("drag", "release") and self._held is not None:
            points, index, _ = self._held
            if here is not None:
                points[index] = here
            if mouse.kind == "release":
                self._held = None
            return True
        if mouse.kind == "click" and mouse.button == 0 and here is not None:
            self.add(app, here)
            return True
        if mouse.kind == "double" and mouse.button == 0:
            self.finish(app)  # its first click added the last corner
            return True
        if mouse.kind == "click" and mouse.button == 1 and self.draft:
            self.finish(app)
            return True
        return False

    def add(self, app: App, place: list[float]) -> None:
        """One more corner."""
        measuring = app.settings.measuring
        if measuring.tool == "point":
            measuring.items.append(Measurement("point", [place]))
            return
        self.draft.append(place)
        if measuring.tool == "profile":
            measuring.profile = self.draft

    def finish(self, app: App) -> None:
        """The line or polygon is complete; one with too few corners is dropped."""
        measuring = app.settings.measuring
        draft = self.draft
        self.draft = []
        if measuring.tool in ("distance", "area") and len(draft) >= MIN_POINTS[measuring.tool]:
            measuring.items.append(Measurement(measuring.tool, draft))
        elif measuring.tool == "profile" and len(draft) == 1:
            measuring.profile = []

    def undo(self) -> None:
        """Take the last corner of the draft back."""
        if self.draft:
            self.draft.pop()

    def choose(self, app: App, tool: str) -> None:
        """Take up a tool, or "none"; what was being drawn is given up."""
        self._give_up(app)
        app.settings.measuring.tool = tool

    def cancel(self, app: App) -> bool:
        """See `viewer.session.tools.Tool`: a corner back to its place, then the draft, then the
        tool."""
        measuring = app.settings.measuring
        if measuring.tool == "none":
            return False
        if self._held is not None:
            points, index, place = self._held
            points[index] = place
            self._held = None
        elif self.draft:
            self._give_up(app)
        else:
            measuring.tool = "none"
        return True

    @property
    def dragging(self) -> bool:
        """True if a corner is being moved."""
        return self._held is not None

    def _give_up(self, app: App) -> None:
        if self.draft and app.settings.measuring.tool == "profile":
            app.settings.measuring.profile = []
        self.draft = []
        self._held = None

    def _place(self, app: App, mouse: Mouse) -> list[float] | None:
        """Easting and northing of the drawn surface under the mouse; None beside it."""
        if mouse.kind == "hover":  # the readout knows it, not newer than it has to be
            return None if app.pick is None else [app.pick.easting, app.pick.northing]
        if app.scene is None:
            return None
        pick = app.scene.pick(app.camera, mouse.x_px, mouse.y_px)
        return None if pick is None else [pick.easting, pick.northing]

    def _corner_near(self, app: App, mouse: Mouse) -> tuple[Points, int, list[float]] | None:
        """The nearest corner within reach of the mouse."""
        assert app.viewport is not None
        measuring = app.settings.measuring
        shapes = [self.draft, measuring.profile, *(item.points for item in measuring.items)]
        best = GRIP_PX * app.viewport.ratio
        found = None
        for points in shapes:
            if not points:
                continue
            away = np.hypot(
                *(app.measuring.pixels(app, np.array(points)) - [mouse.x_px, mouse.y_px]).T
            )
            index = int(np.argmin(np.where(np.isfinite(away), away, np.inf)))
            if away[index] <= best:
                best = float(away[index])
                found = (points, index, points[index])
        return found
