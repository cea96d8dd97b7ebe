"""The scene's texture in the window, drawn again only when something changed."""

from __future__ import annotations

import time
from dataclasses import astuple
from typing import Protocol

import moderngl
import numpy as np

from viewer.model.camera import Camera
from viewer.scene.scene import Scene

WAITING_SECONDS = 1.0
"""Longest time between pictures while tiles load, seconds."""


class Point(Protocol):
    """A position in window coordinates, such as imgui's."""

    x: float
    y: float


class Viewport:
    """A render target as large as the part of the window without panels."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self.ctx = ctx
        self.area = (0.0, 0.0, 1.0, 1.0)
        """Left, top, width and height in window coordinates."""
        self.ratio = 1.0
        """Framebuffer pixels per unit of the window's coordinates (2 on a retina screen)."""
        self.size = (0, 0)
        """Width and height in pixels."""
        self.texture: moderngl.Texture | None = None
        self.fbo: moderngl.Framebuffer | None = None
        self.frame_ms = 0.0
        """CPU time of the latest picture, milliseconds."""
        self.pictures = 0
        """Pictures drawn so far."""
        self._updated: object = None  # state of the latest update
        self._complete = False  # True if that update left nothing to load, prefetching included
        self._drawn: object = None  # state of the latest picture
        self._drawn_at = 0.0

    def place(self, area: tuple[float, float, float, float], ratio: float) -> None:
        """Set area and pixel ratio; the target is recreated when its size in pixels changed."""
        self.area = area
        self.ratio = ratio
        size = max(1, round(area[2] * ratio)), max(1, round(area[3] * ratio))
        if size == self.size:
            return
        window = self.ctx.detect_framebuffer()
        texture = self.ctx.texture(size, 4)
        # The window blends textures; alpha left by the passes must not show through.
        texture.swizzle = "RGB1"
        fbo = self.ctx.framebuffer([texture])
        # moderngl binds the present framebuffer again after making another, so it has to exist;
        # while the panels are drawn, the window's has to be bound.
        without_window = self.fbo is not None and self.fbo.glo == window.glo
        (fbo if without_window else window).use()
        self.release()
        self.size = size
        self.texture = texture
        self.fbo = fbo

    def contains(self, position: Point) -> bool:
        """Return True if a window position lies on the scene."""
        left, top, width, height = self.area
        return left <= position.x < left + width and top <= position.y < top + height

    def to_pixels(self, position: Point) -> tuple[float, float]:
        """Convert a window position to a pixel of the picture, from its top left corner."""
        left, top, *_ = self.area
        return (position.x - left) * self.ratio, (position.y - top) * self.ratio

    @property
    def aspect(self) -> float:
        """Width over height."""
        return self.size[0] / max(self.size[1], 1)

    def render(self, scene: Scene, camera: Camera) -> bool:
        """Bring the picture up to date; return True if anything had to be drawn."""
        look = [
            part
            for name, part in vars(scene.settings).items()
            if name not in ("slots", "active", "measuring")
        ]
        drawing = (
            astuple(camera),
            repr(look),
            self.size,
            [id(file.reader) for file in scene.files],
        )
        state = (drawing, repr(scene.settings))
        if self.fbo is None or (state == self._updated and self._complete):
            return False
        start = time.perf_counter()
        scene.update(camera, self.size)
        self._updated = state
        self._complete = scene.settled
        # While tiles load, the picture is redrawn when the set of tiles changes, and every
        # WAITING_SECONDS; a software renderer needs the time between for decoding.
        settled = scene.ready or scene.changing
        picture = (drawing, scene.picture, settled)
        if picture == self._drawn and (settled or start - self._drawn_at < WAITING_SECONDS):
            return False
        scene.draw(self.fbo, camera)
        self._drawn = picture
        self._drawn_at = start
        self.frame_ms = 1e3 * (time.perf_counter() - start)
        self.pictures += 1
        return True

    def image(self) -> np.ndarray:
        """Return the picture, uint8 [height, width, 3], top row first."""
        assert self.fbo is not None
        width, height = self.size
        pixels = np.frombuffer(self.fbo.read(components=3, alignment=1), np.uint8)
        return pixels.reshape(height, width, 3)[::-1].copy()

    def release(self) -> None:
        """Free the target."""
        for part in (self.fbo, self.texture):
            if part is not None:
                part.release()
        self.fbo = self.texture = None
        self.size = (0, 0)
        self._updated = self._drawn = None
