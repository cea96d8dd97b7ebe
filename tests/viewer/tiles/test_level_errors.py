"""Errors of coarse levels are the codec's: next to none of a smooth formula coded with a tiny step,
at every zoom."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from neural.cli import main
from neural.container.reader import open_reader
from neural.methods.lowpass import AVERAGE
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE
from tests.neural.methods.test_lowpass import low_pass
from tests.support.rasters import write
from tests.support.scene_tools import SIZE, whole_area
from viewer.measuring.readout import read
from viewer.measuring.terrain import of_scene
from viewer.model.overlays import GRADIENT, HEIGHT
from viewer.model.settings import LayerChoice
from viewer.pictures import offscreen
from viewer.scene import legend
from viewer.tiles.difference import SurfaceReference
from viewer.tiles.level_reference import LevelReference
from viewer.tiles.reference import DemReference, LayerReference
from viewer.tiles.tile_errors import ErrorMeasure, measure

ROWS = 290
COLUMNS = 2100  # five levels, rims inside tiles
WHOLE = 700
TOLERANCE_M = 0.002
CODEC_M = 0.006


def heights() -> np.ndarray:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float64)
    return 500 + 40 * np.sin(x / 55 + np.sin(y / 120)) * np.cos(y / 47) + 0.2 * x


def valid() -> np.ndarray:
    """A lake, a slanted end in the west, and a gap of more than a tile between two parts."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    return (np.hypot(x - 400, y - 200) > 40) & (x > y / 4) & ~((x > 1000) & (x < 1700))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """holed.ntile and whole.ntile, three levels of a corner, with their rasters."""
    folder = tmp_path_factory.mktemp("levels")
    whole = heights().astype(np.float32)
    for name, raster in (
        ("whole", whole[:, :WHOLE]),
        ("holed", np.where(valid(), whole, np.float32(-9999))),
    ):
        write(folder / f"{name}.tif", raster, nodata=-9999.0)
        paths = str(folder / f"{name}.tif"), str(folder / f"{name}.ntile")
        main(["encode", *paths, "--step", "0.05", "--reference", str(TOLERANCE_M)])
    return folder


def by_level(reader, name, reference, quantity=HEIGHT):
    """RMSE, largest error and samples of every level, the finest first."""
    layer = reader.layer(name)
    decoder = SurfaceDecoder(reader, layer)
    what = ErrorMeasure(quantity, LevelReference(reference, decoder.method.low_pass, reader))
    found = []
    for z in range(reader.grid.levels - 1, -1, -1):
        parts = [
            measure(what, t, decoder.open_tile(t)).whole for t in reader.tiles(layer) if t.z == z
        ]
        count = sum(part.count for part in parts)
        squares = sum(part.total_square for part in parts)
        found.append(((squares / count) ** 0.5, max(part.largest for part in parts), count))
    return found


@pytest.mark.parametrize("name", ["whole", "holed"])
@pytest.mark.parametrize("against", ["layer", "raster"])
def test_every_level_is_as_good_as_its_step(folder, name, against):
    with open_reader(folder / f"{name}.ntile") as reader:
        reference = LayerReference(reader, reader.layers[1])
        if against == "raster":
            reference = DemReference(folder / f"{name}.tif", reader)
        found = by_level(reader, "lapped_siren", reference)
        if against == "raster":
            reference.close()
    assert len(found) == 5 if name == "holed" else 3
    inside = valid() if name == "holed" else np.ones((ROWS, WHOLE), bool)
    for above, (rmse, largest, count) in enumerate(found):
        assert rmse < CODEC_M, above
        assert largest < 12 * CODEC_M, above
        # A sample counts whose place holds data; where levels are made from averages, none about a
        # gap or at the rim.
        samples = int(inside[:: 1 << above, :: 1 << above].sum())
        assert count == samples if above <= 3 else 0.3 * samples < count < 0.9 * samples


def test_levels_of_averages_are_compared_with_averages(folder):
    with open_reader(folder / "holed.ntile") as reader:
        raster = DemReference(folder / "holed.tif", reader)
        found = by_level(reader, "reference", raster)
        raster.close()
        for above, (_, largest, count) in enumerate(found):
            assert largest < 1.1 * TOLERANCE_M
            side = 1 << above
            pad = np.pad(valid(), ((0, -ROWS % side), (0, -COLUMNS % side)))
            assert count == pad.reshape(len(pad) // side, side, -1, side).any(axis=(1, 3)).sum()


def test_gradients_are_against_differences_of_the_low_passed_reference(folder):
    with open_reader(folder / "whole.ntile") as reader:
        layer = reader.layer("lapped_siren")
        raster = heights()[:, :WHOLE]
        decoder = SurfaceDecoder(reader, layer)
        what = LayerReference(reader, reader.layers[1])
        z = 0
        expected = low_pass(low_pass(raster))
        tile = next(tile for tile in reader.tiles(layer) if tile.z == z)
        surface = decoder.open_tile(tile)
        at = (np.arange(TILE) + 0.125) / TILE
        decoded = surface.heights(at, at, order=1)
        got = measure(
            ErrorMeasure(GRADIENT, LevelReference(what, decoder.method.low_pass, reader)),
            tile,
            surface,
        )
    east = (expected[1:-1, 2:] - expected[1:-1, :-2]) / 8
    north = (expected[:-2, 1:-1] - expected[2:, 1:-1]) / 8
    rows, columns = east.shape
    here = np.s_[1 : rows + 1, 1 : columns + 1]
    own = np.hypot(decoded.east[here] - east, decoded.north[here] - north)
    # Not at the rim, beyond which slopes go on.
    np.testing.assert_allclose(got.values[here][4:-4, 4:-4], own[4:-4, 4:-4], atol=TOLERANCE_M / 4)
    assert np.isnan(got.values[0]).all()
    assert np.isnan(got.values[rows + 1 :]).all()


def test_layers_of_other_low_passes_are_compared_alike(folder):
    """A − B of two layers that are both near the same heights is next to nothing at every level."""
    with open_reader(folder / "holed.ntile") as reader:
        lapped, exact = (SurfaceDecoder(reader, layer) for layer in reader.layers)
        for name, other in (("lapped_siren", exact), ("reference", lapped)):
            found = by_level(reader, name, SurfaceReference(other, reader.grid, "B"))
            assert [(rmse < CODEC_M, largest < 12 * CODEC_M) for rmse, largest, _ in found] == [
                (True, True)
            ] * 5


@pytest.fixture
def far(scene, folder):
    """The file's error overlay from far away, where coarse levels are drawn."""
    scene.open(folder / "holed.ntile")
    scene.settings.overlay.name = "error"
    scene.settings.view.sse_px = 60.0
    scene.camera = whole_area(scene)
    offscreen.load(scene, scene.camera, SIZE)
    return scene


