"""The scene on real files: readouts, errors, budgets, damage, and pictures without a window."""

from __future__ import annotations

import gc
import math
import weakref
from pathlib import Path

import numpy as np
import pytest

from neural.container.metadata import archive_tile
from neural.container.reader import open_reader
from neural.errors import ContainerError, NtileError, UsageError
from neural.tiles import Tile, tile_id
from tests.support import mountains
from tests.support.scene_tools import SIZE, image, whole_area
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene.scene import Scene
from viewer.session import open_scene
from viewer.session.launch import Launch


def test_picks_are_true_heights_whatever_the_exaggeration(scene, mountain_file):
    scene.open(mountain_file)
    rng = np.random.default_rng(4)
    for exaggeration in (1.0, 2.5):
        scene.settings.view.exaggeration = exaggeration
        scene.settings.view.sse_px = 0.01  # finest tiles everywhere
        camera = whole_area(scene, pitch_deg=-40.0, heading_deg=30.0)
        offscreen.load(scene, camera, SIZE)
        hits = 0
        for x, y in rng.uniform((0, 0), SIZE, (120, 2)):
            pick = scene.pick(camera, x, y)
            if pick is None:
                continue
            hits += 1
            truth = float(mountains.height(np.array(pick.easting), np.array(pick.northing)))
            assert abs(pick.z_m - truth) < 0.15  # of 4 m cells interpolated over ripples of 3 m
            on_ray = camera.eye + camera.ray(x, y, SIZE) * np.linalg.norm(
                np.array([pick.easting, pick.northing, scene.drawn_z(pick.z_m)]) - camera.eye
            )
            np.testing.assert_allclose(on_ray[:2], [pick.easting, pick.northing], atol=0.01)
            assert abs(on_ray[2] - scene.drawn_z(pick.z_m)) < 0.01
            assert pick.tile.z == mountains.GRID.levels - 1
            assert pick.error_m == pytest.approx(0.0, abs=1e-6)  # the layer is its own reference
            z = scene.surface_z(pick.easting, pick.northing)
            assert z == pytest.approx(scene.drawn_z(pick.z_m), abs=1e-6)
        assert hits > 20


def test_slopes_of_picks_are_those_of_the_function(scene, mountain_file):
    scene.settings.view.sse_px = 0.01
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    pick = scene.pick(camera, 150, 90)
    e = np.array(pick.easting)
    n = np.array(pick.northing)
    step = 2.0
    east = (mountains.height(e + step, n) - mountains.height(e - step, n)) / (2 * step)
    north = (mountains.height(e, n + step) - mountains.height(e, n - step)) / (2 * step)
    assert pick.slope_deg == pytest.approx(
        math.degrees(math.atan(math.hypot(east, north))), abs=1.0
    )


def test_nothing_is_picked_in_holes_outside_or_above(scene, mountain_file):
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    x, y = camera.project(np.array([mountains.HOLE[0], mountains.HOLE[1], 1000.0]), SIZE)
    assert scene.pick(camera, x, y) is None
    assert scene.surface_z(mountains.HOLE[0], mountains.HOLE[1]) is None
    assert scene.surface_z(0.0, 0.0) is None
    camera.pitch_deg = 45.0
    assert scene.pick(camera, 160, 100) is None


@pytest.mark.parametrize("entry", ["fragment", "compute"])
def test_gpu_and_numpy_decoding_draw_the_same_picture(ctx, scene, target, mountain_file, entry):
    if entry == "compute" and ctx.version_code < 430:
        pytest.skip("compute shaders need OpenGL 4.3")
    scene.open(mountain_file)
    camera = whole_area(scene, pitch_deg=-45.0)
    offscreen.load(scene, camera, SIZE)
    by_numpy = image(scene, target, camera)
    other = Scene(ctx, scene.settings)
    other.decode_backend = entry
    other.open(mountain_file)
    offscreen.load(other, camera, SIZE)
    assert other.stats.decoder == entry
    by_gpu = image(other, target, camera)
    assert (np.abs(by_gpu - by_numpy).max(axis=-1) > 2).mean() < 1e-3
    assert by_gpu.std() > 10
    other.release()


