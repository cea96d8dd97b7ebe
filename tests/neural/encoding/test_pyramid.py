"""The tile pyramid against sums and interpolations done the slow way."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from neural.encoding.pyramid import PyramidTile, build, count_tiles
from neural.errors import DemError
from neural.grid import Grid
from neural.raster.dem import open_dem
from neural.tiles import TILE, Tile, levels_for
from tests.support.rasters import hills, north_up, write


@dataclass
class Samples:
    """An array that reads like a raster, and remembers what was read."""

    heights: np.ndarray
    valid: np.ndarray
    read_ahead_cells: int = TILE
    name: str = "samples"
    grid: Grid = field(init=False)
    reads: list[tuple[int, int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        height, width = self.heights.shape
        self.grid = Grid("", north_up(1000, 5000), width, height)  # type: ignore[arg-type]

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        self.reads.append((row, col, rows, cols))
        heights = np.zeros((rows, cols), np.float32)
        valid = np.zeros((rows, cols), bool)
        part = self.heights[row : row + rows, col : col + cols]
        here = np.s_[: part.shape[0], : part.shape[1]]
        valid[here] = self.valid[row : row + rows, col : col + cols]
        heights[here] = np.where(valid[here], part, 0)
        return heights, valid


def ragged(rows: int = 700, cols: int = 1100) -> Samples:
    """Hills with noise, specks and a void larger than a tile."""
    rng = np.random.default_rng(11)
    heights = hills(rows, cols) + rng.normal(size=(rows, cols)).astype(np.float32)
    valid = rng.random((rows, cols)) > 0.3
    valid[: TILE + 40, 500:] = False
    return Samples(heights, valid)


def padded(source: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Heights (0 where missing) and validity on the whole square of the root, float64."""
    side = TILE << (source.grid.levels - 1)
    heights, valid = source.read(0, 0, side, side)
    return np.where(valid, heights, 0).astype(float), valid.astype(float)


def test_cells_are_means_of_valid_finest_samples() -> None:
    source = ragged()
    heights, valid = padded(source)
    side = len(heights)
    seen = {}
    for item in build(source):
        z, x, y = item.tile
        seen[item.tile] = item
        cell = side >> z >> 8  # finest cells per cell of this level
        n = side // cell
        sums, counts = (a.reshape(n, cell, n, cell).sum((1, 3)) for a in (heights, valid))
        window = np.s_[TILE * y : TILE * (y + 1), TILE * x : TILE * (x + 1)]
        np.testing.assert_array_equal(item.valid, counts[window] > 0)
        mean = (sums / np.maximum(counts, 1))[window]
        assert np.abs(item.heights - mean)[item.valid].max() < 2e-5
        assert np.isfinite(item.heights).all()
        assert item.info.min_m == item.heights[item.valid].min()
        assert item.info.max_m == item.heights[item.valid].max()
    every = {Tile(z, x, y) for z in range(4) for y in range(1 << z) for x in range(1 << z)}
    for tile in every - set(seen):  # what is not there has no sample
        span = side >> tile.z
        assert not valid[
            span * tile.y : span * (tile.y + 1), span * tile.x : span * (tile.x + 1)
        ].any()
    assert Tile(3, 3, 0) not in seen
    assert len(seen) < count_tiles(source.grid)


def test_children_come_first_and_are_told() -> None:
    seen: dict[Tile, PyramidTile] = {}
    for item in build(ragged()):
        assert item.tile not in seen
        for child, info in zip(item.tile.children, item.children, strict=True):
            assert info == (seen[child].info if child in seen else None)
        if item.tile.z > 0:
            assert item.tile.parent not in seen
        seen[item.tile] = item
    assert list(seen)[-1] == (0, 0, 0)


def test_two_runs_are_equal() -> None:
    for a, b in zip(build(ragged()), build(ragged()), strict=True):
        assert (a.tile, a.info, a.children) == (b.tile, b.info, b.children)
        np.testing.assert_array_equal(a.heights, b.heights)


def test_geometric_error_is_the_largest_gap_to_the_bilinear_surface() -> None:
    source = ragged(512, 512)
    *finest, root = build(source)
    # child centers in cells of the root, whose centers lie at i + 0.5
    at = (np.arange(2 * TILE) + 0.5) / 2
    centers = np.arange(TILE) + 0.5

    def along_rows(lines: np.ndarray) -> np.ndarray:
        lines = np.column_stack(
            [2 * lines[:, 0] - lines[:, 1], lines, 2 * lines[:, -1] - lines[:, -2]]
        )
        knots = np.concatenate([[-0.5], centers, [TILE + 0.5]])
        return np.stack([np.interp(at, knots, line) for line in lines])

    surface = along_rows(along_rows(root.heights.astype(float)).T).T
    worst = 0.0
    for item in finest:
        assert item.info.geometric_error_m == 0
        _, x, y = item.tile
        gap = np.abs(item.heights - surface[TILE * y : TILE * (y + 1), TILE * x : TILE * (x + 1)])
        worst = max(worst, float(gap[item.valid].max()))
    assert root.info.geometric_error_m == pytest.approx(worst, abs=1e-9)


