"""Measurements projected into the window; while nothing moves, nothing is computed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import astuple
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from imgui_bundle import ImVec2

from viewer.measuring import lines
from viewer.measuring.lines import DrawnSurface, Projector

if TYPE_CHECKING:
    from viewer.gui.viewport import Viewport
    from viewer.model.camera import Camera

MAX_SHAPES = 64
"""Projected shapes that are kept."""


class Screen(NamedTuple):
    """The scene's picture in the window."""

    ground: DrawnSurface
    camera: Camera
    viewport: Viewport
    version: Hashable
    """Changes with the drawn surface."""
    moving: bool = False
    """True while the camera moves; hidden parts are then not looked for."""

    def window(self, pixels: np.ndarray) -> list[ImVec2]:
        """Convert pixels of the picture [n, 2] to window coordinates."""
        left, top, *_ = self.viewport.area
        return [ImVec2(x, y) for x, y in (pixels / self.viewport.ratio + [left, top]).tolist()]

    @property
    def view(self) -> Projector:
        """Camera, surface and size of the picture."""
        return Projector(self.ground, self.camera, self.viewport.size)

    def project(self, place: np.ndarray) -> ImVec2 | None:
        """Return window coordinates of a place [2] (easting, northing) on the drawn surface; None
        behind the eye and outside the surface."""
        point = self.window(self.view.places(place[None, :])[0])[0]
        return point if point.x == point.x else None


class Projected(NamedTuple):
    """`lines.Lines` in window coordinates."""

    key: Hashable  # of the picture it was projected for
    solid: list[list[ImVec2]]
    dashed: list[list[ImVec2]]
    corners: list[ImVec2]
    anchor: ImVec2 | None


class ProjectedShapes:
    """Projected shapes of the latest picture, by their corners."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[bytes, bool], Projected] = {}

    def get(
        self,
        screen: Screen,
        points: list[list[float]],
        *,
        closed: bool = False,
        drawing: bool = False,
    ) -> Projected:
        """Project a polyline or, with `closed`, a polygon of corners [n][2] (easting, northing).

        A shape being drawn changes with every move of the mouse, so it is solid throughout.
        """
        look = not (drawing or screen.moving)
        viewport = screen.viewport
        picture = (astuple(screen.camera), viewport.area, viewport.size, screen.version, look)
        corners = np.array(points, np.float64)
        key = corners.tobytes(), closed
        shape = self._shapes.get(key)
        if shape is None or shape.key != picture:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = _project(screen, picture, corners, closed, look)
        return shape


def _project(
    screen: Screen, picture: Hashable, corners: np.ndarray, closed: bool, look: bool
) -> Projected:
    shape = lines.lay(screen.view, corners, closed=closed, look=look)
    solid = [screen.window(run) for run in shape.solid]
    dashed = [screen.window(run) for run in shape.dashed]
    anchor = None if shape.anchor is None else screen.window(shape.anchor[None, :])[0]
    return Projected(picture, solid, dashed, screen.window(shape.corners), anchor)
