"""Low-passes between levels: against the filter's published taps, whole rasters at once, and
polynomials."""

from __future__ import annotations

import numpy as np
import pytest

from neural.grid import Grid
from neural.methods.lapped.boundary import REFLECT
from neural.methods.lapped.levels import sample_shift
from neural.methods.lowpass import AVERAGE, TAPS, LowPass, conversion, place, places
from neural.tiles import TILE, Tile
from viewer.tiles.level_reference import LevelReference

CDF97 = LowPass(REFLECT)

# Analysis low-pass of ISO/IEC 15444-1 (Antonini et al. 1992), gain 1 at zero frequency.
CENTER = 0.602949018236
SIDES = (0.266864118443, -0.078223266529, -0.016864118443, 0.026748757411)


def low_pass(x: np.ndarray) -> np.ndarray:
    """Even samples of a raster's low-pass along both axes, reflected about its outermost
    samples."""
    for _ in range(2):
        p = np.pad(x, ((4, 4), (0, 0)), mode="reflect")
        y = CENTER * p[4:-4]
        for k, weight in enumerate(SIDES, 1):
            y = y + weight * (p[4 - k : len(p) - 4 - k] + p[4 + k : len(p) - 4 + k])
        x = y[::2].T
    return x


class Raster:
    """A raster and its averages as a reference; equal to itself only."""

    name = "raster"
    low_pass = AVERAGE
    depth = 3

    def __init__(self, heights: np.ndarray) -> None:
        self.grid = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), heights.shape[1], heights.shape[0])
        self.heights = heights

    def cells(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        side = 1 << (self.grid.levels - 1 - tile.z)
        span = TILE * side
        part = np.full((span, span), np.nan)
        window = self.heights[
            tile.y * span : (tile.y + 1) * span, tile.x * span : (tile.x + 1) * span
        ]
        part[: window.shape[0], : window.shape[1]] = window
        blocks = part.reshape(TILE, side, TILE, side)
        known = ~np.isnan(blocks)
        count = known.sum(axis=(1, 3))
        return np.where(known, blocks, 0.0).sum(axis=(1, 3)) / np.maximum(count, 1), count > 0

    def heights_at(self, easting, northing):
        raise NotImplementedError


class Tiles:
    """Stand-in for a file in `LevelReference`: all tiles that touch the grid."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def has(self, layer: int, tile: Tile) -> bool:
        return 0 not in self.grid.tile_cells(tile)


@pytest.fixture(scope="module")
def levels() -> tuple[LevelReference, list[np.ndarray]]:
    """A reference at the samples of 9/7 levels, and these samples finest first; six levels, rims
    inside tiles."""
    y, x = np.mgrid[0:143, 0:4203].astype(np.float64)
    hills = 300 + 25 * np.sin(x / 37 + np.sin(y / 90)) * np.cos(y / 41) + 0.08 * x
    raster = Raster(hills + np.random.default_rng(3).uniform(-0.5, 0.5, hills.shape))
    samples = [raster.heights]
    while len(samples) < raster.grid.levels:
        samples.append(low_pass(samples[-1]))
    return LevelReference(raster, CDF97, Tiles(raster.grid)), samples


@pytest.mark.parametrize("above", range(6))
def test_a_reference_is_low_passed_as_whole_rasters_are(levels, above):
    made, samples = levels
    expected = samples[above]
    z = made.reader.grid.levels - 1 - above
    rows, columns = expected.shape
    errors = np.full(expected.shape, np.nan)
    for y in range(-(-rows // TILE)):
        for x in range(-(-columns // TILE)):
            meters, known = made.samples(Tile(z, x, y), rim=1)
            i, j = (TILE * at - 1 + np.arange(TILE + 2) for at in (y, x))
            inside = ((i >= 0) & (i < rows))[:, None] & (j >= 0) & (j < columns)
            if above <= 3:
                np.testing.assert_array_equal(known, inside)
            part = expected[np.ix_(i.clip(0, rows - 1), j.clip(0, columns - 1))]
            own = np.where(known, meters - part, np.nan)
            if above <= 3:
                assert np.nanmax(np.abs(own)) < 1e-9
            inner = made.samples(Tile(z, x, y))
            np.testing.assert_array_equal(inner.meters, meters[1:-1, 1:-1])
            there = np.s_[TILE * y : TILE * (y + 1), TILE * x : TILE * (x + 1)]
            errors[there] = own[1:-1, 1:-1][: errors[there].shape[0], : errors[there].shape[1]]
    # Higher up it is made from averages, which is not quite exact, and does without the outermost
    # samples.
    assert np.isfinite(errors[2:-3, 2:-3]).all()
    assert np.nanmax(np.abs(errors)) < 0.01


def test_averages_are_the_references_own(levels):
    made, _ = levels
    averaged = LevelReference(made.reference, AVERAGE, made.reader)
    tile = Tile(3, 0, 0)
    meters, known = averaged.samples(tile)
    own, own_known = made.reference.cells(tile)
    np.testing.assert_array_equal(known, own_known)
    np.testing.assert_array_equal(meters[known], own[known])


def test_samples_lie_where_the_finest_ones_do():
    assert [place(AVERAGE, k) for k in range(3)] == [0.5, 0.5, 0.5]
    assert [place(CDF97, k) for k in range(4)] == [0.5, 0.25, 0.125, 0.0625]
    assert [0.5 - sample_shift(k) for k in range(5)] == [place(CDF97, k) for k in range(5)]
    np.testing.assert_allclose(places(CDF97, 3) * TILE * 8, 8 * np.arange(TILE) + 0.5)


@pytest.mark.parametrize(("source", "target"), [(AVERAGE, CDF97), (CDF97, AVERAGE)])
@pytest.mark.parametrize("above", [1, 2, 4])
def test_conversions_are_right_for_polynomials(source, target, above):
    side = 1 << above
    n = 4096
    at = (np.arange(n) + 0.5) / n * 2 - 1
    line = np.polynomial.Polynomial([3.0, -2.0, 5.0, 1.0, -4.0, 2.0][:TAPS])(at)

    def level(kind: str) -> np.ndarray:
        if kind == AVERAGE:
            return line.reshape(-1, side).mean(axis=1)
        found = line[:, None]
        for _ in range(above):
            p = np.pad(found, ((4, 4), (0, 0)), mode="reflect")
            found = CENTER * p[4:-4] + sum(
                weight * (p[4 - k : len(p) - 4 - k] + p[4 + k : len(p) - 4 + k])
                for k, weight in enumerate(SIDES, 1)
            )
            found = found[::2]
        return found[:, 0]

    first, weights = conversion(source, target, above)
    given = level(source)
    wanted = level(target)
    inner = slice(12, len(given) - 12)
    made = sum(w * np.roll(given, -(first + k)) for k, w in enumerate(weights))
    np.testing.assert_allclose(made[inner], wanted[inner], atol=1e-9)
    assert np.abs(given - wanted)[inner].max() > 1e-6
