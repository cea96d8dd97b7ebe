"""Cast shadows: as long as they must be, none where the sun sees, and of what is not in the picture
too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.support import areas, mountains
from tests.support.scene_tools import SIZE, image, is_background, whole_area, world_of
from viewer.graphics.light import direction
from viewer.graphics.shadows import cascades
from viewer.graphics.sunlight import tiles_outside
from viewer.model.camera import Camera
from viewer.pictures import offscreen

CREST_M = 30.0
RIDGE_AT_M = 300.0
RIDGE_HALF_M = 12.0
SIDE_M = 512.0


def ridge(x, y):
    """A wall from north to south on level ground, as wide at its foot as 2 RIDGE_HALF_M."""
    return CREST_M * np.clip(1 - np.abs(x - RIDGE_AT_M) / RIDGE_HALF_M, 0, 1) + 0 * y


@pytest.fixture(scope="module")
def ridge_file(tmp_path_factory):
    return areas.write_square(
        tmp_path_factory.mktemp("shadows") / "ridge.ntile", ridge, cells=512, cell_m=1.0
    )


def pictures(scene, target, camera):
    """Without and with shadows."""
    offscreen.load(scene, camera, SIZE)
    out = []
    for shadows in (False, True):
        scene.settings.shading.shadows = shadows
        out.append(image(scene, target, camera))
    return out


@pytest.mark.parametrize("samples", [0, 4])
def test_a_ridge_casts_a_shadow_as_long_as_its_height_over_the_tangent(
    scene, target, ridge_file, samples
):
    scene.open(ridge_file)
    shading = scene.settings.shading
    view = scene.settings.view
    shading.mode = "hillshade"
    shading.sun_azimuth_deg = 90.0
    view.sse_px = 0.2
    view.msaa = samples
    camera = whole_area(scene)
    # the level ground, which exaggeration leaves where it is
    easting, northing = world_of(camera, 0.0)
    pixel_m = easting[0, 1] - easting[0, 0]
    level = (np.abs(easting - RIDGE_AT_M) > RIDGE_HALF_M + 2 * pixel_m) & (
        np.abs(northing + 256) < 240
    )
    level &= (easting > 10) & (easting < SIDE_M - 10)
    for altitude, exaggeration in ((30.0, 1.0), (30.0, 2.0), (40.0, 1.0), (15.0, 1.0)):
        shading.sun_altitude_deg = altitude
        view.exaggeration = exaggeration
        plain, shaded = pictures(scene, target, camera)
        darker = (plain - shaded).max(axis=-1)
        end = RIDGE_AT_M - CREST_M * exaggeration / math.tan(math.radians(altitude))
        inside = level & (easting < RIDGE_AT_M) & (easting > end + 2 * pixel_m)
        outside = level & (
            (easting < end - 2 * pixel_m) | (easting > RIDGE_AT_M + 4 * RIDGE_HALF_M)
        )
        assert darker[inside].min() > 40, altitude
        assert np.abs(shaded - plain)[outside].max() == 0, altitude
        assert inside.sum() > 100
        assert outside.sum() > 2000


def test_a_ridge_outside_the_picture_casts_its_shadow_into_it(scene, target, ridge_file):
    scene.open(ridge_file)
    shading = scene.settings.shading
    shading.mode = "hillshade"
    shading.sun_azimuth_deg = 90.0
    shading.sun_altitude_deg = 12.0
    scene.settings.view.sse_px = 0.2
    # The ridge's shadow reaches from 300 m to 159 m; the picture shows 140 m to 220 m.
    camera = Camera(180.0, -256.0, 60.0, 0.0, -89.9)
    plain, shaded = pictures(scene, target, camera)
    easting, _ = world_of(camera, 0.0)
    assert easting.max() < RIDGE_AT_M - RIDGE_HALF_M
    tiles = {(tile.z, tile.x) for tile in scene.pane.selection.draw}
    assert (1, 1) not in tiles  # the half with the ridge is not drawn
    dark = (plain - shaded).max(axis=-1) > 40
    end = RIDGE_AT_M - CREST_M / math.tan(math.radians(12.0))
    pixel_m = easting[0, 1] - easting[0, 0]
    # Outside the picture the ridge is as coarse as the walk left it, its crest a meter lower.
    assert dark[easting > end + 8].all()
    assert not dark[easting < end - 4 * pixel_m].any()
    assert (easting < end - 4 * pixel_m).any()


BEND = 0.0009  # of the dome, 1/m


def dome(x, y):
    return 120 - BEND * ((x - 512) ** 2 + (y - 512) ** 2)


@pytest.fixture(scope="module")
def dome_file(tmp_path_factory):
    return areas.write_square(
        tmp_path_factory.mktemp("shadows") / "dome.ntile", dome, cells=512, cell_m=2.0
    )


def seen_on_dome(camera: Camera, x: int, y: int) -> tuple[float, float] | None:
    """Easting and northing of the dome's point in a pixel, from above it."""
    east, north, up = camera.ray(x + 0.5, y + 0.5, SIZE)
    # BEND·|place + t·ray|² + z + t·up − 120 = 0, places from the dome's middle.
    e = camera.easting - 512
    n = camera.northing + 512
    a = BEND * (east**2 + north**2)
    b = BEND * 2 * (e * east + n * north) + up
    c = BEND * (e**2 + n**2) + camera.z - 120
    if b * b < 4 * a * c:
        return None
    t = (-b - math.sqrt(b * b - 4 * a * c)) / (2 * a)
    place = e + t * east, n + t * north
    return place if t > 0 and max(map(abs, place)) < 500 else None


