"""Light: colors of level ground, hillshades against formulas of their own, sky, haze, eye-dome
lighting."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import shaders
from tests.support import areas
from tests.support.scene_tools import SIZE, image, is_background, whole_area, world_of
from viewer.graphics.light import direction
from viewer.model import colormaps
from viewer.model.settings import HILLSHADES
from viewer.pictures import offscreen

AZIMUTH = 300.0
ALTITUDE = 35.0
EXTENT_M = 1024.0


def plane(x, y):
    return 100 + 0.35 * x - 0.2 * y


def paraboloid(x, y):
    return 300 - 0.0009 * ((x - 512) ** 2 + (y - 512) ** 2)


def sine(x, y):
    return 60 * np.sin(x / 90) + 40 * np.cos(y / 120)


def slopes(height, x, y, step=0.05):
    """East and north slopes at places in meters east and south."""
    return (
        (height(x + step, y) - height(x - step, y)) / (2 * step),
        (height(x, y - step) - height(x, y + step)) / (2 * step),
    )


def encoded(light):
    """sRGB of linear light."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


# The formulas of gdaldem (apps/gdaldem_lib.cpp: GDALHillshadeAlg, GDALHillshadeMultiDirectionalAlg,
# GDALHillshadeIgorAlg), written with slope and aspect as its documentation does, 0 to 1 in place of
# 1 to 255.


def _slope_and_aspect(east, north):
    """Steepness in radians and the azimuth that a slope faces."""
    return np.arctan(np.hypot(east, north)), np.arctan2(-east, -north)


def horn(east, north, azimuth, altitude):
    slope, aspect = _slope_and_aspect(east, north)
    zenith = np.pi / 2 - altitude
    gray = np.cos(zenith) * np.cos(slope) + np.sin(zenith) * np.sin(slope) * np.cos(
        azimuth - aspect
    )
    return np.maximum(gray, 0)


def mark(east, north, azimuth, altitude):
    _, aspect = _slope_and_aspect(east, north)
    suns = [azimuth + math.radians(turn) for turn in (-90, -45, 0, 45)]
    return sum(np.cos(sun - aspect) ** 2 * horn(east, north, sun, altitude) for sun in suns) / 2


def igor(east, north, azimuth, altitude):
    slope, aspect = _slope_and_aspect(east, north)
    # 0 facing the sun, π turned away
    apart = np.abs((aspect - azimuth + np.pi) % (2 * np.pi) - np.pi)
    return 1 - slope / (np.pi / 2) * apart / np.pi


FORMULAS = {"standard": horn, "multidirectional": mark, "igor": igor}


def in_shader(
    ctx, hillshade: str, slope: np.ndarray, azimuth: float, altitude: float
) -> np.ndarray:
    """Light of slopes float32 [n, 2] (east, north) as shaders/hillshade has it."""
    folder = Path(shaders.__file__).parent
    parts = [
        (folder / name).read_text(encoding="utf-8")
        for name in ("lib/sun.glsl", f"hillshade/{hillshade}.glsl")
    ]
    main = "in vec2 slope; out float light; void main() { light = hillshade(slope); }"
    program = ctx.program(
        vertex_shader="\n".join(["#version 410 core", *parts, main]), varyings=["light"]
    )
    program["u_sun"] = direction(azimuth, altitude)
    source = ctx.buffer(slope.astype("f4"))
    out = ctx.buffer(reserve=4 * len(slope))
    vertices = ctx.vertex_array(program, [(source, "2f", "slope")])
    vertices.transform(out, mode=ctx.POINTS)
    light = np.frombuffer(out.read(), np.float32)
    for part in (vertices, source, out, program):
        part.release()
    return light


def some_slopes() -> np.ndarray:
    rng = np.random.default_rng(7)
    east, north = rng.normal(size=(2, 4000)) * rng.uniform(0, 2, 4000)
    return np.stack([east, north], axis=1)