def test_geometric_error_grows_towards_the_root_and_is_0_on_a_plane() -> None:
    errors = {item.tile: item.info.geometric_error_m for item in build(ragged())}
    assert all(error <= errors[tile.parent] for tile, error in errors.items() if tile.z)
    y, x = np.mgrid[0:1024, 0:1024].astype(np.float32)
    plane = Samples(0.5 * x - 0.25 * y, np.ones((1024, 1024), bool))
    assert max(item.info.geometric_error_m for item in build(plane)) < 1e-9


@pytest.mark.parametrize("ahead", [512, 1024, 4096])
def test_read_ahead_changes_nothing_but_the_reads(ahead: int) -> None:
    plain = ragged()
    wide = ragged()
    wide.read_ahead_cells = ahead
    for a, b in zip(build(plain), build(wide), strict=True):
        assert (a.tile, a.info) == (b.tile, b.info)
        np.testing.assert_array_equal(a.heights, b.heights)
    assert len(plain.reads) == 3 * 5
    squares = {(row // ahead, col // ahead) for row, col, _, _ in wide.reads}
    assert len(wide.reads) == len(squares) < len(plain.reads)  # each square once


def test_a_striped_file_gives_the_same_tiles_as_a_tiled_one(tmp_path: Path) -> None:
    samples = hills(600, 1500)
    striped = write(tmp_path / "striped.tif", samples, compress="deflate")
    tiled = write(tmp_path / "tiled.tif", samples, tiled=True, blockxsize=256, blockysize=256)
    with open_dem(striped) as a, open_dem(tiled) as b:
        assert a.read_ahead_cells > b.read_ahead_cells == TILE
        for one, other in zip(build(a), build(b), strict=True):
            assert (one.tile, one.info) == (other.tile, other.info)
            np.testing.assert_array_equal(one.heights, other.heights)


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (257, 256), (256, 256)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    source = Samples(hills(*shape), np.ones(shape, bool))
    tiles = list(build(source))
    levels = levels_for(shape[1], shape[0])
    assert source.grid.levels == levels
    assert len(tiles) == count_tiles(source.grid)
    finest = [item for item in tiles if item.tile.z == levels - 1]
    assert sum(int(item.valid.sum()) for item in finest) == shape[0] * shape[1]
    for item in tiles:
        np.testing.assert_array_equal(item.valid, source.grid.tile_inside(item.tile))


def test_nothing_valid_is_an_error() -> None:
    source = Samples(hills(300, 300), np.zeros((300, 300), bool))
    with pytest.raises(DemError, match=r"samples: every sample is missing \(nodata\)"):
        list(build(source))


def test_grid_geometry_and_json() -> None:
    grid = Grid(
        "",
        (2.0, 0.0, 1000.0, 0.0, -4.0, 9000.0),
        700,
        300,
        vertical_datum="NAP height",
        assumptions=("a",),
    )
    assert Grid.from_json(grid.to_json()) == grid
    assert grid.levels == 3
    assert grid.tile_span(Tile(2, 0, 0)) == 256
    assert grid.tile_bounds(Tile(2, 1, 1)) == (1512, 9000 - 2048, 2024, 9000 - 1024)
    assert grid.tile_bounds(Tile(0, 0, 0)) == (1000, 9000 - 4096, 3048, 9000)
    assert grid.bounds == (1000, 7800, 2400, 9000)
    assert grid.tile_cells(Tile(2, 2, 1)) == (188, 44)
    assert grid.tile_cells(Tile(0, 0, 0)) == (175, 75)
    assert grid.tile_cells(Tile(2, 3, 0)) == (0, 256)
    assert grid.tile_inside(Tile(2, 2, 1)).sum() == 188 * 44
    assert grid.cell_of(1001, 8998) == (0.5, 0.5)


@pytest.mark.parametrize(
    "change",
    [
        {"transform": [1, 0, 0, 0, 1, 0]},
        {"transform": [1, 0.1, 0, 0, -1, 0]},
        {"transform": [1, 0, float("nan"), 0, -1, 0]},
        {"transform": [1, 0, 0]},
        {"transform": None},
        {"width": 0},
        {"height": "many"},
        {"width": 1 << 40},
        {"crs_wkt": None, "vertical_unit": None, "width": None},
    ],
)
def test_a_grid_that_cannot_be_is_refused(change: dict[str, object]) -> None:
    facts = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 10, 10).to_json()
    with pytest.raises(ValueError, match=r"grid|transform|invalid literal"):
        Grid.from_json({**facts, **change})
    with pytest.raises(ValueError, match="not described in full"):
        Grid.from_json({})