def test_errors_are_decoded_minus_reference(scene, hills_file):
    scene.settings.overlay.name = "error"
    scene.settings.view.sse_px = 0.01
    scene.open(hills_file)
    camera = whole_area(scene)
    assert scene.reference_name == "Reference"
    stats = {}
    for bits in (None, 4, 2):
        scene.settings.layer.keep_bits = bits
        offscreen.load(scene, camera, SIZE)
        stats[bits] = scene.error_stats
    assert stats[None].rmse_m < stats[4].rmse_m < stats[2].rmse_m
    # The same numbers straight from the file.
    from neural.surface.tile_surface import SurfaceDecoder

    reader = open_reader(hills_file)
    grid = reader.grid
    assert {tile.z for tile in scene.panes[0].selection.draw} == {grid.levels - 1}
    scene.settings.layer.keep_bits = None
    offscreen.load(scene, camera, SIZE)
    decoded, valid = SurfaceDecoder(reader, reader.layers[0]).read(0, 0, grid.height, grid.width)
    reference, _ = SurfaceDecoder(reader, reader.layers[1]).read(0, 0, grid.height, grid.width)
    errors = (decoded - reference)[valid]
    got = scene.error_stats
    assert got.samples == len(errors)
    assert got.rmse_m == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    assert got.mae_m == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert got.bias_m == pytest.approx(errors.mean(), abs=1e-4)
    assert got.max_error_m == pytest.approx(np.abs(errors).max(), rel=1e-4)
    assert got.le90_m == pytest.approx(np.percentile(np.abs(errors), 90), rel=0.02)
    assert scene.overlay_range[1] >= got.le90_m
    reader.close()


def test_colors_of_the_overlay_follow_the_sign(scene, target, hills_file):
    scene.settings.overlay.name = "error"
    scene.settings.overlay.opacity = 1.0
    scene.settings.overlay.reach["error"] = 1e-3  # every error is at an end of the colors
    scene.open(hills_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    picture = image(scene, target, camera)
    agree = seen = 0
    for x, y in np.random.default_rng(2).uniform((60, 40), (260, 160), (80, 2)):
        pick = scene.pick(camera, x, y)
        if pick is not None and pick.error_m is not None and abs(pick.error_m) > 0.5:
            red, _, blue = picture[int(y), int(x)]
            seen += 1
            agree += (red > blue) == (pick.error_m > 0)
    assert seen > 20
    assert agree >= 0.9 * seen  # an error changes sign within a pixel here and there


def test_a_reference_raster_is_averaged_like_the_pyramid(tmp_path, scene, mountain_file):
    import rasterio
    from rasterio.transform import Affine

    heights, valid = mountains.Mountains().read(0, 0, mountains.GRID.height, mountains.GRID.width)
    raster = tmp_path / "reference.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": -9999.0}
    size = {"width": mountains.GRID.width, "height": mountains.GRID.height}
    with rasterio.open(
        raster, "w", **profile, **size, transform=Affine(*mountains.GRID.transform)
    ) as file:
        file.write(np.where(valid, heights + 2.0, -9999.0).astype(np.float32), 1)
    scene.settings.overlay.name = "error"
    scene.open(mountain_file, raster)
    assert scene.reference_name == "reference.tif"
    for sse, level in ((1e6, 0), (0.01, mountains.GRID.levels - 1)):
        scene.settings.view.sse_px = sse
        camera = whole_area(scene)
        offscreen.load(scene, camera, SIZE)
        assert {tile.z for tile in scene.panes[0].selection.draw} == {level}
        stats = scene.error_stats
        assert stats.bias_m == pytest.approx(-2.0, abs=1e-3)
        assert stats.max_error_m <= 2.0 + mountains.TOLERANCE_M + 1e-3
        pick = scene.pick(camera, 100, 100)
        assert pick.reference_m == pytest.approx(
            float(mountains.height(pick.easting, pick.northing)) + 2.0, abs=0.4
        )


def test_the_cache_stays_within_its_budget_and_the_picture_stays_whole(
    scene, target, magenta, mountain_file
):
    scene.settings.view.sse_px = 0.01
    scene.settings.view.cache_mb = 16.0
    scene.open(mountain_file)
    for heading in (0.0, 90.0, 180.0):
        camera = Camera(2800.0, 7600.0, 1500.0, heading, -40.0)
        offscreen.load(scene, camera, SIZE)
        scene.update(camera, SIZE)
        needed = scene.stats.tiles_drawn
        assert needed > 0
        assert scene.stats.cache_bytes <= max(16 << 20, 2 * 15 << 20)
        assert scene.stats.cache_bytes == scene.store.cache.bytes


def damage(source: Path, out: Path, layer: int, tile: Tile) -> Path:
    """A copy of a file with one bit of one tile turned over."""
    with open_reader(source) as reader:
        wanted = tile_id(archive_tile(reader.layers[layer], reader.slot_bits, tile))
        at = int(np.searchsorted(reader.ids, wanted))
        offset = reader.header.data_offset + int(reader._bounds[at]) + 40
    data = bytearray(source.read_bytes())
    data[offset] ^= 0x10
    out.write_bytes(data)
    return out


@pytest.fixture(scope="module")
def damaged_file(tmp_path_factory, mountain_file) -> Path:
    return damage(
        mountain_file, tmp_path_factory.mktemp("scene") / "damaged.ntile", 0, Tile(2, 1, 1)
    )


