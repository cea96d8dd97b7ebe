"""The quadtree above a tile's blocks, as shaders walk it."""

import numpy as np
import pytest

from neural.methods.acorn import Acorn
from neural.methods.acorn.shader_tables import TABLE_COLUMNS
from neural.tiles import Tile

METHOD = Acorn(width=2000, height=1500, side=4, channels=4, encoder_width=8, decoder_width=4)


def random_blocks(seed: int) -> np.ndarray:
    """A partition of the area with all kinds of blocks, float64 [n, 6]."""
    rng = np.random.default_rng(seed)
    waiting = [(0, 0, 0)]
    rows = []
    while waiting:
        scale, x, y = waiting.pop()
        if scale < METHOD.max_scale and rng.random() < (1.0 if scale < 2 else 0.55 - 0.04 * scale):
            waiting += [(scale + 1, 2 * x + k % 2, 2 * y + k // 2) for k in range(4)]
        elif (kind := int(rng.choice([0, 1, 1, 1, 2]))) != 0:
            rows.append((scale, x, y, kind, rng.normal() if kind == 2 else 0.0, 1.0))
    return np.array(rows)


def walk(table: np.ndarray, place: np.ndarray, reach: float) -> tuple[list[tuple], int]:
    """Leaves that reach a place, as shaders/decode/acorn.glsl finds them, and the rows it read."""
    rows = table.reshape(-1, 2, 4)
    found = []
    row = 1
    read = 0
    while row < rows[0, 0, 0]:
        read += 1
        (*corner, per_side, after), (kind, constant, number, _) = rows[row]
        inside = (place - corner) * per_side
        if (inside < -reach).any() or (inside > 1 + reach).any():
            row = int(after)
            continue
        if kind:
            found.append((*corner, per_side, kind, constant, number))
        row += 1
    return found, read


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tile", [Tile(3, 2, 1), Tile(2, 1, 1), Tile(0, 0, 0)])
def test_a_walk_meets_the_blocks_that_reach_a_place(seed, tile):
    latents = METHOD.tile_table(tile, random_blocks(seed))
    nodes = METHOD.tile_nodes(latents)
    assert nodes.table.shape[1:] == (TABLE_COLUMNS, 4)
    scale, x, y = latents[1:, :3].astype(float).T
    side = 2.0 ** (tile.z - scale)
    network = np.cumsum(latents[1:, 3] == 1) - 1
    reach = 0.5 / (METHOD.side - 1)
    most = 0
    for place in np.random.default_rng(seed).random((40, 2)):
        inside = (place[:, None] - [x * side - tile.x, y * side - tile.y]) / side
        near = ((inside >= -reach) & (inside <= 1 + reach)).all(0)
        found, read = walk(nodes.table.astype(float), place, reach)
        most = max(most, read)
        want = [
            (x[k] * side[k] - tile.x, y[k] * side[k] - tile.y, 1 / side[k])
            for k in np.flatnonzero(near)
        ]
        assert [leaf[:3] for leaf in found] == want  # exact: powers of two
        for leaf, k in zip(found, np.flatnonzero(near), strict=True):
            assert leaf[3] == latents[1 + k, 3]
            assert leaf[3] == 2 or leaf[5] == network[k]
            assert leaf[3] == 1 or leaf[4] == latents[1 + k, 4]
            ends = nodes.extents[network[k]]
            assert leaf[3] == 2 or ((place >= ends[:2]) & (place <= ends[2:])).all()
    assert most <= 10 * METHOD.max_scale


def test_nodes_are_named_alike_in_every_tile():
    blocks = random_blocks(1)
    whole = METHOD.tile_nodes(METHOD.tile_table(Tile(0, 0, 0), blocks))
    names = {key: values.tolist() for key, values in zip(whole.keys, whole.inputs, strict=True)}
    part = METHOD.tile_nodes(METHOD.tile_table(Tile(3, 2, 1), blocks))
    assert 0 < len(part.keys) < len(whole.keys)
    for key, values in zip(part.keys, part.inputs, strict=True):
        assert names[key] == values.tolist()
        exact = METHOD.encoder_inputs(np.array([key]))[0, :3]
        assert values[:2].tolist() == exact[:2].tolist()
        assert float(values[2]) + float(values[3]) == pytest.approx(exact[2], abs=1e-14)


def test_a_tile_without_blocks_has_a_table():
    empty = METHOD.tile_table(Tile(0, 0, 0), random_blocks(1))[:1]
    nodes = METHOD.tile_nodes(empty)
    assert nodes.table[0, 0, 0] == 1
    assert len(nodes.keys) == len(nodes.inputs) == len(nodes.extents) == 0
