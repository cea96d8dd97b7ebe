"""Texture arrays of decoded tiles: one layer of each texture per tile."""

from __future__ import annotations

import moderngl
import numpy as np

from neural.tiles import TILE
from viewer.tiles.blocks import TEXELS

LATTICE = TILE + 1
"""Samples along a side of the height and gradient textures: mesh vertices i/256, both edges
included."""

LAYERS = 16
"""Tiles per page: 14 MB of textures."""

NO_ERROR = np.float32(3e38)
"""Value of invalid cells in the error texture (filtering of NaN is not portable)."""


class TilePage:
    """Textures of `LAYERS` tiles.

    heights    R32F   257²  meters above the tile's offset_m, at vertices gradients  RG32F  257²
    meters per meter, east and north, at vertices valid      R8     256²  1 where a cell holds data
    errors     R32F   256²  of heights in meters or of gradients in m/m, at cell centers; each made
    when first needed gaps       R32F   257 × 4  meters to the neighbors N, S, W, E along the edges;
    made when first needed blocks     RGBA32F 128²  of the layer (`viewer.tiles.blocks`); likewise
    """

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.heights = ctx.texture_array((LATTICE, LATTICE, LAYERS), 1, dtype="f4")
        self.gradients = ctx.texture_array((LATTICE, LATTICE, LAYERS), 2, dtype="f4")
        self.valid = ctx.texture_array((TILE, TILE, LAYERS), 1, dtype="f1", alignment=1)
        self.errors: dict[str, moderngl.TextureArray] = {}
        self.gaps: moderngl.TextureArray | None = None
        self.blocks: moderngl.TextureArray | None = None
        self._target: moderngl.Framebuffer | None = None
        self.heights.filter = self.valid.filter = (moderngl.NEAREST, moderngl.NEAREST)
        self.gradients.filter = (moderngl.LINEAR, moderngl.LINEAR)
        for texture in (self.heights, self.gradients, self.valid):
            texture.repeat_x = texture.repeat_y = False

    @property
    def layers(self) -> int:
        """Number of tiles."""
        return LAYERS

    @property
    def bytes(self) -> int:
        """Allocated texture bytes."""
        gaps = 0 if self.gaps is None else 16 * LATTICE
        blocks = 0 if self.blocks is None else 16 * TEXELS**2
        return LAYERS * (LATTICE**2 * 12 + TILE**2 * (1 + 4 * len(self.errors)) + gaps + blocks)

    @property
    def target(self) -> moderngl.Framebuffer:
        """Layered framebuffer of heights and gradients, for fragment decoding."""
        if self._target is None:
            self._target = self._ctx.framebuffer([self.heights, self.gradients])
        return self._target

    def write_surface(self, layer: int, heights: np.ndarray, gradients: np.ndarray) -> None:
        """Upload a decoded tile: float32 [257, 257] and [257, 257, 2]."""
        where = (0, 0, layer, LATTICE, LATTICE, 1)
        self.heights.write(np.ascontiguousarray(heights, np.float32), where)
        self.gradients.write(np.ascontiguousarray(gradients, np.float32), where)

    def write_valid(self, layer: int, valid: np.ndarray) -> None:
        """Upload the mask of cells with data, bool [256, 256]."""
        self.valid.write(
            np.where(valid, np.uint8(255), np.uint8(0)), (0, 0, layer, TILE, TILE, 1), alignment=1
        )

    def write_errors(self, layer: int, quantity: str, errors: np.ndarray) -> None:
        """Upload errors of a quantity, float32 [256, 256], NaN where invalid."""
        if quantity not in self.errors:
            self.errors[quantity] = self._numbers(TILE, TILE)
        self.errors[quantity].write(_marked(errors), (0, 0, layer, TILE, TILE, 1))

    def write_gaps(self, layer: int, gaps: np.ndarray) -> None:
        """Upload height steps along a tile's edges, float32 [4, 257] meters, NaN without a
        neighbor."""
        if self.gaps is None:
            self.gaps = self._numbers(LATTICE, 4)
        self.gaps.write(_marked(gaps), (0, 0, layer, LATTICE, 4, 1))

    def write_blocks(self, layer: int, blocks: np.ndarray) -> None:
        """Upload the blocks of a tile, `viewer.tiles.blocks.texels`."""
        if self.blocks is None:
            self.blocks = self._numbers(TEXELS, TEXELS, 4)
        self.blocks.write(np.ascontiguousarray(blocks), (0, 0, layer, TEXELS, TEXELS, 1))

    def _numbers(self, columns: int, rows: int, components: int = 1) -> moderngl.TextureArray:
        texture = self._ctx.texture_array((columns, rows, LAYERS), components, dtype="f4")
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def read_surface(self, layer: int) -> tuple[np.ndarray, np.ndarray]:
        """Return heights [257, 257] and gradients [257, 257, 2] read back from the GPU (slow; for
        tests)."""
        heights = np.frombuffer(self.heights.read(), np.float32).reshape(LAYERS, LATTICE, LATTICE)
        gradients = np.frombuffer(self.gradients.read(), np.float32).reshape(
            LAYERS, LATTICE, LATTICE, 2
        )
        return heights[layer], gradients[layer]

    def release(self) -> None:
        """Free the textures."""
        for item in (
            self._target,
            self.heights,
            self.gradients,
            self.valid,
            self.gaps,
            self.blocks,
            *self.errors.values(),
        ):
            if item is not None:
                item.release()


def _marked(numbers: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.where(np.isnan(numbers), NO_ERROR, numbers), np.float32)
