"""Overlays on the GPU against the same quantities in numpy, contours and their labels, statistics
in view."""

from __future__ import annotations

import math

import numpy as np
import pytest

from neural.measure.morphometry import (
    Bend,
    aspect_deg,
    plan_curvature,
    profile_curvature,
    slope_deg,
)
from neural.tiles import TILE
from tests.support import mountains
from tests.support.scene_tools import image, whole_area
from viewer.graphics import contours
from viewer.graphics.page import LATTICE, TilePage
from viewer.graphics.passes.survey import SurveyTarget
from viewer.graphics.passes.terrain import INSTANCE, Batch, Look, TerrainPass
from viewer.graphics.survey import Survey
from viewer.model import colormaps, overlays
from viewer.model.settings import ContourSettings, OverlaySettings, Settings
from viewer.pictures import offscreen
from viewer.tiles.blocks import TEXELS
from viewer.tiles.borders import Extent

SIDE_M = 512.0
SIZE = (256, 256)

# Heights and their derivatives over east and north in meters, from the tile's south-west corner.
SURFACES = {
    "plane": lambda x, y: (
        0.3 * x - 0.4 * y, np.full_like(x, 0.3), np.full_like(x, -0.4), *np.zeros((3, *x.shape)),
    ),
    "paraboloid": lambda x, y: (
        0.0008 * ((x - 200) ** 2 + 2 * (y + 150) ** 2), 0.0016 * (x - 200), 0.0032 * (y + 150),
        np.full_like(x, 0.0016), np.zeros_like(x), np.full_like(x, 0.0032),
    ),
    "sine": lambda x, y: (
        8 * np.sin(x / 30) * np.sin(y / 45), 8 / 30 * np.cos(x / 30) * np.sin(y / 45),
        8 / 45 * np.sin(x / 30) * np.cos(y / 45), -8 / 900 * np.sin(x / 30) * np.sin(y / 45),
        8 / 1350 * np.cos(x / 30) * np.cos(y / 45), -8 / 2025 * np.sin(x / 30) * np.sin(y / 45),
    ),
}  # fmt: skip


def drawn(
    ctx, page: TilePage, overlay: str, settings: Settings | None = None, *, errors: bool = False
) -> np.ndarray:
    """The overlay's value and height over one tile seen from above, float32 [256, 256, 2]."""
    terrain = TerrainPass(ctx)
    target = SurveyTarget(ctx)
    instance = np.zeros(1, INSTANCE)
    instance["origin"] = (0, SIDE_M, 0)
    instance["size"] = (SIDE_M, SIDE_M)
    instance["extent"] = Extent()
    instance["about"] = 0, 3, 100.0, float(errors)
    # Orthographic: east and north fill the picture, heights are squeezed into the depth range.
    clip = np.diag([2 / SIDE_M, 2 / SIDE_M, -1e-6, 1.0])
    clip[3, :2] = -1
    look = Look(settings or Settings(), overlay, 256, (0.0, 1.0))
    target.begin(SIZE)
    terrain.draw_numbers(
        [Batch(page, None, False, instance, np.zeros((1, 4, 257), np.float32))], clip, look
    )
    numbers = target.read()
    terrain.release()
    target.release()
    return numbers


def places() -> tuple[np.ndarray, np.ndarray]:
    """East and north of the pixels' middles, meters."""
    x = (np.arange(SIZE[0]) + 0.5) / SIZE[0] * SIDE_M
    return np.meshgrid(x, x[::-1])


@pytest.fixture
def page(ctx):
    """A page whose first tile can be written."""
    page = TilePage(ctx)
    page.write_valid(0, np.ones((TILE, TILE), bool))
    yield page
    page.release()


def write(page: TilePage, name: str) -> None:
    line = np.arange(LATTICE) / TILE * SIDE_M
    z, p, q, *_ = SURFACES[name](*np.meshgrid(line, line[::-1]))
    page.write_surface(0, z, np.stack([p, q], axis=-1))


@pytest.mark.parametrize("name", SURFACES)
def test_derivatives_of_known_surfaces(ctx, page, name):
    write(page, name)
    z, p, q, *second = SURFACES[name](*places())
    bend = Bend(*second)
    expected = {
        "slope": (slope_deg(p, q), 0.02),
        "profile_curvature": (profile_curvature(p, q, bend), 2e-5),
        "plan_curvature": (plan_curvature(p, q, bend), 2e-5),
    }
    steep = slope_deg(p, q) > 1.0
    inside = np.zeros(SIZE, bool)
    inside[1:-1, 1:-1] = True  # at the rim second derivatives are taken from one side
    for overlay, (truth, tolerance) in expected.items():
        got = drawn(ctx, page, overlay)
        np.testing.assert_allclose(got[..., 1], 100 + z, atol=0.02)
        np.testing.assert_allclose(
            got[..., 0][steep & inside], truth[steep & inside], atol=tolerance
        )
    facing = drawn(ctx, page, "aspect")[..., 0]
    apart = (facing - aspect_deg(p, q) + 180) % 360 - 180
    assert np.abs(apart[steep]).max() < 0.5
    assert ((facing[steep] >= 0) & (facing[steep] <= 360)).all()


def test_exaggeration_changes_no_value(ctx, page):
    write(page, "sine")
    high = Settings()
    high.view.exaggeration = 7.0
    for overlay in ("slope", "aspect", "profile_curvature", "plan_curvature"):
        np.testing.assert_array_equal(drawn(ctx, page, overlay), drawn(ctx, page, overlay, high))


def test_errors_and_edges_reach_the_picture_as_they_are(ctx, page):
    write(page, "plane")
    rng = np.random.default_rng(3)
    errors = rng.normal(0, 0.4, (TILE, TILE)).astype(np.float32)
    errors[:32, :32] = np.nan
    page.write_errors(0, overlays.HEIGHT, errors)
    page.write_errors(0, overlays.GRADIENT, 3 * np.abs(errors))
    settings = Settings()
    settings.overlay.tolerance_m = 0.5
    for overlay, truth in (
        ("error", errors),
        ("absolute_error", np.abs(errors)),
        ("gradient_error", 3 * np.abs(errors)),
        ("tolerance", np.where(np.isnan(errors), np.nan, np.abs(errors) > 0.5)),
    ):
        np.testing.assert_array_equal(
            drawn(ctx, page, overlay, settings, errors=True)[..., 0], truth
        )

    gaps = np.full((4, LATTICE), np.nan, np.float32)
    gaps[0] = -0.7
    gaps[3] = np.linspace(0.1, 0.2, LATTICE)  # north, east
    page.write_gaps(0, gaps)
    steps = drawn(ctx, page, "edge_gap")[..., 0]
    np.testing.assert_allclose(steps[:4, :248], 0.7)
    np.testing.assert_allclose(
        steps[8:, -4:], np.linspace(0.1, 0.2, 256)[8:, None].repeat(4, axis=1), atol=1e-3
    )
    assert np.isnan(steps[8:, :248]).all()
    assert page.bytes == 16 * (LATTICE**2 * 12 + TILE**2 * 9 + 16 * LATTICE)


def test_scales_and_errors_of_blocks_reach_the_picture(ctx, page):
    write(page, "plane")
    assert np.isnan(drawn(ctx, page, "blocks")[..., 0]).all()  # a layer without any
    blocks = np.zeros((TEXELS, TEXELS, 4), np.float32)
    blocks[:64, :64] = 0.0, 0.0, 0.5, 1.25
    blocks[64:, :64] = 0.0, 0.5, -0.5, -1.0  # constant, and its error unknown
    blocks[:64, 64:] = -1.0, -2.0, 4.0, 7.0  # around the tile
    blocks[64:, 64:, 3] = -1.0  # none
    page.write_blocks(0, blocks)
    scales = drawn(ctx, page, "blocks")[..., 0]  # of a tile of level 3
    errors = drawn(ctx, page, "block_error")[..., 0]
    for numbers, (nw, sw, ne, se) in (
        (scales, (4, 4, 1, np.nan)),
        (errors, (1.25, np.nan, 7.0, np.nan)),
    ):
        np.testing.assert_array_equal(numbers[:128, :128], nw)
        np.testing.assert_array_equal(numbers[128:, :128], sw)
        np.testing.assert_array_equal(numbers[:128, 128:], ne)
        np.testing.assert_array_equal(numbers[128:, 128:], se)
    assert page.bytes == 16 * (LATTICE**2 * 12 + TILE**2 + 16 * TEXELS**2)


@pytest.mark.parametrize(
    ("name", "reach", "range_"),
    [("slope", 0.0, (0, 60)), ("error", 0.031, (-0.05, 0.05)), ("absolute_error", 0.21, (0, 0.5)),
     ("error", 0.0, (-5e-3, 5e-3)), ("aspect", 5.0, (0, 360)), ("tolerance", 5.0, (0, 1)),
     ("profile_curvature", 0.0123, (-0.02, 0.02))],
)  # fmt: skip
def test_ranges_are_round_and_follow_their_rule(name, reach, range_):
    overlay = OverlaySettings(name=name)
    assert overlays.color_range(
        overlay, overlays.color_limit(overlay, lambda: reach)
    ) == pytest.approx(range_)
    overlay.reach[name] = 0.3
    overlay.amplification = 10.0
    low, high = overlays.color_range(overlay, overlays.color_limit(overlay, lambda: reach))
    kind = overlays.OVERLAYS[name]
    if kind.range_kind != "mask":
        assert high == pytest.approx(0.03 if kind.measures else 0.3)
        assert low == pytest.approx(-high if kind.range_kind == "signed" else 0)
        assert overlays.colormap_name(overlay, name) in colormaps.names(kind.colormap_kind)


def hill(width: int, height: int) -> np.ndarray:
    """Heights [h, w] of a cone that falls 0.5 m per pixel, in a sky without heights."""
    y, x = np.mgrid[0:height, 0:width]
    z = 300 - 0.5 * np.hypot(x - width / 2 + 0.5, y - height / 2 + 0.5)
    return np.where(z > 300 - 0.48 * height, z, np.nan).astype(np.float32)


def test_intervals_follow_the_steepness_in_sight():
    steep = hill(400, 300)
    on = ContourSettings(on=True)
    assert contours.automatic_m(steep, 1.0) == 10.0  # 16 pixels of 0.5 m are 8 m
    assert contours.automatic_m(steep, 2.0) == 5.0  # the picture has twice as many pixels
    assert contours.automatic_m(np.full((9, 9), 7.0), 1.0) == 0.01
    assert contours.automatic_m(np.full((9, 9), np.nan), 1.0) == 0.01
    assert contours.automatic_m(np.full((9, 9), 7.0), 1.0, 0.3) == 0.5  # closer is rounding
    assert contours.automatic_m(steep, 2.0, 0.3) == 5.0
    assert Survey(np.dstack([steep, steep]), 2.0, math.inf).interval_m(Settings(contours=on)) == 0
    seen = Survey(np.dstack([steep, steep]), 2.0)
    settings = Settings()
    for chosen, interval in (
        (ContourSettings(on=True), 5.0),
        (ContourSettings(on=True, auto=False, interval_m=3.0), 3.0),
        (ContourSettings(auto=False, interval_m=3.0), 0.0),
    ):
        settings.contours = chosen
        assert seen.interval_m(settings) == interval


def test_labels_lie_on_their_lines_and_apart():
    heights = hill(400, 300)
    found = contours.labels(heights, 5.0, 2.0)
    assert len(found) > 5
    for label in found:
        x = label.x * 400
        y = label.y * 300
        z = 300 - 0.5 * math.hypot(x - 200, y - 150)
        assert z == pytest.approx(float(label.text), abs=0.1)
        assert float(label.text) % 25 == 0
    at = np.array([(label.x * 800, label.y * 600) for label in found])
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))[np.triu_indices(len(at), 1)]
    assert apart.min() >= contours.APART_PX
    assert at.min() > contours.MARGIN_PX
    assert not any(x < 170 and y > 360 for x, y in at)  # the legend's corner
    assert contours.labels(np.full((9, 9), np.nan), 5.0, 2.0) == []
    # A step between two grounds, one behind the other, is no line.
    stepped = np.tile(np.where(np.arange(300) < 150, 101.0, 99.0), (200, 1)) + 0.001 * np.arange(
        300
    )
    assert contours.labels(stepped, 20.0, 2.0) == []


def test_lines_are_where_the_heights_are_and_as_wide_everywhere(scene, target, mountain_file):
    scene.settings.shading.mode = "elevation"
    scene.settings.view.msaa = 0
    scene.settings.view.mesh_quads = 32  # as the survey
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, (320, 200))
    plain = image(scene, target, camera)
    scene.settings.contours = ContourSettings(on=True, auto=False, interval_m=100.0, labels=True)
    lined = image(scene, target, camera)
    changed = np.abs(lined - plain).max(axis=-1) > 12
    heights = scene.survey.numbers[..., 1]
    assert heights.shape == (200, 320)
    rise = np.hypot(*np.gradient(heights))
    away = np.abs(heights - 100 * np.round(heights / 100)) / np.maximum(rise, 1e-6)
    thin = np.isfinite(away) & (rise > 0.5) & (rise < 10)
    assert changed[thin & (away < 0.3)].mean() > 0.9
    assert changed[thin & (away > 3.5)].mean() < 0.02
    assert scene.survey.interval_m(scene.settings) == 100.0
    labels = scene.survey.labels(scene.settings)
    assert labels
    for label in labels:
        pick = scene.pick(camera, label.x * 320, label.y * 200)
        of_a_pixel = float(rise[int(label.y * 200), int(label.x * 320)])
        assert pick.z_m == pytest.approx(float(label.text), abs=1.5 * of_a_pixel + 1.0)
    scene.settings.contours.on = False
    np.testing.assert_array_equal(image(scene, target, camera), plain)


def test_curvature_colors_end_where_most_values_in_sight_do(scene, target, mountain_file):
    scene.settings.overlay.name = "profile_curvature"
    scene.open(mountain_file)
    camera = whole_area(scene)
    offscreen.load(scene, camera, (320, 200))
    image(scene, target, camera)
    values = np.abs(scene.survey.numbers[..., 0])
    low, high = scene.overlay_range
    assert low == -high
    assert (values[np.isfinite(values)] <= high).mean() >= 0.95
    assert (values[np.isfinite(values)] <= high / 2.6).mean() < 0.95


def test_slope_and_aspect_of_a_file_against_differences_of_what_it_was_made_of(
    scene, target, mountain_file
):
    """Places of pixels from their rays and heights; there the source's own function,
    differenced."""
    scene.settings.view.sse_px = 0.01
    scene.open(mountain_file)
    camera = whole_area(scene, pitch_deg=-60.0)
    right, up, forward = camera.pyramid((320, 200))
    x, y = np.meshgrid((np.arange(320) + 0.5) / 160 - 1, 1 - (np.arange(200) + 0.5) / 100)
    rays = forward + x[..., None] * right + y[..., None] * up
    for exaggeration in (1.0, 2.0):
        scene.settings.view.exaggeration = exaggeration
        for overlay in ("slope", "aspect"):
            scene.settings.overlay.name = overlay
            scene.settings.contours.on = True  # so that there is a survey
            offscreen.load(scene, camera, (320, 200))
            image(scene, target, camera)
            values, heights = (scene.survey.numbers[..., k].astype(np.float64) for k in (0, 1))
            far = (scene.drawn_z(0.0) + heights * exaggeration - camera.z) / rays[..., 2]
            east = camera.easting + far * rays[..., 0]
            north = camera.northing + far * rays[..., 1]
            p = (mountains.height(east + 4, north) - mountains.height(east - 4, north)) / 8
            q = (mountains.height(east, north + 4) - mountains.height(east, north - 4)) / 8
            there = np.isfinite(values) & (slope_deg(p, q) > 3)
            assert there.mean() > 0.3
            if overlay == "slope":
                off = np.abs(values - slope_deg(p, q))[there]
            else:
                off = np.abs((values - aspect_deg(p, q) + 180) % 360 - 180)[there]
            assert np.median(off) < 0.5
            assert np.quantile(off, 0.95) < 4.0
