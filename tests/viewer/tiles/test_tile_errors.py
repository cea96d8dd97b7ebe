"""Statistics of errors against numpy over the same samples: whole tiles, parts in view, gradients,
edges."""

from __future__ import annotations

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.methods.lowpass import AVERAGE
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE, Tile, centers
from tests.support.scene_tools import SIZE, image, whole_area
from viewer.model.camera import Camera
from viewer.model.overlays import GRADIENT, HEIGHT
from viewer.pictures import offscreen
from viewer.tiles import tile_errors
from viewer.tiles.level_reference import LevelReference
from viewer.tiles.reference import LayerReference
from viewer.tiles.tile_errors import BLOCKS, ErrorMeasure, TileSample


class Cells:
    """A reference that is a made-up array over the whole area, its north-west corner at tile (0,
    0)."""

    name = "cells"
    low_pass = AVERAGE
    depth = 3

    def __init__(self, heights: np.ndarray, known: np.ndarray) -> None:
        self.heights = heights
        self.known = known

    def cells(self, tile):
        rows = slice(tile.y * TILE, (tile.y + 1) * TILE)
        columns = slice(tile.x * TILE, (tile.x + 1) * TILE)
        return self.heights[rows, columns], self.known[rows, columns]

    def heights_at(self, easting, northing):
        raise NotImplementedError


NOTHING = ErrorMeasure(
    HEIGHT, LevelReference(Cells(np.zeros((1, 1)), np.zeros((1, 1), bool)), AVERAGE, None)
)


