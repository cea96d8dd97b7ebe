"""The camera path over the scene: a line with a mark and a number at each keyframe. Not hidden by
terrain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme

if TYPE_CHECKING:
    from viewer.app import App

POINTS = 240
"""Places along the path that the line joins."""

_made: dict[int, tuple[int, np.ndarray]] = {}  # by studio: version of the path, points [n, 3]


def draw(app: App) -> None:
    """Draw the path that is edited, unless it plays."""
    film = app.film
    frames = film.path.keyframes
    if (
        not frames
        or not film.line_shown
        or film.playing
        or app.viewport is None
        or app.settings.compare.split
    ):
        return
    version, points = _made.get(id(film), (-1, np.empty((0, 3))))
    if version != film.version:
        sampler = film.path.sampler()
        times = np.linspace(0.0, film.path.duration_s, POINTS if len(frames) > 1 else 1)
        points = np.array([sampler.at(float(t)).camera.eye for t in times])
        _made.clear()
        _made[id(film)] = film.version, points
    paint = imgui.get_background_draw_list()
    left, top, width, height = app.viewport.area
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height))
    em = hello_imgui.em_size()
    color = theme.u32(theme.ACCENT)
    shade = theme.u32(theme.PANEL, 0.7)
    places, seen = _project(app, points)
    for k in np.flatnonzero(seen[:-1] & seen[1:]):
        a = ImVec2(*places[k])
        b = ImVec2(*places[k + 1])
        paint.add_line(a, b, shade, 0.25 * em)
        paint.add_line(a, b, color, 0.12 * em)
    marks, seen = _project(app, np.array([frame.camera.eye for frame in frames]))
    for k in np.flatnonzero(seen):
        at = ImVec2(*marks[k])
        paint.add_circle_filled(
            at, 0.55 * em, theme.u32(theme.ACCENT_DEEP if k == film.selected else theme.PANEL, 0.9)
        )
        paint.add_circle(at, 0.55 * em, color, 0, 0.1 * em)
        label = str(k + 1)
        size = imgui.calc_text_size(label)
        ink = theme.ON_ACCENT if k == film.selected else theme.TEXT
        paint.add_text(ImVec2(at.x - size.x / 2, at.y - size.y / 2), theme.u32(ink), label)
    paint.pop_clip_rect()


def _project(app: App, points: np.ndarray) -> tuple[list[list[float]], np.ndarray]:
    """Window positions of world points [n, 3], and which of them are well before the eye and near
    the picture."""
    assert app.viewport is not None
    left, top, width, height = app.viewport.area
    x, y, depth = ((points - app.camera.eye) @ app.camera.axes.T).T
    safe = np.maximum(depth, 1e-3)
    scale = height / (2 * math.tan(math.radians(app.camera.fov_deg) / 2)) / safe
    across = left + width / 2 + x * scale
    down = top + height / 2 - y * scale
    near = (
        (depth > 1.0) & (np.abs(across) < 3 * (left + width)) & (np.abs(down) < 3 * (top + height))
    )
    return np.stack([across, down], axis=1).tolist(), near
