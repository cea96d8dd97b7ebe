"""Films: generated paths, pictures that repeat, frames and mp4 files, the command."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner

from neural.container.reader import open_reader
from neural.errors import NtileError, UsageError
from viewer import __main__ as command
from viewer.film import generators, output, record
from viewer.film.flight import Flight
from viewer.film.heightfield import HeightField
from viewer.film.tour import rough_part
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, Keyframe, unwrapped
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.scene import overview
from viewer.scene.scene import Scene
from viewer.session.launch import Launch
from viewer.storage import project
from viewer.storage.path_file import write_path

SIZE = (96, 64)


@pytest.fixture
def field(mountain_file):
    with open_reader(mountain_file) as reader:
        yield HeightField.read(reader)


def short_path(scene, seconds=0.4):
    """From the whole area to close above the ground, so that tiles have to load."""
    start = overview.whole_area(scene, SIZE)
    bounds = scene.bounds
    end = replace(
        start,
        easting=bounds.west + 900,
        northing=bounds.north - 1300,
        z=bounds.high + 50,
        pitch_deg=-20.0,
    )
    frames = [
        Keyframe(0.0, start, sun_azimuth_deg=300.0),
        Keyframe(seconds, end, sun_azimuth_deg=320.0),
    ]
    return CameraPath(frames, scene.reader.grid.crs_wkt, fps=10.0)


def test_the_height_field_is_the_terrain(field):
    from tests.support.mountains import HOLE, height

    west, south, east, north = field.bounds[:4]
    rng = np.random.default_rng(1)
    for _ in range(50):
        x = rng.uniform(west + 20, east - 20)
        y = rng.uniform(south + 20, north - 20)
        if np.hypot(x - HOLE[0], y - HOLE[1]) < HOLE[2] + 40:
            continue
        true = float(height(np.array(x), np.array(y)))
        assert field.height_m(x, y) == pytest.approx(true, abs=12)  # samples are 11 m apart
        assert field.ceiling_m(x, y) > true - 0.5
    assert field.ceiling_m(west - 500, south) is None
    assert field.ceiling_m(*HOLE[:2]) is None
    assert field.ceiling_m(west + 900, south + 900, 2.0) - field.pivot_z == pytest.approx(
        2 * (field.ceiling_m(west + 900, south + 900) - field.pivot_z)
    )


@pytest.mark.parametrize("name", generators.GENERATORS)
@pytest.mark.parametrize("exaggeration", [1.0, 3.0])
def test_generated_paths_are_smooth_end_where_they_began_and_stay_above(field, name, exaggeration):
    field = replace(field, exaggeration=exaggeration)
    path = generators.generate(name, field, crs="EPSG:25832", duration_s=40.0)
    assert path.duration_s == 40.0
    assert path.crs == "EPSG:25832"
    flight = Flight(path, field.ceiling_m, record.CLEARANCE_M)
    times = np.linspace(0, 40, 801)
    cameras = [flight.pose_at(t).camera for t in times]
    for camera in cameras:
        top = field.ceiling_m(camera.easting, camera.northing)
        assert top is None or camera.z > top + record.CLEARANCE_M - 0.05
    first = path.keyframes[0].camera
    last = path.keyframes[-1].camera
    assert np.abs(first.eye - last.eye).max() < 1e-6
    headings = np.array(unwrapped([camera.heading_deg for camera in cameras]))
    assert abs(headings[-1] - headings[0]) == pytest.approx(360, abs=1)
    assert np.abs(np.diff(headings)).max() / 0.05 < 30  # degrees per second
    eyes = np.array([camera.eye for camera in cameras])
    speeds = np.linalg.norm(np.diff(eyes, axis=0), axis=1) / 0.05
    size = np.ptp(eyes[:, 0])
    assert speeds.max() < size / 4
    assert np.abs(np.diff(speeds)).max() < 0.02 * speeds.max() + 0.01 * size / 4


def test_the_tour_goes_low_and_high_over_rough_ground(field):
    path = generators.generate("tour", field)
    above = [
        f.camera.z - field.height_m(f.camera.easting, f.camera.northing) for f in path.keyframes
    ]
    assert max(above) > 5 * min(above)
    flat = replace(field, heights=field.heights.copy())
    flat.heights[:, : flat.heights.shape[1] // 2] = 1000.0
    middle, _ = rough_part(flat)
    assert middle[0] > rough_part(field)[0][0] + 500


def test_an_orbit_looks_at_its_place(field):
    west, south, east, north = field.bounds[:4]
    place = west + 0.3 * (east - west), south + 0.6 * (north - south)
    path = generators.orbit(field, center=place, radius_m=400.0, duration_s=8.0)
    target = np.array([*place, field.height_m(*place)])
    sampler = path.sampler()
    for t in np.linspace(0, 8, 33):
        camera = sampler.pose_at(t).camera
        assert np.hypot(*(camera.eye - target)[:2]) == pytest.approx(400, rel=5e-3)
        x, y = camera.project(target, (100, 100))
        assert (x, y) == (pytest.approx(50, abs=1.5), pytest.approx(50, abs=4))


def test_films_repeat_to_the_byte(ctx, hills_file, mountain_file):
    """Whatever the number of workers, whichever tile comes first, and from a picture in the middle
    as well."""

    def film(path_file, threads, numbers=None):
        scene = Scene(ctx, Settings())
        scene.open(path_file)
        streamer = scene.store.streamer
        if threads == 1:  # one worker, last come first served
            take = streamer.submit
            streamer.submit = lambda jobs: take(jobs[:1])
        try:
            made = record.Film(short_path(scene), SIZE)
            return [picture.tobytes() for picture in record.pictures(scene, made, numbers)]
        finally:
            scene.release()

    for path_file in (mountain_file, hills_file):
        once = film(path_file, 4)
        again = film(path_file, 1)
        assert len(once) == 5
        assert len(set(once)) == 5
        assert once == again
        assert film(path_file, 4, [3])[0] == once[3]


def test_a_film_leaves_the_settings_alone_and_uses_what_is_keyed(scene, mountain_file):
    scene.open(mountain_file)
    scene.settings.decorations.legend = False
    path = short_path(scene)
    before = repr(scene.settings)
    pictures = list(record.pictures(scene, record.Film(path, SIZE)))
    assert repr(scene.settings) == before
    scene.settings.shading.sun_azimuth_deg = 300.0
    first = offscreen.draw(scene, path.keyframes[0].camera, SIZE)
    np.testing.assert_array_equal(pictures[0], first)
    odd = replace(path.keyframes[0], exaggeration=2.0)
    (stretched,) = record.pictures(scene, record.Film(CameraPath([odd]), SIZE))
    assert (stretched != first).any()
    assert scene.settings.view.exaggeration == 1.0


def test_frames_are_kept_only_when_asked_and_only_of_the_same_film(tmp_path):
    picture = np.full((8, 8, 3), 7, np.uint8)
    out = str(tmp_path / "frames")
    folder = output.open_output(out, (16, 16), 30, {"film": 1}, resume=False)
    folder.write(0, picture)
    folder.abandon()
    assert (tmp_path / "frames" / "frame_00000.png").exists()
    with pytest.raises(UsageError, match="add --resume"):
        output.open_output(out, (16, 16), 30, {"film": 1}, resume=False)
    with pytest.raises(UsageError, match="of another film"):
        output.open_output(out, (16, 16), 30, {"film": 2}, resume=True)
    again = output.open_output(out, (16, 16), 30, {"film": 1}, resume=True)
    assert again.has(0)
    assert not again.has(1)
    with pytest.raises(UsageError, match=r"written as \.mp4"):
        output.open_output("film.avi", (16, 16), 30, {}, resume=False)
    with pytest.raises(UsageError, match="only a folder"):
        output.open_output("film.mp4", (16, 16), 30, {}, resume=True)


@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_mp4_comes_back_as_it_was_drawn(scene, mountain_file, tmp_path, size):
    av = pytest.importorskip("av", reason="needs PyAV (the extra `video`)")
    scene.open(mountain_file)
    film = record.Film(short_path(scene), size)
    drawn = list(record.pictures(scene, film))
    out = tmp_path / "film.mp4"
    said = []
    video = output.open_output(str(out), size, film.rate, {}, resume=False)
    assert record.record(scene, film, video, lambda done, total: said.append((done, total))) == 5
    assert said == [(k, 5) for k in range(6)]
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        assert float(stream.average_rate) == 10
        assert (stream.width, stream.height) == (96, 64)
        context = stream.codec_context
        assert (
            context.color_primaries,
            context.color_trc,
            context.colorspace,
            context.color_range,
        ) == (1, 1, 1, 1)
        assert context.pix_fmt == "yuv420p"
        read = [frame.to_ndarray() for frame in file.decode(stream)]
    assert len(read) == len(drawn)
    for one, other in zip(drawn, read, strict=True):
        red, green, blue = (one[..., k] / 255 for k in range(3))
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue  # ITU-R BT.709, 3.2 to 3.4
        luma = other[: size[1], : size[0]]
        width = other.shape[1] // 2
        assert np.abs(16 + 219 * light - luma).mean() < 1.5
        chroma = other[64:].reshape(2, 32, width)
        for plane, way, reach in zip(
            chroma, (blue - light, red - light), (1.8556, 1.5748), strict=True
        ):
            assert plane.mean() == pytest.approx(128 + 224 * way.mean() / reach, abs=1.0)


def test_the_same_pictures_are_the_same_mp4(tmp_path):
    """x264's macroblock tree reads what was never written, and so now and then gives other bits at
    this width."""
    pytest.importorskip("av", reason="needs PyAV (the extra `video`)")
    rng = np.random.default_rng(5)
    picture = np.kron(rng.integers(0, 255, (34, 60, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    files = set()
    for k in range(3):
        video = output.open_output(str(tmp_path / f"{k}.mp4"), (480, 272), 10, {}, resume=False)
        for number in range(12):
            video.write(number, np.roll(picture, 3 * number, axis=1))
        video.close()
        files.add((tmp_path / f"{k}.mp4").read_bytes())
    assert len(files) == 1
    assert b"mbtree=0" in files.pop()  # x264 notes its settings in the stream


def test_without_pyav_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        NtileError, match=r"install it with `pip install 'terrain-viewer\[video\]'`"
    ):
        output.open_output(str(tmp_path / "film.mp4"), (16, 16), 30, {}, resume=False)


def test_an_interrupted_film_leaves_nothing_half(scene, mountain_file, tmp_path):
    pytest.importorskip("av", reason="needs PyAV (the extra `video`)")
    scene.open(mountain_file)
    film = record.Film(short_path(scene), SIZE)
    (tmp_path / "film.mp4").write_bytes(b"an older film")

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record.record(
            scene,
            film,
            output.open_output(str(tmp_path / "film.mp4"), SIZE, 10, {}, resume=False),
            stop,
        )
    assert [file.name for file in tmp_path.iterdir()] == ["film.mp4"]
    assert (tmp_path / "film.mp4").read_bytes() == b"an older film"


@pytest.fixture
def viewer(monkeypatch):
    """Run the command without a display; returns click's result."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return lambda *args: CliRunner().invoke(command.main, [str(arg) for arg in args])


