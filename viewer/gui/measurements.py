"""Measurements drawn over the scene: polylines that follow the surface, corners, labels, the
cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme
from viewer.gui.projected_shapes import Projected, Screen
from viewer.measuring import cards as places
from viewer.measuring import geometry
from viewer.measuring.cards import Box
from viewer.measuring.look import CASING, LINE, PROFILE_LINE, headline
from viewer.measuring.terrain import REFERENCE
from viewer.model import text

if TYPE_CHECKING:
    from viewer.gui.view import WindowView
    from viewer.scene.scene import Scene
    from viewer.session.session import Session

HINTS = {
    "point": "Click a point · Esc ends",
    "distance": "Click vertices, drag them · double-click or Enter ends the line · Esc cancels",
    "area": "Click vertices, drag them · double-click or Enter closes the polygon · Esc cancels",
    "profile": "Click vertices, drag them · double-click or Enter ends the profile's line · Esc "
    "cancels",
}
"""Mouse hints over the scene while a tool is in use."""


class Card(NamedTuple):
    """Short label beside a point of the window."""

    x: float
    y: float
    words: str


def draw(view: WindowView) -> list[Card]:
    """Draw every measurement, the profile line, and the shape being drawn; return their numbers for
    `draw_cards`."""
    cards: list[Card] = []
    session = view.session
    document = session.document
    viewport = view.viewport
    if document is None or document.scene.ground is None or viewport is None:
        return cards
    scene = document.scene
    version = (session.settings.view.exaggeration, scene.picture)
    moving = view.input.moving or session.glide is not None
    screen = Screen(document.scene.ground, session.camera, viewport, version, moving)
    left, top, width, height = viewport.area
    paint = imgui.get_background_draw_list()
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height), True)
    state = session.settings.measuring
    for number, item in enumerate(state.items, 1):
        shape = view.shapes.get(screen, item.points, closed=item.kind == "area")
        result = session.measuring.result(item)
        _shape(paint, shape, LINE)
        if shape.anchor is not None:
            words = "…" if result is None else headline(result, session.settings.active)
            cards.append(Card(shape.anchor.x, shape.anchor.y, f"{number}  {words}"))
    if state.profile:
        _shape(paint, view.shapes.get(screen, state.profile), PROFILE_LINE)
    if session.measuring.tool.draft:
        cards += _draft(view, scene, screen, paint)
    cards += _cursor(session, screen, paint)
    if state.tool in HINTS and not view.sheet.name:
        _hint(paint, left + width / 2, top, HINTS[state.tool])
    paint.pop_clip_rect()
    return cards


def draw_cards(
    cards: Sequence[Card], taken: Sequence[Box], area: tuple[float, float, float, float]
) -> None:
    """Write labels over the scene, whose left, top, width and height in the window are `area`,
    clear of the boxes `taken` and of each other."""
    left, top, width, height = area
    scene = Box(left, top, left + width, top + height)
    em = hello_imgui.em_size()
    paint = imgui.get_background_draw_list()
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height), True)
    boxes = list(taken)
    for x, y, words in cards:
        size = imgui.calc_text_size(words)
        box = places.place((x, y), (size.x + 0.8 * em, 1.5 * em), em, scene, boxes)
        boxes.append(box)
        corner = ImVec2(box.right, box.top + size.y + 0.3 * em)
        first = ImVec2(box.left, box.top)
        paint.add_rect_filled(first, corner, theme.u32(theme.PANEL, 0.86), 0.3 * em)
        place = ImVec2(box.left + 0.4 * em, box.top + 0.15 * em)
        paint.add_text(place, theme.u32(theme.TEXT), words)
    paint.pop_clip_rect()


def _draft(view: WindowView, scene: Scene, screen: Screen, paint: Any) -> list[Card]:
    """Draw the shape being drawn, with the vertex that a click would add; return its numbers."""
    session = view.session
    tool = session.measuring.tool
    name = session.settings.measuring.tool
    io = imgui.get_io()
    hovers = (
        not io.want_capture_mouse and screen.viewport.contains(io.mouse_pos) and not tool.dragging
    )
    ahead = [tool.over] if tool.over is not None and hovers else []
    points = [*tool.draft, *ahead]
    closed = name == "area" and len(points) > 2
    color = PROFILE_LINE if name == "profile" else LINE
    _shape(paint, view.shapes.get(screen, points, closed=closed, drawing=True), color)
    return [_ahead(scene.ground_scale, np.array(points), closed)] if ahead else []


def _shape(paint: Any, shape: Projected, color: str) -> None:
    em = hello_imgui.em_size()
    for code, thick, alpha in ((CASING, 0.26 * em, 0.55), (color, 0.13 * em, 1.0)):
        for runs, share in ((shape.solid, alpha), (shape.dashed, 0.55 * alpha)):
            for run in runs:
                paint.add_polyline(run, theme.u32(code, share), thick, 0)
    for corner in shape.corners:
        paint.add_circle_filled(corner, 0.32 * em, theme.u32(CASING, 0.8))
        paint.add_circle_filled(corner, 0.2 * em, theme.u32(color))


def _ahead(ground_scale: float, points: np.ndarray, closed: bool) -> Card:
    """Return length and bearing, or the area, that a click here would give the draft."""
    if closed:
        ring = geometry.as_ring(points)
        words = text.area(
            math.nan if geometry.crosses_itself(ring) else geometry.area_m2(ring, ground_scale)
        )
    else:
        bearing = geometry.bearing_deg(points[-2], points[-1])
        words = text.length(float(geometry.segment_lengths_m(points, ground_scale).sum()))
        words += "" if math.isnan(bearing) else f"  {bearing:.0f}°"
    mouse = imgui.get_mouse_pos()
    return Card(mouse.x, mouse.y, words)


def _hint(paint: Any, middle: float, top: float, words: str) -> None:
    em = hello_imgui.em_size()
    size = imgui.calc_text_size(words)
    left = middle - size.x / 2
    corner = ImVec2(left + size.x + 0.7 * em, top + 0.9 * em + size.y)
    paint.add_rect_filled(
        ImVec2(left - 0.7 * em, top + 0.4 * em), corner, theme.u32(theme.PANEL, 0.8), 0.35 * em
    )
    paint.add_text(ImVec2(left, top + 0.65 * em), theme.u32(theme.DIM), words)


def _cursor(session: Session, screen: Screen, paint: Any) -> list[Card]:
    """Mark the position on the profile line that the mouse points at; return its numbers."""
    profile = session.measuring.profile
    cursor_m = session.measuring.cursor_m
    if profile is None or cursor_m is None:
        return []
    index = int(np.argmin(np.abs(profile.distance_m - cursor_m)))
    point = screen.project(np.array([profile.easting[index], profile.northing[index]]))
    if point is None:
        return []
    em = hello_imgui.em_size()
    paint.add_circle(point, 0.5 * em, theme.u32(CASING, 0.8), 0, 0.3 * em)
    paint.add_circle(point, 0.5 * em, theme.u32(PROFILE_LINE), 0, 0.15 * em)
    heights = {name: float(values[index]) for name, values in profile.heights_m.items()}
    height_m = heights.get(session.settings.active, heights.get(REFERENCE, math.nan))
    label = f"{text.length(float(profile.distance_m[index]))}: {text.meters(height_m)}"
    return [Card(point.x, point.y, label)]
