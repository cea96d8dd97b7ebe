"""Measurements drawn over the scene's picture: lines that follow the surface, corners, labels, the
cursor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme
from viewer.gui.projected_shapes import Laid, laid, on_screen
from viewer.measuring import geometry
from viewer.measuring.look import CASING, LINE, PROFILE_LINE, headline
from viewer.measuring.terrain import REFERENCE
from viewer.model import text

if TYPE_CHECKING:
    from viewer.app import App

HINTS = {
    "point": "Click a place · Esc ends",
    "distance": "Click corners, drag them · double-click or Enter ends the line · Esc gives up",
    "area": "Click corners, drag them · double-click or Enter closes the polygon · Esc gives up",
    "profile": "Click corners, drag them · double-click or Enter ends the profile's line · Esc "
    "gives up",
}
"""Mouse hints over the scene while a tool is in use."""


def draw(app: App) -> None:
    """Every measurement, the profile's line, and what is being drawn."""
    if app.scene is None or app.scene.ground is None or app.viewport is None:
        return
    left, top, width, height = app.viewport.area
    paint = imgui.get_background_draw_list()
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height), True)
    measuring = app.measuring
    state = app.settings.measuring
    for number, item in enumerate(state.items, 1):
        shape = laid(app, item.points, closed=item.kind == "area")
        result = measuring.result(item)
        _shape(paint, shape, LINE)
        if shape.anchor is not None:
            words = "…" if result is None else headline(result, app.settings.active)
            _card(paint, shape.anchor.x, shape.anchor.y, f"{number}  {words}")
    if state.profile:
        _shape(paint, laid(app, state.profile), PROFILE_LINE)
    draft = measuring.tool.draft
    if draft:
        over = measuring.tool.over
        io = imgui.get_io()
        hovers = (
            not io.want_capture_mouse
            and app.viewport.contains(io.mouse_pos)
            and not measuring.tool.dragging
        )
        ahead = [over] if over is not None and hovers else []
        closed = state.tool == "area" and len(draft) + len(ahead) > 2
        color = PROFILE_LINE if state.tool == "profile" else LINE
        _shape(paint, laid(app, [*draft, *ahead], closed=closed, drawing=True), color)
        if ahead:
            _ahead(app, paint, np.array([*draft, *ahead]), closed)
    _cursor(app, paint)
    if state.tool in HINTS and not app.sheet:
        _hint(paint, left + width / 2, top, HINTS[state.tool])
    paint.pop_clip_rect()


def _shape(paint: Any, shape: Laid, color: str) -> None:
    em = hello_imgui.em_size()
    for code, thick, alpha in ((CASING, 0.26 * em, 0.55), (color, 0.13 * em, 1.0)):
        for runs, share in ((shape.solid, alpha), (shape.dashed, 0.55 * alpha)):
            for run in runs:
                paint.add_polyline(run, theme.u32(code, share), thick, 0)
    for corner in shape.corners:
        paint.add_circle_filled(corner, 0.32 * em, theme.u32(CASING, 0.8))
        paint.add_circle_filled(corner, 0.2 * em, theme.u32(color))


def _ahead(app: App, paint: Any, points: np.ndarray, closed: bool) -> None:
    """How long or large the draft would be if the next click were here."""
    assert app.scene is not None
    ground_scale = app.scene.ground_scale
    if closed:
        words = text.area(
            math.nan if geometry.crosses_itself(points) else geometry.area_m2(points, ground_scale)
        )
    else:
        bearing = geometry.bearing_deg(points[-2], points[-1])
        words = text.length(float(geometry.segment_lengths_m(points, ground_scale).sum()))
        words += "" if math.isnan(bearing) else f"  {bearing:.0f}°"
    mouse = imgui.get_mouse_pos()
    _card(paint, mouse.x, mouse.y, words)


def _card(paint: Any, x: float, y: float, words: str) -> None:
    """A short line beside a point."""
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(words)
    left = x + 0.8 * em
    top = y - 1.9 * em
    paint.add_rect_filled(
        ImVec2(left, top),
        ImVec2(left + size.x + 0.8 * em, top + size.y + 0.3 * em),
        theme.u32(theme.PANEL, 0.86),
        0.3 * em,
    )
    paint.add_text(ImVec2(left + 0.4 * em, top + 0.15 * em), theme.u32(theme.TEXT), words)


def _hint(paint: Any, middle: float, top: float, words: str) -> None:
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(words)
    left = middle - size.x / 2
    corner = ImVec2(left + size.x + 0.7 * em, top + 0.9 * em + size.y)
    paint.add_rect_filled(
        ImVec2(left - 0.7 * em, top + 0.4 * em), corner, theme.u32(theme.PANEL, 0.8), 0.35 * em
    )
    paint.add_text(ImVec2(left, top + 0.65 * em), theme.u32(theme.DIM), words)


def _cursor(app: App, paint: Any) -> None:
    """The place that the mouse is at in the profile."""
    made = app.measuring.profile
    at = app.measuring.cursor_m
    if made is None or at is None:
        return
    index = int(np.argmin(np.abs(made.distance_m - at)))
    there = on_screen(app, np.array([made.easting[index], made.northing[index]]))
    if there is None:
        return
    em = hello_imgui.em_size()
    paint.add_circle(there, 0.5 * em, theme.u32(CASING, 0.8), 0, 0.3 * em)
    paint.add_circle(there, 0.5 * em, theme.u32(PROFILE_LINE), 0, 0.15 * em)
    heights = {name: float(values[index]) for name, values in made.heights_m.items()}
    shown = heights.get(app.settings.active, heights.get(REFERENCE, math.nan))
    _card(
        paint,
        there.x,
        there.y,
        f"{text.length(float(made.distance_m[index]))}: {text.meters(shown)}",
    )
