"""The wavelet by lifting, its windows, and lines that end where tiles do: what is split comes back
exactly."""

from __future__ import annotations

from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from neural.encoding.lapped.encoder import TileSamples, details_of, tile_bands
from neural.grid import Grid
from neural.methods.lapped.assembly import ABOVE_REACH, Assembly, SampleWindow, Stack
from neural.methods.lapped.boundary import BOUNDARIES, LINEAR, LONG, REFLECT, Boundary, reflection
from neural.methods.lapped.extension import extend, extend_both, merge_level, split_level
from neural.methods.lapped.levels import LevelDetails, level_steps
from neural.methods.lapped.restoration import Restoration, shapes
from neural.methods.lapped.wavelet import HALO, merge, merge_lines, reflect, split, split_lines
from neural.tiles import TILE, Tile

EXACT = 1e-12


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def lifted(samples: np.ndarray) -> np.ndarray:
    """ISO/IEC 15444-1, F.4.8.2, sample by sample, low-pass of gain 1: one line with its ends
    reflected."""
    n = len(samples)
    at = {k: samples[reflect(k, k + 1, 0, n)[0]] for k in range(-HALO, n + HALO)}
    steps = (
        (-1.586134342059924, 1),
        (-0.052980118572961, 0),
        (0.882911075530934, 1),
        (0.443506852043971, 0),
    )
    for margin, (weight, parity) in enumerate(steps, start=1):
        for k in range(-HALO + margin, n + HALO - margin):
            if k % 2 == parity:
                at[k] += weight * (at[k - 1] + at[k + 1])
    gain = 1.230174104914001
    return np.array([at[k] / gain if k % 2 == 0 else at[k] * gain / np.sqrt(2) for k in range(n)])


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 31, 40])
def test_lines_are_split_as_the_standard_says(n: int) -> None:
    samples = noise(n, 3)
    beyond = samples[reflect(-HALO, n + HALO, 0, n)]
    got = split_lines(beyond)
    for column in range(3):
        np.testing.assert_allclose(got[:, column], lifted(samples[:, column]), rtol=0, atol=EXACT)


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=lambda boundary: boundary.name)
@pytest.mark.parametrize(
    "size", [*product((1, 2, 3, 4, 5, 6, 7), repeat=2), (1, 300), (257, 129), (33, 512)]
)
def test_whole_levels_come_back(size: tuple[int, int], boundary: Boundary) -> None:
    samples = 1000 + 300 * noise(*size)
    bands = split_level(samples, boundary)
    assert bands.shape == size
    np.testing.assert_allclose(merge_level(bands, boundary), samples, rtol=0, atol=1e3 * EXACT)
    np.testing.assert_allclose(
        bands, boundary.lift(boundary.lift(samples).T).T, rtol=0, atol=1e3 * EXACT
    )


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9, 30, 31])
def test_the_reflecting_rule_is_that_of_the_standard(count: int) -> None:
    samples = noise(count, 2)
    for column in range(2):
        np.testing.assert_allclose(
            REFLECT.lift(samples)[:, column], lifted(samples[:, column]), rtol=0, atol=EXACT
        )


