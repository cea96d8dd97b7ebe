"""A staged lapped_siren layer: levels lowered in the work file, fills that meet, the finest
step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from neural.container.staging import Stage
from neural.encode import _stage_tiles
from neural.encoding.lapped.rate import Rate
from neural.encoding.lapped.staged_layer import (
    SAMPLE_DTYPE,
    StagedHeights,
    StagedLayer,
    base_height,
    lower_levels,
)
from neural.encoding.tile_encoders import LappedEncoder
from neural.methods.model_files import model_stem
from neural.raster.dem import open_dem
from neural.tiles import TILE, Tile
from tests.support.rasters import hills, write

HOLE = -9999.0


def quiet(done: int, total: int) -> None:
    pass


@pytest.fixture
def layer(tmp_path: Path) -> Iterator[StagedLayer]:
    """Rough hills with a gap across the edge of two tiles, as the first pass stages them."""
    heights = hills(300, 400) + np.random.default_rng(6).normal(0, 0.5, (300, 400)).astype(
        np.float32
    )
    heights[60:200, 200:330] = HOLE
    write(tmp_path / "dem.tif", heights, nodata=HOLE)
    encoder = LappedEncoder(model_stem("lapped_siren-base"), Rate(step_m=0.5))
    with open_dem(tmp_path / "dem.tif") as dem, Stage.open(tmp_path / "a.ntile", "key") as stage:
        _stage_tiles(dem, [encoder], stage, quiet)
        yield StagedLayer(stage, 0, dem.grid)


def heights_of(layer: StagedLayer, tile: Tile) -> np.ndarray:
    samples = StagedHeights(layer).samples(tile)
    assert samples is not None
    return samples.meters


def test_fills_meet_where_tiles_do(layer: StagedLayer) -> None:
    west = Tile(1, 0, 0)
    east = Tile(1, 1, 0)
    rows = {tile: layer.row(tile) for tile in (west, east)}
    before = heights_of(layer, east)[60:200, 0] - heights_of(layer, west)[60:200, -1]
    lower_levels(layer, quiet)
    after = heights_of(layer, east)[60:200, 0] - heights_of(layer, west)[60:200, -1]
    assert np.abs(after).max() < 0.5 * np.abs(before).max()
    for tile, row in rows.items():
        found = layer.row(tile)
        assert found is not None
        assert row is not None
        assert row.mask is not None
        old, new = (
            np.frombuffer(each.latents, SAMPLE_DTYPE).reshape(TILE, TILE) for each in (row, found)
        )
        np.testing.assert_array_equal(old[row.mask], new[row.mask])


def test_lowering_can_be_repeated(layer: StagedLayer) -> None:
    step = lower_levels(layer, quiet)
    lowered = [row.latents for row in layer.stage.rows(0)]
    assert lower_levels(layer, quiet) == step
    assert [row.latents for row in layer.stage.rows(0)] == lowered


def test_a_parent_holds_what_its_children_leave(layer: StagedLayer) -> None:
    """The low-pass has gain 1, so means stay about the same; bounds follow it, the geometric error
    stays."""
    root = Tile(0, 0, 0)
    before = layer.row(root)
    mean = heights_of(layer, root)[:150, :200].mean()
    step = lower_levels(layer, quiet)
    after = layer.row(root)
    heights = heights_of(layer, root)
    assert before is not None
    assert after is not None
    assert after.latents != before.latents
    assert heights[:150, :200].mean() == pytest.approx(mean, abs=0.05)
    valid = StagedHeights(layer).samples(root)
    assert valid is not None
    inside = heights[valid.valid]
    assert (after.info.min_m, after.info.max_m) == (inside.min(), inside.max())
    assert after.info.geometric_error_m == before.info.geometric_error_m
    assert after.children == before.children  # of the finest level, which stays
    assert base_height(layer) == pytest.approx(mean, abs=3)
    assert 0 < step < 1e-3
