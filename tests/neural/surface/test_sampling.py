"""The continuous surface at any place: formulas, tile borders, holes, and every method of a real
file."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from assets import sample_files
from neural.container.reader import open_reader
from neural.surface.sampling import CHUNK, SurfaceSampler
from neural.tiles import TILE, Tile
from tests.support import analytic

TOLERANCE_M = 2 * analytic.TOLERANCE_M  # of a sum of samples whose weights add up to 1


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    out = tmp_path_factory.mktemp("sampling") / "formulas.ntile"
    analytic.write(out, [analytic.plane, analytic.paraboloid, analytic.sine], holed=True)
    with open_reader(out) as reader:
        yield reader


@pytest.fixture(scope="module")
def carrizo():
    with open_reader(sample_files()[0]) as reader:
        yield reader


def inner(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random places a cell and more inside the outline and outside the hole."""
    bounds = analytic.GRID.bounds
    places = np.random.default_rng(3).uniform(
        (bounds.west + 4, bounds.south + 4), (bounds.east - 4, bounds.north - 4), (2 * count, 2)
    )
    e, n, radius = analytic.HOLE
    return tuple(places[np.hypot(places[:, 0] - e, places[:, 1] - n) > radius + 12][:count].T)


def test_heights_and_slopes_are_those_of_the_formulas(reader):
    easting, northing = inner(500)
    plane, bowl, ridges = (
        SurfaceSampler.of(reader, layer).at(easting, northing, order=1) for layer in reader.layers
    )
    np.testing.assert_allclose(plane.meters, analytic.plane(easting, northing), atol=TOLERANCE_M)
    # Differences of samples 2 m apart that are each off by a tenth of a millimeter.
    np.testing.assert_allclose(plane.east, 0.3, atol=5e-4)
    np.testing.assert_allclose(plane.north, 0.4, atol=5e-4)
    # The interpolant's slopes at samples are central differences, exact for a parabola; its heights
    # between are off by (a twelfth of the second derivative at most) × cell².
    np.testing.assert_allclose(
        bowl.meters, analytic.paraboloid(easting, northing), atol=1e-3 / 12 * 4 + TOLERANCE_M
    )
    np.testing.assert_allclose(bowl.east, (easting - 5300) / 2000, atol=1e-3)
    np.testing.assert_allclose(bowl.north, (northing - 7650) / 1000, atol=1e-3)
    wave = 2 * np.pi / 200
    np.testing.assert_allclose(ridges.meters, analytic.sine(easting, northing), atol=3e-3)
    np.testing.assert_allclose(ridges.east, 10 * wave * np.cos(wave * (easting - 5000)), atol=2e-3)
    np.testing.assert_allclose(ridges.north, 0.0, atol=5e-4)


def test_shapes_derivatives_and_levels_are_what_was_asked_for(reader):
    sampler = SurfaceSampler.of(reader, reader.layers[1])
    easting = np.linspace(5010, 5790, 40)
    whole = sampler.at(easting[None, :], np.array([[7990.0], [7410.0]]))
    assert whole.meters.shape == (2, 40)
    assert whole.east is whole.laplacian is None
    one = sampler.at(5010.0, 7990.0, order=2)
    assert one.meters.shape == ()
    assert float(one.meters) == whole.meters[0, 0]
    assert float(one.laplacian) == pytest.approx(6 / 4000, abs=3e-4)
    # Level 0 averages 2 × 2 cells: a parabola rises by its second derivatives' share of the coarser
    # cell.
    coarse = sampler.at(5200.0, 7600.0, level=0)
    assert float(coarse.meters) == pytest.approx(analytic.paraboloid(5200.0, 7600.0), abs=0.02)
    assert sampler.at(np.zeros(0), np.zeros(0)).meters.shape == (0,)


