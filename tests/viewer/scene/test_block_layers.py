"""Layers that are made of blocks: their overlays, legends and what a pick says; other layers."""

from __future__ import annotations

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.surface.tile_surface import SurfaceDecoder
from tests.support import acorn_area
from tests.support.scene_tools import ABOVE, SIZE, image, whole_area
from viewer.graphics.gpu_decoder import GPU_BACKENDS
from viewer.gui import bars
from viewer.model.overlays import BLOCK_ERROR, BLOCKS
from viewer.pictures import offscreen
from viewer.scene import legend
from viewer.scene.scene import Scene


@pytest.fixture(scope="module")
def blocks() -> np.ndarray:
    return acorn_area.partition()


def show(scene: Scene, file, overlay: str, **direction: float):
    scene.settings.overlay.name = overlay
    scene.open(file)
    camera = whole_area(scene, **direction)
    offscreen.load(scene, camera, SIZE)
    return camera


def block_of(blocks: np.ndarray, easting: float, northing: float) -> np.ndarray:
    """The row of the block at a place."""
    column, row = acorn_area.GRID.cell_of(easting, northing)
    for line in blocks:
        side = (256 << acorn_area.METHOD.levels - 1) / 2 ** line[0]
        if int(column // side) == line[1] and int(row // side) == line[2]:
            return line
    raise AssertionError("no block there")


def test_the_layer_is_the_area_it_was_made_of(plains_file):
    with open_reader(plains_file) as reader:
        meters, valid = SurfaceDecoder(reader, reader.layers[0]).read(0, 0, 700, 900)
    want, inside = acorn_area.Plains().read(0, 0, 700, 900)
    np.testing.assert_array_equal(valid, inside)
    assert np.sqrt(np.mean((meters - want)[valid] ** 2)) < 1.5


def test_a_pick_names_the_block(scene, target, plains_file, blocks):
    camera = show(scene, plains_file, BLOCKS, **ABOVE)
    named = set()
    for x in range(20, SIZE[0], 30):
        for y in range(15, SIZE[1], 20):
            pick = scene.pick(camera, x, y)
            if pick is None:
                continue
            scale, column, row, kind, _, error_m = block_of(blocks, pick.easting, pick.northing)
            block = pick.block
            assert (block.scale, block.column, block.row) == (scale, column, row)
            assert block.side_m == 1024 * 4.0 / 2**scale
            assert block.constant == (kind == 2)
            named.add(block.constant)
            if not block.constant:  # a byte: an eighth of a doubling, rounded up
                assert error_m <= block.error_m * (1 + 1e-3) <= error_m * 2 ** (1 / 8) * 1.01
            (said,) = (value for label, value, _ in bars.readout(pick) if label == "Block")
            assert said.startswith(f"{block.scale}/{block.column}/{block.row}, ")
            assert said.endswith("a single height" if block.constant else " m")
    assert named == {True, False}


def test_colors_follow_scales_and_the_legend_names_them(scene, target, plains_file, blocks):
    camera = show(scene, plains_file, BLOCKS, **ABOVE)
    scene.settings.view.msaa = 0
    picture = image(scene, target, camera)
    shown = legend.for_scene(scene)
    assert shown.title == "Blocks, side"
    assert shown.note == legend.HATCHED
    assert [label for _, label in shown.patches] == ["512 m", "256 m", "128 m"]
    colors = np.array([color for color, _ in shown.patches])
    right = 0
    tried = 0
    for x in range(20, SIZE[0], 17):
        for y in range(15, SIZE[1], 13):
            pick = scene.pick(camera, x, y)
            if pick is None or pick.block.constant or pick.slope_deg > 8:
                continue
            nearest = np.abs(colors - picture[y, x]).sum(-1).argmin()
            tried += 1
            right += shown.patches[nearest][1] == f"{pick.block.side_m:g} m"
    assert tried > 20
    assert right > 0.75 * tried  # all but those on a line


def test_outlines_show_at_every_zoom_and_hatching_where_a_block_is_constant(
    scene, target, plains_file
):
    scene.settings.view.msaa = 0
    camera = show(scene, plains_file, BLOCKS, **ABOVE)
    lined = image(scene, target, camera)
    scene.settings.overlay.opacity = 0.0
    plain = image(scene, target, camera)
    scene.settings.overlay.opacity = 1.0
    assert (np.abs(lined - plain).max(-1) > 8).mean() > 0.2
    dark = lined.max(-1) < 110
    assert 0.02 < dark.mean() < 0.4


def test_block_errors_are_colored_up_to_most_in_view(scene, target, plains_file, blocks):
    camera = show(scene, plains_file, BLOCK_ERROR)
    image(scene, target, camera)
    shown = legend.for_scene(scene)
    assert shown.title == "Block error, m"
    assert shown.low == 0.0
    assert 0.5 * blocks[:, 5].max() < shown.high <= 2.5 * blocks[:, 5].max()


def test_other_layers_say_that_they_have_none(scene, target, plains_file):
    scene.settings.layer.index = 1
    camera = show(scene, plains_file, BLOCKS)
    drawn = image(scene, target, camera)
    assert legend.for_scene(scene).note == legend.NO_BLOCKS
    assert scene.pick(camera, 160, 110).block is None
    scene.settings.overlay.name = "none"
    np.testing.assert_array_equal(image(scene, target, camera), drawn)


@pytest.mark.parametrize("entry", GPU_BACKENDS)
def test_the_gpu_draws_and_picks_what_numpy_does(ctx, scene, target, plains_file, entry):
    if entry == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    scene.settings.view.sse_px = 64.0  # few tiles
    camera = show(scene, plains_file, BLOCKS)
    want = image(scene, target, camera)
    hit = scene.pick(camera, 170, 120)
    other = Scene(ctx, scene.settings)
    other.decode_backend = entry
    try:
        other.open(plains_file)
        offscreen.load(other, camera, SIZE)
        got = image(other, target, camera)
        assert (np.abs(got - want).max(axis=-1) > 2).mean() < 1e-3
        picked = other.pick(camera, 170, 120)
        assert picked.block == hit.block
        assert picked.z_m == pytest.approx(hit.z_m, abs=1e-3)
        assert picked.slope_deg == pytest.approx(hit.slope_deg, abs=0.01)
        shared = [program.nodes for program in other.store.programs]
        assert shared[0].prepared <= len(acorn_area.partition())
        before = other.stats.shared_bytes
        assert before > 0
        other.settings.layer.keep_bits = 5  # of the weights
        for one in (other, scene):
            offscreen.load(one, camera, SIZE)
        assert other.stats.shared_bytes == 2 * before
        coarse = other.pick(camera, 170, 120)
        assert coarse.z_m == pytest.approx(scene.pick(camera, 170, 120).z_m, abs=1e-3)
        assert abs(coarse.z_m - picked.z_m) > 0.01
        assert len(other.store.programs) == 2
    finally:
        target.use()  # none of the scene's may be bound when they are freed
        other.release()