@pytest.mark.parametrize("altitude", [20.0, 45.0, 70.0])
@pytest.mark.parametrize("name", FORMULAS)
def test_hillshades_are_those_of_gdal(ctx, name, altitude):
    slope = some_slopes()
    light = in_shader(ctx, name, slope, AZIMUTH, altitude)
    radians = math.radians(AZIMUTH), math.radians(altitude)
    gray = FORMULAS[name](*slope.T, *radians)
    level = FORMULAS[name](np.zeros(1), np.zeros(1), *radians)[0]
    np.testing.assert_allclose(
        light ** (1 / 2.2), gray / level, atol=3e-3 if name == "igor" else 2e-4
    )


def test_the_four_suns_stand_where_gdal_has_them(ctx):
    slope = some_slopes()
    east, north = slope.T
    light = in_shader(ctx, "multidirectional", slope, 315.0, 45.0)
    # As in gdaldem's source: x is the slope down to the east, y that up to the north, and the
    # weights are of these.
    x = -east
    y = north
    sine = math.sqrt(0.5)
    suns = (sine - (x - y) / 2, sine - x * sine, sine - (x + y) / 2, sine - y * sine)
    w225 = 0.5 * (x * x + y * y) - x * y
    weights = (w225, x * x, x * x + y * y - w225, y * y)
    total = sum(w * np.maximum(value, 0) for w, value in zip(weights, suns, strict=True))
    gray = 0.5 * total / (x * x + y * y) / np.sqrt(1 + x * x + y * y)
    np.testing.assert_allclose(light ** (1 / 2.2), gray / sine, atol=2e-4)


@pytest.mark.parametrize("name", HILLSHADES)
@pytest.mark.parametrize("altitude", [2.0, 15.0, 45.0, 90.0])
def test_level_ground_gets_all_the_light(ctx, name, altitude):
    light = in_shader(ctx, name, np.zeros((1, 2)), AZIMUTH, altitude)
    assert light[0] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", HILLSHADES)
def test_slopes_that_face_the_sun_are_not_the_darker_ones(ctx, name):
    tilt = (
        np.array([[-math.sin(a), -math.cos(a)] for a in np.radians([AZIMUTH, AZIMUTH + 180])]) * 0.5
    )
    facing, turned = in_shader(ctx, name, tilt, AZIMUTH, ALTITUDE)
    assert facing > turned


@pytest.mark.parametrize("exaggeration", [1.0, 3.0])
@pytest.mark.parametrize("surface", [plane, paraboloid, sine])
def test_pictures_show_the_hillshade_of_the_slope_as_drawn(
    scene, target, tmp_path, surface, exaggeration
):
    shading = scene.settings.shading
    shading.mode = "hillshade"
    shading.sun_azimuth_deg = AZIMUTH
    shading.sun_altitude_deg = ALTITUDE
    scene.settings.view.exaggeration = exaggeration
    scene.settings.view.sse_px = 0.05
    scene.open(areas.write_square(tmp_path / "area.ntile", surface))
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    picks = {}
    for y in range(12, SIZE[1], 16):
        for x in range(12, SIZE[0], 16):
            pick = scene.pick(camera, x + 0.5, y + 0.5)
            if pick is not None and min(pick.easting, -pick.northing, EXTENT_M - pick.easting) > 16:
                if pick.northing + EXTENT_M > 16:
                    picks[y, x] = pick.easting, -pick.northing
    assert len(picks) > 40
    rows, columns = np.array(list(picks)).T
    east, north = (exaggeration * s for s in slopes(surface, *np.array(list(picks.values())).T))
    radians = math.radians(AZIMUTH), math.radians(ALTITUDE)
    for name, formula in FORMULAS.items():
        shading.hillshade = name
        shown = image(scene, target, camera)[rows, columns]
        gray = formula(east, north, *radians) / formula(np.zeros(1), np.zeros(1), *radians)
        neutral = np.array([189, 189, 186])
        # As light, and to a few steps in the darkest tones simply as the gray value, which is how
        # GIS programs show it.
        expected = 255 * encoded(
            np.minimum(np.outer(gray**2.2, colormaps.linear_from_srgb(neutral / 255)), 1)
        )
        assert np.abs(shown - expected).max() <= 2.5, name
        assert np.abs(shown - np.minimum(np.outer(gray, neutral), 255)).max() <= 10, name


