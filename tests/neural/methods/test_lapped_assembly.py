"""Decoded tiles of `neural.methods.lapped`: one surface without seams, wherever tiles, samples and
levels end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from neural.methods.lapped.assembly import Assembly
from neural.tiles import TILE, Tile, centers
from tests.support.lapped_area import ROOT, Area, Stored, assembly, rough, stored, surface

STEP = 0.0625
ABSENT = Tile(2, 1, 1)
ALONG = np.linspace(0, 1, 37)


@pytest.fixture(scope="module")
def area() -> Area:
    """3×3 finest tiles, the last column of 18 cells and the last row of 77; one is absent, others
    have holes."""
    heights = rough(589, 530)
    valid = np.ones((589, 530), bool)
    valid[250:520, 240:530] = False
    valid[300:420, 512:530] = True
    valid[40:90, 200:300] = False
    valid[550:, :3] = False
    return Area(heights, valid)


@pytest.fixture(scope="module")
def payloads(area: Area) -> Stored:
    return stored(area, STEP)


@pytest.fixture(scope="module")
def decoded(area: Area, payloads: Stored) -> Assembly:
    return assembly(area, payloads, STEP)


def test_the_area_has_what_the_tests_are_about(area: Area) -> None:
    assert ABSENT not in area.tiles
    assert {tile.z: sum(each.z == tile.z for each in area.tiles) for tile in area.tiles} == {
        0: 1,
        1: 4,
        2: 8,
    }


def test_neighbors_agree_on_their_edge(area: Area, decoded: Assembly) -> None:
    edges = 0
    for tile in area.tiles:
        columns, rows = area.grid.tile_cells(tile)  # beyond them there is nothing to agree on
        u = ALONG * columns / TILE
        v = ALONG * rows / TILE
        for beside, here, there in (
            (tile._replace(x=tile.x + 1), (np.ones(1), v), (np.zeros(1), v)),
            (tile._replace(y=tile.y + 1), (u, np.ones(1)), (u, np.zeros(1))),
        ):
            if beside not in area.tiles:
                continue
            edges += 1
            one = surface(area, decoded, tile).heights(*here, order=1)
            other = surface(area, decoded, beside).heights(*there, order=1)
            np.testing.assert_allclose(one.meters, other.meters, atol=1e-6, rtol=0)
            # latents are float32
            np.testing.assert_allclose(one.east, other.east, atol=3e-6, rtol=0)
            np.testing.assert_allclose(one.north, other.north, atol=3e-6, rtol=0)
    assert edges == 4 + 8


def test_surfaces_go_through_their_samples(area: Area, decoded: Assembly) -> None:
    for tile in area.tiles:
        columns, rows = area.grid.tile_cells(tile)
        window = decoded.window(tile.z, TILE * tile.y, TILE * tile.x, TILE)
        assert (window.present == area.grid.tile_inside(tile)).all()
        # centers of the finest cells of even index
        places = centers() - (0.5 - 0.5 / 2 ** (area.top - tile.z)) / TILE
        found = surface(area, decoded, tile).heights(places, places).meters
        np.testing.assert_allclose(
            found[:rows, :columns], window.meters[:rows, :columns], atol=1e-5, rtol=0
        )


def test_samples_are_near_the_source(area: Area, decoded: Assembly) -> None:
    for tile in area.tiles:
        source = area.tiles[tile]
        window = decoded.window(tile.z, TILE * tile.y, TILE * tile.x, TILE)
        errors = (window.meters - source.meters)[source.valid]
        assert np.abs(errors).max() < 2 * STEP
        assert np.sqrt(np.mean(errors**2)) < 0.4 * STEP
        np.testing.assert_array_equal(decoded.valid(tile), source.valid)


@pytest.mark.parametrize("z", [0, 1, 2])
def test_any_window_is_a_part_of_a_larger_one(z: int, decoded: Assembly) -> None:
    side = 280 << z
    whole = decoded.window(z, -12, -12, side)
    rng = np.random.default_rng(z)
    for size in (1, 2, 5, 64, 97, 250):
        row, column = rng.integers(-10, side - size - 24, size=2).tolist()
        part = decoded.window(z, row, column, size)
        cut = np.s_[row + 12 : row + 12 + size, column + 12 : column + 12 + size]
        np.testing.assert_array_equal(part.present, whole.present[cut])
        there = part.present
        np.testing.assert_allclose(
            part.meters[there], whole.meters[cut][there], atol=1e-6 * STEP, rtol=0
        )


def test_errors_vanish_with_the_step() -> None:
    area = Area(rough(300, 270))
    for step in (2.0**-4, 2.0**-12):
        of = assembly(area, stored(area, step), step)
        errors = of.window(area.top, 0, 0, 2 * TILE).meters[:300, :270] - area.raster
        assert np.abs(errors).max() < 1.5 * step


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 1), (1, 2), (300, 2)])
def test_small_areas(shape: tuple[int, int]) -> None:
    """The root continues the levels down to one value, whatever is left of a line."""
    area = Area(rough(*shape))
    of = assembly(area, stored(area, 0.1), 0.1)
    window = of.window(area.top, 0, 0, 2 * TILE)
    rows, columns = shape
    assert window.present.sum() == rows * columns
    assert np.abs(window.meters[:rows, :columns] - area.raster).max() < 0.2
    heights = surface(area, of, ROOT).heights(ALONG, ALONG, order=2)
    assert all(np.isfinite(each).all() for each in heights)


def test_threads_find_the_same(area: Area, payloads: Stored, decoded: Assembly) -> None:
    other = assembly(area, payloads, STEP)
    tiles = 2 * sorted(area.finest)[:3]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda tile: other.latents(tile, 500.0), tiles))
    for tile, latents in zip(tiles, found, strict=True):
        np.testing.assert_array_equal(latents, decoded.latents(tile, 500.0))


def test_coarser_details(area: Area, payloads: Stored) -> None:
    tile = Tile(2, 0, 0)
    errors = []
    for coarser in (0, 1, 2, 6):
        of = assembly(area, payloads, STEP, coarser)
        found = surface(area, of, tile).heights(centers(), centers()).meters
        errors.append(
            np.sqrt(np.mean((found - area.tiles[tile].meters)[area.tiles[tile].valid] ** 2))
        )
    assert errors == sorted(errors)
    assert errors[0] < 0.4 * STEP
    assert errors[1] < 0.9 * STEP
    assert errors[2] < 1.6 * STEP
    assert errors[-1] < np.std(area.tiles[tile].meters)


def test_coarser_neighbors_agree_on_their_edge(area: Area, payloads: Stored) -> None:
    of = assembly(area, payloads, STEP, coarser=2)
    one = surface(area, of, Tile(2, 0, 0)).heights(np.ones(1), ALONG, order=1)
    other = surface(area, of, Tile(2, 1, 0)).heights(np.zeros(1), ALONG, order=1)
    np.testing.assert_allclose(one.meters, other.meters, atol=1e-6, rtol=0)
    np.testing.assert_allclose(one.east, other.east, atol=3e-6, rtol=0)
