"""Where the camera is sent: the whole area, north, straight down, the ground under a pixel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from viewer import motion
from viewer.headless import HEADING_DEG, PITCH_DEG

if TYPE_CHECKING:
    from viewer.app import App

SETTLING_FRAMES = 3
"""Frames until the panels have their places."""


class Navigation:
    """Moves `App.camera`, at once or by a glide."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.speed_m_s = 100.0
        """How fast keys fly."""
        self.settling_frames = 0
        """Frames left in which the camera follows the settling layout of a new file."""

    def update(self) -> None:
        """One frame: follow the layout of a new file, then a glide under way."""
        app = self._app
        if self.settling_frames:
            self.settling_frames -= 1
            self.home(glide=False)
        app.camera.fov_deg = app.settings.view.fov_deg
        if app.glide is not None:
            app.camera, arrived = app.glide.now()
            app.glide = None if arrived else app.glide

    def begin(self) -> None:
        """A new file is open: show all of it."""
        self._app.glide, self.settling_frames = None, SETTLING_FRAMES

    def home(self, *, glide: bool = True) -> None:
        """Show the whole area, looking north."""
        app = self._app
        if app.scene is None or app.scene.reader is None or app.viewport is None:
            return
        camera = replace(app.camera)
        camera.frame(app.scene.bounds, app.viewport.aspect, heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG)
        app.glide = motion.between(app.camera, camera) if glide else None
        if not glide:
            app.camera = camera
            bounds = app.scene.bounds
            self.speed_m_s = max(bounds.east - bounds.west, bounds.north - bounds.south) / 8

    def turn(self, *, heading_deg: float | None = None, pitch_deg: float | None = None) -> None:
        """Turn about the middle of the picture to this heading or pitch."""
        app = self._app
        if app.scene is None or app.scene.reader is None or app.viewport is None:
            return
        width, height = app.viewport.size
        pivot = self.world_point(width / 2, height / 2)
        heading = app.camera.heading_deg if heading_deg is None else heading_deg
        pitch = app.camera.pitch_deg if pitch_deg is None else pitch_deg
        app.glide = motion.around(app.camera, pivot, heading, pitch)

    def change_speed(self, factor: float) -> None:
        """Fly faster or slower."""
        self.speed_m_s = min(max(self.speed_m_s * factor, 0.5), 1e6)
        self._app.messages.info(f"Flying at {self.speed_m_s:.3g} m/s.")

    def world_point(self, x_px: float, y_px: float) -> np.ndarray:
        """The drawn surface under a pixel; beyond it, a point at the distance of the area's middle height."""
        app = self._app
        assert app.scene is not None
        assert app.viewport is not None
        picked = app.scene.pick(app.camera, x_px, y_px)
        if picked is not None:
            return np.array([picked.easting, picked.northing, app.scene.drawn_z(picked.z_m)])
        bounds = app.scene.bounds
        ray = app.camera.ray(x_px, y_px, app.viewport.size)
        drop = app.camera.z - (bounds.low + bounds.high) / 2
        across = max(bounds.east - bounds.west, bounds.north - bounds.south)
        reach = min(drop / -ray[2], 2 * across) if ray[2] * drop < 0 else across
        return app.camera.eye + reach * ray
