"""The GPU's decode of ACORN tiles against numpy's in double precision: borders of both kinds, fine
and coarse tiles, blocks larger and smaller than their tiles, constant and absent ones; and its
cache of features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neural.methods.acorn import Acorn
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile
from viewer.graphics import node_cache
from viewer.graphics.gpu_decoder import GPU_BACKENDS, TileDecoder
from viewer.graphics.page import TilePage

HEIGHT_TOLERANCE_M = 1e-3
GRADIENT_TOLERANCE = 1e-4
SAMPLES = 32
SCALE_M = 40.0
CELL_M = 10.0
ROW_BYTES = 4 * 4 * 4 * 8  # 4 x 4 nodes of 8 features

# (scale, x, y) of an area of 1000 x 900 cells, whose root square has 1024: a block of four tiles,
# tiles that are a block, and one with blocks of three scales.
NETWORK = (
    (1, 0, 0),
    (2, 2, 0), (3, 7, 1), (3, 6, 1), (4, 14, 0), (4, 15, 0), (4, 14, 1), (5, 30, 2), (5, 31, 2),
    (5, 30, 3),
    (2, 0, 2), (2, 1, 3), (3, 4, 4), (3, 5, 5), (3, 4, 5), (2, 3, 3), (2, 3, 2),
)  # fmt: skip
CONSTANT = {(2, 1, 2): 0.2, (3, 6, 0): -0.1, (5, 31, 3): 0.3, (3, 5, 4): 0.1, (2, 0, 3): -0.4}
# without data: (2, 3, 1) and (2, 2, 3)

TILES = {
    "inside a larger block": Tile(2, 1, 0),
    "several scales": Tile(2, 3, 0),
    "one block beside others": Tile(2, 2, 0),
    "absent": Tile(2, 3, 1),
    "at the rim": Tile(2, 3, 3),
    "two by two samples": Tile(1, 1, 0),
    "four by four samples": Tile(0, 0, 0),
}


def area_blocks() -> np.ndarray:
    """All blocks of the area, float64 [n, 6]."""
    rows = [(*block, 1, 0.0, 2.0) for block in NETWORK]
    rows += [(*block, 2, height, 0.0) for block, height in CONSTANT.items()]
    return np.array(rows, np.float64)


def acorn(borders: str) -> Acorn:
    return Acorn(
        width=1000,
        height=900,
        side=4,
        channels=8,
        frequencies=5,
        encoder_width=16,
        encoder_layers=1,
        decoder_width=8,
        borders=borders,
    )


def lively_weights(method: Acorn) -> dict[str, np.ndarray]:
    """Random weights whose heights differ from node to node and from block to block."""
    rng = np.random.default_rng(5)
    weights = {}
    for name, shape in method.weight_shapes().items():
        spread = 1.5 / np.sqrt(shape[0]) if name.endswith("weight") else 0.3
        weights[name] = (spread * rng.normal(size=shape)).astype(np.float32)
    return weights


def double(arrays):
    return {name: np.asarray(value, np.float64) for name, value in arrays.items()}


def surface(method: Acorn, weights, tile: Tile) -> TileSurface:
    span = CELL_M * (TILE << (method.levels - 1 - tile.z))
    return TileSurface(
        method,
        double(weights),
        method.tile_table(tile, area_blocks()),
        0.0,
        SCALE_M,
        np.ones((TILE, TILE), bool),
        (span, span),
    )


def by_gpu(
    decoder: TileDecoder, page: TilePage, tile: TileSurface
) -> tuple[np.ndarray, np.ndarray]:
    decoder.decode(tile.latents, tile.scale_m, tile.side_m, page, layer=1, samples=SAMPLES)
    heights, gradients = page.read_surface(1)
    return heights[: SAMPLES + 1, : SAMPLES + 1], gradients[: SAMPLES + 1, : SAMPLES + 1]


@pytest.fixture(params=GPU_BACKENDS)
def entry(ctx, request) -> str:
    if request.param == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    return request.param


@pytest.fixture
def page(ctx):
    page = TilePage(ctx)
    yield page
    page.release()


@pytest.mark.parametrize(
    "method",
    [acorn("blended"), acorn("paper"), replace(acorn("blended"), lod_nodes=True)],
    ids=["blended", "paper", "lod_nodes"],
)
def test_gpu_and_numpy_agree_on_every_kind_of_tile(ctx, page, entry, method):
    weights = lively_weights(method)
    decoder = TileDecoder(ctx, method, weights, entry)
    at = np.arange(SAMPLES + 1) / SAMPLES
    for title, tile in TILES.items():
        exact = surface(method, weights, tile)
        want = exact.heights(at, at, order=1)
        heights, gradients = by_gpu(decoder, page, exact)
        assert np.abs(heights - want.meters).max() <= HEIGHT_TOLERANCE_M, title
        for axis, slope in enumerate((want.east, want.north)):
            assert np.abs(gradients[..., axis] - slope).max() <= GRADIENT_TOLERANCE, title
        assert title == "absent" or np.ptp(want.meters) > 10
    decoder.release()


def test_prepared_blocks_are_numpys_and_can_be_picked_from(ctx, page, entry):
    method = acorn("blended")
    weights = lively_weights(method)
    decoder = TileDecoder(ctx, method, weights, entry)
    exact = surface(method, weights, TILES["four by four samples"])
    prepared = decoder.prepared(exact.latents)
    assert set(prepared) == set(exact.prepared)
    np.testing.assert_array_equal(prepared["nodes"], exact.prepared["nodes"])
    want = exact.prepared["features"]
    assert len(want) == len(NETWORK)
    assert np.abs(prepared["features"] - want).max() <= 2e-6 * np.ptp(want)
    at = np.array([0.37])
    assert exact.with_prepared(prepared).heights(at, at).meters == pytest.approx(
        exact.heights(at, at).meters, abs=1e-3
    )
    nothing = decoder.prepared(surface(method, weights, TILES["absent"]).latents[:1])
    assert nothing["features"].shape == (0, *want.shape[1:])
    decoder.release()


def test_tiles_share_their_blocks(ctx, page, entry):
    method = acorn("blended")
    weights = lively_weights(method)
    decoder = TileDecoder(ctx, method, weights, entry)
    cache = decoder.nodes
    tiles = [surface(method, weights, tile) for tile in TILES.values()]
    by_gpu(decoder, page, tiles[-1])
    assert cache.prepared == len(NETWORK)  # the whole area's
    for tile in tiles:
        by_gpu(decoder, page, tile)
    assert cache.prepared == len(NETWORK)
    assert cache.bytes == node_cache.LEAST * ROW_BYTES
    decoder.release()


@pytest.mark.parametrize("kept", [4, 6])
def test_a_cache_too_small_for_a_tile_decodes_it_in_portions(ctx, page, entry, kept, monkeypatch):
    method = acorn("paper" if kept == 4 else "blended")
    weights = lively_weights(method)
    exact = surface(method, weights, TILES["several scales"])
    decoder = TileDecoder(ctx, method, weights, entry)
    want = by_gpu(decoder, page, exact)
    decoder.release()
    monkeypatch.setattr(node_cache, "LEAST", kept)
    monkeypatch.setattr(node_cache, "BUDGET_BYTES", 0)
    decoder = TileDecoder(ctx, method, weights, entry)
    assert decoder.nodes.most == kept
    got = by_gpu(decoder, page, exact)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)
    assert decoder.nodes.bytes == kept * ROW_BYTES
    first = decoder.nodes.prepared
    by_gpu(decoder, page, exact)
    assert decoder.nodes.prepared > first  # what was used longest ago had gone
    decoder.release()


def test_the_cache_grows_and_keeps_what_was_used_last(ctx, entry):
    method = acorn("blended")
    decoder = TileDecoder(ctx, method, lively_weights(method), entry)
    while not decoder.ready:
        decoder.advance()
    cache = decoder.nodes

    def use(*places: int) -> int:
        rows = [[6, 0, 0, 1, 4, 4], *([8, place % 64, place // 64, 1, 0, 0] for place in places)]
        nodes = method.tile_nodes(np.array(rows, np.float32))
        before = cache.prepared
        cache.use(nodes, node_cache.Portion((0, 0), (1, 1), np.arange(len(places))))
        return cache.prepared - before

    assert use(*range(40)) == 40
    assert use(*range(20, 50)) == 10
    assert use(*range(50, 200)) == 150  # grown, and emptied by that
    full = cache.bytes // ROW_BYTES
    assert full >= 200
    assert use(*range(50, 200)) == 0
    cache.most = full
    assert use(*range(200, 200 + full - 100)) == full - 100
    assert use(*range(150, 200)) == 0  # the 50 before them made room
    assert use(*range(50, 100)) == 50
    decoder.release()