@pytest.mark.parametrize("size", [(64, 63), (63, 40), (30, 31)])
def test_slopes_go_on_beyond_every_end(size: tuple[int, int]) -> None:
    """A tilted plane has no details, and its low-pass values are the samples at even places, up to
    the rim."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    plane = 500 + 3.5 * x - 1.25 * y
    bands = split_level(plane, LINEAR)
    np.testing.assert_allclose(bands[0::2, 0::2], plane[0::2, 0::2], rtol=0, atol=1e3 * EXACT)
    bands[0::2, 0::2] = 0
    assert np.abs(bands).max() < 1e3 * EXACT


def test_what_ends_a_line_reaches_its_sample() -> None:
    for boundary in BOUNDARIES.values():
        bands = np.zeros((LONG, 1))
        bands[-1] = 3.0
        assert merge_lines(_extended(bands, boundary))[-1, 0] == pytest.approx(
            3.0 * boundary.end_gain
        )


def _extended(bands: np.ndarray, boundary: Boundary) -> np.ndarray:
    before, after = boundary.for_merge(len(bands))
    return np.concatenate(
        [before @ bands[: before.shape[1]], bands, after @ bands[-after.shape[1] :]]
    )


def test_low_pass_values_keep_a_constant_and_details_drop_cubics() -> None:
    y, x = np.mgrid[0:40, 0:36] / 20
    bands = split_level(np.full((9, 14), 7.5), REFLECT)
    np.testing.assert_allclose(bands[0::2, 0::2], 7.5, rtol=0, atol=EXACT)
    assert np.abs(details_of(bands[:8])).max() < EXACT
    bands = split_level(3 - x + y**3 - 2 * x**3 + x * y * y, REFLECT)
    inner = details_of(bands)[:, 2:-2, 2:-2]  # where reflected ends do not reach
    assert np.abs(inner).max() < EXACT


@pytest.mark.parametrize(("lines", "columns"), [(2, 1), (6, 9), (16, 16), (38, 21), (64, 7)])
@pytest.mark.parametrize("layout", ["rows", "columns", "every second"])
def test_windows_and_memory_layouts_do_not_matter(lines: int, columns: int, layout: str) -> None:
    whole = noise(120, columns)
    for along in (split_lines, merge_lines):
        reference = along(whole)
        for start in (0, 2, 14):
            part = whole[start : start + lines + 2 * HALO]
            if layout == "columns":
                part = np.ascontiguousarray(part.T).T
            if layout == "every second":
                part = np.repeat(part, 2, axis=1)[:, ::2]
            before = part.copy()
            np.testing.assert_allclose(
                along(part), reference[start : start + lines], rtol=0, atol=EXACT
            )
            np.testing.assert_array_equal(part, before)


def test_merge_inverts_split_where_both_see_enough() -> None:
    samples = noise(60, 44)
    np.testing.assert_allclose(
        merge(split(samples)), samples[2 * HALO : -2 * HALO, 2 * HALO : -2 * HALO], atol=EXACT
    )


def test_places_are_reflected_about_the_first_and_the_last() -> None:
    assert reflect(-5, 9, 0, 4).tolist() == [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert reflect(8, 14, 10, 12).tolist() == [10, 11, 10, 11, 10, 11]
    assert reflect(-2, 3, 7, 8).tolist() == [7] * 5
    for first, last in ((0, 2), (3, 10), (4, 9)):
        places = np.arange(-20, 30)
        found = reflect(-20, 30, first, last)
        assert found.min() == first
        assert found.max() == last - 1
        np.testing.assert_array_equal(found % 2, places % 2)
        np.testing.assert_array_equal(
            found[(places >= first) & (places < last)], places[first + 20 : last + 20]
        )


def test_runs_of_a_column_are_extended_one_by_one() -> None:
    present = np.zeros((14, 3), bool)
    present[4:8] = True  # of all columns
    present[11:, 1] = True  # a second run of one column, which goes on beyond the rim
    values = np.where(present, 10.0 * np.arange(14)[:, None] + np.arange(3), np.nan)
    got, filled = extend(values, present, partial(reflection, reach=2))
    nan = np.nan
    outer = [nan, nan, 60, 50, 40, 50, 60, 70, 60, 50, nan, nan, nan, nan]
    np.testing.assert_array_equal(got[:, 0], outer)
    np.testing.assert_array_equal(got[:, 2] - 2, outer)
    np.testing.assert_array_equal(
        got[:, 1] - 1, [nan, nan, 60, 50, 40, 50, 60, 70, 60, 50, 120, 110, 120, 130]
    )
    np.testing.assert_array_equal(filled, ~np.isnan(got))
    assert np.isnan(values).any()  # the arguments stay as they are


def test_of_bands_a_single_place_has_no_details() -> None:
    present = np.zeros((7, 1), bool)
    present[3] = True
    values = np.where(present, 5.0, 0.0)
    assert extend(values, present, partial(reflection, reach=3))[0].ravel().tolist() == [5] * 7
    for boundary in BOUNDARIES.values():
        present = np.zeros((9, 1), bool)
        present[4] = True
        bands, filled = extend(np.where(present, 5.0, 0.0), present, boundary.for_merge)
        assert filled.all()
        assert merge_lines(bands)[0, 0] == pytest.approx(5)


def polyomino(seed: int) -> np.ndarray:
    """Presence of blocks of 8×8 places in an irregular union, bool [40, 48]."""
    rng = np.random.default_rng(seed)
    blocks = rng.random((5, 6)) < 0.6
    blocks[2, 2:4] = True
    return np.kron(blocks, np.ones((8, 8))) > 0


@pytest.mark.parametrize("seed", range(6))
def test_both_axes_are_extended_over_any_union_of_tiles(seed: int) -> None:
    """By definition: columns' runs are mirrored first, then rows' runs of what there is by then."""
    present = polyomino(seed)
    reach = 5
    values = np.where(present, noise(*present.shape), 0)
    want = values.copy()
    filled = present.copy()
    for _ in range(2):
        known = want.copy()
        there = filled.copy()
        for k in range(want.shape[1]):
            ends = np.flatnonzero(np.diff(np.r_[False, there[:, k], False].astype(int))).reshape(
                -1, 2
            )
            for first, last in ends:
                for at in [*range(first - 1, first - 1 - reach, -1), *range(last, last + reach)]:
                    if 0 <= at < len(want) and not there[at, k] and not filled[at, k]:
                        want[at, k] = known[reflect(at, at + 1, first, last)[0], k]
                        filled[at, k] = True
        want = want.T
        filled = filled.T
    got, reached = extend_both(values, present, partial(reflection, reach=reach))
    np.testing.assert_array_equal(got, np.where(filled, want, 0))
    np.testing.assert_array_equal(reached, filled)


class Exact:
    """A level of made-up tiles, some absent, and payloads whose details are not quantized: as an
    `Assembly` sees it."""

    def __init__(self, grid: Grid, tiles: list[Tile], samples: np.ndarray) -> None:
        self.grid = grid
        self.tiles = tiles
        self._samples = samples

    def samples(self, tile: Tile) -> TileSamples | None:
        if tile not in self.tiles:
            return None
        whole = np.zeros((TILE, TILE))
        part = self._samples[
            TILE * tile.y : TILE * (tile.y + 1), TILE * tile.x : TILE * (tile.x + 1)
        ]
        whole[: part.shape[0], : part.shape[1]] = part
        return TileSamples(whole, self.grid.tile_inside(tile))


class ExactAssembly(Assembly):
    """Its stacks hold a level's true details, its coarser windows the true low-pass values."""

    def __init__(self, level: Exact) -> None:
        nothing = Restoration({name: np.zeros(shape) for name, shape in shapes().items()})
        super().__init__(SimpleNamespace(restoration=nothing), level, 1.0, 0.0)
        self.bands = {tile: tile_bands(level, tile) for tile in level.tiles}

    def stack(self, tile: Tile) -> Stack | None:
        if tile not in self.bands:
            return None
        steps = details_of(self.bands[tile]) / level_steps(1.0, 0)[:, None, None]
        return Stack(
            np.ones((TILE, TILE), bool),
            [LevelDetails(np.sign(steps).astype(np.int32), steps, steps)],
        )

    def above(self, row: int, column: int, size: int) -> SampleWindow:
        """The parent level's samples: the low-pass values of the tiles there are."""
        out = SampleWindow(np.zeros((size, size)), np.zeros((size, size), bool))
        half = TILE // 2
        for tile, bands in self.bands.items():
            columns, rows = (-(-n // 2) for n in self.payloads.grid.tile_cells(tile))
            for y, x in product(range(rows), range(columns)):
                r = half * tile.y + y - row
                c = half * tile.x + x - column
                if 0 <= r < size and 0 <= c < size:
                    out.meters[r, c] = bands[2 * y, 2 * x]
                    out.present[r, c] = True
        return out


ALL = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    "there",
    [
        ALL,
        [(0, 0), (1, 1)],
        [(0, 0), (1, 0), (0, 1)],
        [(1, 0), (0, 1), (2, 1)],
        [(0, 0), (2, 0), (1, 1)],
        [(2, 1)],
    ],
    ids=["all", "diagonal", "corner", "stairs", "islands", "last"],
)
def test_what_is_split_over_a_union_of_tiles_merges_exactly(there: list[tuple[int, int]]) -> None:
    """The grid's last tiles are a few samples wide and high; lines end there and at absent
    tiles."""
    grid = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 2 * TILE + 37, TILE + 5)
    tiles = [Tile(grid.levels - 1, x, y) for x, y in there]
    samples = noise(grid.height, grid.width)
    level = Exact(grid, tiles, samples)
    assembly = ExactAssembly(level)
    for row, column, size in (
        (0, 0, 40),
        (238, 200, 80),
        (240, 492, 60),
        (-10, 480, 70),
        (100, 236, 40),
    ):
        skip = assembly.above(
            row // 2 - ABOVE_REACH, column // 2 - ABOVE_REACH, size // 2 + 2 * ABOVE_REACH
        )
        got = assembly.window(grid.levels - 1, row, column, size, above=skip)
        for y, x in product(range(size), range(size)):
            r = row + y
            c = column + x
            tile = Tile(grid.levels - 1, c // TILE, r // TILE)
            inside = 0 <= r < grid.height and 0 <= c < grid.width and tile in tiles
            assert got.present[y, x] == inside
            if inside:
                assert abs(got.meters[y, x] - samples[r, c]) < EXACT