def test_a_damaged_tile_is_said_once_and_its_parent_stands_in(scene, damaged_file):
    scene.settings.view.sse_px = 0.01
    scene.open(damaged_file)
    camera = whole_area(scene)
    said: list[str] = []
    for _ in range(300):
        scene.update(camera, SIZE)
        said += scene.messages
        scene.messages.clear()
        if scene.ready:
            break
        scene.wait(0.1)
    assert scene.ready
    assert len(said) == 1
    assert "damaged.ntile" in said[0]
    assert scene.stats.tiles_failed == 1
    assert Tile(1, 0, 0) in scene.panes[0].selection.draw


@pytest.mark.parametrize("first_frame", [True, False])
def test_a_layer_that_cannot_be_shown_leaves_the_picture(
    scene, target, tmp_path, hills_file, first_frame
):
    damaged = damage(hills_file, tmp_path / "damaged.ntile", 1, Tile(0, 0, 0))
    scene.open(damaged)
    camera = whole_area(scene)
    if not first_frame:
        offscreen.load(scene, camera, SIZE)
    scene.settings.layer.index = 1
    said: list[str] = []
    for _ in range(200):
        scene.update(camera, SIZE)
        said += scene.messages
        scene.messages.clear()
        if scene.ready and said:
            break
        scene.wait(0.05)
    assert scene.ready
    assert len(said) == 1
    assert "damaged.ntile" in said[0]
    assert image(scene, target, camera).std() > 10
    scene.settings.layer.index = 0
    scene.update(camera, SIZE)
    assert scene.ready


def test_a_file_that_cannot_be_opened_leaves_the_present_one(
    scene, target, tmp_path, mountain_file
):
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = image(scene, target, camera)
    bad = tmp_path / "bad.ntile"
    bad.write_bytes(b"nothing of ours")
    with pytest.raises(ContainerError):
        scene.open(bad)
    with pytest.raises(NtileError):
        scene.open(mountain_file, tmp_path / "no-such-raster.tif")
    scene.update(camera, SIZE)
    np.testing.assert_array_equal(image(scene, target, camera), before)


def test_a_closed_file_is_let_go_of_without_the_garbage_collector(scene, target, hills_file):
    """Cycles would keep its tiles until a collection comes, which many arrays and few objects
    hardly bring about."""
    scene.settings.overlay.name = "error"
    gc.disable()
    try:
        scene.open(hills_file)
        camera = whole_area(scene)
        offscreen.load(scene, camera, SIZE)
        scene.draw(target, camera)
        parts = (
            scene.reader,
            scene.store,
            scene.files[0],
            scene.panes[0].current.source,
            scene.reference,
        )
        left = [weakref.ref(part) for part in parts]
        del parts
        scene.close()
        assert [ref() for ref in left] == [None] * 5
    finally:
        gc.enable()


def test_freezing_keeps_the_choice_of_tiles(scene, mountain_file):
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    chosen = list(scene.panes[0].selection.draw)
    scene.settings.debug.freeze = True
    camera.zoom(np.array([2000.0, 8000.0, 1000.0]), 0.05)
    scene.update(camera, SIZE)
    assert scene.panes[0].selection.draw == chosen
    scene.settings.debug.freeze = False
    offscreen.load(scene, camera, SIZE)
    assert scene.panes[0].selection.draw != chosen


def test_a_scene_without_a_file_draws_and_answers(scene, target):
    camera = Camera()
    assert scene.update(camera, SIZE).tiles_drawn == 0
    assert image(scene, target, camera).std() > 0
    assert scene.pick(camera, 1, 1) is None
    assert scene.surface_z(0, 0) is None
    assert scene.error_stats is None
    assert not scene.ready


@pytest.mark.usefixtures("_session_context")
def test_headless_pictures_need_every_tile(damaged_file):
    settings = Settings()
    settings.view.sse_px = 0.01
    with pytest.raises(NtileError, match=r"damaged\.ntile"):
        open_scene.render(Launch(str(damaged_file), size=SIZE, settings=settings))


@pytest.mark.usefixtures("_session_context")
def test_headless_pictures_repeat_and_carry_a_legend(hills_file):
    def render(**options) -> np.ndarray:
        return open_scene.render(Launch(str(hills_file), size=SIZE), **options)

    plain = render(decorate=False)
    assert plain.shape == (SIZE[1], SIZE[0], 3)
    np.testing.assert_array_equal(plain, render(decorate=False))
    labeled = render()
    changed = (labeled != plain).any(axis=-1)
    assert 0.01 < changed.mean() < 0.25
    assert not changed[:, SIZE[0] // 2 :].any()  # it sits in the lower left corner
    launch = Launch(str(hills_file), size=SIZE, bits=(2,))
    assert (open_scene.render(launch, decorate=False) != plain).any()
    assert launch.settings.view.msaa == -1  # nothing it was given is changed
    with pytest.raises(UsageError, match="huvr_siren"):
        open_scene.render(Launch(str(hills_file), methods=("no_such",)))
