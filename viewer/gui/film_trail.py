"""The camera path over the scene: a polyline with a numbered mark at each keyframe. Not hidden by
terrain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, imgui

from viewer.gui import theme

if TYPE_CHECKING:
    from viewer.gui.viewport import Viewport
    from viewer.model.camera import Camera
    from viewer.model.camera_path import CameraPath
    from viewer.session.film import FilmEditor
    from viewer.session.session import Session

POINTS = 240
"""Vertices of the polyline."""


class FilmTrail:
    """The camera path over the scene; sampled once per version of the path."""

    def __init__(self) -> None:
        self._version = -1
        self._points = np.empty((0, 3))

    def sample(self, path: CameraPath, version: int) -> np.ndarray:
        """Return eye positions along a path, float64 [n, 3]."""
        if version != self._version:
            sampler = path.sampler()
            count = POINTS if len(path.keyframes) > 1 else 1
            times = np.linspace(0.0, path.duration_s, count)
            self._points = np.array([sampler.pose_at(float(t)).camera.eye for t in times])
            self._version = version
        return self._points

    def draw(self, session: Session, viewport: Viewport) -> None:
        """Draw the edited path, unless it plays."""
        film = session.film
        hidden = not film.line_shown or film.playing or session.settings.compare.split
        if hidden or not film.path.keyframes:
            return
        points = self.sample(film.path, film.version)
        _draw(film, points, session.camera, viewport)


def _draw(film: FilmEditor, points: np.ndarray, camera: Camera, viewport: Viewport) -> None:
    paint = imgui.get_background_draw_list()
    left, top, width, height = viewport.area
    paint.push_clip_rect(ImVec2(left, top), ImVec2(left + width, top + height))
    em = hello_imgui.em_size()
    color = theme.u32(theme.ACCENT)
    shade = theme.u32(theme.PANEL, 0.7)
    points_px, visible = _project(camera, viewport, points)
    for k in np.flatnonzero(visible[:-1] & visible[1:]):
        a = ImVec2(*points_px[k])
        b = ImVec2(*points_px[k + 1])
        paint.add_line(a, b, shade, 0.25 * em)
        paint.add_line(a, b, color, 0.12 * em)
    eyes = np.array([frame.camera.eye for frame in film.path.keyframes])
    marks, visible = _project(camera, viewport, eyes)
    for k in np.flatnonzero(visible):
        center = ImVec2(*marks[k])
        fill = theme.ACCENT_DEEP if k == film.selected else theme.PANEL
        paint.add_circle_filled(center, 0.55 * em, theme.u32(fill, 0.9))
        paint.add_circle(center, 0.55 * em, color, 0, 0.1 * em)
        label = str(k + 1)
        size = imgui.calc_text_size(label)
        ink = theme.ON_ACCENT if k == film.selected else theme.TEXT
        paint.add_text(ImVec2(center.x - size.x / 2, center.y - size.y / 2), theme.u32(ink), label)
    paint.pop_clip_rect()


def _project(
    camera: Camera, viewport: Viewport, points: np.ndarray
) -> tuple[list[list[float]], np.ndarray]:
    """Project world points [n, 3] into the window; return positions and a mask of the points well
    before the eye and near the picture."""
    left, top, width, height = viewport.area
    x, y, depth = ((points - camera.eye) @ camera.axes.T).T
    safe = np.maximum(depth, 1e-3)
    scale = height / (2 * math.tan(math.radians(camera.fov_deg) / 2)) / safe
    across = left + width / 2 + x * scale
    down = top + height / 2 - y * scale
    near = (
        (depth > 1.0) & (np.abs(across) < 3 * (left + width)) & (np.abs(down) < 3 * (top + height))
    )
    return np.stack([across, down], axis=1).tolist(), near
