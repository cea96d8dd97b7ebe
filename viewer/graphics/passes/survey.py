"""Small float picture of values, from which ranges, intervals and labels are chosen."""

from __future__ import annotations

from typing import NamedTuple

import moderngl
import numpy as np


class _Buffers(NamedTuple):
    """Framebuffer, its attachments, and the framebuffer bound before."""

    fbo: moderngl.Framebuffer
    color: moderngl.Texture
    depth: moderngl.Renderbuffer
    before: moderngl.Framebuffer


class SurveyTarget:
    """Float framebuffer, recreated when its size changes."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._buffers: _Buffers | None = None

    def begin(self, size_px: tuple[int, int]) -> None:
        """Bind and clear the target."""
        before = self._ctx.detect_framebuffer()
        if self._buffers is None or self._buffers.fbo.size != size_px:
            self.release()
            color = self._ctx.texture(size_px, 4, dtype="f4")
            depth = self._ctx.depth_renderbuffer(size_px)
            fbo = self._ctx.framebuffer([color], depth)
            self._buffers = _Buffers(fbo, color, depth, before)
        else:
            self._buffers = self._buffers._replace(before=before)
        fbo = self._buffers.fbo
        fbo.use()
        fbo.scissor = (0, 0, *size_px)
        fbo.clear()

    def _begun(self) -> _Buffers:
        """Return the buffers of the survey begun. Raises RuntimeError before `begin`."""
        if self._buffers is None:
            raise RuntimeError("no survey has been begun")
        return self._buffers

    def limit(self, columns: tuple[int, int]) -> None:
        """Restrict drawing to the pixel columns [first, end)."""
        fbo = self._begun().fbo
        fbo.scissor = columns[0], 0, columns[1] - columns[0], fbo.size[1]

    def read(self) -> np.ndarray:
        """Return float32 [h, w, 2], top row first: the overlay's value and the height in meters.

        NaN without terrain or value. Rebinds the framebuffer from before `begin`.
        """
        buffers = self._begun()
        width, height = buffers.fbo.size
        texels = np.frombuffer(buffers.fbo.read(components=4, dtype="f4"), np.float32)
        texels = texels.reshape(height, width, 4)[::-1]
        buffers.before.use()
        unknown = (texels[..., 2:3] < 0.5) | (texels[..., :2] > 1e38)
        return np.where(unknown, np.float32(np.nan), texels[..., :2])

    def release(self) -> None:
        """Free the target."""
        if self._buffers is not None:
            for part in self._buffers[:3]:
                part.release()
        self._buffers = None
