"""What is measured, drawn over the scene's picture: lines that follow the surface, corners, labels, the cursor."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer import text, theme
from viewer.measuring import geometry
from viewer.measuring.quantities import Measured
from viewer.measuring.session import project
from viewer.measuring.terrain import REFERENCE
from viewer.settings import Measurement

if TYPE_CHECKING:
    from viewer.app import App

LINE, PROFILE_LINE, CASING = "ffd23f", "ffffff", "101418"
"""Yellow for measurements and white for the profile, cased in black: they stand out from every colour map."""

HINTS = {
    "point": "Click a place · Esc ends",
    "distance": "Click corners, drag them · double-click or Enter ends the line · Esc gives up",
    "area": "Click corners, drag them · double-click or Enter closes the polygon · Esc gives up",
    "profile": "Click corners, drag them · double-click or Enter ends the profile's line · Esc gives up",
}
"""What the mouse does while a tool is taken up, over the scene."""

PLACES = 192
"""Places of a line at which it is laid on the drawn surface."""

MOST_LAID = 64
"""Lines remembered as they lie in the picture."""

LOOKS = 64
"""Places between a point of a line and the eye where ground in between is looked for."""


def draw(app: App) -> None:
    """Every measurement, the profile's line, and what is being drawn."""
    if app.scene is None or app.scene.ground is None or app.viewport is None:
        return
    left, top, width, height = app.viewport.area
    paint = imgui.get_background_draw_list()
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height), True)
    measuring, state = app.measuring, app.settings.measuring
    for number, item in enumerate(state.items, 1):
        _shape(app, paint, item.points, LINE, closed=item.kind == "area")
        _label(app, paint, item, number, measuring.result(app, item))
    if state.profile:
        _shape(app, paint, state.profile, PROFILE_LINE)
    draft = measuring.tool.draft
    if draft:
        over, io = measuring.tool.over, imgui.get_io()
        hovers = not io.want_capture_mouse and app.viewport.contains(io.mouse_pos) and not measuring.tool.dragging
        ahead = [over] if over is not None and hovers else []
        closed = state.tool == "area" and len(draft) + len(ahead) > 2
        _shape(app, paint, [*draft, *ahead], PROFILE_LINE if state.tool == "profile" else LINE, closed=closed)
        if ahead:
            _ahead(app, paint, np.array([*draft, *ahead]), closed)
    _cursor(app, paint)
    if state.tool in HINTS and not app.sheet:
        _hint(paint, left + width / 2, top, HINTS[state.tool])
    paint.pop_clip_rect()


def _shape(app: App, paint: Any, points: list[list[float]], colour: str, *, closed: bool = False) -> None:
    corners = np.array(points, np.float64)
    outline = np.concatenate([corners, corners[:1]]) if closed else corners
    em = hello_imgui.em_size()
    outline = geometry.as_points(outline)
    if len(outline) > 1:
        at, seen = _laid(app, outline)
        _polyline(paint, at, seen, CASING, 0.26 * em, 0.55)
        _polyline(paint, at, seen, colour, 0.13 * em, 1.0)
    for x, y in _window(app, app.measuring.pixels(app, corners)):
        if math.isfinite(x):
            paint.add_circle_filled(ImVec2(x, y), 0.32 * em, theme.u32(CASING, 0.8))
            paint.add_circle_filled(ImVec2(x, y), 0.2 * em, theme.u32(colour))


_LAID: dict[bytes, tuple[Hashable, np.ndarray, np.ndarray]] = {}
"""Lines as they lie in the latest picture: while nothing moves, nothing is computed."""


