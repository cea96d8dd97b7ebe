"""Two slots at once: the split picture, the difference A − B, several files, and loading ahead."""

from __future__ import annotations

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.errors import ContainerError, UsageError
from neural.grid import Grid
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE, Tile
from tests.support import hills, mountains
from tests.support.scene_tools import SIZE, image, is_background, open_file, whole_area
from viewer.model import layers
from viewer.model.settings import LayerChoice
from viewer.pictures import offscreen
from viewer.scene import labels
from viewer.session.opening import compare_file
from viewer.tiles.difference import SurfaceReference, level_like

LIFT_M = 7.0
# other cells, origin and extent
OTHER_GRID = Grid("", (3.0, 0.0, 1401.5, 0.0, -3.0, 8700.25), 700, 600)


@pytest.fixture(scope="module")
def other_file(tmp_path_factory):
    """`tests.support.mountains` on another grid, a little higher."""
    return mountains.write(tmp_path_factory.mktemp("compare") / "other.ntile", OTHER_GRID, LIFT_M)


def split_at(scene, divider: float) -> int:
    """Split the scene's picture; returns the column of the divider."""
    scene.settings.compare.split = True
    scene.settings.compare.divider = divider
    return round(divider * SIZE[0])


@pytest.mark.parametrize("divider", [0.5, 0.2])
def test_a_split_picture_is_a_on_the_left_and_b_on_the_right(
    scene, target, mountain_file, other_file, divider
):
    scene.open(mountain_file)
    compare_file(scene, other_file)
    scene.settings.view.sse_px = 1.0
    camera = whole_area(scene, heading_deg=25.0, pitch_deg=-40.0)
    pictures = {}
    for slot in ("A", "B"):
        scene.settings.active = slot
        offscreen.load(scene, camera, SIZE)
        pictures[slot] = image(scene, target, camera)
    column = split_at(scene, divider)
    offscreen.load(scene, camera, SIZE)
    split = image(scene, target, camera)
    np.testing.assert_array_equal(split[:, :column], pictures["A"][:, :column])
    np.testing.assert_array_equal(split[:, column:], pictures["B"][:, column:])
    assert (pictures["A"] != pictures["B"]).any(axis=-1)[:, :column].mean() > 0.1
    drawn = [set(pane.selection.draw) for pane in scene.panes]
    assert [pane.current.source.reader.path for pane in scene.panes] == [
        str(mountain_file),
        str(other_file),
    ]
    if divider == 0.2:
        # each side chooses for itself
        assert len(drawn[0]) < scene.panes[1].selection.culled + len(drawn[1])


def test_no_side_of_a_split_picture_has_a_hole_while_it_loads(
    scene, target, magenta, mountain_file, other_file
):
    scene.settings.view.upload_budget_ms = 0.0
    scene.settings.view.sse_px = 0.5
    scene.open(mountain_file)
    compare_file(scene, other_file)
    split_at(scene, 0.5)
    camera = whole_area(scene)
    # Low over the middle of both areas, away from the hole, looking down: there is terrain in every
    # pixel.
    camera.easting = 2200.0
    camera.northing = 8000.0
    camera.z = 1800.0
    stages = 0
    mixed = set()
    for divider in (0.5, 0.8, 0.15):
        split_at(scene, divider)
        for _ in range(400):
            scene.update(camera, SIZE)
            assert not is_background(image(scene, target, camera)).any()
            stages += 1
            mixed.add(tuple(len(pane.target_selection.load) == 0 for pane in scene.panes))
            if scene.ready:
                break
            scene.wait(0.5)
        assert scene.ready
    assert stages > 10
    assert {(False, False), (True, True)} <= mixed


def test_a_side_that_changes_keeps_its_picture_until_the_new_one_is_whole(
    scene, target, hills_file
):
    open_file(scene, hills_file)
    column = split_at(scene, 0.4)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = image(scene, target, camera)
    layer = scene.reader.layers[0]
    layers.put(layer, scene.settings.slots["B"])
    layers.keep_bits(layer, scene.settings.slots["B"], 3)
    for _ in range(200):
        scene.update(camera, SIZE)
        if scene.ready:
            break
        assert [pane.changing for pane in scene.panes] == [False, True]
        np.testing.assert_array_equal(image(scene, target, camera), before)
        scene.wait(0.5)
    after = image(scene, target, camera)
    np.testing.assert_array_equal(after[:, :column], before[:, :column])
    assert (after != before).any(axis=-1)[:, column:].mean() > 0.1
    assert scene.choice_in(scene.panes[1]) == LayerChoice(0, 3)
    assert scene.pane_at(column - 1).slot == "A"
    assert scene.pane_at(column).slot == "B"


