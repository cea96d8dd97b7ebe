"""Flat rasters, outliers and depths in pictures: colors, legend, first view, numbers in sight."""

import numpy as np
import pytest

from tests.support import rasters
from tests.support.scene_tools import SIZE, image, is_background, open_file, whole_area
from viewer.film.heightfield import HeightField
from viewer.measuring import cards
from viewer.model.settings import LayerChoice, Measurement
from viewer.pictures import measured, offscreen
from viewer.scene import legend, overview
from viewer.session.open_request import OpenRequest

ROWS, COLS = 300, 520  # two levels
HILLS = rasters.hills(ROWS, COLS)


def encoded(folder, heights, *options):
    dem = rasters.write(folder / "dem.tif", np.asarray(heights, np.float32))
    return rasters.encode(dem, *options)


def with_one(value, row=211, col=97):
    heights = HILLS.copy()
    heights[row, col] = value
    return heights


def ink(scene, target, camera):
    """Colors of the terrain's pixels, [n, 3]."""
    offscreen.load(scene, camera, SIZE)
    picture = image(scene, target, camera)
    return picture[~is_background(picture)]


@pytest.mark.parametrize(
    ("heights", "label"),
    [
        (np.full((ROWS, COLS), 431.27), "431.3 m"),
        (np.zeros((ROWS, COLS)), "0.0 m"),
        (-17.5 + 0.03 * np.sin(np.arange(ROWS * COLS).reshape(ROWS, COLS) / 900), "−17.5 m"),
    ],
)
def test_a_flat_raster_has_one_color_and_one_number(
    tmp_path, scene, target, magenta, heights, label
):
    open_file(scene, encoded(tmp_path, heights))  # step 0.1 m
    scene.settings.shading.mode = "elevation"
    camera = whole_area(scene)
    colors = ink(scene, target, camera)
    spread = np.quantile(colors, [0.05, 0.95], axis=0)  # the rest are edges
    assert np.ptp(spread, axis=0).max() <= 1
    entry = legend.for_scene(scene)
    assert (entry.table, entry.title, entry.note) == (None, "Elevation", "")
    ((color, shown),) = entry.patches
    assert shown == label
    assert np.abs(spread[0] - color).max() <= 3
    assert scene.heights.remark == ""
    scene.settings.contours.on = True  # lines would be of rounding
    np.testing.assert_array_equal(ink(scene, target, camera), colors)
    assert legend.for_scene(scene).lines == ""


def test_automatic_contours_are_no_closer_than_the_steps_of_heights(tmp_path, scene, target):
    step = np.where(np.arange(COLS) < COLS // 2, 20.0, 29.0)
    open_file(scene, encoded(tmp_path, np.broadcast_to(step, (ROWS, COLS)), "--reference", "0.4"))
    scene.settings.contours.on = True
    ink(scene, target, whole_area(scene))
    assert legend.for_scene(scene).lines == "Contours every 1 m"


def test_outliers_at_both_ends_decide_no_colors(tmp_path, scene):
    heights = with_one(-11034.0)
    heights[17, 400] = 8611.0
    open_file(scene, encoded(tmp_path, heights))
    low, high = scene.elevation_range
    assert HILLS.min() - 1 < low < high < HILLS.max() + 1
    assert "−11034 … 8611 m" in scene.heights.remark


@pytest.mark.parametrize("value", [-9999.0, 32767.0, 1e5])
def test_one_outlier_changes_neither_colors_nor_first_view(tmp_path, scene, target, magenta, value):
    open_file(scene, encoded(tmp_path, HILLS))
    scene.settings.shading.mode = "elevation"
    plain = overview.whole_area(scene, SIZE)
    before = ink(scene, target, plain)
    span = float(np.ptp(HILLS))
    (tmp_path / "outlier").mkdir()
    open_file(scene, encoded(tmp_path / "outlier", with_one(value)))
    assert scene.heights.trimmed
    low, high = scene.elevation_range
    assert HILLS.min() <= low < HILLS.min() + 0.25 * span
    assert HILLS.max() - 0.25 * span < high <= HILLS.max() + 1
    camera = overview.whole_area(scene, SIZE)
    away = np.linalg.norm(camera.eye - plain.eye)
    assert away < 0.1 * np.linalg.norm(plain.eye - [500_260, 3_999_850, 100])
    colors = ink(scene, target, camera)
    assert colors.std(axis=0).mean() > 0.5 * before.std(axis=0).mean()
    assert abs(scene.drawn_z(low) - low) < 0.1  # exaggeration leaves the ground where it is
    field = HeightField.read(scene.main_reader, span=scene.files[0].heights)
    assert (field.bounds.low, field.bounds.high) == pytest.approx((low, high), abs=0.3 * span)
    assert field.pivot_z == low
    entry = legend.for_scene(scene)
    assert entry.note == "2–98 %"
    assert (entry.low, entry.high) == (low, high)
    assert "Full height range" in scene.heights.remark

    scene.settings.shading.elevation_full = True
    low, high = scene.elevation_range
    assert (low, high) == pytest.approx((min(value, HILLS.min()), max(value, HILLS.max())))
    assert legend.for_scene(scene).note == ""
    scene.settings.shading.elevation_full = False
    scene.settings.shading.elevation_auto = False
    assert scene.elevation_range == (0.0, 1000.0)
    assert legend.for_scene(scene).note == ""


def test_an_outlier_in_a_plain_leaves_it_in_one_color(tmp_path, scene, target):
    heights = np.full((ROWS, COLS), 55.0)
    heights[140, 333] = -32768
    open_file(scene, encoded(tmp_path, heights))
    entry = legend.for_scene(scene)
    assert entry.note == "2–98 %"
    assert entry.patches[0][1] == "55 m"


def test_trees_and_towns_are_no_outliers(tmp_path, scene):
    rng = np.random.default_rng(8)
    trees = np.where(rng.random((600, 600)) < 0.05, rng.uniform(5, 40, (600, 600)), 0.0)
    open_file(scene, encoded(tmp_path, trees))
    assert not scene.heights.trimmed
    assert scene.elevation_range == pytest.approx((0, trees.max()), abs=0.1)


def test_a_small_raster_tells_its_outlier_too(tmp_path, scene):
    heights = HILLS[:12, :9].copy()
    heights[4, 4] = 9999
    open_file(scene, encoded(tmp_path, heights))
    assert scene.heights.trimmed
    assert scene.elevation_range[1] <= HILLS[:12, :9].max() + 0.1


def test_depths_keep_their_range(tmp_path, scene):
    open_file(scene, encoded(tmp_path, HILLS - 4000))
    entry = legend.for_scene(scene)
    scale = legend.Scale.of(entry)
    values = [float(label.replace("−", "-")) for label in scale.labels]
    assert (HILLS - 4000).min() - 0.1 <= min(values) <= max(values) <= (HILLS - 4000).max() + 0.1


def test_a_lossy_layer_shows_nothing_below_its_step(tmp_path, scene):
    heights = 900 + 0.1 * np.sin(np.arange(ROWS * COLS).reshape(ROWS, COLS) / 900)
    path = encoded(tmp_path, heights, "--method", "lapped_siren")
    open_file(scene, path)
    lossy = next(k for k, layer in enumerate(scene.reader.layers) if not layer.is_reference)
    scene.settings.slots["A"] = LayerChoice(lossy)
    image_of = overview.whole_area(scene, SIZE)
    offscreen.load(scene, image_of, SIZE)
    assert scene.elevation_colors.flat == "900.0 m"
    scene.settings.slots["A"] = LayerChoice(1 - lossy)
    offscreen.load(scene, image_of, SIZE)
    assert scene.elevation_colors.flat == ""


def test_it_is_said_once_that_outliers_are_left_out(tmp_path, session):
    path = encoded(tmp_path, with_one(-9999.0))
    session.open(OpenRequest(str(path)))
    said = [entry for entry in session.messages.entries if "2–98 %" in entry.text]
    assert [entry.count for entry in said] == [1]
    assert said[0].level == "info"
    session.run("shading.full_range")
    session.run_queued()
    assert session.settings.shading.elevation_full


@pytest.mark.parametrize("size", [(320, 240), (900, 600)])
def test_numbers_of_measurements_lie_clear_of_everything(tmp_path, scene, monkeypatch, size):
    open_file(scene, encoded(tmp_path, HILLS))
    west, north = 500_000, 4_000_000
    spots = [(15, -290), (40, -280), (500, -290), (510, -20), (260, -150), (262, -151)]
    lines = [[[west + x, north + y], [west + x + 5, north + y]] for x, y in spots]
    scene.settings.measuring.items = [Measurement("distance", line) for line in lines]
    for kind in ("scale", "north", "credits", "legend", "measurements"):
        setattr(scene.settings.decorations, kind, True)
    scene.settings.contours.on = True
    placed = []

    def spy(point, card, em, area, taken):
        box = place(point, card, em, area, taken)
        placed.append((box, list(taken)))
        return box

    place = cards.place
    monkeypatch.setattr(cards, "place", spy)
    camera = overview.whole_area(scene, size)
    whole = offscreen.draw(scene, camera, size, decorate=True)
    assert len(placed) == len(spots)
    for box, taken in placed:
        assert len(taken) >= 3  # legend, scale, arrow
        assert sum(box.shared(other) for other in taken) == 0
        assert 0 <= box.left < box.right <= size[0]
        assert 0 <= box.top < box.bottom <= size[1]
    boxes = [box for box, _ in placed]
    placed.clear()
    strips = offscreen.strips(scene, camera, size, (size[0], 97), decorate=True)
    assert sum(map(len, strips)) == len(whole)
    assert {box for box, _ in placed} == set(boxes)  # the same in every strip


@pytest.mark.parametrize("divider", [0.1, 0.5, 0.9])
def test_lines_lie_on_both_halves_of_a_split_picture(tmp_path, scene, divider):
    open_file(scene, encoded(tmp_path, HILLS))
    west, south, east, north = scene.main_reader.grid.bounds
    scene.settings.measuring.items = [
        Measurement("distance", [[west + 3, south + 3], [east - 3, north - 3]]),
        Measurement("point", [[east - 5, south + 5]]),
        Measurement("point", [[west + 5, north - 5]]),
    ]
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    whole = measured.shapes(scene, camera, SIZE)
    scene.settings.compare.split = True
    scene.settings.compare.divider = divider
    offscreen.load(scene, camera, SIZE)
    for one, split in zip(whole, measured.shapes(scene, camera, SIZE), strict=True):
        np.testing.assert_allclose(split.lines.corners, one.lines.corners, atol=0.01)
        np.testing.assert_allclose(split.lines.anchor, one.lines.anchor, atol=0.01)
