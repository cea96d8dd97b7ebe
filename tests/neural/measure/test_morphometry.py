"""Slope, aspect and curvature on surfaces whose values are known, and on a real tile by finite
differences."""

from __future__ import annotations

import numpy as np
import pytest

from assets import sample_files
from neural.container.reader import open_reader
from neural.measure.morphometry import (
    FLAT_DEG,
    Bend,
    aspect_deg,
    plan_curvature,
    profile_curvature,
    second_derivatives,
    slope_deg,
)
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE, Tile

x, y = np.meshgrid(np.linspace(-40, 40, 33), np.linspace(-30, 30, 25))


@pytest.mark.parametrize(
    ("east", "north", "slope", "aspect"),
    [
        (0.0, -1.0, 45.0, 0.0),  # falls to the north
        (-1.0, 0.0, 45.0, 90.0),
        (0.0, 1.0, 45.0, 180.0),
        (1.0, 0.0, 45.0, 270.0),
        (3.0, 4.0, 78.690068, 216.869898),
        (0.0, -0.01, 0.572939, 0.0),
    ],
)
def test_planes(east, north, slope, aspect):
    p = np.full(5, east)
    q = np.full(5, north)
    np.testing.assert_allclose(slope_deg(p, q), slope, atol=1e-6)
    np.testing.assert_allclose(aspect_deg(p, q), aspect, atol=1e-6)
    flat = Bend(*np.zeros((3, 5)))
    np.testing.assert_array_equal(profile_curvature(p, q, flat), 0.0)
    np.testing.assert_array_equal(plan_curvature(p, q, flat), 0.0)


def test_level_ground_has_no_direction():
    p = np.array([0.0, np.tan(np.radians(0.9 * FLAT_DEG)), np.tan(np.radians(1.1 * FLAT_DEG))])
    q = np.zeros(3)
    bend = Bend(*np.ones((3, 3)))
    np.testing.assert_array_equal(np.isnan(aspect_deg(p, q)), [True, True, False])
    for values in (profile_curvature(p, q, bend), plan_curvature(p, q, bend)):
        np.testing.assert_array_equal(np.isnan(values), [True, False, False])


def test_a_sphere_bends_alike_everywhere_and_its_inside_the_other_way():
    radius = 100.0
    z = np.sqrt(radius**2 - x**2 - y**2)  # a dome
    p = -x / z
    q = -y / z
    bend = Bend(-(radius**2 - y**2) / z**3, -x * y / z**3, -(radius**2 - x**2) / z**3)
    for curvature in (profile_curvature, plan_curvature):
        steep = ~np.isnan(curvature(p, q, bend))
        np.testing.assert_allclose(curvature(p, q, bend)[steep], 1 / radius, rtol=1e-12)
        upside_down = curvature(-p, -q, Bend(*(-part for part in bend)))
        np.testing.assert_allclose(upside_down[steep], -1 / radius, rtol=1e-12)


def test_a_ridge_bends_across_and_not_along():
    # z = a sin(k x) + m y: profiles along y are straight where the ridge is level across.
    a = 3.0
    k = 0.15
    m = -0.4
    at = np.array([np.pi / 2, 3 * np.pi / 2]) / k  # crest, trough
    p = a * k * np.cos(k * at)
    q = np.full(2, m)
    bend = Bend(-a * k**2 * np.sin(k * at), np.zeros(2), np.zeros(2))
    np.testing.assert_allclose(profile_curvature(p, q, bend), 0.0, atol=1e-15)
    np.testing.assert_allclose(
        plan_curvature(p, q, bend), np.array([1, -1]) * a * k**2 / np.sqrt(1 + m**2)
    )


def test_a_bowl_along_its_profile():
    # z = c (x² + y²): the meridian is a parabola of curvature 2c / (1 + (2cr)²)^(3/2).
    c = 0.004
    p = 2 * c * x
    q = 2 * c * y
    bend = Bend(np.full_like(x, 2 * c), np.zeros_like(x), np.full_like(x, 2 * c))
    r = np.hypot(x, y)
    expected = -2 * c / (1 + (2 * c * r) ** 2) ** 1.5
    got = profile_curvature(p, q, bend)
    sloping = r > 0
    np.testing.assert_allclose(got[sloping], expected[sloping], rtol=1e-12)
    np.testing.assert_allclose(
        plan_curvature(p, q, bend)[sloping], -2 * c / np.sqrt(1 + (2 * c * r[sloping]) ** 2)
    )


def test_a_real_tile_against_finite_differences_of_its_heights():
    with open_reader(sample_files()[0]) as reader:
        layer = next(layer for layer in reader.layers if layer.method == "huvr_siren")
        surface = SurfaceDecoder(reader, layer).open_tile(Tile(reader.grid.levels - 1, 1, 1))
        u = v = np.arange(43, 203, 8) / TILE  # away from where patches meet
        at = surface.heights(u, v, order=2)
        bend = second_derivatives(surface, u, v)
        cell_x = surface.side_m[0] / TILE
        cell_y = surface.side_m[1] / TILE

        def height(right: float, up: float) -> np.ndarray:
            """Meters so many cells away."""
            return surface.heights(u + right / TILE, v - up / TILE).meters

        east = (height(0.05, 0) - height(-0.05, 0)) / (cell_x / 10)
        north = (height(0, 0.05) - height(0, -0.05)) / (cell_y / 10)
        np.testing.assert_allclose(at.east, east, atol=5e-3)
        np.testing.assert_allclose(at.north, north, atol=5e-3)
        assert np.abs(slope_deg(at.east, at.north) - slope_deg(east, north)).max() < 0.3
        # The same over two cells: not the same numbers, but the same shape.
        twist = (height(1, 1) - height(-1, 1) - height(1, -1) + height(-1, -1)) / (
            4 * cell_x * cell_y
        )
        bend_x = (height(1, 0) + height(-1, 0) - 2 * height(0, 0)) / cell_x**2
        bend_y = (height(0, 1) + height(0, -1) - 2 * height(0, 0)) / cell_y**2
        for ours, other in (
            (bend.east_east, bend_x),
            (bend.north_north, bend_y),
            (bend.east_north, twist),
        ):
            assert np.corrcoef(ours.ravel(), other.ravel())[0, 1] > 0.9
        # Profile and plan curvature share out the Laplacian, which the decoder knows exactly, if
        # not over two cells.
        p = np.asarray(at.east)
        q = np.asarray(at.north)
        steepness = 1 + p**2 + q**2
        shares = (profile_curvature(p, q, bend) * steepness + plan_curvature(p, q, bend)) * np.sqrt(
            steepness
        )
        steep = ~np.isnan(shares)
        assert steep.mean() > 0.9
        np.testing.assert_allclose(
            shares[steep], -(bend.east_east + bend.north_north)[steep], rtol=1e-4, atol=1e-7
        )
        assert np.corrcoef(shares[steep], -np.asarray(at.laplacian)[steep])[0, 1] > 0.7