def test_the_difference_of_two_layers_is_that_of_their_decodes(scene, hills_file):
    open_file(scene, hills_file)
    scene.settings.slots = {"A": LayerChoice(0, 4), "B": LayerChoice(0)}
    scene.settings.view.sse_px = 0.01
    scene.settings.overlay.name = "error"
    scene.settings.overlay.against = "B"
    offscreen.load(scene, whole_area(scene), SIZE)
    with open_reader(hills_file) as reader:
        window = 0, 0, reader.grid.height, reader.grid.width
        a, valid = SurfaceDecoder(reader, reader.layers[0], 4).read(*window)
        b, _ = SurfaceDecoder(reader, reader.layers[0]).read(*window)
    difference = (a - b)[valid]
    got = scene.error_stats
    assert got.samples == difference.size
    assert got.rmse_m == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-5)
    assert got.bias_m == pytest.approx(difference.mean(), abs=1e-6)
    assert got.max_error_m == pytest.approx(np.abs(difference).max(), rel=1e-5)
    # Errors against the reference are kept beside it, and slot B is not subtracted from itself.
    scene.settings.overlay.against = "reference"
    offscreen.load(scene, whole_area(scene), SIZE)
    against_reference = scene.error_stats.rmse_m
    assert against_reference != pytest.approx(got.rmse_m, rel=0.01)
    read = scene.stats.read_bytes
    for against, rmse in (("B", got.rmse_m), ("reference", against_reference)):
        scene.settings.overlay.against = against
        scene.update(whole_area(scene), SIZE)
        assert scene.ready
        assert scene.error_stats.rmse_m == rmse
    assert scene.stats.read_bytes == read
    scene.settings.overlay.against = "B"
    scene.settings.active = "B"
    offscreen.load(scene, whole_area(scene), SIZE)
    assert scene.error_stats is None


def test_the_difference_of_two_files_is_sampled_at_the_cells_of_a(
    scene, target, mountain_file, other_file
):
    scene.open(mountain_file)
    compare_file(scene, other_file)
    scene.settings.view.sse_px = 0.01
    scene.settings.overlay.name = "error"
    scene.settings.overlay.against = "B"
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    grid = mountains.GRID
    easting = grid.transform[2] + 4 * (np.arange(grid.width) + 0.5)
    northing = grid.transform[5] - 4 * (np.arange(grid.height) + 0.5)
    west, south, east, north = OTHER_GRID.bounds
    hole = (
        np.hypot(easting - mountains.HOLE[0], northing[:, None] - mountains.HOLE[1])
        < mountains.HOLE[2]
    )
    inside = (
        ((easting > west) & (easting < east))
        & ((northing > south) & (northing < north))[:, None]
        & ~hole
    )
    got = scene.error_stats
    # the hole's rim has other cells in each file
    assert got.samples == pytest.approx(inside.sum(), rel=2e-3)
    assert got.bias_m == pytest.approx(-LIFT_M, abs=0.01)
    # The rest is the roughness of a surface between cells of 3 m, and what the two files may be
    # off.
    assert got.max_error_m < LIFT_M + 0.5
    image(scene, target, camera)  # parts of A beyond B's extent have errors nowhere


def test_coarse_tiles_are_compared_with_the_level_of_like_cells(mountain_file, other_file):
    with open_reader(other_file) as reader:
        b = SurfaceReference(SurfaceDecoder(reader, reader.layers[0]), mountains.GRID, "B")
        levels = [level_like(mountains.GRID, z, reader.grid) for z in (2, 1, 0)]
        assert levels == [reader.grid.levels - 1 - k for k in (0, 1, 2)]
        heights, known = b.cells(Tile(1, 0, 0))
        assert 0 < known.sum() < TILE * TILE
        cell = 8.0
        at = np.array([200, 100])  # row, column
        easting = 1000 + cell * (at[1] + 0.5)
        northing = 9000 - cell * (at[0] + 0.5)
        assert known[tuple(at)]
        expected = float(mountains.height(np.array(easting), np.array(northing))) + LIFT_M
        assert heights[tuple(at)] == pytest.approx(expected, abs=0.5)
        assert float(b.heights_at(easting, northing)) == pytest.approx(expected, abs=0.1)
        assert np.isnan(b.heights_at(0.0, 0.0))


