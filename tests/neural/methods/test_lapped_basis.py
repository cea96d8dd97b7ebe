"""The lapped basis and the spline below it: orthonormal, smooth across cells and tiles, true
derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from neural.methods.base import Surface
from neural.methods.lapped.basis import (
    HOP,
    SPLINE_HALO,
    SPLINE_PAD,
    along_nodes,
    along_spline,
    cosine_transform,
    functions,
    spline_coefficients,
    window,
)
from neural.methods.lapped_siren import LappedSiren
from neural.tiles import TILE

CELLS = 6
METHOD = LappedSiren()
SIDE = METHOD.latent_shape[1]  # nodes' coefficients along a tile, those beyond its sides included
PARENTS = TILE // 2 + 2 * SPLINE_HALO


def sines(seed: int) -> dict[str, np.ndarray]:
    """Sines as training might leave them: near the cosine transform's."""
    rng = np.random.default_rng(seed)
    return {
        name: value * (1 + 0.05 * rng.normal(size=HOP))
        for name, value in cosine_transform().items()
    }


def parent_at(count: int = PARENTS, first: int = -SPLINE_HALO) -> np.ndarray:
    """Positions of a parent's samples, in samples of the child."""
    return 2.0 * np.arange(first, first + count) + 1


def surface_of(
    nodes: np.ndarray,
    parent: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    weights: dict[str, np.ndarray],
    order: int = 2,
) -> Surface:
    """The surface of a tile, in float64 throughout, from its nodes' coefficients and its parent's
    samples."""
    latents = np.zeros(METHOD.latent_shape)
    latents[:SIDE] = nodes
    spline = spline_coefficients(parent)
    latents[SIDE:, : spline.shape[1]] = spline
    return METHOD.evaluate(weights, METHOD.prepare(weights, latents), u, v, order=order)


def of_parent(parent: np.ndarray, u: np.ndarray, v: np.ndarray) -> Surface:
    return surface_of(np.zeros((SIDE, SIDE)), parent, u, v, cosine_transform())


def test_the_cosine_transform_is_orthonormal_and_complete_at_sample_centers() -> None:
    at = np.arange(CELLS * HOP) + 0.5
    # [functions, samples]
    (basis,) = along_nodes(cosine_transform(), np.eye((CELLS + 2) * HOP), at)
    whole = basis[2 * HOP : -2 * HOP]  # functions that lie inside with all their support
    assert np.abs(whole @ whole.T - np.eye(len(whole))).max() < 1e-6
    assert np.abs(basis.T @ basis - np.eye(CELLS * HOP)).max() < 1e-6


def test_windows_of_neighbors_have_squares_that_add_up_to_one() -> None:
    s = np.linspace(0, HOP, 101)
    np.testing.assert_allclose(window(s)[0] ** 2 + window(s - HOP)[0] ** 2, 1.0, rtol=1e-15)
    assert window(np.array([0.0]), 1) == (1.0, 0.0)
    beyond = np.array([-3.0 * HOP, -HOP, HOP, 1.5 * HOP])
    np.testing.assert_array_equal(np.stack(window(beyond, 1)), 0.0)


def test_two_nodes_are_all_that_reach_a_place() -> None:
    """The definition, over every node: Σ c_nk φ_k(x − x_n)."""
    weights = sines(1)
    nodes = np.random.default_rng(2).normal(size=(3, (CELLS + 2) * HOP))
    x = np.sort(
        np.append(np.random.default_rng(3).uniform(0, CELLS * HOP, 40), [0, 8, 16, 24, CELLS * HOP])
    )
    for order, got in enumerate(along_nodes(weights, nodes, x, 2)):
        want = np.zeros(got.shape)
        for n in range(CELLS + 2):
            want += (
                nodes[:, n * HOP : (n + 1) * HOP]
                @ functions(weights, x - (n - 0.5) * HOP, 2)[order].T
            )
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12 * np.abs(want).max())