def _laid(app: App, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Window coordinates [m, 2] of places along a line, and which of them no ground hides."""
    assert app.scene is not None
    assert app.viewport is not None
    moving = app.input.moving or app.glide is not None
    exaggeration = app.settings.view.exaggeration
    view = astuple(app.camera), app.viewport.area, app.viewport.size, exaggeration, app.scene.picture, moving
    kept = _LAID.get(outline.tobytes())
    if kept is None or kept[0] != view:
        if len(_LAID) > MOST_LAID:
            _LAID.clear()
        length = float(geometry.segment_lengths_m(outline).sum())
        pieces = geometry.along(outline, length / PLACES, 2 * PLACES)
        places = np.column_stack([pieces.easting, pieces.northing])
        kept = _LAID[outline.tobytes()] = (view, *_on_screen(app, places, look=not moving))
    return kept[1], kept[2]


def _on_screen(app: App, places: np.ndarray, *, look: bool) -> tuple[np.ndarray, np.ndarray]:
    """Window coordinates of places on the drawn surface; with `look`, which of them no ground hides."""
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
    return _window(app, project(app, points)), seen


def _window(app: App, pixels: np.ndarray) -> np.ndarray:
    assert app.viewport is not None
    left, top, *_ = app.viewport.area
    return pixels / app.viewport.ratio + [left, top]


def _polyline(paint: Any, at: np.ndarray, seen: np.ndarray, colour: str, thick: float, alpha: float) -> None:
    """Solid where it is seen, dashes where it is hidden, nothing where there is no surface."""
    known = np.isfinite(at[:, 0])
    solid = known[:-1] & known[1:] & seen[:-1] & seen[1:]
    dashed = known[:-1] & known[1:] & ~solid & (np.arange(len(at) - 1) % 4 < 2)
    for mask, share in ((solid, alpha), (dashed, 0.55 * alpha)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            run = [ImVec2(float(x), float(y)) for x, y in at[start : stop + 1]]
            paint.add_polyline(run, theme.u32(colour, share), thick, 0)


def _label(app: App, paint: Any, item: Measurement, number: int, result: Measured | None) -> None:
    places = np.array(item.points, np.float64)
    middle = places.mean(axis=0) if item.kind == "area" else places[-1]
    words = "…" if result is None else headline(result, app.settings.active)
    (x, y), *_ = _window(app, app.measuring.pixels(app, middle[None, :]))
    if not math.isfinite(x):  # no surface in the middle
        (x, y), *_ = _window(app, app.measuring.pixels(app, places[:1]))
    if math.isfinite(x):
        _card(paint, x, y, f"{number}  {words}")


def headline(result: Measured, slot: str) -> str:
    """The first number of a measurement, as its label in the scene and its line in lists."""
    own = result.surfaces.get(slot) or next(iter(result.surfaces.values()), {})
    if result.kind == "point":
        return text.metres(own.get("height_m"))
    if result.kind == "distance":
        rise = text.signed_metres(own.get("height_difference_m"))
        return f"{text.length(result.common['horizontal_m'])}, {rise}"
    return text.area(result.common["planimetric_m2"])


def _ahead(app: App, paint: Any, points: np.ndarray, closed: bool) -> None:
    """How long or large the draft would be if the next click were here."""
    if closed:
        words = text.area(math.nan if geometry.crosses_itself(points) else geometry.area_m2(points))
    else:
        bearing = geometry.bearing_deg(points[-2], points[-1])
        words = text.length(float(geometry.segment_lengths_m(points).sum()))
        words += "" if math.isnan(bearing) else f"  {bearing:.0f}°"
    mouse = imgui.get_mouse_pos()
    _card(paint, mouse.x, mouse.y, words)


def _card(paint: Any, x: float, y: float, words: str) -> None:
    """A short line beside a point."""
    em, size = hello_imgui.em_size(), imgui.calc_text_size(words)
    left, top = x + 0.8 * em, y - 1.9 * em
    paint.add_rect_filled(
        ImVec2(left, top),
        ImVec2(left + size.x + 0.8 * em, top + size.y + 0.3 * em),
        theme.u32(theme.PANEL, 0.86),
        0.3 * em,
    )
    paint.add_text(ImVec2(left + 0.4 * em, top + 0.15 * em), theme.u32(theme.TEXT), words)


def _hint(paint: Any, middle: float, top: float, words: str) -> None:
    em, size = hello_imgui.em_size(), imgui.calc_text_size(words)
    left = middle - size.x / 2
    corner = ImVec2(left + size.x + 0.7 * em, top + 0.9 * em + size.y)
    paint.add_rect_filled(ImVec2(left - 0.7 * em, top + 0.4 * em), corner, theme.u32(theme.PANEL, 0.8), 0.35 * em)
    paint.add_text(ImVec2(left, top + 0.65 * em), theme.u32(theme.DIM), words)


def _cursor(app: App, paint: Any) -> None:
    """The place that the mouse is at in the profile."""
    made, at = app.measuring.profile, app.measuring.cursor_m
    if made is None or at is None:
        return
    index = int(np.argmin(np.abs(made.distance_m - at)))
    place = np.array([[made.easting[index], made.northing[index]]])
    (x, y), *_ = _window(app, app.measuring.pixels(app, place))
    if not math.isfinite(x):
        return
    em = hello_imgui.em_size()
    paint.add_circle(ImVec2(x, y), 0.5 * em, theme.u32(CASING, 0.8), 0, 0.3 * em)
    paint.add_circle(ImVec2(x, y), 0.5 * em, theme.u32(PROFILE_LINE), 0, 0.15 * em)
    heights = {name: float(values[index]) for name, values in made.heights_m.items()}
    shown = heights.get(app.settings.active, heights.get(REFERENCE, math.nan))
    _card(paint, x, y, f"{text.length(float(made.distance_m[index]))}: {text.metres(shown)}")
