"""ACORN's surface against formulas: blocks of known heights, their borders, coarse levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from neural.methods.acorn import Acorn, blocks
from neural.methods.acorn.blocks import NETWORK, PLAIN
from neural.tiles import Tile, centers, vertices

AREA = Acorn(
    1000, 900, side=8, channels=4, frequencies=2, encoder_width=4, encoder_layers=0, decoder_width=4
)
PAPER = replace(AREA, borders="paper")
INNER = Tile(2, 1, 1)

# Scales 3, 4, 5 and a constant of scale 4 meet in the corner (3/8, 3/8) of the area: (½, ½) of
# INNER. Block (4, 7, 4) is absent.
PARTITION = [
    *((3, x, y, NETWORK) for y in range(8) for x in range(8) if (x, y) not in [(2, 3), (3, 2)]),
    *((4, x, y, NETWORK) for y in (6, 7) for x in (4, 5)),
    *((4, x, y, NETWORK) for x, y in [(6, 4), (6, 5)]),
    (4, 7, 5, PLAIN),
]
PARTITION = [row for row in PARTITION if row[:3] not in [(3, 3, 3), (4, 5, 6)]]
PARTITION += [(5, x, y, NETWORK) for y in (12, 13) for x in (10, 11)]
PARTITION += [(4, 6, 6, PLAIN), *((4, x, y, NETWORK) for x, y in [(7, 6), (6, 7), (7, 7)])]
CORNER = np.array([0.5])


def table(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = [(*row, rng.normal() if row[3] == PLAIN else 0, 0.5) for row in PARTITION]
    return np.array(rows, np.float32)


def pass_through() -> dict[str, np.ndarray]:
    """Decoder whose height is the first feature: the others do not count."""
    weights = {name: np.zeros(shape) for name, shape in AREA.weight_shapes().items()}
    for layer in range(3):
        weights[f"decoder{layer}_weight"][0, 0] = 1
    weights["decoder0_bias"][0] = 64  # so that nothing is below zero
    weights["decoder2_bias"][0] = -64
    return weights


def prepared(
    method: Acorn, latents: np.ndarray, height: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
) -> dict[str, np.ndarray]:
    """A tile whose nodes have the heights height(x, y, block) at places in root squares."""
    rows = latents[1:]
    own = rows[rows[:, 3] == NETWORK].astype(np.float64)
    steps = np.linspace(0, 1, method.side)
    features = np.zeros((len(own), method.side, method.side, method.channels))
    for k, (scale, x, y) in enumerate(own[:, :3]):
        side = 2.0**-scale
        features[k, ..., 0] = height((x + steps) * side, (y + steps[:, None]) * side, k)
    nodes = np.pad(latents, ((0, 0), (0, 2))).reshape(-1, 2, 4)
    shape = len(own), method.side**2 * method.channels // 4, 4
    return {"nodes": nodes, "features": features.reshape(shape)}


def rough(x: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """Nodes with no relation to those of other blocks."""
    return np.random.default_rng(k).normal(size=np.broadcast_shapes(x.shape, y.shape))


def plane(x: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    return 0.3 + 2 * x - 5 * y


def finest_height(method: Acorn, tile: dict[str, np.ndarray], u: float, v: float) -> float | None:
    """One place, by the formulas of the paper and of FORMAT.md, in plain numbers."""
    head, *rows = tile["nodes"].reshape(-1, 8).astype(np.float64)
    z, tx, ty = head[:3]
    above = below = 0.0
    network = 0
    decided = None
    for scale, x, y, kind, constant, *_ in rows:
        side = 2.0 ** (z - scale)
        s = (u - (x * side - tx)) / side
        t = (v - (y * side - ty)) / side
        if kind == PLAIN:
            h = float(constant)
        else:
            grid = tile["features"][network].reshape(method.side, method.side, -1)[..., 0]
            network += 1
            n = method.side - 1
            i = min(max(int(np.floor(s * n)), 0), n - 1)
            j = min(max(int(np.floor(t * n)), 0), n - 1)
            a = s * n - i
            b = t * n - j
            h = (1 - b) * ((1 - a) * grid[j, i] + a * grid[j, i + 1]) + b * (
                (1 - a) * grid[j + 1, i] + a * grid[j + 1, i + 1]
            )
        if 0 <= s <= 1 and 0 <= t <= 1:
            decided = h
        delta = 0.5 / (method.side - 1)
        phi = 1.0
        for place in (s, t):
            for d in ((place + delta) / (2 * delta), (1 + delta - place) / (2 * delta)):
                d = min(max(d, 0.0), 1.0)
                phi *= d * d * (3 - 2 * d)
        above += phi * h
        below += phi
    if method.borders == "paper":
        return decided
    return above / below if below > 1e-12 else None


def height(method: Acorn, tile: dict[str, np.ndarray], u: float, v: float) -> float:
    _, tx, ty, count, u_max, v_max = tile["nodes"].reshape(-1, 8)[0, :6].tolist()
    heights = []
    for j in range(round(count)):
        for i in range(round(count)):
            du = ((i + 0.5) / count - 0.5) / 256
            dv = ((j + 0.5) / count - 0.5) / 256
            # the area's outline
            at_u = min(max(u + du, -tx), u_max) if count > 1 else u
            at_v = min(max(v + dv, -ty), v_max) if count > 1 else v
            heights.append(finest_height(method, tile, at_u, at_v))
    known = [h for h in heights if h is not None]
    return sum(known) / len(known) if known else 0.0


TILES = [INNER, Tile(2, 3, 3), Tile(1, 0, 0), Tile(1, 1, 1), Tile(0, 0, 0)]


@pytest.mark.parametrize("method", [AREA, PAPER], ids=["blended", "paper"])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_heights_follow_the_formulas(method: Acorn, tile: Tile) -> None:
    latents = method.tile_table(tile, table())
    rows = prepared(method, latents, rough)
    rng = np.random.default_rng(7)
    # borders, corners where four scales meet, both rims, one step beside them, and anywhere
    special = [0, 1 / 64, 0.25 - 1e-9, 0.25, 0.25 + 1e-3, 0.375, 0.5 - 1e-3, 0.5, 0.75, 1]
    u = np.sort(np.concatenate([special, rng.random(9)]))
    v = np.sort(np.concatenate([special, rng.random(8)]))
    got = method.evaluate(pass_through(), rows, u, v, order=0).h
    want = [[height(method, rows, x, y) for x in u] for y in v]
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_places_beside_absent_blocks_have_heights() -> None:
    """The mesh has vertices on the edge of a block that nothing follows."""
    for method in (AREA, PAPER):
        latents = method.tile_table(INNER, table())
        rows = prepared(method, latents, lambda x, y, k: 3 + 0 * x + 0 * y)
        u = np.array([0.75 - 1e-6, 0.75])  # (4, 7, 4) begins at 0.75, 0
        h = method.evaluate(pass_through(), rows, u, np.array([0.1, 0.2]), order=0).h
        np.testing.assert_allclose(h, 3)
        inside = method.evaluate(pass_through(), rows, np.array([0.875]), np.array([0.1]), order=1)
        assert (inside.h, inside.dh_du, inside.dh_dv) == (0, 0, 0)


@pytest.mark.parametrize("method", [AREA, PAPER], ids=["blended", "paper"])
@pytest.mark.parametrize("tile", [INNER, Tile(1, 0, 0), Tile(0, 0, 0)], ids=str)
def test_a_plane_stays_a_plane(method: Acorn, tile: Tile) -> None:
    """Extrapolation, blending and averages keep linear surfaces; bumps sum up to one."""
    networks = table()
    networks[:, 3] = NETWORK
    rows = prepared(method, method.tile_table(tile, networks), plane)
    u = np.linspace(0.01, 0.6, 41)
    v = np.linspace(0.33, 0.85, 37)  # south of the block that is absent
    surface = method.evaluate(pass_through(), rows, u, v, order=2)
    side = 2.0**-tile.z
    x = (tile.x + u) * side
    y = (tile.y + v[:, None]) * side
    np.testing.assert_allclose(surface.h, plane(x, y, 0), atol=1e-12)
    np.testing.assert_allclose(surface.dh_du, 2 * side, atol=1e-9)
    np.testing.assert_allclose(surface.dh_dv, -5 * side, atol=1e-9)
    np.testing.assert_allclose(surface.d2h_du2, 0, atol=1e-6)
    np.testing.assert_allclose(surface.d2h_dv2, 0, atol=1e-6)


def test_constant_blocks_sum_to_themselves() -> None:
    plain = table()
    plain[:, 3] = PLAIN
    plain[:, 4] = 0.7
    for tile in TILES:
        latents = AREA.tile_table(tile, plain)
        surface = AREA.evaluate(pass_through(), prepared(AREA, latents, rough), *2 * [vertices(64)])
        covered = surface.h != 0
        np.testing.assert_allclose(surface.h[covered], np.float32(0.7))
        np.testing.assert_allclose(surface.dh_du, 0, atol=1e-9)


@pytest.mark.parametrize("method", [AREA, PAPER], ids=["blended", "paper"])
@pytest.mark.parametrize("tile", TILES, ids=str)
def test_derivatives_are_those_of_the_heights(method: Acorn, tile: Tile) -> None:
    rows = prepared(method, method.tile_table(tile, table()), rough)
    rng = np.random.default_rng(1)
    u = np.sort(rng.random(31))
    v = np.sort(rng.random(29))

    def surface(du: float, dv: float):
        return method.evaluate(pass_through(), rows, u + du, v + dv, order=2)

    step = 1e-6
    middle = surface(0, 0)
    east, west = surface(step, 0), surface(-step, 0)
    south, north = surface(0, step), surface(0, -step)
    for got, ahead, behind in (
        (middle.dh_du, east.h, west.h),
        (middle.dh_dv, south.h, north.h),
        (middle.d2h_du2, east.dh_du, west.dh_du),
        (middle.d2h_dv2, south.dh_dv, north.dh_dv),
    ):
        error = np.abs((ahead - behind) / (2 * step) - got)
        scale = max(np.abs(got).max(), np.abs(middle.dh_du).max())
        # lines of a cell or border within a step: none but a few
        assert (error > 1e-4 * scale).mean() <= 0.01


def gaps(method: Acorn, across: bool, line: float, along: np.ndarray) -> tuple[float, float]:
    """Largest gap of value and gradient across the line u (or v) = `line` of INNER."""
    rows = prepared(method, method.tile_table(INNER, table()), rough)
    sides = [line - 1e-9, line + 1e-9]
    u, v = (sides, along) if across else (along, sides)
    surface = method.evaluate(pass_through(), rows, np.array(u), np.array(v), order=1)
    axis = 1 if across else 0
    largest = [float(np.abs(np.diff(part, axis=axis)).max()) for part in surface[:3]]
    return largest[0], max(largest[1:])


@pytest.mark.parametrize("across", [True, False])
def test_blended_borders_have_no_gap(across: bool) -> None:
    """In INNER, u = ½ is a border of scales 3 to 5; heights are of size 1, slopes up to 100."""
    along = np.linspace(0.003, 0.997, 301)
    for line in (0.5, 0.25):
        value, slope = gaps(AREA, across, line, along)
        assert value <= 1e-6
        assert slope <= 1e-3
        assert gaps(PAPER, across, line, along)[0] > 1


@pytest.mark.parametrize("neighbor", [Tile(2, 2, 1), Tile(2, 1, 2)], ids=str)
def test_tiles_agree_along_their_edge(neighbor: Tile) -> None:
    """Two tiles know different blocks; what they draw on their common edge is the same."""
    method = replace(AREA, encoder_width=16)
    weights = random_weights(method)
    ours, theirs = (
        method.prepare(weights, method.tile_table(tile, table()).astype(np.float64))
        for tile in (INNER, neighbor)
    )
    v = np.linspace(0, 1, 65)
    end, start = np.array([1.0]), np.array([0.0])
    lattices = ((end, v), (start, v)) if neighbor.y == INNER.y else ((v, end), (v, start))
    a = method.evaluate(weights, ours, *lattices[0])
    b = method.evaluate(weights, theirs, *lattices[1])
    for own, other in zip(a[:3], b[:3], strict=True):
        # a node's line or a ReLU's bend is on neither side of itself
        close = np.isclose(own, other, atol=1e-7 * np.abs(own).max())
        assert close.mean() > 0.9
    np.testing.assert_allclose(a.h, b.h, atol=1e-9)


def random_weights(method: Acorn, seed: int = 5) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in method.weight_shapes().items():
        spread = np.sqrt(2.0 / shape[0]) if name.endswith("weight") else 0.2
        weights[name] = spread * rng.normal(size=shape)
    return weights


def test_network_by_hand() -> None:
    """One place in one block: positional encoding, encoder, interpolation, decoder."""
    method = Acorn(500, 500, side=16, channels=8, frequencies=3, encoder_width=12, encoder_layers=2)
    weights = random_weights(method)
    latents = method.tile_table(Tile(1, 1, 0), np.array([[2.0, 2, 1, 1, 0, 0]]))
    x, y = (2.5 / 4) * 2 - 1, (1.5 / 4) * 2 - 1
    q = np.array([x, y, 2 * 2 / 5 - 1])
    signal = np.concatenate([q, *(f(2.0**k * q) for k in range(3) for f in (np.sin, np.cos))])
    for layer in range(3):
        signal = signal @ weights[f"encoder{layer}_weight"] + weights[f"encoder{layer}_bias"]
        signal = np.maximum(signal, 0)
    grid = (signal @ weights["encoder3_weight"] + weights["encoder3_bias"]).reshape(16, 16, 8)
    # place (0.3, 0.7) of the tile is (0.6, 0.4) of the block, in cell (9, 6)
    f = 0.0
    for row, a in ((6, 0.0), (7, 1.0)):
        for column, b in ((9, 0.0), (10, 1.0)):
            weight = abs(1 - a - 0.4 * 15 % 1) * abs(1 - b - 0.6 * 15 % 1)
            f = f + weight * grid[row, column]
    for layer in range(2):
        f = np.maximum(f @ weights[f"decoder{layer}_weight"] + weights[f"decoder{layer}_bias"], 0)
    want = f @ weights["decoder2_weight"] + weights["decoder2_bias"]
    rows = method.prepare(weights, latents.astype(np.float64))
    got = method.evaluate(weights, rows, np.array([0.3]), np.array([0.7]), order=0)
    assert abs(got.h[0, 0] - want[0]) < 1e-5


@pytest.mark.parametrize("borders", ["blended", "paper"])
def test_single_precision_and_any_lattice_agree(borders: str) -> None:
    """Few samples interpolate features, many the first layer; both are the same function."""
    method = Acorn(512, 512, borders=borders, encoder_width=32, encoder_layers=1)
    exact = random_weights(method)
    weights = {name: value.astype(np.float32) for name, value in exact.items()}
    area = np.array(
        [(1, 0, 0, 1, 0, 0), (1, 1, 0, 1, 0, 0), (2, 0, 2, 1, 0, 0), (1, 1, 1, 1, 0, 0)]
    )
    latents = method.tile_table(Tile(1, 0, 0), area)
    ours = method.prepare(weights, latents)
    whole = method.evaluate(weights, ours, centers(), vertices(), order=1)
    double = method.prepare(exact, latents.astype(np.float64))
    v = vertices()[[0, 3, 100, 240, 256]]
    want = method.evaluate(exact, double, centers(), v, order=1)
    single = method.evaluate(weights, ours, centers()[77:78], v[1:2], order=1)
    for part, exact_part, one in zip(whole[:3], want[:3], single[:3], strict=True):
        assert part.dtype == np.float32
        rows = part[[0, 3, 100, 240, 256]]
        size = np.abs(exact_part).max()
        assert (np.abs(rows - exact_part) > 1e-5 * size).mean() < 2e-3  # bends of a ReLU
        assert abs(one[0, 0] - part[3, 77]) <= 1e-5 * size


def test_published_sizes() -> None:
    def parameters(method: Acorn) -> int:
        return sum(int(np.prod(shape)) for shape in method.weight_shapes().values())

    assert parameters(Acorn()) == 1_337_537
    # published with three colors: two more outputs
    assert parameters(Acorn(side=32, encoder_width=512)) + 2 * 65 == 9_493_827
    assert Acorn(4096, 4096).max_scale == 4 + 4
    assert Acorn(4096, 4096, side=32).max_scale == 4 + 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": 12},
        {"channels": 6},
        {"decoder_width": 0},
        {"borders": "soft"},
        {"width": 0},
        {"coarse_samples": 3},
        {"encoder_layers": -1},
    ],
)
def test_impossible_sizes_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"possible|multiples|blended|counts"):
        replace(AREA, **wrong)


def test_interior_blocks_draw_coarse_levels() -> None:
    """With lod_nodes a tile k levels above the finest is made of what is k generations above."""
    method = replace(AREA, lod_nodes=True)
    leaves = table()
    for above, tile in ((1, Tile(1, 0, 0)), (2, Tile(0, 0, 0))):
        rows = method.tile_table(tile, leaves)
        assert rows[0, 3] == 1
        cut = {tuple(row) for row in blocks.cut(leaves, above)[:, :3]}
        assert {tuple(row) for row in rows[1:, :3]} <= cut
        assert 1 < len(rows) < len(AREA.tile_table(tile, leaves))
        assert (method.unpack(method.pack(rows, 8, {}), 8, {})[1:, :3] == rows[1:, :3]).all()
        surface = method.evaluate(pass_through(), prepared(method, rows, plane), *2 * [centers(8)])
        assert np.ptp(surface.h) > 0


def test_rows_are_cut_as_a_pyramid() -> None:
    """Cuts partition the area, get coarser, and end in its root."""
    leaves = table()
    before = leaves
    for generations in range(7):
        rows = blocks.cut(leaves, generations)
        areas = 4.0 ** -rows[:, 0]
        assert len(rows) <= len(before)
        if generations == 0:
            assert {tuple(row) for row in rows} == {tuple(row) for row in leaves}
        assert areas.sum() >= (4.0 ** -before[:, 0]).sum()
        for (scale, x, y), (finer, a, b) in pairwise(rows[:, :3].astype(int).tolist()):
            assert (a >> max(finer - scale, 0), b >> max(finer - scale, 0)) != (x, y) or (
                finer < scale
            )
        before = rows
    assert rows[:, :3].tolist() == [[0, 0, 0]]
