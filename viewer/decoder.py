"""Second decode stage on the GPU: a prepared tile becomes heights and gradients in a texture layer.

Both entries run the same shaders/decode/<method>.glsl: "compute" where GL 4.3 is there, "fragment" anywhere
from 4.1. On a software renderer the numpy decode on worker threads is several times faster ("numpy"); the
scene then uploads finished arrays and makes no TileDecoder.
"""

from __future__ import annotations

import moderngl
import numpy as np

import shaders
from neural.methods.base import Arrays, Method
from neural.tiles import TILE
from viewer import gl
from viewer.page import TilePage

GROUP = 8
"""Side of a compute work group."""

ENTRIES = ("compute", "fragment")
"""GPU decode entries, preferred first."""


def choose(ctx: moderngl.Context, asked: str = "auto") -> str:
    """How tiles are decoded on this context: "numpy", "compute" or "fragment".

    `asked` is the GL version the user chose; drivers may give a newer one than "4.1", which has no compute.
    """
    if gl.is_software(ctx):
        return "numpy"
    return "compute" if ctx.version_code >= 430 and asked != "4.1" else "fragment"


def shader(method: type[Method] | Method) -> str:
    """The decode file of a method, below shaders/."""
    return f"decode/{method.name}.glsl"


class TileDecoder:
    """The decode program of one layer, with its weights on the GPU."""

    def __init__(self, ctx: moderngl.Context, method: Method, weights: Arrays, entry: str) -> None:
        if entry not in ENTRIES:
            raise ValueError(f"no decode entry {entry!r}")
        self._ctx = ctx
        self._entry = entry
        self._prepared: moderngl.Texture | None = None
        self._weights: moderngl.Texture | None = None
        texels = method.weight_texture(weights)
        defines = dict(method.defines())
        if texels is not None:
            self._weights = _texture(ctx, texels)
            defines["WEIGHT_COLUMNS"] = texels.shape[1]
        parts = {"decode": shader(method)}
        self._program: moderngl.ComputeShader | moderngl.Program
        self._triangle: moderngl.VertexArray | None = None
        if entry == "compute":
            self._program = gl.compute(ctx, "decode_tile.comp", parts=parts, defines=defines | {"GROUP": GROUP})
        else:
            self._program = gl.program(
                ctx, "fullscreen.vert", "decode_tile.frag", geometry="decode_tile.geom", parts=parts, defines=defines
            )
            self._triangle = ctx.vertex_array(self._program, [])
        gl.set_uniforms(self._program, prepared=0, weights=1, heights=0, gradients=1, one=1)
        self._timer = ctx.query(time=True)
        self._timed = False

    def decode(
        self,
        prepared: Arrays,
        scale_m: float,
        side_m: tuple[float, float],
        page: TilePage,
        layer: int,
        samples: int = TILE,
    ) -> None:
        """Fill a layer of a page from a tile's prepared arrays (one array, [rows, columns, 4] float32).

        `side_m` is the tile's extent east and north; `samples` < 256 fills only that corner of the lattice
        (tests on slow renderers). Binds texture units 0 and 1, image units 0 and 1, and a framebuffer.
        """
        (texels,) = prepared.values()
        if self._prepared is None or self._prepared.size != (texels.shape[1], texels.shape[0]):
            if self._prepared is not None:
                self._prepared.release()
            self._prepared = _texture(self._ctx, texels)
        else:
            self._prepared.write(np.ascontiguousarray(texels, np.float32))
        self._prepared.use(0)
        if self._weights is not None:
            self._weights.use(1)
        gl.set_uniforms(self._program, lattice=(samples, samples), scale_m=scale_m, tile_m=side_m, layer=layer)
        with self._timer:
            self._run(page, samples)
        self._timed = True

    def _run(self, page: TilePage, samples: int) -> None:
        if isinstance(self._program, moderngl.ComputeShader):
            page.heights.bind_to_image(0, read=False, write=True)
            page.gradients.bind_to_image(1, read=False, write=True)
            groups = -(-(samples + 1) // GROUP)
            self._program.run(groups, groups)
            self._ctx.memory_barrier()
            return
        assert self._triangle is not None
        target = page.target
        target.use()
        target.viewport = (0, 0, samples + 1, samples + 1)
        self._ctx.enable_only(moderngl.NOTHING)
        self._triangle.render(moderngl.TRIANGLES, vertices=3)

    @property
    def elapsed_ms(self) -> float:
        """GPU time of the latest decode; waits for it, so ask a frame later. 0 before the first."""
        return self._timer.elapsed / 1e6 if self._timed else 0.0

    def release(self) -> None:
        """Free programs and textures."""
        for item in (self._triangle, self._program, self._prepared, self._weights):
            if item is not None:
                item.release()


def _texture(ctx: moderngl.Context, texels: np.ndarray) -> moderngl.Texture:
    rows, columns, _ = texels.shape
    texture = ctx.texture((columns, rows), 4, np.ascontiguousarray(texels, np.float32), dtype="f4")
    texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
    return texture


def missing_shaders(methods: dict[str, type[Method]]) -> list[str]:
    """Names of methods without a decode shader (a test holds this empty)."""
    return [name for name, method in methods.items() if not shaders.exists(shader(method))]
