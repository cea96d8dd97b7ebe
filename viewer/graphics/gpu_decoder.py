"""GPU decode: a tile's latents become heights and gradients in a texture layer.

A method with passes is prepared on the GPU too, tile by tile (`viewer.graphics.preparation`) or by
nodes that tiles share (`viewer.graphics.node_cache`); for others numpy's prepared array is
uploaded. Both entries run the same shaders/decode/<method>.glsl: "compute" where GL 4.3 is there,
"fragment" anywhere from 4.1. On a software renderer the numpy decode on worker threads is several
times faster ("numpy"); the scene then uploads finished arrays and makes no TileDecoder.
"""

from __future__ import annotations

from functools import partial

import moderngl
import numpy as np

import shaders
from neural.methods.base import Arrays, Method, TileNodes
from neural.tiles import TILE
from viewer.graphics import gl
from viewer.graphics.node_cache import NODES_UNIT, SLOT_COLUMNS, NodeCache
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
        self._method = method
        self._backend = decode_backend
        first = stored.first if stored is not None else {}
        self._preparation: Preparation | None = None
        self.nodes: NodeCache | None = None
        """Nodes that tiles share; None for a method that has none."""
        if method.prepare_passes():
            self._preparation = Preparation(
                ctx,
                method.prepare_passes(),
                method.latent_shape,
                first,
                decode_backend,
                parts=self._parts,
                defines=self._defines,
            )
            self._compile_passes(self._preparation)
        if method.node_passes():
            self._defines["SLOT_COLUMNS"] = SLOT_COLUMNS
            self.nodes = NodeCache(
                ctx, method, first, decode_backend, parts=self._parts, defines=self._defines
            )
            self._compile_passes(self.nodes.preparation)

    def _compile_passes(self, preparation: Preparation) -> None:
        self._compile += [partial(preparation.compile, name) for name in preparation.functions]

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
            nodes=NODES_UNIT,
            slots=NODES_UNIT + 1,
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
        gl.set_uniforms(
            self._program, lattice=(samples, samples), scale_m=scale_m, tile_m=side_m, layer=layer
        )
        if self._weights is not None:
            self._weights.use(WEIGHT_UNIT)
        if self.nodes is not None:
            self._decode_nodes(self.nodes, self._method.tile_nodes(tile), page, samples)
            return
        prepared = self._preparation.run(tile) if self._preparation else self._upload(tile)
        prepared.use(_PREPARED_UNIT)
        self._run(page, (0, 0), (samples + 1, samples + 1))

    def _decode_nodes(
        self, cache: NodeCache, nodes: TileNodes, page: TilePage, samples: int
    ) -> None:
        for portion in cache.portions(nodes, samples):
            cache.use(nodes, portion)
            self._upload(nodes.table).use(_PREPARED_UNIT)
            self._run(page, portion.first, portion.size)

    def prepared(self, latents: np.ndarray) -> dict[str, np.ndarray] | None:
        """Run `Method.prepare` on the GPU and read it back; None for a method without passes.
        Blocks; binds as `decode`."""
        while not self.ready:
            self.advance()
        if self._weights is not None:
            self._weights.use(WEIGHT_UNIT)
        if self.nodes is not None:
            return self.nodes.read(latents)
        if self._preparation is None:
            return None
        self._preparation.run(latents)
        return self._preparation.read()

    def _upload(self, texels: np.ndarray) -> moderngl.Texture:
        """Return a texture of a tile's prepared array."""
        present = self._uploaded
        if present is None or (present.height, present.width) != texels.shape[:2]:
            if present is not None:
                present.release()
            present = self._uploaded = float_texture(self._ctx, texels.shape[:2])
        present.write(np.ascontiguousarray(texels, np.float32))
        return present

    def _run(self, page: TilePage, first: tuple[int, int], count: tuple[int, int]) -> None:
        """Decode the texels of a rectangle, from column and row `first` on."""
        if isinstance(self._program, moderngl.ComputeShader):
            page.heights.bind_to_image(0, read=False, write=True)
            page.gradients.bind_to_image(1, read=False, write=True)
            gl.set_uniforms(self._program, first=first, count=count)
            self._program.run(-(-count[0] // GROUP), -(-count[1] // GROUP))
            self._ctx.memory_barrier()
        elif self._triangle is not None:
            target = page.target
            target.use()
            target.viewport = (*first, *count)
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
            self.nodes,
        ):
            if item is not None:
                item.release()


def missing_shaders(methods: dict[str, type[Method]]) -> list[str]:
    """Return the names of methods without a decode shader (empty in a test)."""
    return [name for name, method in methods.items() if not shaders.exists(shader(method))]