@pytest.mark.parametrize("kind", ["nodes", "spline"])
def test_lines_are_once_differentiable_everywhere(kind: str) -> None:
    rng = np.random.default_rng(4)
    ends = 4 * HOP
    borders = np.arange(1, ends) / 1.0  # of cells, between them, and of the spline's pieces
    before = np.nextafter(borders, 0)
    after = np.nextafter(borders, ends)
    if kind == "nodes":
        nodes = rng.normal(size=(5, 6 * HOP)) / np.tile(1.0 + np.arange(HOP), 6)
        left, right = (along_nodes(sines(5), nodes, x, 1) for x in (before, after))
    else:
        coefficients = rng.normal(size=(5, ends // 2 + 2 * SPLINE_PAD))
        left, right = (along_spline(coefficients, x, 1) for x in (before, after))
    for a, b in zip(left, right, strict=True):
        assert np.abs(a).max() > 0.1
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


def test_neighboring_tiles_meet_with_equal_slopes() -> None:
    rng = np.random.default_rng(6)
    weights = sines(7)
    line = np.linspace(0, 1, 33)
    nodes = rng.normal(size=(SIDE, SIDE + TILE)) / (1.0 + np.arange(SIDE + TILE) % HOP)
    parent = 50 * rng.normal(size=(PARENTS, PARENTS + TILE // 2))
    end = np.array([1.0])
    start = np.array([0.0])
    for turned in (False, True):
        sides = []
        for left in (True, False):
            n, p = (
                a[:, :size] if left else a[:, -size:]
                for a, size in ((nodes, SIDE), (parent, PARENTS))
            )
            edge = end if left else start
            if turned:
                sides.append(surface_of(n.T, p.T, line, edge, weights, order=1)[:3])
            else:
                sides.append(surface_of(n, p, edge, line, weights, order=1)[:3])
        for a, b in zip(*sides, strict=True):
            assert np.ptp(a) > 1
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(a).max())


@pytest.mark.parametrize("kind", ["window", "functions", "nodes", "spline"])
def test_derivatives_are_those_of_the_values(kind: str) -> None:
    rng = np.random.default_rng(8)
    step = 1e-4
    x = np.arange(40) * 1.3 + 0.37  # off the places where bends jump
    line = rng.normal(size=(4, (CELLS + 2) * HOP))
    coefficients = rng.normal(size=(4, CELLS * HOP // 2 + 2 * SPLINE_PAD))

    def values(x: np.ndarray) -> tuple[np.ndarray, ...]:
        if kind == "window":
            return window(x - 26.0, 2)
        if kind == "functions":
            return functions(sines(9), x - 26.0, 2)
        return (
            along_nodes(sines(9), line, x, 2)
            if kind == "nodes"
            else along_spline(coefficients, x, 2)
        )

    here = values(x)
    ahead = values(x + step)
    behind = values(x - step)
    assert len(here) == 3
    for k in (0, 1):
        slope = (ahead[k] - behind[k]) / (2 * step)
        assert np.abs(slope - here[k + 1]).max() < 1e-6 * np.abs(here[k + 1]).max()


def test_the_spline_reproduces_cubic_polynomials() -> None:
    at = parent_at()
    x = np.linspace(0, TILE, 41)
    y = np.linspace(0, TILE, 37)

    def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x = x / TILE
        y = y[:, None] / TILE
        return 3 - x + 5 * y + (2 * x**3 - 4 * x) * (y**3 + 7 * y * y)

    rows = along_spline(spline_coefficients(cubic(at, at)), x)[0]
    np.testing.assert_allclose(along_spline(rows.T, y)[0].T, cubic(x, y), rtol=0, atol=1e-12)


def test_the_spline_nearly_interpolates_its_samples() -> None:
    """At the samples it is 1 − δ⁴/36 of them along each axis, whatever they are."""
    samples = np.random.default_rng(10).normal(size=(PARENTS, PARENTS))
    halo = SPLINE_HALO
    at = parent_at(PARENTS - 2 * halo, 0)
    rows = along_spline(spline_coefficients(samples), at)[0]
    want = samples
    for _ in range(2):
        fourth = want[4:] - 4 * want[3:-1] + 6 * want[2:-2] - 4 * want[1:-3] + want[:-4]
        want = (want[2:-2] - fourth / 36).T
    inner = np.s_[halo - 2 : 2 - halo]
    np.testing.assert_allclose(
        along_spline(rows.T, at)[0].T, want[inner, inner], rtol=0, atol=1e-12
    )


def test_a_plane_and_a_paraboloid_keep_their_gradients() -> None:
    at = parent_at() / TILE
    u = np.linspace(0, 1, 9)
    v = np.linspace(0, 1, 7)
    plane = of_parent(20 + 300 * at - 120 * at[:, None], u, v)
    np.testing.assert_allclose(plane.h, 20 + 300 * u - 120 * v[:, None], atol=1e-10)
    for got, want in zip(plane[1:], (300, -120, 0, 0), strict=True):
        np.testing.assert_allclose(got, np.full((7, 9), want), rtol=0, atol=1e-8)
    bowl = of_parent(40 * (at - 0.3) ** 2 + 90 * (at[:, None] - 0.8) ** 2, u, v)
    along_u, along_v = np.broadcast_arrays(80 * (u - 0.3), 180 * (v[:, None] - 0.8))
    np.testing.assert_allclose(
        bowl.h, 40 * (u - 0.3) ** 2 + 90 * (v[:, None] - 0.8) ** 2, atol=1e-10
    )
    for got, want in zip(
        bowl[1:], (along_u, along_v, np.full((7, 9), 80), np.full((7, 9), 180)), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-7)


def test_a_surface_is_the_sum_over_nodes_by_the_formula() -> None:
    """One point by hand: 2×2 nodes, each a product of functions of x and of y; rows of the latents
    are y."""
    weights = sines(11)
    rng = np.random.default_rng(12)
    nodes = rng.normal(size=(SIDE, SIDE))
    x = 101.7
    y = 36.2
    want = 0.0
    for row, center_y in ((2, 24), (3, 40)):  # the latents begin with the node at −8
        for column, center_x in ((6, 88), (7, 104)):
            coefficients = nodes[HOP * row : HOP * (row + 1), HOP * column : HOP * (column + 1)]
            along = []
            for s in (y - center_y, x - center_x):
                r = 1 - abs(s) / HOP
                swell = np.sin(np.pi / 2 * r * r * (3 - 2 * r))
                along.append(
                    swell
                    * weights["amplitude"]
                    * np.sin(weights["frequency"] * s + weights["phase"])
                )
            want += along[0] @ coefficients @ along[1]
    at = np.array([x]) / TILE, np.array([y]) / TILE
    got = surface_of(nodes, np.zeros((PARENTS, PARENTS)), *at, weights, order=0)
    assert got.h.item() == pytest.approx(want, rel=1e-12)
