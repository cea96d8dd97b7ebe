"""GPU decode: a tile's latents become heights and gradients in a texture layer.

A method with passes is prepared on the GPU too (`viewer.graphics.preparation`); for others numpy's
prepared array is uploaded. Both entries run the same shaders/decode/<method>.glsl: "compute" where
GL 4.3 is there, "fragment" anywhere from 4.1. On a software renderer the numpy decode on worker
threads is several times faster ("numpy"); the scene then uploads finished arrays and makes no
TileDecoder.
"""

from __future__ import annotations

from functools import partial

import moderngl
import numpy as np

import shaders
from neural.methods.base import Arrays, Method
from neural.tiles import TILE
from viewer.graphics import gl
from viewer.graphics.page import TilePage
from viewer.graphics.preparation import GROUP, WEIGHT_UNIT, Preparation, float_texture

GPU_BACKENDS = ("compute", "fragment")
"""GPU decode backends, preferred first."""

_PREPARED_UNIT = WEIGHT_UNIT + 1


def choose_backend(ctx: moderngl.Context, gl_version: str = "auto") -> str:
    """Return the decode backend of a context: "numpy", "compute" or "fragment".

    `gl_version` is the user's GL version; drivers may give a newer one than "4.1", which has no
    compute.
    """
    if gl.is_software(ctx):
        return "numpy"
    return "compute" if ctx.version_code >= 430 and gl_version != "4.1" else "fragment"


def shader(method: type[Method] | Method) -> str:
    """Return the decode file of a method, below shaders/."""
    return f"decode/{method.name}.glsl"


class TileDecoder:
    """Decode programs of one layer, with its weights on the GPU.

    Compilation is slow: `advance` compiles one program, `decode` all missing ones.
    """

    def __init__(
        self, ctx: moderngl.Context, method: Method, weights: Arrays, decode_backend: str
    ) -> None:
        if decode_backend not in GPU_BACKENDS:
            raise ValueError(f"no decode backend {decode_backend!r}")
        self._ctx = ctx
        self._uploaded: moderngl.Texture | None = None
        self._weights: moderngl.Texture | None = None
        stored = method.weight_texture(weights)
        self._defines: dict[str, gl.Define] = dict(method.defines())
        if stored is not None:
            self._weights = float_texture(ctx, stored.texels.shape[:2], stored.texels)
            self._defines |= stored.defines
        self._parts = {"decode": shader(method)}
        self._program: moderngl.ComputeShader | moderngl.Program | None = None
        self._triangle: moderngl.VertexArray | None = None
        self._compile = [self._compile_evaluation]
        self._preparation: Preparation | None = None
        passes = method.prepare_passes()
        if passes:
            first = stored.first if stored is not None else {}
            self._preparation = Preparation(
                ctx,
                passes,
                method.latent_shape,
                first,
                decode_backend,
                parts=self._parts,
                defines=self._defines,
            )
            self._compile += [
                partial(self._preparation.compile, name) for name in self._preparation.functions
            ]
        self._backend = decode_backend

    @property
    def ready(self) -> bool:
        """True if every program is compiled."""
        return not self._compile

    def advance(self) -> None:
        """Compile one more program. Raises GlError."""
        if self._compile:
            self._compile.pop()()

    def _compile_evaluation(self) -> None:
        ctx = self._ctx
        parts = self._parts
        defines = self._defines
        if self._backend == "compute":
            self._program = gl.compute(
                ctx, "decode_tile.comp", parts=parts, defines=defines | {"GROUP": GROUP}
            )
        else:
            self._program = gl.program(
                ctx,
                "fullscreen.vert",
                "decode_tile.frag",
                geometry="decode_tile.geom",
                parts=parts,
                defines=defines,
            )
            self._triangle = ctx.vertex_array(self._program, [])
        gl.set_uniforms(
            self._program,
            weights=WEIGHT_UNIT,
            prepared=_PREPARED_UNIT,
            heights=0,
            gradients=1,
            one=1,
        )

    def decode(
        self,
        tile: np.ndarray,
        scale_m: float,
        side_m: tuple[float, float],
        page: TilePage,
        layer: int,
        samples: int = TILE,
    ) -> None:
        """Fill a layer of a page from a tile's latents, or its prepared array if the method has no
        passes.

        `side_m` is the tile's extent east and north; `samples` < 256 fills only that corner of the
        lattice (tests on slow renderers). Binds texture units from 0, image units 0 and 1, and a
        framebuffer.
        """
        while self._program is None or not self.ready:
            self.advance()
        self._prepare(tile).use(_PREPARED_UNIT)
        gl.set_uniforms(
            self._program, lattice=(samples, samples), scale_m=scale_m, tile_m=side_m, layer=layer
        )
        self._run(page, samples)

    def prepared(self, latents: np.ndarray) -> dict[str, np.ndarray] | None:
        """Run `Method.prepare` on the GPU and read it back; None for a method without passes.
        Blocks; binds as `decode`."""
        if self._preparation is None:
            return None
        while not self.ready:
            self.advance()
        self._prepare(latents)
        return self._preparation.read()

    def _prepare(self, tile: np.ndarray) -> moderngl.Texture:
        if self._weights is not None:
            self._weights.use(WEIGHT_UNIT)
        if self._preparation is not None:
            return self._preparation.run(tile)
        if self._uploaded is None:
            self._uploaded = float_texture(self._ctx, tile.shape[:2])
        self._uploaded.write(np.ascontiguousarray(tile, np.float32))
        return self._uploaded

    def _run(self, page: TilePage, samples: int) -> None:
        if isinstance(self._program, moderngl.ComputeShader):
            page.heights.bind_to_image(0, read=False, write=True)
            page.gradients.bind_to_image(1, read=False, write=True)
            groups = -(-(samples + 1) // GROUP)
            self._program.run(groups, groups)
            self._ctx.memory_barrier()
        elif self._triangle is not None:
            target = page.target
            target.use()
            target.viewport = (0, 0, samples + 1, samples + 1)
            self._ctx.enable_only(moderngl.NOTHING)
            self._triangle.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        """Free programs and textures."""
        for item in (
            self._triangle,
            self._program,
            self._uploaded,
            self._weights,
            self._preparation,
        ):
            if item is not None:
                item.release()


def missing_shaders(methods: dict[str, type[Method]]) -> list[str]:
    """Return the names of methods without a decode shader (empty in a test)."""
    return [name for name, method in methods.items() if not shaders.exists(shader(method))]
