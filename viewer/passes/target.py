"""Where the scene is drawn before it reaches the caller's framebuffer: colour as linear light, and depth."""

from __future__ import annotations

import moderngl

from viewer import gl

_UNITS = {"colour": 0}


class Target:
    """Our own colour and depth, with or without MSAA, remade when size or samples change.

    All passes between `begin` and `finish` draw linear light; `finish` averages a pixel's samples and encodes the
    result as sRGB, the only place where that is done.
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self._made: tuple[tuple[int, int], int] | None = None
        self._fbo: moderngl.Framebuffer | None = None
        self._colour: moderngl.Texture | None = None
        self._parts: list[moderngl.Texture | moderngl.Renderbuffer | moderngl.Framebuffer] = []
        self._finishes: dict[int, tuple[moderngl.Program, moderngl.VertexArray]] = {}

    def begin(self, fbo: moderngl.Framebuffer, samples: int) -> None:
        """Bind our own framebuffer, as large as the caller's and cleared; `samples` 0 or 1 means none."""
        # moderngl binds the present framebuffer again after making another, so it must be one that still exists.
        fbo.use()
        size_px = fbo.size
        samples = min(samples if samples > 1 else 0, self._ctx.max_samples)
        if self._made != (size_px, samples):
            self._free()
            # Light needs more than 8 bits where it is dark.
            self._colour = self._ctx.texture(size_px, 4, samples=samples, dtype="f2")
            depth = self._ctx.depth_renderbuffer(size_px, samples=samples)
            self._fbo = self._ctx.framebuffer([self._colour], depth)
            self._parts += [self._fbo, self._colour, depth]
            self._made = size_px, samples
        assert self._fbo is not None
        self._fbo.use()
        self._fbo.viewport = (0, 0, *size_px)
        self._fbo.clear()

    def finish(self, fbo: moderngl.Framebuffer) -> None:
        """Encode what was drawn into the whole of `fbo` and bind that."""
        assert self._made is not None
        assert self._colour is not None
        program, triangle = self._finish(self._made[1])
        fbo.use()
        self._colour.use(_UNITS["colour"])
        gl.set_uniforms(program, **_UNITS)
        self._ctx.enable_only(moderngl.NOTHING)
        triangle.render(moderngl.TRIANGLES, vertices=3)

    def _finish(self, samples: int) -> tuple[moderngl.Program, moderngl.VertexArray]:
        if samples not in self._finishes:
            program = gl.program(self._ctx, "fullscreen.vert", "finish.frag", defines={"SAMPLES": samples})
            self._finishes[samples] = program, self._ctx.vertex_array(program, [])
        return self._finishes[samples]

    def _free(self) -> None:
        for part in self._parts:
            part.release()
        self._parts.clear()
        self._made = self._fbo = self._colour = None

    def release(self) -> None:
        """Free buffers and programs."""
        self._free()
        for program, triangle in self._finishes.values():
            triangle.release()
            program.release()
        self._finishes.clear()