def tiles_of_errors(seed: int, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    made = []
    for k in range(count):
        values = rng.laplace(0.1 * k - 0.1, 0.2 * (k + 1), (TILE, TILE)).astype(np.float32)
        values[rng.random((TILE, TILE)) < 0.1 * k] = np.nan
        values[:64, 64:96] = np.nan  # whole blocks without samples
        made.append(values)
    return made


@pytest.mark.parametrize("partial", [False, True])
def test_numbers_are_those_of_numpy(partial):
    what = NOTHING
    arrays = tiles_of_errors(1)
    rng = np.random.default_rng(2)
    chosen = [rng.random(BLOCKS**2) < 0.4 if partial and k != 1 else None for k in range(3)]
    samples = [
        TileSample(tile_errors.summarize(what, 0, values), blocks)
        for values, blocks in zip(arrays, chosen, strict=True)
    ]
    side = TILE // BLOCKS
    masks = [np.ones(BLOCKS**2, bool) if blocks is None else blocks for blocks in chosen]
    cells = [mask.reshape(BLOCKS, BLOCKS).repeat(side, 0).repeat(side, 1) for mask in masks]
    seen = np.concatenate([values[cell] for values, cell in zip(arrays, cells, strict=True)])
    seen = seen[~np.isnan(seen)].astype(np.float64)
    beyond = sum(sample.errors.beyond(0.5, sample.blocks) for sample in samples)
    got = tile_errors.combine(tile_errors.summaries(samples), beyond)
    assert got.samples == len(seen)
    assert got.rmse_m == pytest.approx(np.sqrt((seen**2).mean()), rel=1e-6)
    assert got.mae_m == pytest.approx(np.abs(seen).mean(), rel=1e-6)
    assert got.bias_m == pytest.approx(seen.mean(), rel=1e-5)
    assert got.max_error_m == pytest.approx(np.abs(seen).max(), rel=1e-6)
    assert got.beyond == (np.abs(seen) > 0.5).mean()
    assert got.le90_m == pytest.approx(np.quantile(np.abs(seen), 0.9), rel=0.015)
    reach = got.edges_m[-1]
    assert reach == pytest.approx(np.quantile(np.abs(seen), 0.99), rel=0.05)
    shares = np.histogram(seen, got.edges_m)[0] / len(seen)
    np.testing.assert_allclose(got.shares, shares, atol=0.004)
    sizes = np.histogram(np.abs(seen), got.size_edges_m)[0] / len(seen)
    np.testing.assert_allclose(got.size_shares, sizes, atol=0.006)
    # another tolerance, the same tiles
    beyond = sum(sample.errors.beyond(0.05, sample.blocks) for sample in samples)
    assert beyond == (np.abs(seen) > 0.05).sum()


def test_no_samples_are_no_numbers():
    nothing = TileSample(tile_errors.not_measured(NOTHING, 0))
    assert tile_errors.combine(tile_errors.summaries([nothing]), 0) is None
    assert tile_errors.combine([], 0) is None
    assert tile_errors.percentile(tile_errors.summaries([nothing]), 0.9) == 0.0
    assert tile_errors.rmse([]) is None


def test_gradient_errors_are_against_central_differences_across_tiles(hills_file):
    with open_reader(hills_file) as reader:
        grid = reader.grid
        layer = reader.layers[0]
        tile = Tile(grid.levels - 1, 0, 0)
        surface = SurfaceDecoder(reader, layer).open_tile(tile)
        rng = np.random.default_rng(5)
        heights = 500 + rng.normal(0, 1, (2 * TILE, 2 * TILE)).cumsum(axis=0).cumsum(axis=1) * 1e-3
        known = rng.random(heights.shape) > 0.01
        what = ErrorMeasure(GRADIENT, LevelReference(Cells(heights, known), AVERAGE, reader))
        got = tile_errors.measure(what, tile, surface)
        cell_x = grid.cell_x_m
        cell_y = grid.cell_y_m
        decoded = surface.heights(centers(), centers(), order=1)
        for row, column in ((1, 1), (100, 37), (255, 100), (100, 255), (255, 255), (17, 200)):
            east = (heights[row, column + 1] - heights[row, column - 1]) / (2 * cell_x)
            north = (heights[row - 1, column] - heights[row + 1, column]) / (2 * cell_y)
            around = [
                (row, column),
                (row, column + 1),
                (row, column - 1),
                (row - 1, column),
                (row + 1, column),
            ]
            if surface.valid[row, column] and all(known[place] for place in around):
                exact = np.hypot(
                    decoded.east[row, column] - east, decoded.north[row, column] - north
                )
                assert got.values[row, column] == pytest.approx(exact, rel=1e-5)
            else:
                assert np.isnan(got.values[row, column])
        assert np.isnan(got.values[0]).all()  # nothing north of the area
        assert np.isnan(got.values[:, 0]).all()
        assert 40_000 < got.whole.count < TILE**2


def test_a_surface_is_not_off_from_itself(hills_file):
    with open_reader(hills_file) as reader:
        layer = reader.layers[-1]
        tile = Tile(reader.grid.levels - 1, 0, 0)
        surface = SurfaceDecoder(reader, layer).open_tile(tile)
        got = tile_errors.measure(
            ErrorMeasure(HEIGHT, LevelReference(LayerReference(reader, layer), AVERAGE, reader)),
            tile,
            surface,
        )
        assert got.whole.largest < 1e-6
        assert got.whole.count == surface.valid.sum()


@pytest.mark.parametrize("overlay", ["error", "gradient_error"])
def test_numbers_follow_the_part_in_view(scene, hills_file, overlay):
    scene.settings.overlay.name = overlay
    scene.settings.view.sse_px = 0.01
    scene.open(hills_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    everything = scene.error_stats
    west, south, east, north, _, high = scene.bounds
    # Straight down on the north-western quarter.
    near = Camera(
        west + 0.25 * (east - west), south + 0.75 * (north - south), high + 40.0, 0.0, -89.9
    )
    offscreen.load(scene, near, SIZE)
    part = scene.error_stats
    assert 0.02 * everything.samples < part.samples < 0.6 * everything.samples
    (pane,) = scene.panes
    values = np.concatenate([
        sample.errors.values.reshape(BLOCKS, 32, BLOCKS, 32).swapaxes(1, 2).reshape(64, -1)[
            np.ones(64, bool) if sample.blocks is None else sample.blocks
        ].ravel()
        for sample in pane.errors
    ])  # fmt: skip
    values = values[~np.isnan(values)].astype(np.float64)
    assert part.samples == len(values)
    assert part.rmse_m == pytest.approx(np.sqrt((values**2).mean()), rel=1e-5)
    assert part.max_error_m == pytest.approx(np.abs(values).max(), rel=1e-6)
    # Blocks that count are between the picture's sides: the picks at its corners lie in the
    # outermost blocks.
    shown = {
        sample.errors for sample in pane.errors if sample.blocks is None or sample.blocks.any()
    }
    assert 0 < len(shown) <= len(pane.selection.draw)
    assert pane.errors is pane.errors  # nothing is added up again while the picture stays


def test_edge_gaps_are_the_steps_between_neighbors(scene, target, hills_file):
    scene.settings.overlay.name = "edge_gap"
    scene.settings.view.sse_px = 0.01
    scene.open(hills_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    image(scene, target, camera)
    (pane,) = scene.panes
    grid = scene.reader.grid
    decoder = pane.current.source.decoder
    z = grid.levels - 1
    west, east = (decoder.open_tile(Tile(z, x, 0)) for x in (0, 1))
    line = np.arange(TILE + 1) / TILE
    steps = (
        west.heights(np.ones(1), line).meters[:, 0] - east.heights(np.zeros(1), line).meters[:, 0]
    )
    inside = int(grid.height) - 1
    noted = scene.store.resident(pane.current.source, Tile(z, 0, 0)).gaps.meters[3]
    known = np.isfinite(noted)
    np.testing.assert_allclose(noted[known], steps[known], atol=1e-4)
    assert known[1:inside].mean() > 0.7  # a lake lies on the edge or near it
    stats = scene.error_stats
    assert stats.max_error_m == pytest.approx(np.abs(pane.gaps).max())
    assert stats.max_error_m == pytest.approx(scene.stats.edge_gap_m, rel=1e-4)
    assert stats.rmse_m == pytest.approx(np.sqrt((pane.gaps.astype(float) ** 2).mean()))
    assert scene.overlay_range[1] >= np.quantile(np.abs(pane.gaps), 0.94)
    assert scene.overlay_range[0] == 0
