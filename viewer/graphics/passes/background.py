"""The sky behind the terrain."""

from __future__ import annotations

import moderngl

from viewer.graphics import gl
from viewer.graphics.light import Light


class BackgroundPass:
    """Sky colors by view direction."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = gl.program(ctx, "fullscreen.vert", "background.frag")
        self._triangle = ctx.vertex_array(self._program, [])

    def draw(self, light: Light) -> None:
        """Draw the sky where depth is empty; drawn last, it costs only those pixels."""
        gl.set_uniforms(self._program, **light.uniforms())
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        # the triangle lies in the far plane, where depth was cleared to
        self._ctx.depth_func = "<="
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.depth_func = "<"

    def release(self) -> None:
        """Free the program."""
        self._triangle.release()
        self._program.release()
