"""First decode stage on the GPU: a method's passes turn a tile's latents into the textures that
sampling reads.

Every pass fills one texture; the textures are made once and serve one tile after the other, or many
nodes at once, a row each (`viewer.graphics.node_cache`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import moderngl
import numpy as np

from neural.methods.base import LATENTS, Pass
from viewer.graphics import gl

GROUP = 8
"""Side of a compute work group."""

WEIGHT_UNIT = 0
"""Texture unit of the decoder weights; the passes' inputs follow."""


class Rows(NamedTuple):
    """Rows of a texture from `first` on, for the last pass to fill."""

    texture: moderngl.Texture
    target: moderngl.Framebuffer
    first: int


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
            name: ctx.framebuffer([texture]) for name, texture in self._textures.items()
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

    def run(self, latents: np.ndarray, into: Rows | None = None) -> moderngl.Texture:
        """Run the passes on latents float32 [tokens, dim]; return the last texture, valid until the
        next call.

        With `into` each token is a node, and their rows are filled there instead. The weights must
        be bound to `WEIGHT_UNIT`. Binds the units after it, image unit 0 and a framebuffer.
        """
        padded = np.pad(np.asarray(latents, np.float32), ((0, 0), (0, -self._dim % 4)))
        inputs = self._textures[LATENTS]
        inputs.write(np.ascontiguousarray(padded), (0, 0, inputs.width, len(padded)))
        last = self._passes[-1]
        for step, uniforms in zip(self._passes, self._uniforms, strict=True):
            program = self._programs[step.function or step.name]
            for unit, (name, sampler) in enumerate(
                zip(step.reads, step.samplers or step.reads, strict=True), start=1
            ):
                self._textures[name].use(WEIGHT_UNIT + unit)
                gl.set_uniforms(program, **{sampler: WEIGHT_UNIT + unit})
            gl.set_uniforms(program, **uniforms)
            rows = Rows(self._textures[step.name], self._targets[step.name], 0)
            if into is not None and step is last:
                rows = into
            self._fill(step, program, rows, step.rows if into is None else len(latents))
        return self._textures[last.name]

    def _fill(
        self,
        step: Pass,
        program: moderngl.ComputeShader | moderngl.Program,
        into: Rows,
        count: int,
    ) -> None:
        gl.set_uniforms(program, target_row=into.first, target_rows=count)
        if isinstance(program, moderngl.ComputeShader):
            into.texture.bind_to_image(0, read=False, write=True)
            program.run(-(-step.columns // GROUP), -(-count // GROUP))
            self._ctx.memory_barrier()
            return
        into.target.use()
        into.target.viewport = (0, into.first, step.columns, count)
        self._ctx.enable_only(moderngl.NOTHING)
        self._triangles[step.function or step.name].render(moderngl.TRIANGLES, vertices=3)

    def read(self, rows: int | None = None) -> dict[str, np.ndarray]:
        """Return the last pass [rows, columns, 4] of the latest tile, named as in `Method.prepare`;
        blocks. `rows` are the first ones, all without."""
        last = self._passes[-1]
        count = last.rows if rows is None else rows
        texels = self._targets[last.name].read((0, 0, last.columns, count), 4, dtype="f4")
        return {last.name: np.frombuffer(texels, np.float32).reshape(count, last.columns, 4)}

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