def test_loading_ahead_makes_every_change_of_slot_immediate(scene, target, hills_file):
    open_file(scene, hills_file)
    scene.load_ahead = True
    camera = whole_area(scene)

    def settle() -> None:
        for _ in range(400):
            scene.update(camera, SIZE)
            if scene.settled:
                return
            scene.wait(0.5)
        raise AssertionError(scene.stats)

    for name in ("none", "error"):
        scene.settings.overlay.name = name
        settle()
        pictures = []
        for _ in range(2):
            layers.swap(scene.settings)
            scene.update(camera, SIZE)  # the very next frame
            assert scene.ready
            pictures.append(image(scene, target, camera))
        assert np.abs(pictures[0] - pictures[1]).max() > 20
    split_at(scene, 0.3)
    settle()
    for divider in (0.9, 0.1):
        split_at(scene, divider)
        scene.update(camera, SIZE)
        assert scene.ready


def test_loading_ahead_stays_within_the_cache(scene, mountain_file, other_file):
    scene.open(mountain_file)
    compare_file(scene, other_file)
    scene.load_ahead = True
    scene.settings.view.sse_px = 0.01
    scene.settings.view.cache_mb = 16.0
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    for _ in range(20):
        scene.update(camera, SIZE)
        scene.wait(0.05)
    assert scene.settled
    # no more than opening it
    assert {key.tile for key in scene.store.cache if key.source.file == 1} <= {Tile(0, 0, 0)}
    assert scene.stats.tiles_loading == 0


def test_files_are_opened_beside_the_first_and_closed(scene, target, mountain_file, other_file):
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    alone = image(scene, target, camera)
    assert compare_file(scene, other_file) == 1
    assert compare_file(scene, other_file) == 1  # open already
    assert scene.settings.slots["B"].file == 1
    low, high = scene.elevation_range
    ranges = [file.reader.layers[0].heights_m for file in scene.files]
    assert (low, high) == (min(low for low, _ in ranges), max(high for _, high in ranges))
    scene.settings.active = "B"
    offscreen.load(scene, camera, SIZE)
    assert labels.active_label(scene)[0] == "B"
    reader = scene.files[1].reader
    scene.remove(1)
    assert scene.settings.slots["B"] == LayerChoice(0)
    offscreen.load(scene, camera, SIZE)
    np.testing.assert_array_equal(image(scene, target, camera), alone)
    assert {key.source.file for key in scene.store.cache} == {scene.files[0].serial}
    with pytest.raises(ContainerError):
        reader.read(0, Tile(0, 0, 0))  # its file is closed


def test_a_second_file_that_cannot_be_shown_leaves_the_first(
    scene, target, tmp_path, mountain_file, hills_file
):
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    before = image(scene, target, camera)
    with pytest.raises(
        UsageError,
        match=r"hills\.ntile: its coordinate system is ETRS89.*EPSG:25832.*local grid.*--crs",
    ):
        compare_file(scene, hills_file)
    damaged = tmp_path / "damaged.ntile"
    data = bytearray(mountain_file.read_bytes())
    data[-2000:] = bytes(2000)
    damaged.write_bytes(data[:-1000])
    with pytest.raises(ContainerError, match=r"damaged\.ntile"):
        compare_file(scene, damaged)
    assert len(scene.files) == 1
    assert scene.settings.slots["B"].file == 0
    scene.update(camera, SIZE)
    np.testing.assert_array_equal(image(scene, target, camera), before)


def test_ground_truth_stands_in_for_the_active_slot(scene, hills_file):
    open_file(scene, hills_file)
    camera = whole_area(scene)
    scene.settings.slots["A"].keep_bits = 3
    scene.settings.compare.reference = True
    offscreen.load(scene, camera, SIZE)
    assert scene.current_choice == LayerChoice(1)
    pick = scene.pick(camera, SIZE[0] / 2, SIZE[1] / 3)
    assert abs(pick.error_m) <= 1e-9
    split_at(scene, 0.5)
    scene.settings.slots["B"] = LayerChoice(0)
    offscreen.load(scene, camera, SIZE)
    assert [scene.choice_in(pane) for pane in scene.panes] == [LayerChoice(1), LayerChoice(0)]
    scene.settings.compare.reference = False
    offscreen.load(scene, camera, SIZE)
    assert scene.current_choice == LayerChoice(0, 3)


def test_slots_hold_continuous_surfaces(scene, mountain_file, other_file):
    scene.open(mountain_file)
    compare_file(scene, other_file)
    for slot, lift in (("A", 0.0), ("B", LIFT_M)):
        sampler = SurfaceSampler(scene.decoder(scene.settings.slots[slot]))
        expected = float(mountains.height(2000.0, 8000.0)) + lift
        assert float(sampler.at(2000.0, 8000.0).meters) == pytest.approx(expected, abs=0.2)


def test_hills_and_hills_are_of_one_coordinate_system(scene, tmp_path, hills_file):
    copy = hills.write(tmp_path / "copy.ntile")
    open_file(scene, hills_file)
    compare_file(scene, copy)
    assert scene.settings.slots["B"] == LayerChoice(0, None, 1)