@pytest.mark.parametrize("samples", [0, 4])
@pytest.mark.parametrize("name", HILLSHADES)
def test_level_ground_shows_the_colors_of_the_legend(scene, target, tmp_path, name, samples):
    shading = scene.settings.shading
    shading.hillshade = name
    scene.settings.view.msaa = samples
    shading.elevation_auto = False
    scene.open(areas.write_square(tmp_path / "level.ntile", lambda x, y: 250.0 + 0 * x))
    camera = whole_area(scene)
    offscreen.load(scene, camera, SIZE)
    for colors in colormaps.names("elevation"):
        shading.colormap = colors
        for share in (0.0, 0.1, 0.37, 0.8, 1.0):
            shading.elevation_min_m = 250 - 100 * share
            shading.elevation_max_m = 250 + 100 * (1 - share) + 1e-3
            middle = image(scene, target, camera)[80:120, 130:190]
            table = colormaps.lut(colors).astype(int)
            assert np.abs(middle - table[round(255 * share)]).max() <= 1


def test_the_roots_of_the_encoding_are_those_of_srgb(ctx):
    text = (Path(shaders.__file__).parent / "lib" / "srgb.glsl").read_text(encoding="utf-8")
    main = (
        "in vec3 x; out vec3 there; out vec3 back; void main() { there = srgb_of(x); back = "
        "linear_of(x); }"
    )
    program = ctx.program(
        vertex_shader=f"#version 410 core\n{text}\n{main}", varyings=["there", "back"]
    )
    x = np.repeat(np.linspace(0, 1, 4097, dtype=np.float32) ** 2, 3)
    source = ctx.buffer(x)
    out = ctx.buffer(reserve=8 * len(x))
    vertices = ctx.vertex_array(program, [(source, "3f", "x")])
    vertices.transform(out, mode=ctx.POINTS)
    got = np.frombuffer(out.read(), np.float32).reshape(-1, 2, 3)
    exact = encoded(x).reshape(-1, 3)
    assert np.abs(255 * (got[:, 0] - exact)).max() < 0.1
    np.testing.assert_allclose(got[:, 1], colormaps.linear_from_srgb(x).reshape(-1, 3), atol=2e-6)
    for part in (vertices, source, out, program):
        part.release()


def test_edges_average_light_not_bytes(scene, target, magenta, tmp_path):
    """Half covered, magenta over black shows 188 and not 128."""
    shading = scene.settings.shading
    shading.mode = "elevation"
    shading.elevation_auto = False
    scene.open(areas.write_square(tmp_path / "level.ntile", lambda x, y: 250.0 + 0 * x))
    camera = whole_area(scene, pitch_deg=-50.0, heading_deg=20.0)
    offscreen.load(scene, camera, SIZE)
    pictures = {}
    for samples in (0, 4):
        scene.settings.view.msaa = samples
        pictures[samples] = image(scene, target, camera)
    ground = pictures[0][100, 160]
    linear = colormaps.linear_from_srgb(np.array([ground, (255, 0, 255)]) / 255)
    shares = np.arange(5)[:, None] / 4
    mixed = shares * linear[1] + (1 - shares) * linear[0]
    allowed = 255 * encoded(mixed)
    shown = pictures[4].reshape(-1, 3)
    apart = np.abs(shown[:, None] - allowed).max(axis=-1).min(axis=1)
    between = (np.abs(shown - ground).max(axis=-1) > 8) & ~is_background(shown)
    assert between.sum() > 100
    assert apart[between].max() <= 2


def low_over(scene, target):
    """A picture from 30 m above the south edge of level ground, to the north, and its camera."""
    camera = whole_area(scene)
    camera.easting = 512.0
    camera.northing = -1000.0
    camera.z = scene.drawn_z(250.0) + 30
    camera.heading_deg = 0.0
    camera.pitch_deg = -2.0
    offscreen.load(scene, camera, SIZE)
    picture = image(scene, target, camera)
    return picture, camera


def test_haze_takes_far_ground_to_the_color_of_the_horizon(scene, target, tmp_path):
    shading = scene.settings.shading
    scene.open(areas.write_square(tmp_path / "level.ntile", lambda x, y: 250.0 + 0 * x))
    clear, camera = low_over(scene, target)
    shading.fog = 1.0
    hazy, _ = low_over(scene, target)
    _, northing = world_of(camera, 250.0)
    column = northing[:, SIZE[0] // 2]
    ground = [int(np.abs(column + 1000 - meters).argmin()) for meters in (80, 300, 900)]
    horizon = camera.project(camera.eye + np.array([0.0, 1e6, 0.0]), SIZE)[1]
    sky = hazy[round(horizon) - 2, 150:170].mean(axis=0)
    apart = [np.abs(hazy[row, 150:170].mean(axis=0) - sky).max() for row in ground]
    before = [np.abs(clear[row, 150:170].mean(axis=0) - sky).max() for row in ground]
    assert apart[0] > apart[1] > apart[2]
    # Koschmieder: what is left of the contrast after a way, in light, at the lowest height.
    from viewer.graphics.light import HAZE_DEPTH

    left = math.exp(-HAZE_DEPTH * 300 / math.hypot(EXTENT_M, EXTENT_M))
    light = colormaps.linear_from_srgb
    contrast = light(hazy[ground[1], 160] / 255) - light(sky / 255)
    whole = light(clear[ground[1], 160] / 255) - light(sky / 255)
    assert contrast / whole == pytest.approx(left, abs=0.1)
    assert before[2] > 4 * apart[2]


def test_the_sky_is_dimmer_and_warmer_under_a_low_sun(scene, target):
    camera = whole_area(scene, pitch_deg=10.0)
    from viewer.graphics.light import Light
    from viewer.model.settings import ShadingSettings

    def sky(altitude):
        shading = ShadingSettings(sun_altitude_deg=altitude, sun_azimuth_deg=0.0)
        drawing = scene._drawing
        drawing._target.begin(target, 0)
        drawing._background.draw(Light.of(shading, camera, SIZE))
        drawing._target.finish(target)
        return (
            np.frombuffer(target.read(components=3), np.uint8)
            .reshape(SIZE[1], SIZE[0], 3)[::-1]
            .astype(int)
        )

    high = sky(50.0)
    low = sky(3.0)
    assert high[:60].mean() > low[:60].mean() + 5  # upper rows
    horizon = camera.project(camera.eye + np.array([0.0, 1e6, 0.0]), SIZE)[1]
    row = round(horizon) - 3
    assert (low[row, :, 0] - low[row, :, 2]).mean() > (
        high[row, :, 0] - high[row, :, 2]
    ).mean() + 40
    for picture in (high, low):
        # no line, not at the horizon either
        assert np.abs(np.diff(picture[:, 160].astype(int), axis=0)).max() <= 24


@pytest.mark.parametrize("samples", [0, 4])
def test_eye_dome_lighting_darkens_what_lies_behind_an_edge_and_leaves_planes(
    scene, target, tmp_path, samples
):
    def step(x, y):
        # a terrace, the north half higher
        return 40.0 / (1 + np.exp(np.clip((y - 512) / 6, -60, 60)))

    scene.settings.view.msaa = samples
    scene.settings.view.sse_px = 0.2
    scene.settings.shading.mode = "elevation"
    scene.open(areas.write_square(tmp_path / "step.ntile", step))
    # from the north: the edge hides its foot
    camera = whole_area(scene, pitch_deg=-25.0, heading_deg=180.0)
    offscreen.load(scene, camera, SIZE)
    plain = image(scene, target, camera)
    scene.settings.shading.edl = True
    shaded = image(scene, target, camera)
    darker = (plain - shaded).max(axis=-1)
    assert (shaded <= plain + 1).all()
    edge = round(camera.project(np.array([512.0, -505.0, 40.0]), SIZE)[1])
    assert darker[edge - 6 : edge + 3, 150:170].max() > 40
    # A slanting plane, and the sky, stay as they are.
    assert darker[edge + 25 : edge + 60, 100:220].max() <= 2
    assert darker[:8].max() == 0
