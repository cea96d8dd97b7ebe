"""ACORN's payload: which blocks a tile needs, in few bytes, and no others."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neural.methods.acorn import Acorn
from neural.methods.acorn.blocks import ERROR, KIND, NETWORK, PLAIN
from neural.tiles import Tile
from tests.support.common import random_blocks

AREA = Acorn(2000, 1500, side=8)


def all_tiles(method: Acorn) -> list[Tile]:
    tiles = []
    for z in range(method.levels):
        span = 256 << (method.levels - 1 - z)
        tiles += [
            Tile(z, x, y)
            for y in range(-(-method.height // span))
            for x in range(-(-method.width // span))
        ]
    return tiles


@pytest.mark.parametrize("borders", ["blended", "paper"])
@pytest.mark.parametrize("side", [8, 16, 32])
def test_bytes_come_back(borders: str, side: int) -> None:
    method = replace(AREA, borders=borders, side=side)
    for seed in range(4):
        area = random_blocks(method, np.random.default_rng(seed))
        for tile in all_tiles(method):
            latents = method.tile_table(tile, area)
            body = method.pack(latents, 8, {})
            np.testing.assert_array_equal(method.unpack(body, 8, {}, 5), latents)


@pytest.mark.parametrize("borders", ["blended", "paper"])
def test_reach_is_that_of_the_bumps(borders: str) -> None:
    """By exact fractions; every listed block has a place in reach, every other has none."""
    method = replace(AREA, borders=borders)
    area = random_blocks(method, np.random.default_rng(3))
    for tile in all_tiles(method):
        samples = method.samples(tile.z)
        margin = Fraction(samples - 1, 2 * samples * 256)
        want = set()
        for scale, x, y in area[:, :KIND].astype(int).tolist():
            side = Fraction(1 << tile.z, 1 << scale)
            delta = side / (2 * (method.side - 1)) if borders == "blended" else 0
            reaches = True
            for place, corner in ((x, tile.x), (y, tile.y)):
                start = place * side - corner
                reaches &= start - delta < 1 + margin and start + side + delta > -margin
            if reaches:
                want.add((scale, x, y))
        latents = method.tile_table(tile, area)
        assert {tuple(row) for row in latents[1:, :KIND].astype(int).tolist()} == want


def test_a_finest_tile_takes_few_bytes() -> None:
    """256 equal blocks of a 2048² area: a tile is made of 4, with its ring of 16."""
    method = Acorn(2048, 2048)
    rows = [(4, x, y, NETWORK, 0, 0.7) for y in range(16) for x in range(16)]
    sizes = []
    for tile in all_tiles(method):
        latents = method.tile_table(tile, np.array(rows, np.float32))
        if tile.z == 3:
            sizes.append(len(method.pack(latents, 8, {})))
            assert len(latents) <= 1 + 16
    assert max(sizes) <= 3 + 7 + 16


def test_a_tile_within_a_block_names_it() -> None:
    method = Acorn(2048, 2048, borders="paper")
    area = np.array([(1, x, y, NETWORK, 0, 0) for y in (0, 1) for x in (0, 1)], np.float32)
    latents = method.tile_table(Tile(3, 5, 2), area)
    assert latents[1:, :KIND].tolist() == [[1, 1, 0]]
    assert len(method.pack(latents, 8, {})) == 5


def test_errors_are_rounded_up() -> None:
    rng = np.random.default_rng(0)
    errors = np.concatenate([[0, -1, 1e-9, 3e5, np.inf], np.exp(rng.normal(size=60) * 3)])
    for error in errors:
        latents = AREA.tile_table(Tile(0, 0, 0), np.array([(0, 0, 0, NETWORK, 0, error)]))
        got = AREA.unpack(AREA.pack(latents, 8, {}), 8, {})[1, ERROR]
        if error <= 0:
            assert got == 0
        elif 2.0 ** (-127 / 8) < error < 5e4:
            assert 0.9999 * error <= got <= 1.0906 * error


def test_wrong_blocks_are_refused() -> None:
    head = AREA.tile_table(Tile(3, 0, 0), np.zeros((0, 6)))
    near = (3, 0, 0, NETWORK, 0, 0)
    for rows, reason in (
        ([near, (2, 0, 0, NETWORK, 0, 0)], "overlap"),
        ([near, near], "overlap"),
        ([near, (3, 7, 1, NETWORK, 0, 0)], "reach"),
    ):
        with pytest.raises(ValueError, match=reason):
            AREA.pack(np.concatenate([head, np.array(rows, np.float32)]), 8, {})


def body() -> bytes:
    area = random_blocks(AREA, np.random.default_rng(1))
    latents = AREA.tile_table(Tile(2, 1, 0), area)
    assert (latents[1:, KIND] == PLAIN).any()
    return AREA.pack(latents, 8, {})


@given(st.data())
def test_damaged_bytes_are_refused_or_a_tile(draws: st.DataObject) -> None:
    good = body()
    damaged = bytearray(good)
    for _ in range(draws.draw(st.integers(1, 4))):
        place = draws.draw(st.integers(0, len(good) - 1))
        damaged[place] = draws.draw(st.integers(0, 255))
    stop = draws.draw(st.integers(0, len(good)))
    for data in (bytes(damaged), good[:stop], good + bytes(damaged[:2])):
        try:
            latents = AREA.unpack(data, 8, {})
        except ValueError:
            continue
        assert np.isfinite(latents).all()
        # a square that is split into nothing is coded as one that is absent
        np.testing.assert_array_equal(AREA.unpack(AREA.pack(latents, 8, {}), 8, {}), latents)


def test_every_cut_is_refused() -> None:
    good = body()
    for stop in range(len(good)):
        with pytest.raises(ValueError, match="body"):
            AREA.unpack(good[:stop], 8, {})
    with pytest.raises(ValueError, match="body"):
        AREA.unpack(b"\x07\x00\x00", 8, {})
    with pytest.raises(ValueError, match="body"):
        AREA.unpack(b"\x01\x02\x00\x00", 8, {})
