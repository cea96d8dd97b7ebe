"""The camera: pixels and world points agree in both directions, moves keep what they promise to
keep."""

import numpy as np
import pytest

from viewer.model.camera import CLEARANCE_M, Camera
from viewer.model.readings import BoundingBox

SIZE = (1280, 720)
UTM = Camera(easting=500_000.25, northing=5_200_000.5, z=2500.0, heading_deg=30.0, pitch_deg=-40.0)


def camera(**changes: float) -> Camera:
    return Camera.from_json(UTM.to_json() | changes)


@pytest.mark.parametrize("heading", [0.0, 30.0, 200.0])
@pytest.mark.parametrize("pitch", [-89.9, -40.0, 10.0])
def test_axes_are_right_handed_and_unit(heading, pitch):
    right, up, forward = camera(heading_deg=heading, pitch_deg=pitch).axes
    np.testing.assert_allclose(np.cross(right, up), -forward, atol=1e-12)
    assert right[2] == 0
    assert up[2] >= 0


def test_heading_is_clockwise_from_north():
    np.testing.assert_allclose(camera(heading_deg=90, pitch_deg=0).axes[2], [1, 0, 0], atol=1e-12)


@pytest.mark.parametrize("pixel", [(640, 360), (0, 0), (1279.5, 3.25), (17, 700)])
def test_ray_project_and_matrix_agree(pixel):
    point = UTM.eye + 777.0 * UTM.ray(*pixel, SIZE)
    np.testing.assert_allclose(UTM.project(point, SIZE), pixel, atol=1e-6)
    clip = np.append(point - UTM.eye, 1.0) @ UTM.clip_from_world(SIZE[0] / SIZE[1], 1.0, 1e4)
    x, y = clip[:2] / clip[3]
    np.testing.assert_allclose([(x + 1) * SIZE[0] / 2, (1 - y) * SIZE[1] / 2], pixel, atol=1e-6)
    assert 1.0 < clip[3] < 1e4
    assert -1 < clip[2] / clip[3] < 1


def test_near_and_far_reach_the_ends_of_depth():
    matrix = UTM.clip_from_view(1.5, 2.0, 500.0)
    near, far = (np.array([0, 0, -d, 1.0]) @ matrix for d in (2.0, 500.0))
    np.testing.assert_allclose([near[2] / near[3], far[2] / far[3]], [-1, 1], atol=1e-9)


def test_orbit_keeps_the_pivot_in_its_pixel():
    eye = camera()
    pivot = eye.eye + 900.0 * eye.ray(300, 500, SIZE)
    eye.orbit(37.0, -12.0, pivot)
    np.testing.assert_allclose(eye.project(pivot, SIZE), (300, 500), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(eye.eye - pivot), 900.0)


def test_pan_brings_the_grabbed_point_under_the_cursor():
    eye = camera()
    grabbed = eye.eye + 1500.0 * eye.ray(400, 450, SIZE)
    eye.pan(grabbed, 900, 600, SIZE)
    np.testing.assert_allclose(eye.project(grabbed, SIZE), (900, 600), atol=1e-6)
    assert eye.z == UTM.z


def test_pan_above_the_horizon_stays():
    eye = camera(pitch_deg=5.0)
    eye.pan(UTM.eye + np.array([0, 1000, -500]), 640, 10, SIZE)
    np.testing.assert_array_equal(eye.eye, UTM.eye)


def test_zoom_keeps_the_point_and_stops_at_a_meter():
    eye = camera()
    point = eye.eye + 100.0 * eye.ray(200, 200, SIZE)
    eye.zoom(point, 0.5)
    np.testing.assert_allclose(eye.project(point, SIZE), (200, 200), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(eye.eye - point), 50.0)
    eye.zoom(point, 1e-9)
    np.testing.assert_allclose(np.linalg.norm(eye.eye - point), CLEARANCE_M, rtol=1e-6)
    eye.zoom(point, 1e-9)  # already there: it does not move away either
    np.testing.assert_allclose(np.linalg.norm(eye.eye - point), CLEARANCE_M, rtol=1e-6)


def test_fly_goes_where_it_looks():
    eye = camera(heading_deg=90.0, pitch_deg=0.0)
    eye.fly(2.0, 1, 0, 0, 10.0)
    np.testing.assert_allclose(eye.eye - UTM.eye, [20, 0, 0], atol=1e-6)
    eye.fly(2.0, 0, 0, 0, 10.0)
    np.testing.assert_allclose(eye.eye - UTM.eye, [20, 0, 0], atol=1e-6)


def test_stays_above_terrain():
    eye = camera(z=10.0)
    eye.stay_above(None)
    assert eye.z == 10.0
    eye.stay_above(42.0)
    assert eye.z == 42.0 + CLEARANCE_M


@pytest.mark.parametrize("pitch", [-89.9, -35.0, 0.0])
@pytest.mark.parametrize("aspect", [0.5, 16 / 9])
def test_frame_shows_the_whole_box_and_fills_the_picture(pitch, aspect):
    box = BoundingBox(4e5, 5e6, 4.1e5, 5.004e6, 900.0, 2100.0)
    size = (round(1000 * aspect), 1000)
    eye = camera()
    eye.frame(box, aspect, heading_deg=25.0, pitch_deg=pitch)
    corners = [(x, y, z) for x in box[0:3:2] for y in box[1:4:2] for z in box[4:]]
    pixels = np.array([eye.project(np.array(c), size) for c in corners])
    share = np.abs(pixels / size * 2 - 1)
    assert share.max() <= 0.95
    assert share.max() > 0.9


def test_json_round_trip_and_unknown_names():
    assert Camera.from_json(UTM.to_json()) == UTM
    with pytest.raises(ValueError, match="roll"):
        Camera.from_json({"roll": 1.0})
