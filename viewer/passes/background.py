"""The sky behind the terrain."""

from __future__ import annotations

import moderngl

from viewer import gl
from viewer.camera import Camera


class BackgroundPass:
    """Colours from the direction of view."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = gl.program(ctx, "fullscreen.vert", "background.frag")
        self._triangle = ctx.vertex_array(self._program, [])

    def draw(self, camera: Camera, size_px: tuple[int, int]) -> None:
        """Fill what the bound framebuffer's depth shows to be empty; drawn last, it costs only those pixels."""
        right, up, forward = camera.pyramid(size_px)
        gl.set_uniforms(self._program, right=tuple(right), up=tuple(up), forward=tuple(forward))
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        self._ctx.depth_func = "<="  # the triangle lies in the far plane, where depth was cleared to
        self._triangle.render(moderngl.TRIANGLES, vertices=3)
        self._ctx.depth_func = "<"

    def release(self) -> None:
        """Free the program."""
        self._triangle.release()
        self._program.release()
