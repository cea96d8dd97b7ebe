"""Coarse levels beside nodata: no place of a cell with data is without a block."""

from __future__ import annotations

import numpy as np
import pytest

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.coarse_gaps import blocks_of_level
from neural.encoding.acorn.cut import best_cut
from neural.methods.acorn import Acorn
from neural.methods.acorn.blocks import CONSTANT, KIND, NETWORK, PLAIN
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile

METHOD = Acorn(
    width=4096,
    height=4096,
    side=8,
    channels=4,
    frequencies=1,
    encoder_width=4,
    encoder_layers=0,
    decoder_width=4,
)


@pytest.fixture(scope="module")
def islands() -> Area:
    heights = np.full((4096, 4096), np.nan, np.float32)
    for row, column in np.random.default_rng(3).integers(0, 4090, (60, 2)):
        heights[row : row + 3, column : column + 2] = 1000 + column / 4
    heights[1501] = 700  # a strip
    heights[5, 5] = 3000  # in no block: another peak makes the middle of the range high
    return Area.of(heights)


def leaves_of(area: Area) -> np.ndarray:
    statistics = area.statistics(8, 8)
    codes = best_cut(statistics, 700, False).leaves
    rows = np.zeros((len(codes), 6))
    rows[:, :3] = statistics.tree.blocks(codes)
    rows[:, KIND] = NETWORK
    return rows


@pytest.mark.parametrize("borders", ["blended", "paper"])
def test_vertices_of_cells_with_data_have_a_height(islands: Area, borders: str) -> None:
    leaves = leaves_of(islands)
    method = Acorn(**{**METHOD.__dict__, "borders": borders})
    weights = {name: np.zeros(shape, np.float32) for name, shape in method.weight_shapes().items()}
    weights["decoder2_bias"][:] = 0.5
    valid = np.isfinite(islands.level(4))
    vertices = np.arange(TILE + 1) / TILE

    def covered(table: np.ndarray) -> np.ndarray:
        latents = method.tile_table(Tile(0, 0, 0), table)
        body = method.pack(latents, 8, {})
        latents = method.unpack(body, 8, {})
        latents[1:, CONSTANT] = 0.5
        surface = TileSurface(method, weights, latents, 0.0, 1.0, valid, (1.0, 1.0))
        heights = surface.heights(vertices, vertices).meters
        quads = [heights[j : j + TILE, i : i + TILE][valid] for j in (0, 1) for i in (0, 1)]
        return np.isclose(quads, 0.5, atol=1e-6)

    assert not covered(leaves).all()
    assert covered(blocks_of_level(leaves, islands, 4)).all()


def test_added_blocks_have_the_height_of_their_cell(islands: Area) -> None:
    leaves = leaves_of(islands)
    for coarser in range(4):
        assert blocks_of_level(leaves, islands, coarser) is leaves
    rows = blocks_of_level(leaves, islands, 4)[len(leaves) :]
    assert 0 < len(rows) <= 3 * len(leaves)
    assert (rows[:, KIND] == PLAIN).all()
    _, x, y = rows[:, :3].astype(int).T
    side = 4096 >> rows[:, 0].astype(int)
    cells = islands.level(4)[y * side // 16, x * side // 16]
    meters = rows[:, CONSTANT] * islands.scale_m + islands.offset_m
    np.testing.assert_allclose(meters, cells, atol=1e-3)
