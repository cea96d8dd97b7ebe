"""Boxes around the drawn tiles, for debugging."""

from __future__ import annotations

import moderngl
import numpy as np

from viewer.graphics import gl

_CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], np.float32)
_EDGES = np.array(
    [[a, b] for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1], np.int32
)


class BoundsPass:
    """Draws boxes as lines."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._program = gl.program(ctx, "lines.vert", "lines.frag")
        self._program["u_color"] = (0.96, 0.71, 0.07, 1.0)  # linear light
        self._corners = ctx.buffer(_CORNERS)
        self._edges = ctx.buffer(_EDGES)

    def draw(self, boxes: np.ndarray, clip_from_world: np.ndarray) -> None:
        """Draw boxes, float32 [n, 6]: lowest corner relative to the eye, then sizes."""
        gl.set_uniforms(self._program, clip_from_world=clip_from_world.astype(np.float32).tobytes())
        instances = self._ctx.buffer(np.ascontiguousarray(boxes, np.float32))
        lines = self._ctx.vertex_array(
            self._program,
            [(self._corners, "3f", "in_corner"), (instances, "3f 3f/i", "i_low", "i_size")],
            self._edges,
        )
        self._ctx.enable_only(moderngl.DEPTH_TEST)
        lines.render(moderngl.LINES, instances=len(boxes))
        lines.release()
        instances.release()

    def release(self) -> None:
        """Free program and buffers."""
        for part in (self._program, self._corners, self._edges):
            part.release()
