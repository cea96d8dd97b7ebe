"""A training tile between its samples: the interpolant that off-grid points are held against."""

from __future__ import annotations

import numpy as np
import torch

from neural.models.patches import interpolate, interpolate_slopes, measured, random_points

POINTS = torch.tensor([[0.5, 0.5], [3.5, 15.5], [0.0, 8.0], [16.0, 8.0], [7.2, 0.0], [4.25, 9.75]])


def test_samples_come_back_exactly() -> None:
    tiles = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0))
    found = interpolate(tiles, POINTS, 16)
    assert found.shape == (2, 16, 6)
    np.testing.assert_array_equal(found[:, 0, 0], tiles[:, 0, 0])
    # second row of patches, third column
    np.testing.assert_array_equal(found[:, 6, 1], tiles[:, 16 + 15, 32 + 3])


def test_planes_are_exact_up_to_the_rim() -> None:
    y, x = torch.meshgrid(torch.arange(64.0) + 0.5, torch.arange(64.0) + 0.5, indexing="ij")
    found = interpolate((2 * x - 3 * y)[None], POINTS, 16)[0]
    for patch in (0, 3, 9, 15):
        want = 2 * (POINTS[:, 0] + 16 * (patch % 4)) - 3 * (POINTS[:, 1] + 16 * (patch // 4))
        np.testing.assert_allclose(found[patch], want, atol=1e-4)


def test_neighbors_agree_on_their_border() -> None:
    tiles = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(1))
    found = interpolate(tiles, POINTS, 16)[0]
    np.testing.assert_allclose(found[0, 3], found[1, 2], atol=1e-6)


def test_slopes_at_samples_are_central_differences() -> None:
    tiles = torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    around = torch.tensor([[8.5 + 1e-4, 8.5], [8.5 - 1e-4, 8.5]], dtype=torch.float64)
    ahead, behind = _double(tiles, around)
    np.testing.assert_allclose(
        (ahead - behind) / 2e-4, (tiles[0, 8, 9] - tiles[0, 8, 7]) / 2, atol=1e-4
    )


def _double(tiles: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return interpolate(tiles, points, 16)[0, 0]
    finally:
        torch.set_default_dtype(kept)


def test_only_points_with_valid_samples_around_count() -> None:
    valid = torch.ones(1, 32, 32)
    valid[0, 8, 10] = 0
    points = torch.tensor(
        [[10.5, 8.5], [9.5, 8.5], [9.0, 8.5], [7.0, 8.0], [12.5, 8.5], [13.1, 8.5]]
    )
    assert measured(valid, points, 16)[0, 0].tolist() == [0, 1, 0, 1, 1, 1]
    assert measured(valid, points, 16)[0, 1].tolist() == [1, 1, 1, 1, 1, 1]


def test_every_fourth_random_point_lies_on_the_outline() -> None:
    points = random_points(32, 16, torch.Generator().manual_seed(0))
    assert ((points >= 0) & (points <= 16)).all()
    on_outline = ((points == 0) | (points == 16)).any(dim=1)
    assert on_outline.tolist() == [k % 4 == 0 for k in range(32)]


def test_points_beyond_the_outline_are_those_of_the_neighbor() -> None:
    tiles = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(4))
    beyond = torch.tensor([[16.7, 3.2], [-0.8, 9.9]])
    within = torch.tensor([[0.7, 3.2], [15.2, 9.9]])
    found = interpolate(tiles, beyond, 16)[0]
    want = interpolate(tiles, within, 16)[0]
    np.testing.assert_allclose(found[5, 0], want[6, 0], atol=1e-5)
    np.testing.assert_allclose(found[6, 1], want[5, 1], atol=1e-5)


def test_slopes_are_those_of_a_paraboloid() -> None:
    y, x = torch.meshgrid(torch.arange(64.0) + 0.5, torch.arange(64.0) + 0.5, indexing="ij")
    points = torch.tensor([[8.5, 8.5], [3.2, 15.9], [16.6, -0.4], [0.0, 7.7]])
    east, south = interpolate_slopes((0.1 * x * x - 0.2 * x * y)[None], points, 16)
    place = points + 16.0  # patch 5 is the second of the second row
    np.testing.assert_allclose(east[0, 5], 0.2 * place[:, 0] - 0.2 * place[:, 1], atol=1e-3)
    np.testing.assert_allclose(south[0, 5], -0.2 * place[:, 0], atol=1e-3)


def test_a_halo_lets_points_lie_around_the_patch() -> None:
    points = random_points(400, 16, torch.Generator().manual_seed(0), halo=1.0)
    assert ((points >= -1) & (points <= 17)).all()
    assert (points < 0).any()
    assert (points > 16).any()
