"""Blocks of a layer in a tile: their texture, and the one at a place."""

import numpy as np

from neural.methods.base import Blocks
from neural.tiles import Tile
from viewer.tiles.blocks import NOT_MEASURED, TEXELS, block_at, texels

TILE = Tile(2, 1, 3)
# the tile's western half as one block of the next scale and another, a constant one; none in the
# south-east; and a neighbor whose edge is the tile's
BLOCKS = Blocks(
    np.array([[3, 2, 6], [3, 2, 7], [4, 6, 12], [4, 7, 12], [4, 6, 13], [1, 1, 1]]),
    np.array([False, True, False, False, False, False]),
    np.array([1.5, np.nan, 2.0, 2.5, 3.0, 9.0]),
)
HALF = TEXELS // 2


def test_texels_hold_corner_side_and_error():
    image = texels(BLOCKS, TILE)
    assert image.shape == (TEXELS, TEXELS, 4)
    np.testing.assert_array_equal(image[0, 0], [0, 0, 0.5, 1.5])
    np.testing.assert_array_equal(image[HALF - 1, HALF - 1], [0, 0, 0.5, 1.5])
    np.testing.assert_array_equal(image[HALF, 0], [0, 0.5, -0.5, NOT_MEASURED])
    np.testing.assert_array_equal(image[0, -1], [0.75, 0, 0.25, 2.5])
    np.testing.assert_array_equal(image[-1, -1], [0, 0, 0, NOT_MEASURED])
    assert not (image[..., 3] == 9.0).any()  # the neighbor's


def test_a_block_around_the_tile_fills_it():
    whole = Blocks(np.array([[0, 0, 0]]), np.array([False]), np.array([4.0]))
    image = texels(whole, TILE)
    np.testing.assert_array_equal(image.reshape(-1, 4), np.tile([-1, -3, 4, 4], (TEXELS**2, 1)))


def test_blocks_smaller_than_a_texel_are_sampled():
    side = 2 * TEXELS
    y, x = np.mgrid[0:side, 0:side].reshape(2, -1)
    scale = np.full(len(x), 2 + side.bit_length() - 1)
    places = np.column_stack([scale, x + side * TILE.x, y + side * TILE.y])
    small = Blocks(places, np.zeros(len(x), bool), np.arange(len(x), dtype=float))
    image = texels(small, TILE)
    assert (image[..., 2] == 1 / side).all()
    assert len(np.unique(image[..., 3])) == TEXELS**2


def test_the_block_at_a_place_is_that_which_begins_there():
    for place, number in {
        (0.1, 0.1): 0,
        (0.0, 0.5): 1,
        (0.5, 0.0): 2,
        (0.8, 0.1): 3,
        (0.75, 0.2): 3,
        (0.6, 0.3): 4,
    }.items():
        assert block_at(BLOCKS, TILE, *place) == number
    assert block_at(BLOCKS, TILE, 0.9, 0.9) is None
