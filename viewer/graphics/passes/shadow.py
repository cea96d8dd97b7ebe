"""Shadow maps of the sun, side by side in one texture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import moderngl
import numpy as np

from viewer.graphics.shadows import Cascade

OFFSET = (1.5, 4.0)
"""Polygon offset of shadow maps: slope factor and depth units."""


class ShadowPass:
    """Texture of the shadow maps, created lazily."""

    def __init__(self, ctx: moderngl.Context, size_px: int) -> None:
        self._ctx = ctx
        self.size_px = size_px
        """Texels along a side of one map."""
        self.count = 0
        """Number of maps drawn last."""
        self._texture: moderngl.Texture | None = None
        self._fbo: moderngl.Framebuffer | None = None
        self._uniforms: dict[str, object] = {}

    def draw(self, cascades: Sequence[Cascade], draw: Callable[[int, np.ndarray], None]) -> None:
        """Render all maps: `draw(number, clip_from_world)` draws the depths of a map's casters."""
        fbo = self._fbo
        if fbo is None or self.count != len(cascades):
            self.release()
            self.count = len(cascades)
            self._texture = self._ctx.depth_texture((self.count * self.size_px, self.size_px))
            self._texture.compare_func = "<="
            self._texture.repeat_x = self._texture.repeat_y = False
            fbo = self._fbo = self._ctx.framebuffer([], self._texture)
        fbo.use()
        fbo.viewport = (0, 0, self.count * self.size_px, self.size_px)
        fbo.clear()
        self._ctx.polygon_offset = OFFSET
        try:
            for number, cascade in enumerate(cascades):
                fbo.viewport = (number * self.size_px, 0, self.size_px, self.size_px)
                draw(number, cascade.clip_from_world)
        finally:
            self._ctx.polygon_offset = 0.0, 0.0
        # Clip space goes from −1 to 1, a map from 0 to 1.
        halved = np.diag([0.5, 0.5, 0.5, 1.0])
        halved[3, :3] = 0.5
        matrices = np.stack([cascade.clip_from_world @ halved for cascade in cascades])
        far_m = [cascade.far_m for cascade in cascades]
        texel_m = [cascade.texel_m for cascade in cascades]
        self._uniforms = {
            "shadow_from_world": matrices.astype(np.float32).tobytes(),
            "shadow_far_m": _four(far_m),
            "shadow_texel_m": _four(texel_m),
        }

    def use(self, unit: int) -> dict[str, object]:
        """Bind the maps and return names and values for `gl.set_uniforms`."""
        if self._texture is not None:
            self._texture.use(unit)
        return {"shadow_map": unit, **self._uniforms}

    def release(self) -> None:
        """Free the texture."""
        for part in (self._fbo, self._texture):
            if part is not None:
                part.release()
        self._fbo = self._texture = None
        self.count = 0


def _four(values: list[float]) -> tuple[float, ...]:
    """Pad up to four values to a vec4."""
    return (*values, *([0.0] * (4 - len(values))))