@pytest.mark.parametrize("pitch", [-12.0, -50.0])
def test_a_dome_does_not_shade_itself_where_it_faces_the_sun(scene, target, dome_file, pitch):
    scene.open(dome_file)
    shading = scene.settings.shading
    shading.mode = "hillshade"
    shading.hillshade = "standard"
    shading.sun_azimuth_deg = 200.0
    camera = whole_area(scene, pitch_deg=pitch, heading_deg=30.0)
    if pitch > -20:  # from near the ground, where the slices are thin
        camera = Camera(512.0, -980.0, dome(512.0, 980.0) + 8.0, 0.0, pitch)
    pixels = [(x, y) for y in range(4, SIZE[1], 9) for x in range(4, SIZE[0], 9)]
    places = {
        pixel: place for pixel in pixels if (place := seen_on_dome(camera, *pixel)) is not None
    }
    for altitude in (4.0, 12.0, 40.0):
        shading.sun_altitude_deg = altitude
        plain, shaded = pictures(scene, target, camera)
        sun = np.array(direction(shading.sun_azimuth_deg, altitude))
        seen = 0
        for (x, y), place in places.items():
            slope = -2 * BEND * np.array(place)
            facing = (sun[2] - slope @ sun[:2]) / math.sqrt(1 + slope @ slope)
            if facing > 0.06:
                seen += 1
                # The sky may add to what faces away; nothing that faces the sun is darker.
                assert (shaded[y, x] >= plain[y, x] - 2).all(), (x, y, altitude, facing)
        assert seen > 100


def test_shadows_change_nothing_but_the_relief(scene, target, ridge_file):
    scene.open(ridge_file)
    camera = whole_area(scene, pitch_deg=-30.0)
    scene.settings.shading.mode = "elevation"
    plain, shaded = pictures(scene, target, camera)
    np.testing.assert_array_equal(plain, shaded)
    scene.settings.shading.mode = "combined"
    plain, shaded = pictures(scene, target, camera)
    np.testing.assert_array_equal(is_background(plain), is_background(shaded))
    assert (plain != shaded).any()


BOXES = np.array([[-500.0, 10.0, -60.0, 500.0, 1100.0, 40.0]])
CAMERA = Camera(1e6, 5e6, 400.0, 10.0, -20.0)


def fitted(camera=CAMERA, most=3, casters=BOXES, planes_m=(20.0, 1300.0)):
    sight = np.stack(camera.pyramid(SIZE))
    return cascades(direction(120.0, 25.0), sight, planes_m, BOXES, casters, camera.eye, 2048, most)


def test_maps_cover_their_slices_and_nearer_ones_are_finer():
    maps = fitted()
    assert [m.far_m for m in maps] == sorted(m.far_m for m in maps)
    assert [m.texel_m for m in maps] == sorted(m.texel_m for m in maps)
    assert maps[0].texel_m < maps[-1].texel_m / 3
    sight = np.stack(CAMERA.pyramid(SIZE))
    near = 20.0
    rng = np.random.default_rng(1)
    for each in maps:
        ndc = np.column_stack([rng.uniform(-1, 1, (4000, 2)), np.ones(4000)])
        points = ndc @ sight * rng.uniform(near, each.far_m, (4000, 1))
        points = points[((points > BOXES[0, :3]) & (points < BOXES[0, 3:])).all(axis=1)]
        clip = np.column_stack([points, np.ones(len(points))]) @ each.clip_from_world
        assert len(points) > 20
        assert np.abs(clip[:, :3]).max() <= 1
        near = each.far_m