def test_the_overlay_and_its_legend_say_what_counts(far):
    stats = far.error_stats
    grid = far.reader.grid
    coarsest, finest = stats.levels
    assert finest < grid.levels - 1
    assert stats.rmse_m < CODEC_M
    assert far.rmse_in_view(LayerChoice(0)) == pytest.approx(stats.rmse_m)
    shown = legend.for_scene(far)
    cells = [grid.cell_x_m * (1 << (grid.levels - 1 - z)) for z in (coarsest, finest)]
    levels = f"level {finest} ({cells[1]:g} m)"
    if coarsest < finest:
        levels = f"levels {coarsest}–{finest} ({cells[0]:g}–{cells[1]:g} m)"
    text = f"{stats.samples:,} samples, {levels}, same low-pass".replace(",", "\u2009", 1)
    assert shown.samples == text + (", without rims" if grid.levels - 1 - coarsest > 3 else "")
    assert (shown.samples, True) in shown.texts
    far.settings.view.sse_px = 1e4
    offscreen.load(far, far.camera, SIZE)
    assert far.error_stats.levels == (0, 0)
    assert far.error_stats.samples < valid()[::16, ::16].sum()
    assert legend.for_scene(far).samples.endswith(
        "samples, level 0 (16 m), same low-pass, without rims"
    )
    far.settings.view.sse_px = 0.01
    offscreen.load(far, far.camera, SIZE)
    assert legend.for_scene(far).samples.endswith(f"samples, level {grid.levels - 1} (1 m)")
    far.settings.overlay.name = "slope"
    offscreen.load(far, far.camera, SIZE)
    assert legend.for_scene(far).samples == ""


def test_errors_under_the_cursor_are_those_of_the_level(far):
    picks = [
        far.pick(far.camera, x, y) for x in range(20, SIZE[0], 20) for y in range(20, SIZE[1], 10)
    ]
    picks = [pick for pick in picks if pick is not None and pick.error_m is not None]
    assert len(picks) > 10
    (pane,) = far.panes
    measured = {
        tile: far.store.resident(pane.current.source, tile).errors_of(pane.current.measure).values
        for tile in pane.selection.draw
    }
    for pick in picks:
        assert pick.tile.z < far.reader.grid.levels - 1
        assert abs(pick.error_m) < 12 * CODEC_M
        assert pick.reference_m == pytest.approx(pick.z_m - pick.error_m)
        assert np.nanmin(measured[pick.tile]) <= pick.error_m <= np.nanmax(measured[pick.tile])
        reading = read(of_scene(far), pick.easting, pick.northing, pick.tile.z)
        assert reading.differences_m["A − reference"] == pytest.approx(pick.error_m, abs=1e-6)
        assert reading.heights_m["A"] - reading.heights_m["reference"] == pytest.approx(
            pick.error_m, abs=1e-3
        )


def test_an_error_on_a_sample_is_the_overlays(far):
    (pane,) = far.panes
    source = pane.current.source
    what = pane.current.measure
    for tile in pane.selection.draw:
        surface = source.decoder.open_tile(tile)
        errors = far.store.resident(source, tile).errors_of(what)
        at = what.reference.places(tile)
        for row, column in np.argwhere(~np.isnan(errors.values))[::997].tolist():
            got = what.reference.error_at(surface, tile, at[column], at[row])
            assert got == pytest.approx(errors.values[row, column], abs=1e-6)
        hole = np.argwhere(np.isnan(errors.values) & ~surface.valid)
        for row, column in hole[:997:100].tolist():
            if not surface.valid[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].any():
                assert np.isnan(what.reference.error_at(surface, tile, at[column], at[row]))


def test_equal_references_are_equal_measures(folder):
    with open_reader(folder / "whole.ntile") as reader:
        reference = LayerReference(reader, reader.layers[1])
        one, other = (
            ErrorMeasure(HEIGHT, LevelReference(reference, AVERAGE, reader)) for _ in range(2)
        )
        assert one == other
        assert len({one, other, dataclasses.replace(one, quantity=GRADIENT)}) == 2
