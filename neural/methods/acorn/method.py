"""ACORN: one adaptive multiscale network over a whole area (arXiv 2105.02788).

A coordinate encoder turns the place and scale of a quadtree's block into a grid of features
(`neural.methods.acorn.network`), a small decoder turns interpolated features into heights
(`neural.methods.acorn.surface`). The network is the layer's decoder; a payload only says which
blocks its tile consists of (`neural.methods.acorn.blocks`).

Body of a payload: level as one byte, column and row as varints, then the blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from neural.methods.acorn import blocks, network, shader_tables, surface
from neural.methods.acorn.blocks import Reach, TileReach
from neural.methods.acorn.weights import BITS, FeatureCache, LayerWeights, unpack_weights
from neural.methods.base import Arrays, Blocks, Pass, Surface, TileMethod, TileNodes
from neural.tiles import TILE, Tile, levels_for

BORDERS = ("blended", "paper")


@dataclass(frozen=True)
class Acorn(TileMethod):
    """Area and sizes of one network; the defaults are the `small` preset, of an area of one tile.

    Raises ValueError for sizes that no network has.
    """

    name: ClassVar[str] = "acorn"
    title: ClassVar[str] = "ACORN"
    bit_choices: ClassVar[tuple[int, ...]] = BITS  # of a weight of the encoder
    quantized_weights: ClassVar[bool] = True

    width: int = TILE  # of the area, finest cells
    height: int = TILE
    side: int = 16  # N: nodes along each side of a block's features, a power of two
    channels: int = 16  # C, a multiple of 4
    frequencies: int = 10  # of the positional encoding
    encoder_width: int = 256
    encoder_layers: int = 4  # hidden-to-hidden ones
    decoder_width: int = 64
    borders: str = BORDERS[0]
    coarse_samples: int = 4  # K: places averaged along each side of a coarse level's cell
    lod_nodes: bool = False  # coarse levels have blocks of their own

    def __post_init__(self) -> None:
        if self.side not in (4, 8, 16, 32, 64):
            raise ValueError(f"blocks of {self.side} nodes a side are not possible")
        widths = (self.channels, self.encoder_width, self.decoder_width)
        if any(size < 4 or size % 4 for size in widths):
            raise ValueError(f"channels and widths are multiples of 4, not {widths}")
        if self.borders not in BORDERS:
            raise ValueError(f"borders are blended or paper, not {self.borders!r}")
        if min(self.width, self.height) < 1 or self.max_scale > blocks.MAX_SCALE:
            raise ValueError(f"an area of {self.width}×{self.height} cells is not possible")
        if (
            self.coarse_samples not in (1, 2, 4, 8)
            or min(self.encoder_layers, self.frequencies) < 0
        ):
            raise ValueError("coarse samples are 1, 2, 4 or 8; layers and frequencies are counts")

    @property
    def levels(self) -> int:
        """Levels of the pyramid."""
        return levels_for(self.width, self.height)

    @property
    def max_scale(self) -> int:
        """Scale of the smallest blocks: as many finest cells a side as features have nodes."""
        return self.levels - 1 + (TILE // self.side).bit_length() - 1

    @property
    def latent_shape(self) -> tuple[int, int]:
        """[1, 6]: a tile without blocks; each block adds a row."""
        return 1, blocks.COLUMNS

    def samples(self, z: int) -> int:
        """Return the places averaged along each side of a cell of level z: 1 where none are."""
        above = self.levels - 1 - z
        return 1 if self.lod_nodes else min(1 << above, self.coarse_samples)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the weights, stored input-major, [fan_in, fan_out]."""
        fans = [3 * (1 + 2 * self.frequencies), *[self.encoder_width] * (self.encoder_layers + 1)]
        layers = [("encoder", [*fans, self.side**2 * self.channels])]
        layers.append(("decoder", [self.channels, self.decoder_width, self.decoder_width, 1]))
        shapes: dict[str, tuple[int, ...]] = {}
        for part, sizes in layers:
            for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
                shapes[f"{part}{layer}_weight"] = fan_in, fan_out
                shapes[f"{part}{layer}_bias"] = (fan_out,)
        return shapes

    def decode_weights(
        self, stored: Mapping[str, np.ndarray], keep_bits: int | None = None
    ) -> dict[str, np.ndarray]:
        """Map stored tensors (`neural.methods.acorn.weights`) to float32 weights, with a cache of
        features."""
        return LayerWeights(unpack_weights(stored, self.weight_shapes(), keep_bits))

    def reach(self, tile: Tile) -> TileReach:
        """Return the reach of a tile: which blocks its surface is made of."""
        area = Reach(
            self.width,
            self.height,
            self.levels,
            self.side,
            self.max_scale,
            self.borders == "blended",
        )
        return area.of(tile, self.samples(tile.z))

    def tile_table(self, tile: Tile, leaves: np.ndarray) -> np.ndarray:
        """Return the latents of a tile, float32 [1 + n, 6], from the finest blocks of the whole
        area, float [m, 6].

        With `lod_nodes` a level k above the finest has the blocks that are up to k generations
        above the leaves in them (`neural.methods.acorn.blocks.cut`).
        """
        rows = np.asarray(leaves)
        if self.lod_nodes and tile.z < self.levels - 1:
            rows = blocks.cut(rows, self.levels - 1 - tile.z)
        rows = blocks.select(rows, self.reach(tile))
        return np.concatenate([self._head(tile), rows.astype(np.float32)])

    def _head(self, tile: Tile) -> np.ndarray:
        """Return the first row of a tile's latents, float32 [1, 6]: z, x, y, places averaged along
        each side of a cell, eastern and southern edge of the area in tiles from the tile's
        corner."""
        span = TILE << (self.levels - 1 - tile.z)
        edges = self.width / span - tile.x, self.height / span - tile.y
        return np.array([[*tile, self.samples(tile.z), *edges]], np.float32)

    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Map latents [1 + n, 6] to a payload body, the same at all bits. Raises ValueError for
        blocks that overlap or are out of the tile's reach."""
        z, x, y = latents[0, :3].astype(int).tolist()
        head = bytes([z]) + _varint(x) + _varint(y)
        return head + blocks.pack_blocks(latents[1:], self.reach(Tile(z, x, y)))

    def unpack(
        self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None
    ) -> np.ndarray:
        """Map a payload body to latents [1 + n, 6], the same at all bits: row 0 is the tile's (see
        `tile_table`), the others are its blocks, depth first."""
        if not body or body[0] >= self.levels:
            raise ValueError("its body names no level of the layer")
        x, start = _read_varint(body, 1)
        y, start = _read_varint(body, start)
        tile = Tile(body[0], x, y)
        if max(x, y) >> tile.z:
            raise ValueError("its body names no tile of the layer")
        rows = blocks.unpack_blocks(body[start:], self.reach(tile))
        return np.concatenate([self._head(tile), rows])

    def encoder_inputs(self, rows: np.ndarray) -> np.ndarray:
        """Return the encoder's input for blocks [n, ≥ 3], float64 [n, 3 (1 + 2 frequencies)]."""
        return network.encodings(rows[:, : blocks.KIND], self.max_scale, self.frequencies)

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Map latents [1 + n, 6] to {"nodes": [1 + n, 2, 4], their rows and two zeros, "features":
        [m, N·N·C/4, 4] of the m blocks of the network, in their order}."""
        nodes = np.pad(latents, ((0, 0), (0, 2))).reshape(len(latents), 2, 4)
        rows = latents[1:][latents[1:, blocks.KIND] == blocks.NETWORK]
        return {"nodes": nodes, "features": self._features(weights, rows)}

    def _features(self, weights: Arrays, rows: np.ndarray) -> np.ndarray:
        """Return the features of blocks [m, 6], out of the layer's cache where it has one."""

        def compute(blocks_of_batch: np.ndarray) -> np.ndarray:
            inputs = self.encoder_inputs(blocks_of_batch)
            computed: np.ndarray = network.features(weights, inputs, self.encoder_layers)
            return computed

        cache = weights.features if isinstance(weights, LayerWeights) else FeatureCache()
        shape = len(rows), self.side**2 * self.channels // 4, 4
        dtype = weights["decoder0_weight"].dtype
        return np.array(cache.take(rows, compute), dtype).reshape(shape)

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Evaluate the surface on the lattice v × u; the second derivatives are those of the bumps,
        that of the network is 0 almost everywhere."""
        layout = surface.Layout(self.side, self.channels, self.borders == "blended")
        return surface.evaluate(layout, weights, prepared, np.asarray(u), np.asarray(v), order)

    def defines(self) -> dict[str, int | float]:
        """Return SIDE (N) and CHANNELS of the features, DECODER_WIDTH, FREQUENCIES, TABLE_COLUMNS,
        and BLENDED (0 or 1)."""
        return shader_tables.defines(self)

    @property
    def node_dim(self) -> int:
        """Center and scale of a block, and what rounding leaves of the scale."""
        return shader_tables.NODE_DIM

    def node_passes(self) -> tuple[Pass, ...]:
        """Return the positional encoding and the layers of the encoder."""
        return shader_tables.node_passes(self)

    def tile_nodes(self, latents: np.ndarray) -> TileNodes:
        """Return the blocks of the network that a tile reads, and their quadtree."""
        return shader_tables.tile_nodes(self, latents)

    def blocks(self, latents: np.ndarray) -> Blocks:
        """Return all blocks that a tile reads."""
        rows = latents[1:].astype(np.float64)
        errors = rows[:, blocks.ERROR]
        return Blocks(
            rows[:, : blocks.KIND].astype(np.int64),
            rows[:, blocks.KIND] != blocks.NETWORK,
            np.where(errors > 0, errors, np.nan),
        )

    def macs_per_sample(self) -> float:
        """Return the decoder and one block's features, shared by the samples of a tile."""
        fans = [shape for shape in self.weight_shapes().values() if len(shape) == 2]
        macs = [fan_in * fan_out for fan_in, fan_out in fans]
        return float(sum(macs[-3:]) + 4 * self.channels + sum(macs[:-3]) / TILE**2)


def _varint(value: int) -> bytes:
    """Return a number of 7 bits a byte, the lowest first, the highest bit set in all but the
    last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return a number of `_varint` and the place after it. Raises ValueError unless it is one."""
    value = 0
    for k, byte in enumerate(data[start : start + 4]):
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            if k and not byte:
                break
            return value, start + k + 1
    raise ValueError("its body names no tile of the layer")