def test_the_command_renders_and_resumes(viewer, mountain_file, tmp_path):
    frames = [
        Keyframe(k / 5, Camera(2000.0 + 400 * k, 7000.0, 2500.0, 0.0, -50.0)) for k in range(3)
    ]
    write_path(tmp_path / "cam.json", CameraPath(frames))
    args = (
        mountain_file,
        "--path",
        tmp_path / "cam.json",
        "--render",
        tmp_path / "out",
        "--size",
        "96x64",
    )
    result = viewer(*args, "--fps", 5)
    assert result.exit_code == 0, result.stderr
    assert "3 pictures, 96×64 pixels, 5 a second" in result.stderr
    frames = sorted((tmp_path / "out").glob("frame_*.png"))
    assert [frame.name for frame in frames] == [
        "frame_00000.png",
        "frame_00001.png",
        "frame_00002.png",
    ]
    before = [frame.read_bytes() for frame in frames]
    frames[1].unlink()
    assert viewer(*args, "--fps", 5).exit_code == 2
    assert viewer(*args, "--fps", 5, "--resume").exit_code == 0
    assert [frame.read_bytes() for frame in frames] == before
    result = viewer(*args, "--fps", 4, "--resume")
    assert result.exit_code == 2
    assert "another film" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("--render", "o.mp4"), 2, "needs a camera path"),
        (("--flythrough", "--path", "c.json", "--render", "o.mp4"), 2, "two camera paths"),
        (("--flythrough", "--render", "o.mp4", "--screenshot", "a.png"), 2, "two tasks"),
        (("--flythrough", "--headless", "--screenshot", "a.png"), 2, "makes a film"),
        (("--flythrough", "--render", "o.avi"), 2, "written as .mp4"),
        (("--flythrough", "--render", "no/o.mp4"), 3, "folder does not exist"),
        (("--flythrough", "zigzag", "--render", "o.mp4"), 2, "'tour'"),
        (("--fps", "24"), 2, "add --render"),
        (("--duration", "24"), 2, "add --flythrough"),
        (("--path", "none.json", "--render", "o.mp4"), 3, "none.json cannot be read"),
        (
            ("--path", "utm.json", "--render", "o.mp4"),
            3,
            "utm.json: crs: it was made in EPSG:25832",
        ),
    ],
)
def test_what_cannot_be_filmed_is_said(
    viewer, mountain_file, tmp_path, monkeypatch, args, code, says
):
    monkeypatch.chdir(tmp_path)
    write_path("utm.json", CameraPath([Keyframe(0.0, Camera())], "EPSG:25832"))
    result = viewer(mountain_file, *args)
    assert result.exit_code == code, result.stderr
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(os.listdir(tmp_path)) == ["utm.json"]


