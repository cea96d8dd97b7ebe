"""Blocks of a tile as shaders/decode/acorn.glsl reads them, and the passes that make their
features.

The table is the quadtree above the tile's blocks in depth-first order. A row holds where the next
one outside its subtree is, so that a sample skips what does not reach it; squares with a single
square below are left out. Texels of a row: (west, north, 1 / side in tile units, next row) and
(kind, constant, number of the network block, 0), kind 0 being a square divided further. Before the
rows there is one with (rows, K, cells of the tile, 0) and the area's (west, north, east, south).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from neural.methods.acorn.blocks import CONSTANT, KIND, NETWORK
from neural.methods.acorn.tree import BlockTree
from neural.methods.base import LATENTS, Pass, TileNodes
from neural.tiles import TILE

TABLE_COLUMNS = 512
"""Texels per row of the table's texture."""

NODE_DIM = 4
"""Numbers of a block that the encoder takes."""


class Network(Protocol):
    """Sizes of a network: `neural.methods.acorn.Acorn`."""

    @property
    def side(self) -> int:
        """Nodes along each side of a block's features."""

    @property
    def channels(self) -> int:
        """Features of a node."""

    @property
    def frequencies(self) -> int:
        """Frequencies of the positional encoding."""

    @property
    def encoder_width(self) -> int:
        """Width of the encoder's hidden layers."""

    @property
    def encoder_layers(self) -> int:
        """Hidden-to-hidden layers of the encoder."""

    @property
    def decoder_width(self) -> int:
        """Width of the decoder's hidden layers."""

    @property
    def borders(self) -> str:
        """Kind of borders, blended or paper."""

    @property
    def max_scale(self) -> int:
        """Scale of the smallest blocks."""


def node_passes(network: Network) -> tuple[Pass, ...]:
    """Return the positional encoding of a block and the layers of the encoder; the last one gives
    its features."""
    inputs = 3 * (1 + 2 * network.frequencies)
    width = network.encoder_width // 4
    texels = -(-inputs // 4)
    passes = [Pass("encoding", 1, texels, reads=(LATENTS,))]
    layers = network.encoder_layers + 2
    for layer in range(layers):
        last = layer == layers - 1
        outputs = network.side**2 * network.channels // 4 if last else width
        passes.append(
            Pass(
                "features" if last else f"hidden{layer}",
                1,
                outputs,
                reads=(passes[-1].name,),
                function="layer",
                samplers=("values",),
                weights={"weight": f"encoder{layer}_weight", "bias": f"encoder{layer}_bias"},
                constants={"inputs": texels, "outputs": outputs, "relu": int(not last)},
            )
        )
        texels = outputs
    return tuple(passes)


def defines(network: Network) -> dict[str, int | float]:
    """Return the sizes that the shader needs."""
    return {
        "FREQUENCIES": network.frequencies,
        "SIDE": network.side,
        "CHANNELS": network.channels,
        "DECODER_WIDTH": network.decoder_width,
        "BLENDED": int(network.borders == "blended"),
        "TABLE_COLUMNS": TABLE_COLUMNS,
    }


def tile_nodes(network: Network, latents: np.ndarray) -> TileNodes:
    """Return the network blocks that a tile reads, and its table."""
    tile = latents[0].astype(np.float64)
    blocks = latents[1:, :KIND].astype(np.int64)
    own = blocks[latents[1:, KIND] == NETWORK]
    west, north, side = _places(own, tile)
    reach = np.full(len(own), 1e-6)  # places on an edge count
    if network.borders == "blended":
        reach = reach + 0.5 / (network.side - 1)
    around = reach * side + (0.0 if tile[3] == 1 else 0.5 / TILE)
    ends = np.stack([west - around, north - around, west + side + around, north + side + around], 1)
    return TileNodes(
        [tuple(block) for block in own.tolist()],
        _encoder_inputs(network, own),
        ends,
        _table(blocks, latents[1:], tile),
        {"nodes": np.pad(latents, ((0, 0), (0, 2))).reshape(-1, 2, 4)},
    )


def _encoder_inputs(network: Network, blocks: np.ndarray) -> np.ndarray:
    """Return center and scale of blocks [n, 3] as the encoder takes them, float32 [n, NODE_DIM];
    the fourth number is what rounding leaves of the scale."""
    tree = BlockTree(2, network.max_scale)
    inputs = tree.inputs(tree.codes(blocks))
    rest = inputs[:, 2] - inputs[:, 2].astype(np.float32)
    return np.column_stack([inputs, rest]).astype(np.float32)


def _places(blocks: np.ndarray, tile: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return west and north edges and sides of blocks [n, 3] in tile units."""
    side = 2.0 ** (tile[0] - blocks[:, 0])
    return blocks[:, 1] * side - tile[1], blocks[:, 2] * side - tile[2], side


def _table(blocks: np.ndarray, leaves: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Return the table of a tile with blocks int [n, 3], whose latents are `leaves`."""
    squares, skips, numbers = _tree(blocks)
    rows = np.zeros((1 + len(squares), 2, 4))
    rows[0] = (len(rows), tile[3], TILE, 0), (-tile[1], -tile[2], tile[4], tile[5])
    west, north, side = _places(squares, tile)
    rows[1:, 0] = np.column_stack([west, north, 1 / side, 1 + skips])
    leaf = numbers >= 0
    features = np.cumsum(leaves[:, KIND] == NETWORK) - 1
    chosen = leaves[numbers[leaf]]
    rows[1:, 1][leaf] = np.column_stack(
        [chosen[:, KIND], chosen[:, CONSTANT], features[numbers[leaf]], np.zeros(len(chosen))]
    )
    texels = rows.reshape(-1, 4)
    padded = np.pad(texels, ((0, -len(texels) % TABLE_COLUMNS), (0, 0)))
    return padded.reshape(-1, TABLE_COLUMNS, 4).astype(np.float32)


def _tree(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the quadtree with the leaves `blocks` in depth-first order: squares int [m, 3], for
    each the row of the next one outside its subtree, and its number in `blocks` (−1: none)."""
    finest = int(blocks[:, 0].max(initial=0))
    tree = BlockTree(2, finest)
    leaves = tree.codes(blocks)
    above = [leaves >> 2 * generation for generation in range(1, finest + 1)]
    codes = np.unique(np.concatenate([leaves, *above]))
    codes = codes[codes > 0]
    by_code = np.argsort(leaves)
    place = np.searchsorted(leaves, codes, sorter=by_code)
    number = by_code[np.minimum(place, len(leaves) - 1)] if len(leaves) else place
    number = np.where(np.isin(codes, leaves), number, -1)

    # The parents of all squares, in ascending order, are those that are no leaves.
    children = np.ones(len(codes), np.int64)
    children[number < 0] = np.unique(codes[codes > 1] >> 2, return_counts=True)[1]
    kept = (number >= 0) | (children > 1)
    codes = codes[kept]
    depth = 2 * (finest - tree.scales(codes))
    first = codes << depth
    order = np.lexsort((-depth, first))
    skips = np.searchsorted(first[order], ((codes + 1) << depth)[order])
    return tree.blocks(codes[order]), skips, number[kept][order]
