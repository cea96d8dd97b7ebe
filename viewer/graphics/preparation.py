"""First decode stage on the GPU: a method's passes turn a tile's latents into the textures that
sampling reads.

Every pass fills one texture; the textures are made once and serve one tile after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import moderngl
import numpy as np

from neural.methods.base import LATENTS, Pass
from viewer.graphics import gl

GROUP = 8
"""Side of a compute work group."""

WEIGHT_UNIT = 0
"""Texture unit of the decoder weights; the passes' inputs follow."""


class Preparation:
    """The passes of one method, with their programs and textures."""

    def __init__(
        self,
        ctx: moderngl.Context,
        passes: tuple[Pass, ...],
        latent_shape: tuple[int, int],
        first_texel: Mapping[str, int],
        decode_backend: str,
        *,
        parts: Mapping[str, str],
        defines: Mapping[str, gl.Define],
    ) -> None:
        """Create the textures; `first_texel` returns the offset of each weight
        (`WeightTexture.first`), `decode_backend` is one of `gpu_decoder.GPU_BACKENDS`."""
        self._ctx = ctx
        self._passes = passes
        self._dim = latent_shape[1]
        self._backend = decode_backend
        self._parts = parts
        self._defines = defines
        self._programs: dict[str, moderngl.ComputeShader | moderngl.Program] = {}
        self._triangles: dict[str, moderngl.VertexArray] = {}
        sizes = {LATENTS: (latent_shape[0], -(-self._dim // 4))} | {
            p.name: (p.rows, p.columns) for p in passes
        }
        self._textures = {name: float_texture(ctx, size) for name, size in sizes.items()}
        self._targets = {
            name: ctx.framebuffer([self._textures[name]])
            for name in self._textures
            if decode_backend != "compute"
        }
        self._uniforms = []
        for p in passes:
            offsets = {key: first_texel[name] for key, name in p.weights.items()}
            self._uniforms.append(offsets | dict(p.constants))

    @property
    def functions(self) -> tuple[str, ...]:
        """GLSL functions of the passes, one program each."""
        return tuple(dict.fromkeys(step.function or step.name for step in self._passes))

    def compile(self, function: str) -> None:
        """Compile a function's program; all must be compiled before `run`. Raises GlError."""
        ctx = self._ctx
        parts = self._parts
        named = {**self._defines, "PASS": function}
        program: moderngl.ComputeShader | moderngl.Program
        if self._backend == "compute":
            program = gl.compute(
                ctx, "prepare_pass.comp", parts=parts, defines={**named, "GROUP": GROUP}
            )
        else:
            program = gl.program(
                ctx, "fullscreen.vert", "prepare_pass.frag", parts=parts, defines=named
            )
            self._triangles[function] = ctx.vertex_array(program, [])
        gl.set_uniforms(program, weights=WEIGHT_UNIT, texels=0, one=1)
        self._programs[function] = program

    def run(self, latents: np.ndarray) -> moderngl.Texture:
        """Run the passes on latents float32 [tokens, dim]; return the last texture, valid until the
        next call.

        The weights must be bound to `WEIGHT_UNIT`. Binds the units after it, image unit 0 and a
        framebuffer.
        """
        padded = np.pad(np.asarray(latents, np.float32), ((0, 0), (0, -self._dim % 4)))
        self._textures[LATENTS].write(np.ascontiguousarray(padded))
        for step, uniforms in zip(self._passes, self._uniforms, strict=True):
            program = self._programs[step.function or step.name]
            for unit, (name, sampler) in enumerate(
                zip(step.reads, step.samplers or step.reads, strict=True), start=1
            ):
                self._textures[name].use(WEIGHT_UNIT + unit)
                gl.set_uniforms(program, **{sampler: WEIGHT_UNIT + unit})
            gl.set_uniforms(program, **uniforms)
            self._fill(step, program)
        return self._textures[self._passes[-1].name]

    def _fill(self, step: Pass, program: moderngl.ComputeShader | moderngl.Program) -> None:
        if isinstance(program, moderngl.ComputeShader):
            self._textures[step.name].bind_to_image(0, read=False, write=True)
            program.run(-(-step.columns // GROUP), -(-step.rows // GROUP))
            self._ctx.memory_barrier()
            return
        self._targets[step.name].use()
        self._ctx.enable_only(moderngl.NOTHING)
        self._triangles[step.function or step.name].render(moderngl.TRIANGLES, vertices=3)

    def read(self) -> dict[str, np.ndarray]:
        """Return the last pass [rows, columns, 4] of the latest tile, named as in `Method.prepare`;
        blocks."""
        name = self._passes[-1].name
        texture = self._textures[name]
        return {
            name: np.frombuffer(texture.read(), np.float32).reshape(
                texture.height, texture.width, 4
            )
        }

    def release(self) -> None:
        """Free programs and textures."""
        for items in (self._triangles, self._programs, self._targets, self._textures):
            for item in items.values():  # type: ignore[attr-defined]
                item.release()


def float_texture(
    ctx: moderngl.Context, size: Sequence[int], texels: np.ndarray | None = None
) -> moderngl.Texture:
    """Return an RGBA32F texture of (rows, columns) for texel fetches, filled if `texels` are
    given."""
    data = None if texels is None else np.ascontiguousarray(texels, np.float32)
    texture = ctx.texture((size[1], size[0]), 4, data, dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture
