"""Measurements as they lie in the window's picture; while nothing moves, nothing is computed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import astuple
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from imgui_bundle import ImVec2

from viewer.measuring import lines
from viewer.measuring.lines import Projector

if TYPE_CHECKING:
    from viewer.app import App

MOST_LAID = 64
"""Shapes remembered as they lie in the picture."""


class Laid(NamedTuple):
    """`lines.Lines` in window coordinates."""

    view: Hashable  # the picture it lies in
    solid: list[list[ImVec2]]
    dashed: list[list[ImVec2]]
    corners: list[ImVec2]
    anchor: ImVec2 | None


_LAID: dict[tuple[bytes, bool], Laid] = {}


def laid(
    app: App, points: list[list[float]], *, closed: bool = False, drawing: bool = False
) -> Laid:
    """A polyline or, where `closed`, a polygon. What is `drawing` changes with every move, so it is
    solid all over."""
    assert app.scene is not None
    assert app.viewport is not None
    look = not (drawing or app.input.moving or app.glide is not None)
    exaggeration = app.settings.view.exaggeration
    view = (
        astuple(app.camera),
        app.viewport.area,
        app.viewport.size,
        exaggeration,
        app.scene.picture,
        look,
    )
    corners = np.array(points, np.float64)
    key = corners.tobytes(), closed
    if key not in _LAID or _LAID[key].view != view:
        if len(_LAID) >= MOST_LAID:
            _LAID.clear()
        found = lines.lay(view_of(app), corners, closed=closed, look=look)
        solid, dashed = (
            [_in_window(app, run) for run in runs] for runs in (found.solid, found.dashed)
        )
        anchors = [] if found.anchor is None else _in_window(app, found.anchor[None, :])
        _LAID[key] = Laid(
            view, solid, dashed, _in_window(app, found.corners), next(iter(anchors), None)
        )
    return _LAID[key]


def view_of(app: App) -> Projector:
    """The window's picture; there must be one."""
    assert app.scene is not None
    assert app.scene.ground is not None
    assert app.viewport is not None
    return Projector(app.scene.ground, app.camera, app.viewport.size)


def on_screen(app: App, place: np.ndarray) -> ImVec2 | None:
    """Window coordinates of a place [2] on the drawn surface; None behind the eye and where there
    is none."""
    found = _in_window(app, view_of(app).places(place[None, :])[0])[0]
    return found if found.x == found.x else None


def _in_window(app: App, pixels: np.ndarray) -> list[ImVec2]:
    """Pixels of the picture [n, 2] → window coordinates."""
    assert app.viewport is not None
    left, top, *_ = app.viewport.area
    return [ImVec2(x, y) for x, y in (pixels / app.viewport.ratio + [left, top]).tolist()]
