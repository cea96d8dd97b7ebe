"""Lines and polygons as they lie in the picture: on the drawn surface, solid where it is seen, dashed where not."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import astuple
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from imgui_bundle import ImVec2

from viewer.measuring import geometry
from viewer.measuring.session import project

if TYPE_CHECKING:
    from viewer.app import App

PLACES = 144
"""Places of a line at which it is laid on the drawn surface, corners not counted."""

LOOKS = 64
"""Places between a point of a line and the eye where ground in between is looked for."""

MOST_LAID = 64
"""Shapes remembered as they lie in the picture."""


class Laid(NamedTuple):
    """A shape in window coordinates."""

    view: Hashable  # the picture it lies in
    solid: list[list[ImVec2]]
    dashed: list[list[ImVec2]]
    corners: list[ImVec2]
    anchor: ImVec2 | None  # where its label belongs; None where no part has a surface below


_LAID: dict[tuple[bytes, bool], Laid] = {}
"""While nothing moves, nothing is computed."""


def laid(app: App, points: list[list[float]], *, closed: bool = False, drawing: bool = False) -> Laid:
    """A polyline or, where `closed`, a polygon. What is `drawing` changes with every move, so it is solid all over."""
    assert app.scene is not None
    assert app.viewport is not None
    look = not (drawing or app.input.moving or app.glide is not None)
    exaggeration = app.settings.view.exaggeration
    view = astuple(app.camera), app.viewport.area, app.viewport.size, exaggeration, app.scene.picture, look
    corners = np.array(points, np.float64)
    key = corners.tobytes(), closed
    if key not in _LAID or _LAID[key].view != view:
        if len(_LAID) >= MOST_LAID:
            _LAID.clear()
        _LAID[key] = _lay(app, corners, view, closed=closed, look=look)
    return _LAID[key]


def _lay(app: App, corners: np.ndarray, view: Hashable, *, closed: bool, look: bool) -> Laid:
    outline = geometry.as_points(np.concatenate([corners, corners[:1]]) if closed else corners)
    solid: list[list[ImVec2]] = []
    dashed: list[list[ImVec2]] = []
    if len(outline) > 1:
        length = float(geometry.segment_lengths_m(outline).sum())
        pieces = geometry.along(outline, length / PLACES, 2 * PLACES)
        at, seen = on_screen(app, np.column_stack([pieces.easting, pieces.northing]), look=look)
        known = np.isfinite(at[:-1, 0]) & np.isfinite(at[1:, 0])
        open_view = known & seen[:-1] & seen[1:]
        solid = _runs(at, open_view)
        dashed = _runs(at, known & ~open_view & (np.arange(len(at) - 1) % 4 < 2))
    middle = corners.mean(axis=0) if closed else corners[-1]
    ends, _ = on_screen(app, np.concatenate([corners, middle[None, :], corners[:1]]), look=False)
    spots = [ImVec2(float(x), float(y)) for x, y in ends[: len(corners)] if np.isfinite(x)]
    anchors = [ImVec2(float(x), float(y)) for x, y in ends[len(corners) :] if np.isfinite(x)]
    return Laid(view, solid, dashed, spots, anchors[0] if anchors else None)


def on_screen(app: App, places: np.ndarray, *, look: bool) -> tuple[np.ndarray, np.ndarray]:
    """Window coordinates [n, 2] of places on the drawn surface; with `look`, which of them no ground hides."""
    assert app.scene is not None
    ground = app.scene.ground
    assert ground is not None
    z = ground.coarse_z(places[:, 0], places[:, 1])
    points = np.column_stack([places, z])
    seen = np.ones(len(points), bool)
    if look:
        share = np.linspace(0.0, 1.0, LOOKS + 1)[1:-1] ** 2  # closer looks near the line
        rays = points[:, None, :] + share[None, :, None] * (app.camera.eye - points)[:, None, :]
        between = ground.coarse_z(rays[..., 0].ravel(), rays[..., 1].ravel()).reshape(rays.shape[:2])
        clear = 0.001 * np.linalg.norm(app.camera.eye - points, axis=1)[:, None]
        with np.errstate(invalid="ignore"):
            seen = ~(between > rays[..., 2] + clear).any(axis=1)
    return window_of(app, project(app, points)), seen


def window_of(app: App, pixels: np.ndarray) -> np.ndarray:
    """Pixels of the picture [n, 2] → window coordinates."""
    assert app.viewport is not None
    left, top, *_ = app.viewport.area
    return pixels / app.viewport.ratio + [left, top]


def _runs(at: np.ndarray, pieces: np.ndarray) -> list[list[ImVec2]]:
    """Consecutive pieces [n − 1] between points [n] as polylines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], pieces.astype(int), [0]])))
    return [
        [ImVec2(x, y) for x, y in at[start : stop + 1].tolist()]
        for start, stop in zip(edges[::2], edges[1::2], strict=True)
    ]
