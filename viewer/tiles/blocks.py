"""Blocks of a layer in a tile: as a texture, and the one at a place."""

from __future__ import annotations

import numpy as np

from neural.methods.base import Blocks
from neural.tiles import Tile

TEXELS = 128
"""Texels along a side of a tile's texture of blocks; smaller blocks are seen as colors alone."""

NOT_MEASURED = -1.0
"""Error of a block that was not measured, in the texture."""


def texels(blocks: Blocks, tile: Tile) -> np.ndarray:
    """Return a tile's blocks as shaders/lib/blocks.glsl reads them, float32 [TEXELS, TEXELS, 4]:
    west, north, side in tile coordinates, negative for constant ones and 0 without a block, and
    error."""
    image = np.zeros((TEXELS, TEXELS, 4), np.float32)
    image[..., 3] = NOT_MEASURED
    corners, sides = _squares(blocks, tile)
    rows = np.column_stack(
        [
            corners,
            np.where(blocks.constant, -sides, sides),
            np.where(np.isnan(blocks.error_m), NOT_MEASURED, blocks.error_m),
        ]
    )
    # texels whose centers lie in a block
    first = np.clip(np.ceil(corners * TEXELS - 0.5), 0, TEXELS).astype(int)
    last = np.clip(np.ceil((corners + sides[:, None]) * TEXELS - 0.5), 0, TEXELS).astype(int)
    for row, (left, top), (right, bottom) in zip(rows, first, last, strict=True):
        image[top:bottom, left:right] = row
    return image


def block_at(blocks: Blocks, tile: Tile, u: float, v: float) -> int | None:
    """Return the number of the block at a place of the tile, or None."""
    corners, sides = _squares(blocks, tile)
    inside = np.array([u, v]) - corners
    ((numbers),) = np.nonzero(((inside >= 0) & (inside <= sides[:, None])).all(1))
    return int(numbers[-1]) if len(numbers) else None


def _squares(blocks: Blocks, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Return north-west corners [n, 2] and sides [n] of blocks in tile coordinates."""
    sides = 2.0 ** (tile.z - blocks.places[:, 0])
    return blocks.places[:, 1:] * sides[:, None] - [tile.x, tile.y], sides
