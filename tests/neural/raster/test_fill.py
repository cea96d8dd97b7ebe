"""Filling gaps: valid cells stay, the rest continues them smoothly."""

import numpy as np
import pytest

from neural.raster.fill import fill
from neural.tiles import TILE
from tests.support.rasters import hills


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[0:TILE, 0:TILE]
    return np.hypot(y - 120, x - 140) < radius


def corner() -> np.ndarray:
    outside = np.ones((TILE, TILE), bool)
    outside[:90, :40] = False
    return outside


def specks() -> np.ndarray:
    return np.random.default_rng(3).random((TILE, TILE)) < 0.9


@pytest.mark.parametrize(
    "gap", [disc(1), disc(60), corner(), specks()], ids=["cell", "disc", "corner", "specks"]
)
def test_valid_cells_stay_and_the_rest_lies_between(gap: np.ndarray) -> None:
    heights = hills(TILE, TILE) + np.float32(3000)
    broken = np.where(gap, np.float32(-9999), heights)
    filled = fill(broken, ~gap)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[~gap], heights[~gap])
    assert filled.min() >= heights[~gap].min() - 1e-3
    assert filled.max() <= heights[~gap].max() + 1e-3
    np.testing.assert_array_equal(broken[gap], -9999)  # the argument is not written to


def test_filled_surface_is_smooth() -> None:
    y, x = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    plane = 800 + 0.5 * x - 0.25 * y
    gap = disc(40)
    filled = fill(plane, ~gap).astype(float)
    steps = np.maximum(
        np.abs(np.diff(filled, axis=0))[:, :-1], np.abs(np.diff(filled, axis=1))[:-1]
    )
    assert steps.max() < 3 * 0.5  # no cliff, neither inside nor along the rim
    assert np.abs(filled - plane)[gap].max() < 4  # of ±20 m that the disc spans
    assert np.abs(filled - plane)[gap].mean() < 1.5


def test_wide_gaps_leave_their_rim_level() -> None:
    y, _ = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    # a slope that ends in a gap: the gap goes on from the rim, not from the slope's mean
    valid = y < 128
    filled = fill(900 - 2 * y, valid)
    np.testing.assert_allclose(filled[128:], 900 - 2 * 127, atol=1e-3)


def test_noise_is_not_invented() -> None:
    gap = ~disc(50)
    filled = fill(hills(TILE, TILE), ~gap).astype(float)
    bend = (
        filled[1:-1, :-2]
        + filled[1:-1, 2:]
        + filled[:-2, 1:-1]
        + filled[2:, 1:-1]
        - 4 * filled[1:-1, 1:-1]
    )
    far = gap[1:-1, 1:-1] & ~disc(53)[1:-1, 1:-1]
    assert np.abs(bend[far]).max() < 0.5


def test_full_and_empty_tiles() -> None:
    heights = hills(TILE, TILE)
    np.testing.assert_array_equal(fill(heights, np.ones((TILE, TILE), bool)), heights)
    assert not fill(heights, np.zeros((TILE, TILE), bool)).any()


def test_one_valid_cell_fills_the_tile() -> None:
    valid = np.zeros((TILE, TILE), bool)
    valid[255, 0] = True
    np.testing.assert_allclose(fill(np.full((TILE, TILE), 7, np.float32), valid), 7, atol=1e-5)


def test_nan_below_the_mask_does_not_spread() -> None:
    gap = disc(20)
    filled = fill(np.where(gap, np.float32(np.nan), hills(TILE, TILE)), ~gap)
    assert np.isfinite(filled).all()
