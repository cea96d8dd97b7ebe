"""Intermediate target of the scene: color as linear light, and depth."""

from __future__ import annotations

from typing import NamedTuple

import moderngl

from viewer.graphics import gl

_UNITS = {"color": 0, "depth": 1}

EYE_DOME_GAIN = 400.0
"""Response of eye-dome lighting, in powers of two of depth, that strength 1 darkens to 1/e,
inverted."""


class EyeDome(NamedTuple):
    """Eye-dome lighting parameters of a picture."""

    planes_m: tuple[float, float]  # near and far
    strength: float
    height_px: int  # of the picture: neighbors are as far apart in any size

    def uniforms(self) -> dict[str, object]:
        """Return names and values for `gl.set_uniforms`."""
        return {
            "planes_m": self.planes_m,
            "strength": EYE_DOME_GAIN * self.strength,
            "reach_px": max(1, round(self.height_px / 720)),
        }


class _Buffers(NamedTuple):
    """Framebuffer of one size and number of samples."""

    size_px: tuple[int, int]
    samples: int
    fbo: moderngl.Framebuffer
    color: moderngl.Texture
    depth: moderngl.Texture


class RenderTarget:
    """Color and depth framebuffer, with or without MSAA, recreated when size or samples change.

    All passes between `begin` and `finish` draw linear light. `finish` applies effects on the whole
    picture's depth, resolves samples and encodes sRGB, the only place that does.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._buffers: _Buffers | None = None
        self._finishes: dict[tuple[int, bool], tuple[moderngl.Program, moderngl.VertexArray]] = {}

    def begin(self, fbo: moderngl.Framebuffer, samples: int) -> None:
        """Bind the cleared framebuffer, as large as the caller's; `samples` 0 or 1 means none."""
        # moderngl binds the present framebuffer again after making another, so it must be one that
        # still exists.
        fbo.use()
        samples = min(samples if samples > 1 else 0, self._ctx.max_samples)
        if self._buffers is None or self._buffers[:2] != (fbo.size, samples):
            self._free()
            self._buffers = self._create(fbo.size, samples)
        target = self._buffers.fbo
        target.use()
        target.viewport = (0, 0, *fbo.size)
        target.clear()

    def _create(self, size_px: tuple[int, int], samples: int) -> _Buffers:
        # Light needs more than 8 bits where it is dark.
        color = self._ctx.texture(size_px, 4, samples=samples, dtype="f2")
        depth = self._ctx.depth_texture(size_px, samples=samples)
        if not samples:
            depth.compare_func = ""  # depths are read, not compared
        return _Buffers(size_px, samples, self._ctx.framebuffer([color], depth), color, depth)

    def _begun(self) -> _Buffers:
        """Return the buffers of the picture begun. Raises RuntimeError before `begin`."""
        if self._buffers is None:
            raise RuntimeError("no picture has been begun")
        return self._buffers

    def limit(self, columns: tuple[int, int] | None) -> None:
        """Restrict drawing to the pixel columns [first, end) until the next call (None: all)."""
        fbo = self._begun().fbo
        first, end = columns or (0, fbo.width)
        fbo.scissor = (first, 0, end - first, fbo.height)

    def finish(self, fbo: moderngl.Framebuffer, eye_dome: EyeDome | None = None) -> None:
        """Encode the picture into the whole of `fbo` and bind that."""
        buffers = self._begun()
        program, triangle = self._finish(buffers.samples, eye_dome is not None)
        fbo.use()
        buffers.color.use(_UNITS["color"])
        buffers.depth.use(_UNITS["depth"])
        gl.set_uniforms(program, **_UNITS, **(eye_dome.uniforms() if eye_dome is not None else {}))
        self._ctx.enable_only(moderngl.NOTHING)
        triangle.render(moderngl.TRIANGLES, vertices=3)

    def _finish(self, samples: int, edl: bool) -> tuple[moderngl.Program, moderngl.VertexArray]:
        if (samples, edl) not in self._finishes:
            defines = {"SAMPLES": samples} | ({"EDL": 1} if edl else {})
            program = gl.program(self._ctx, "fullscreen.vert", "finish.frag", defines=defines)
            self._finishes[samples, edl] = program, self._ctx.vertex_array(program, [])
        return self._finishes[samples, edl]

    def _free(self) -> None:
        if self._buffers is not None:
            for part in self._buffers[2:]:
                part.release()
        self._buffers = None

    def release(self) -> None:
        """Free buffers and programs."""
        self._free()
        for program, triangle in self._finishes.values():
            triangle.release()
            program.release()
        self._finishes.clear()
