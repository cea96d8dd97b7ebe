"""Camera paths: curves are C1 and meet their keyframes, angles turn the shorter way, nothing goes
into the ground."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from viewer.film.flight import Flight
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, Keyframe, retimed
from viewer.model.curves import EASINGS, Track
from viewer.storage.path_file import PathError, check_crs, from_json, read_path, to_json, write_path

UTM = "EPSG:25832"


def keyframe(time_s, east=600_000.0, north=5_200_000.0, z=1000.0, heading=0.0, pitch=-30.0, **rest):
    return Keyframe(time_s, Camera(east, north, z, heading, pitch), **rest)


def wandering(easings=("smooth",) * 5, **options):
    rng = np.random.default_rng(5)
    times = [0.0, 1.5, 2.0, 6.0, 7.0]
    frames = [
        keyframe(
            t,
            600_000 + rng.uniform(0, 800),
            5_200_000 + rng.uniform(0, 800),
            *rng.uniform((500, 0, -60), (900, 360, 10)),
            easing=e,
        )
        for t, e in zip(times, easings, strict=True)
    ]
    return CameraPath(frames, UTM, **options)


def state(sampler, t):
    camera = sampler.pose_at(t).camera
    turn = camera.heading_deg
    return np.array(
        [camera.easting, camera.northing, camera.z, turn, camera.pitch_deg, camera.fov_deg]
    )


def velocity(sampler, t, step):
    """One-sided difference, second order; `step` may be negative."""
    a, b, c = (state(sampler, t + k * step) for k in range(3))
    for other in (b, c):
        other[3] = a[3] + math.remainder(other[3] - a[3], 360)
    return (-3 * a + 4 * b - c) / (2 * step)


@pytest.mark.parametrize(
    "easings", [("smooth",) * 5, ("ease_in", "smooth", "ease_in_out", "ease_out", "smooth")]
)
def test_paths_meet_their_keyframes_with_one_velocity(easings):
    path = wandering(easings)
    sampler = path.sampler()
    for frame in path.keyframes:
        assert state(sampler, frame.time_s) == pytest.approx(
            [*frame.camera.eye, frame.camera.heading_deg, frame.camera.pitch_deg, 45], abs=1e-9
        )
    for frame in path.keyframes[1:-1]:
        before = velocity(sampler, frame.time_s, -1e-4)
        after = velocity(sampler, frame.time_s, 1e-4)
        assert before == pytest.approx(after, abs=2e-2)
    still = {"ease_in": [0], "ease_out": [1], "ease_in_out": [0, 1]}
    for k, way in enumerate(easings[:-1]):
        for end in still.get(way, []):
            t = path.keyframes[k + end].time_s
            assert velocity(sampler, t, -1e-4 if end else 1e-4) == pytest.approx(0, abs=2e-2)


def test_linear_segments_are_straight_and_even():
    path = wandering(("linear", "linear", "smooth", "linear", "smooth"))
    sampler = path.sampler()
    a, b = (frame.camera for frame in path.keyframes[:2])
    for share in (0.25, 0.5, 0.9):
        assert sampler.pose_at(1.5 * share).camera.eye == pytest.approx(
            a.eye + share * (b.eye - a.eye), abs=1e-6
        )
    # Smooth neighbors take over a linear segment's velocity.
    assert velocity(sampler, 2.0, 1e-4) == pytest.approx(velocity(sampler, 2.0, -1e-4), abs=2e-2)
    assert velocity(sampler, 6.0, 1e-4) == pytest.approx(velocity(sampler, 6.0, -1e-4), abs=2e-2)


def test_headings_turn_the_shorter_way_and_may_turn_on():
    path = CameraPath(
        [
            keyframe(0, heading=350),
            keyframe(1, heading=10),
            keyframe(2, heading=170),
            keyframe(3, heading=300),
        ]
    )
    sampler = path.sampler()
    headings = np.array([sampler.pose_at(t).camera.heading_deg for t in np.linspace(0, 3, 301)])
    assert sampler.pose_at(0.5).camera.heading_deg in (
        pytest.approx(0, abs=6),
        pytest.approx(360, abs=6),
    )
    turns = np.remainder(np.diff(headings) + 180, 360) - 180
    assert (turns > -1e-9).all()
    assert turns.sum() == pytest.approx(20 + 160 + 130)


def test_heights_stay_between_their_keyframes():
    path = CameraPath(
        [
            keyframe(0, z=900),
            keyframe(1, z=120),
            keyframe(1.2, z=110),
            keyframe(5, z=800),
            keyframe(6, z=800),
        ]
    )
    sampler = path.sampler()
    z = np.array([sampler.pose_at(t).camera.z for t in np.linspace(0, 6, 601)])
    assert z.min() == pytest.approx(110, abs=1e-9)
    assert z.max() == pytest.approx(900, abs=1e-9)
    assert z[500:] == pytest.approx(800, abs=1e-9)


def test_uneven_times_make_no_loops():
    """Between two near keyframes in a fast path the camera does not swing out (overshoot) along the
    way."""
    path = CameraPath(
        [keyframe(0, 0, 0), keyframe(4, 1000, 0), keyframe(4.1, 1001, 0), keyframe(8, 2000, 0)]
    )
    sampler = path.sampler()
    east = np.array([sampler.pose_at(t).camera.easting for t in np.linspace(0, 8, 801)])
    assert (np.diff(east) >= -1e-9).all()


def test_loops_join_with_one_velocity():
    frames = [
        keyframe(3 * k, 100 * math.cos(k), 100 * math.sin(k), heading=57.3 * k) for k in range(6)
    ]
    path = CameraPath([*frames, replace(frames[0], time_s=18.0)], loop=True)
    sampler = path.sampler()
    assert sampler.pose_at(18.0 + 1.25) == sampler.pose_at(1.25)
    assert velocity(sampler, 18.0, -1e-4) == pytest.approx(velocity(sampler, 0.0, 1e-4), abs=2e-2)
    assert path.frame_count(10) == 180
    assert replace(path, loop=False).frame_count(10) == 181
    assert retimed(path, 9.0).frame_count(10) == 90


def test_keyed_settings_change_between_the_keyframes_that_name_them():
    frames = [
        keyframe(0, sun_azimuth_deg=350.0),
        keyframe(2),
        keyframe(4, sun_azimuth_deg=20.0),
        keyframe(6, exaggeration=2.0),
    ]
    sampler = CameraPath(frames).sampler()
    assert sampler.pose_at(2).keyed == {"sun_azimuth_deg": pytest.approx(5.0), "exaggeration": 2.0}
    assert sampler.pose_at(6).keyed["sun_azimuth_deg"] == pytest.approx(20.0)
    assert CameraPath([keyframe(0)]).sampler().pose_at(9).keyed == {}


@pytest.mark.parametrize("loop", [False, True])
def test_flights_clear_the_terrain_smoothly_and_leave_clear_paths_alone(loop):
    first = keyframe(0, 0, 0, z=100)
    path = CameraPath(
        [
            first,
            keyframe(5, 500, 0, z=60),
            keyframe(10, 1000, 0, z=100),
            replace(first, time_s=16.0),
        ],
        loop=loop,
    )

    def ridge(east, north, exaggeration=None):
        return 90.0 * math.exp(-(((east - 480) / 60) ** 2)) if 0 <= east <= 900 else None

    flight = Flight(path, ridge, 5.0)
    times = np.linspace(0, 16, 1601)
    eyes = np.array([flight.pose_at(t).camera.eye for t in times])
    above = np.array([z - (ridge(x, y) or -1e9) for x, y, z in eyes])
    assert above.min() > 5.0 - 0.05
    assert flight.lifted_m == pytest.approx(35, abs=1.5)
    rise = np.diff(eyes[:, 2]) / np.diff(times)
    # m/s from one hundredth of a second to the next: no kink
    assert np.abs(np.diff(rise)).max() < 2.5
    clear = Flight(path, lambda east, north, exaggeration: 20.0, 5.0)
    assert all(clear.pose_at(t) == path.sampler().pose_at(t) for t in (0.0, 3.7, 9.99))


def test_a_track_of_one_value_stands_still():
    assert Track([2.0], np.array([7.0]), monotone=True).value_at(99.0) == 7.0
    with pytest.raises(ValueError, match="keyframe"):
        CameraPath([]).sampler()


def test_path_files_come_back_as_they_were(tmp_path):
    path = wandering(tuple(EASINGS), fps=24.0)
    path.keyframes[1] = replace(path.keyframes[1], exaggeration=1.5, sun_altitude_deg=30.0)
    write_path(tmp_path / "cam.json", path)
    assert read_path(tmp_path / "cam.json") == path
    assert not (tmp_path / "cam.json.tmp").exists()
    with pytest.raises(PathError, match="cannot be written"):
        write_path(tmp_path / "no" / "cam.json", path)


def broken(change):
    data = to_json(wandering())
    change(data)
    return json.loads(json.dumps(data))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(version=2), "version: 2 is not known"),
        (lambda d: d.pop("crs"), 'the key "crs" is missing'),
        (lambda d: d.update(frames=[]), 'the key "frames" is not known'),
        (lambda d: d.update(fps=0), "fps: 0 is out of range; it is 1 to 240"),
        (lambda d: d.update(loop="yes"), "loop: "),
        (lambda d: d.update(loop=True), "loop: the last keyframe"),
        (lambda d: d.update(keyframes=[]), "keyframes: give a list"),
        (
            lambda d: d["keyframes"][2].update(time_s=0.5),
            r"keyframes\[2\].time_s: 0.5 does not come after 1.5",
        ),
        (lambda d: d["keyframes"][1].update(easing="bouncy"), r"keyframes\[1\].easing: \"bouncy\""),
        (lambda d: d["keyframes"][1].update(zoom=1), r"keyframes\[1\]: the key \"zoom\""),
        (
            lambda d: d["keyframes"][0]["camera"].update(fov_deg=500),
            r"keyframes\[0\].camera.fov_deg: 500 is out",
        ),
        (
            lambda d: d["keyframes"][0]["camera"].update(z="high"),
            r"keyframes\[0\].camera.z: \"high\" is not a number",
        ),
        (
            lambda d: d["keyframes"][0]["camera"].pop("z"),
            r"keyframes\[0\].camera: the key \"z\" is missing",
        ),
        (
            lambda d: d["keyframes"][0].update(exaggeration=True),
            r"keyframes\[0\].exaggeration: true is not",
        ),
        (lambda d: d["keyframes"].append(3), r"keyframes\[5\]: 3 is not an object"),
    ],
)
def test_what_a_path_file_gets_wrong_is_named(change, says):
    with pytest.raises(PathError, match=says) as caught:
        from_json(broken(change))
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_paths(tmp_path):
    with pytest.raises(PathError, match="cannot be read"):
        read_path(tmp_path / "none.json")
    (tmp_path / "text.json").write_text("keyframes")
    with pytest.raises(PathError, match="has to be JSON"):
        read_path(tmp_path / "text.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(PathError, match=r"list\.json: the file: "):
        read_path(tmp_path / "list.json")


def test_paths_of_another_coordinate_system_are_refused():
    from tests.support.hills import WKT

    check_crs(CameraPath([], WKT), WKT, "cam.json", "hills.ntile")
    check_crs(CameraPath([], ""), "", "cam.json", "local.ntile")
    check_crs(CameraPath([], "EPSG:25832"), "EPSG:25832", "cam.json", "hills.ntile")
    for other in ("EPSG:26911", "", "not a system"):
        with pytest.raises(
            PathError, match=r"cam.json: crs: .* hills.ntile is in ETRS89 / UTM zone 32N"
        ):
            check_crs(CameraPath([], other), WKT, "cam.json", "hills.ntile")
