"""The camera and its moves: full extent, north, top view, the ground under a pixel."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from viewer.model.camera import Camera
from viewer.model.readings import BoundingBox
from viewer.model.settings import Settings
from viewer.scene.overview import HEADING_DEG, PITCH_DEG
from viewer.session import glide as motion
from viewer.session.camera_history import History
from viewer.session.document import CurrentDocument, Document
from viewer.session.messages import Messages

SETTLING_FRAMES = 3
"""Frames until the panels have their places."""


class Navigation:
    """The camera and the size of its picture; moves it at once or by a glide."""

    def __init__(self, current: CurrentDocument, settings: Settings, messages: Messages) -> None:
        self._current = current
        self._settings = settings
        self._messages = messages
        self.camera = Camera()
        self.glide: motion.Glide | None = None
        """Move under way."""
        self.size_px = (1, 1)
        """Width and height of the picture, pixels."""
        self.pixel_ratio = 1.0
        """Framebuffer pixels per unit of window coordinates (2 on a retina screen)."""
        self.input_active = False
        """True if a key or mouse button is moving the camera."""
        self.speed_m_s = 100.0
        """Ground speed of flying by keys, m/s."""
        self.settling_frames = 0
        """Frames left in which the camera follows the settling layout of a new file."""
        self.history = History()
        self._settling = False  # in this frame
        self._before = replace(self.camera)
        # the glide of an undo or redo, which is no move of its own
        self._return_glide: motion.Glide | None = None
        self._history_area: BoundingBox | None = None

    @property
    def moving(self) -> bool:
        """True if the camera will move without further input, or is being moved."""
        return self.glide is not None or self.input_active

    @property
    def aspect(self) -> float:
        """Width of the picture over its height."""
        return self.size_px[0] / max(self.size_px[1], 1)

    def update(self) -> None:
        """Begin a frame: follow the layout of a new file, then the glide under way."""
        self._before = replace(self.camera)
        self._settling = self.settling_frames > 0
        if self._settling:
            self.settling_frames -= 1
            self.home(glide=False)
        self.camera.fov_deg = self._settings.view.fov_deg
        if self.glide is not None:
            self.camera, arrived = self.glide.now()
            self.glide = None if arrived else self.glide

    def watch(self) -> None:
        """Record the frame's moves by keys, mouse and glides in the history."""
        before = self._before
        before.fov_deg = self.camera.fov_deg  # the slider's, not the mouse's
        returning = self._return_glide is not None
        if self._settling or (returning and self.glide is self._return_glide):
            return
        if returning and not self.moving:
            self._return_glide = None  # arrived in this frame
            return
        self._return_glide = None
        self.history.watch(before, self.camera, time.monotonic(), busy=self.moving)

    def undo(self) -> None:
        """Glide back to the camera before its latest move."""
        self._return(self.history.undo(self.camera))

    def redo(self) -> None:
        """Glide to the camera before the latest undo."""
        self._return(self.history.redo())

    def _return(self, camera: Camera | None) -> None:
        if camera is not None:
            camera.fov_deg = self._settings.view.fov_deg
            self._return_glide = self.glide = motion.between(self.camera, camera)

    def enter(self, document: Document) -> None:
        """Show all of a new document. Moves over another area can no longer be undone."""
        self.camera.fov_deg = self._settings.view.fov_deg
        self.home(glide=False)
        self.settling_frames = SETTLING_FRAMES
        area = document.scene.bounds
        before = self._history_area
        if before is None or area.west >= before.east or before.west >= area.east:
            self.history.reset()
        elif area.south >= before.north or before.south >= area.north:
            self.history.reset()
        self._history_area = area

    def finish(self) -> None:
        """Bring the glide under way to its end at once."""
        if self.glide is not None:
            self.place(self.glide.place(1.0))
            self.glide = None

    def place(self, camera: Camera) -> None:
        """Set the camera at once, in place of a new file's full extent."""
        self.camera = replace(camera)
        self.settling_frames = 0

    def home(self, *, glide: bool = True) -> None:
        """Show the full extent, looking north."""
        document = self._current.document
        if document is None:
            return
        bounds = document.scene.bounds
        camera = replace(self.camera)
        camera.frame(bounds, self.aspect, heading_deg=HEADING_DEG, pitch_deg=PITCH_DEG)
        self.glide = motion.between(self.camera, camera) if glide else None
        if not glide:
            self.camera = camera
            across = max(bounds.east - bounds.west, bounds.north - bounds.south)
            self.speed_m_s = across * document.scene.ground_scale / 8

    def show(self, camera: Camera) -> None:
        """Glide to a view; a file that has just been opened begins with it."""
        self._settings.view.fov_deg = camera.fov_deg
        if self.settling_frames:
            self.place(camera)
        else:
            self.glide = motion.between(self.camera, camera)

    def turn(self, *, heading_deg: float | None = None, pitch_deg: float | None = None) -> None:
        """Glide about the middle of the picture to a heading or pitch, degrees."""
        if self._current.document is None:
            return
        width, height = self.size_px
        pivot = self.world_point(width / 2, height / 2)
        heading = self.camera.heading_deg if heading_deg is None else heading_deg
        pitch = self.camera.pitch_deg if pitch_deg is None else pitch_deg
        self.glide = motion.around(self.camera, pivot, heading, pitch)

    def fly_to(self, x_px: float, y_px: float, factor: float) -> None:
        """Glide towards the ground under a pixel; `factor` of the distance is left."""
        self.glide = motion.towards(self.camera, self.world_point(x_px, y_px), factor)

    def change_speed(self, factor: float) -> None:
        """Fly faster or slower."""
        self.speed_m_s = min(max(self.speed_m_s * factor, 0.5), 1e6)
        self._messages.info(f"Flying at {self.speed_m_s:.3g} m/s.")

    def world_point(self, x_px: float, y_px: float) -> np.ndarray:
        """Return the point [3] of the drawn surface under a pixel; off the terrain, a point at the
        distance of the area's middle height. Raises UsageError without a document."""
        scene = self._current.require("Open a .ntile file before its ground is looked for.").scene
        picked = scene.pick(self.camera, x_px, y_px)
        if picked is not None:
            return np.array([picked.easting, picked.northing, scene.drawn_z(picked.z_m)])
        bounds = scene.bounds
        ray = self.camera.ray(x_px, y_px, self.size_px)
        drop = self.camera.z - (bounds.low + bounds.high) / 2
        across = max(bounds.east - bounds.west, bounds.north - bounds.south)
        reach = min(drop / -ray[2], 2 * across) if ray[2] * drop < 0 else across
        point: np.ndarray = self.camera.eye + reach * ray
        return point

    def stay_above_ground(self) -> None:
        """Lift the camera above the drawn surface."""
        document = self._current.document
        if document is not None:
            camera = self.camera
            camera.stay_above(document.scene.surface_z(camera.easting, camera.northing))
