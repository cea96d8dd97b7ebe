"""Readback of one tile's heights, for picking and stitching of GPU-decoded tiles."""

from __future__ import annotations

import moderngl
import numpy as np

from viewer.graphics import gl
from viewer.graphics.page import LATTICE, TilePage


class HeightReader:
    """Copies a page's layer to a small texture and reads that: texture arrays can only be read
    whole."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = gl.program(ctx, "fullscreen.vert", "read_layer.frag")
        self._triangle = ctx.vertex_array(self._program, [])
        self._texture = ctx.texture((LATTICE, LATTICE), 1, dtype="f4")
        self._target = ctx.framebuffer([self._texture])

    def read(self, page: TilePage, layer: int) -> np.ndarray:
        """Return heights float32 [257, 257] of a layer. Blocks; binds texture unit 0 and a
        framebuffer."""
        page.heights.use(0)
        gl.set_uniforms(self._program, heights=0, layer=layer)
        self._target.use()
        self._ctx.enable_only(moderngl.NOTHING)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        return np.frombuffer(self._texture.read(), np.float32).reshape(LATTICE, LATTICE)

    def release(self) -> None:
        """Free program and texture."""
        for item in (self._triangle, self._program, self._target, self._texture):
            item.release()
