"""Where the camera is sent: the whole area, north, straight down, the ground under a pixel."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.scene.overview import HEADING_DEG, PITCH_DEG
from viewer.session import glide as motion
from viewer.session.camera_history import History

if TYPE_CHECKING:
    from viewer.app import App

SETTLING_FRAMES = 3
"""Frames until the panels have their places."""


class Navigation:
    """Moves `App.camera`, at once or by a glide."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.speed_m_s = 100.0
        """How fast keys fly, over ground."""
        self.settling_frames = 0
        """Frames left in which the camera follows the settling layout of a new file."""
        self._settling = False  # in this frame
        self.history = History()
        # the glide of an undo or redo, which is no move of its own
        self._back: motion.Glide | None = None
        self._area: BoundingBox | None = None  # of the file that the history belongs to

    def update(self) -> None:
        """One frame: follow the layout of a new file, then a glide under way."""
        app = self._app
        self._settling = self.settling_frames > 0
        if self._settling:
            self.settling_frames -= 1
            self.home(glide=False)
        app.camera.fov_deg = app.settings.view.fov_deg
        if app.glide is not None:
            app.camera, arrived = app.glide.now()
            app.glide = None if arrived else app.glide

    def watch(self, before: Camera) -> None:
        """Take in what keys, mouse and glides made of the camera in this frame."""
        app = self._app
        before.fov_deg = app.camera.fov_deg  # the slider's, not the mouse's
        if self._settling or (self._back is not None and app.glide is self._back):
            return
        if self._back is not None and app.glide is None and not app.input.moving:
            self._back = None  # arrived in this frame
            return
        self._back = None
        self.history.watch(
            before, app.camera, time.monotonic(), busy=app.input.moving or app.glide is not None
        )

    def undo(self) -> None:
        """Glide back to where the camera was before its latest move."""
        self._return(self.history.undo(self._app.camera))

    def redo(self) -> None:
        """Glide to where it was before the latest undo."""
        self._return(self.history.redo())

    def _return(self, camera: Camera | None) -> None:
        app = self._app
        if camera is not None:
            camera.fov_deg = app.settings.view.fov_deg
            self._back = app.glide = motion.between(app.camera, camera)

    def begin(self) -> None:
        """A new file is open: show all of it. Moves over another area cannot be undone any more."""
        app = self._app
        assert app.scene is not None
        app.glide = None
        self.settling_frames = SETTLING_FRAMES
        area = app.scene.bounds
        before = self._area
        if before is None or area.west >= before.east or before.west >= area.east:
            self.history.reset()
        elif area.south >= before.north or before.south >= area.north:
            self.history.reset()
        self._area = area

    def home(self, *, glide: bool = True) -> None:
        """Show the whole area, looking north."""
        app = self._app
        if app.scene is None or app.scene.reader is None or app.viewport is None:
            return
        camera = replace(app.camera)
        camera.frame(
            app.scene.bounds, app.viewport.aspect, heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG
        )
        app.glide = motion.between(app.camera, camera) if glide else None
        if not glide:
            app.camera = camera
            bounds = app.scene.bounds
            across = max(bounds.east - bounds.west, bounds.north - bounds.south)
            self.speed_m_s = across * app.scene.ground_scale / 8

    def show(self, camera: Camera) -> None:
        """Glide to a view; a file that has just been opened begins with it."""
        app = self._app
        app.settings.view.fov_deg = camera.fov_deg
        if self.settling_frames:
            app.camera = replace(camera)
            self.settling_frames = 0
        else:
            app.glide = motion.between(app.camera, camera)

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
        """The drawn surface under a pixel; beyond it, a point at the distance of the area's middle
        height."""
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
