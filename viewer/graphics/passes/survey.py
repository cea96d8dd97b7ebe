"""Small float picture of values, from which ranges, intervals and labels are chosen."""

from __future__ import annotations

import moderngl
import numpy as np


class SurveyTarget:
    """Float framebuffer, recreated when its size changes."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._before: moderngl.Framebuffer | None = None
        self._fbo: moderngl.Framebuffer | None = None
        self._parts: list[moderngl.Texture | moderngl.Renderbuffer | moderngl.Framebuffer] = []

    def begin(self, size_px: tuple[int, int]) -> None:
        """Bind and clear the target."""
        self._before = self._ctx.detect_framebuffer()
        if self._fbo is None or self._fbo.size != size_px:
            self.release()
            color = self._ctx.texture(size_px, 4, dtype="f4")
            depth = self._ctx.depth_renderbuffer(size_px)
            self._fbo = self._ctx.framebuffer([color], depth)
            self._parts += [self._fbo, color, depth]
        self._fbo.use()
        self._fbo.scissor = (0, 0, *size_px)
        self._fbo.clear()

    def limit(self, columns: tuple[int, int]) -> None:
        """Restrict drawing to the pixel columns [first, end)."""
        assert self._fbo is not None
        self._fbo.scissor = columns[0], 0, columns[1] - columns[0], self._fbo.size[1]

    def read(self) -> np.ndarray:
        """Return float32 [h, w, 2], top row first: the overlay's value and the height in meters.

        NaN without terrain or value. Rebinds the framebuffer from before `begin`.
        """
        assert self._fbo is not None
        assert self._before is not None
        width, height = self._fbo.size
        texels = np.frombuffer(self._fbo.read(components=4, dtype="f4"), np.float32).reshape(
            height, width, 4
        )[::-1]
        self._before.use()
        unknown = (texels[..., 2:3] < 0.5) | (texels[..., :2] > 1e38)
        return np.where(unknown, np.float32(np.nan), texels[..., :2])

    def release(self) -> None:
        """Free the target."""
        for part in self._parts:
            part.release()
        self._parts.clear()
        self._fbo = None