def test_what_stands_towards_the_sun_is_in_front_of_the_map():
    towards = np.array(direction(120.0, 25.0))
    tower = np.array([[*(500 * towards - 5), *(500 * towards + 5)]]) + np.tile([0.0, 600.0, 0.0], 2)
    (only,) = fitted(most=1, casters=np.concatenate([BOXES, tower]))
    corners = np.array(
        [[x, y, z] for x in tower[0, ::3] for y in tower[0, 1::3] for z in tower[0, 2::3]]
    )
    clip = np.column_stack([corners, np.ones(8)]) @ only.clip_from_world
    assert (np.abs(clip[:, :3]) <= 1).all()
    # nearer to the sun
    assert clip[:, 2].max() < (np.array([0.0, 600.0, 0.0, 1.0]) @ only.clip_from_world)[2]
    assert only.sees(tower).all()
    assert not only.sees(tower + np.tile([0.0, 4000.0, 0.0], 2)).any()


def test_shadows_stand_still_while_the_camera_moves():
    """Absolute places fall on the same fractions of texels."""
    moved = Camera(1e6 + 3.3, 5e6 - 1.7, 400.4, 10.0, -20.0)
    for one, other in zip(fitted(), fitted(moved), strict=True):
        assert one.texel_m == other.texel_m
        place = np.array([1e6 + 50.0, 5e6 + 400.0, 10.0])
        a, b = (
            np.append(place - camera.eye, 1.0) @ each.clip_from_world
            for camera, each in ((CAMERA, one), (moved, other))
        )
        apart = (a - b)[:2] * 1024  # texels
        np.testing.assert_allclose(apart, np.round(apart), atol=1e-3)


def test_large_pictures_in_pieces_have_the_same_light(scene, ridge_file):
    """Shadows, haze and eye-dome lighting do not show where pieces meet."""
    scene.open(ridge_file)
    shading = scene.settings.shading
    shading.shadows = True
    shading.sun_azimuth_deg = 100.0
    shading.sun_altitude_deg = 20.0
    shading.fog = 0.5
    shading.edl = True
    camera = whole_area(scene, pitch_deg=-35.0, heading_deg=20.0)
    whole = offscreen.draw(scene, camera, SIZE).astype(int)
    pieces = offscreen.draw(scene, camera, SIZE, (160, 100)).astype(int)
    apart = np.abs(whole - pieces).max(axis=-1)
    # maps of pieces may be finer: edges of shadows differ by a texel
    assert (apart > 12).mean() < 0.004
    # the rest is the noise against bands, which each piece begins anew
    assert (apart > 2).mean() < 0.02


def test_both_sides_of_a_split_picture_have_shadows(scene, target, ridge_file):
    scene.open(ridge_file)
    shading = scene.settings.shading
    shading.mode = "hillshade"
    shading.sun_azimuth_deg = 90.0
    shading.sun_altitude_deg = 30.0
    camera = whole_area(scene)
    _, whole = pictures(scene, target, camera)
    scene.settings.compare.split = True
    _, split = pictures(scene, target, camera)
    assert len(scene.panes) == 2
    assert (np.abs(whole - split).max(axis=-1) > 2).mean() < 0.01


def test_tiles_in_and_outside_the_picture_cover_the_area_once(scene, mountain_file):
    scene.open(mountain_file)
    scene.settings.view.sse_px = 1.0
    camera = Camera(2600.0, 6300.0, 1500.0, 40.0, -20.0)
    offscreen.load(scene, camera, SIZE)
    selection = scene.panes[0].selection
    drawn = selection.draw
    others = tiles_outside(selection).draw
    assert drawn
    assert others
    finest = mountains.GRID.levels - 1
    covered = [
        (tile.x * 2**up + x, tile.y * 2**up + y)
        for tile in (*drawn, *others)
        for up in [finest - tile.z]
        for x in range(2**up)
        for y in range(2**up)
    ]
    assert len(covered) == len(set(covered))
    columns = -(-mountains.GRID.width // 256)
    rows = -(-mountains.GRID.height // 256)
    assert {(x, y) for x in range(columns) for y in range(rows)} <= set(covered)