def test_flythroughs_need_no_path_file(viewer, mountain_file, tmp_path):
    out = tmp_path / "frames"
    result = viewer(
        mountain_file,
        "--flythrough",
        "--duration",
        2,
        "--fps",
        1,
        "--render",
        out,
        "--size",
        "64x48",
    )
    assert result.exit_code == 0, result.stderr
    assert len(list(out.glob("*.png"))) == 2  # a loop has no picture at its end


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_killed_film_is_cleared_away(mountain_file, tmp_path):
    pytest.importorskip("av", reason="needs PyAV (the extra `video`)")
    out = tmp_path / "film.mp4"
    args = (mountain_file, "--flythrough", "--render", out, "--size", "64x48")
    film = subprocess.Popen(
        [sys.executable, "-m", "viewer", *map(str, args)],
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with film:
        for line in film.stderr:
            if line.startswith("picture") and not line.startswith("picture 0"):
                break
        film.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while film.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    assert film.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_launches_know_their_film(viewer, mountain_file, monkeypatch):
    launches = []
    monkeypatch.setattr(command, "run", launches.append)
    assert (
        viewer(
            mountain_file,
            "--flythrough",
            "orbit",
            "--render",
            "a.mp4",
            "--fps",
            24,
            "--duration",
            9,
        ).exit_code
        == 0
    )
    assert viewer(mountain_file, "--flythrough", "--render", "a.mp4").exit_code == 0
    assert viewer(mountain_file, "--flythrough").exit_code == 0
    first, second, third = launches
    assert (first.flythrough, first.fps, first.duration_s, first.headless) == ("orbit", 24, 9, True)
    assert (second.flythrough, second.size, second.fps) == ("tour", (1280, 720), None)
    assert (third.render, third.headless) == (None, False)
    assert isinstance(third, Launch)


def test_films_of_a_project_carry_what_it_says(viewer, mountain_file, tmp_path, monkeypatch):
    launches = []
    monkeypatch.setattr(command, "run", launches.append)
    settings = Settings()
    settings.decorations.north = True
    project.write(
        tmp_path / "a.tvproj.json", project.Project([str(mountain_file)], settings=asdict(settings))
    )
    args = ("--project", tmp_path / "a.tvproj.json", "--flythrough", "--render", "a.mp4")
    assert viewer(*args).exit_code == 0
    assert viewer(*args, "--decorations", "scale").exit_code == 0
    assert viewer(mountain_file, *args[2:]).exit_code == 0
    kinds = [
        {name for name, on in vars(launch.settings.decorations).items() if on}
        for launch in launches
    ]
    assert kinds[0] == {"legend", "north", "measurements"}
    assert "scale" in kinds[1]
    assert kinds[2] == {"measurements"}