def test_outside_and_in_holes_nothing_is_known(reader):
    sampler = SurfaceSampler.of(reader, reader.layers[0])
    bounds = reader.grid.bounds
    easting = np.array(
        [bounds.west - 0.01, bounds.west, bounds.east, bounds.east + 0.01, 5100.0, 5100.0, 5100.0]
    )
    northing = np.array(
        [7900.0, 7900.0, 7900.0, 7900.0, bounds.north, bounds.south, bounds.south - 0.01]
    )
    known = np.isfinite(sampler.at(easting, northing).meters)
    assert known.tolist() == [False, True, True, False, True, True, False]
    e, n, radius = analytic.HOLE
    ring = np.linspace(0, 2 * np.pi, 60)
    assert np.isnan(
        sampler.at(e + (radius - 3) * np.cos(ring), n + (radius - 3) * np.sin(ring)).meters
    ).all()
    assert np.isfinite(
        sampler.at(e + (radius + 3) * np.cos(ring), n + (radius + 3) * np.sin(ring)).meters
    ).all()
    # A hole ends where its cells end: the cell of a place decides.
    column = np.arange(5390, 5410) // analytic.CELL_M * analytic.CELL_M
    inside = np.hypot(column + 1 - e, n + 61 - n) >= radius
    assert np.array_equal(
        np.isfinite(sampler.at(column + 0.01, np.full(20, n + 60.01)).meters), inside
    )


def test_tiles_meet(reader):
    """A hair to either side of a border, and on it."""
    sampler = SurfaceSampler.of(reader, reader.layers[0])
    border = analytic.WEST + TILE * analytic.CELL_M
    northing = np.linspace(7420, 7980, 50)
    for offset in (-1e-6, 0.0, 1e-6):
        east = np.full(50, border + offset)
        np.testing.assert_allclose(
            sampler.at(east, northing).meters, analytic.plane(east, northing), atol=TOLERANCE_M
        )


def test_a_lattice_is_the_same_as_its_places(reader):
    sampler = SurfaceSampler.of(reader, reader.layers[2])
    easting = np.linspace(4990, 5810, 47)
    northing = np.linspace(7390, 8010, 31)
    lattice = sampler.lattice(easting, northing, order=1)
    places = sampler.at(easting[None, :], northing[:, None], order=1)
    assert np.isnan(lattice.meters).sum() > 150
    for one, other in zip(lattice[:3], places[:3], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("index", range(6))
def test_scattered_places_of_every_method_are_single_evaluations(carrizo, index):
    layer = carrizo.layers[index]
    sampler = SurfaceSampler.of(carrizo, layer)
    grid = carrizo.grid
    tile = Tile(carrizo.grid.levels - 1, 0, 0)
    west, south, east, north = grid.tile_bounds(tile)
    u, v = np.random.default_rng(index).random((2, 2 * CHUNK + 3))
    found = sampler.at(west + u * (east - west), north - v * (north - south), order=1)
    surface = sampler.surface(tile)
    for k in range(0, len(u), 7):
        alone = surface.heights(u[k : k + 1], v[k : k + 1], order=1)
        for one, other in zip(found[:3], alone[:3], strict=True):
            assert one[k] == pytest.approx(np.asarray(other).item(), abs=2e-5 * surface.scale_m)


def test_bits_are_kept(carrizo):
    layer = next(layer for layer in carrizo.layers if layer.method == "huvr")
    bounds = carrizo.grid.bounds
    easting, northing = np.random.default_rng(1).uniform(bounds[:2], bounds[2:], (20, 2)).T
    stored, fewer = (
        SurfaceSampler.of(carrizo, layer, bits).at(easting, northing).meters for bits in (None, 4)
    )
    assert 0.01 < np.abs(stored - fewer).max() < 50


def test_threads_share_a_sampler(reader):
    sampler = SurfaceSampler(SurfaceSampler.of(reader, reader.layers[1]).decoder, keep_tiles=1)
    easting, northing = inner(200)
    expected = sampler.at(easting, northing).meters
    found = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: sampler.at(easting, northing).meters}))
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for each in found.values():
        assert np.array_equal(each, expected)
