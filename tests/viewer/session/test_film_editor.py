"""Film editing without a window: keyframes, loop, playback, generators, files."""

from dataclasses import replace

import pytest

from neural.errors import NtileError
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.session.open_request import OpenRequest
from viewer.storage import path_file

VIEW = Camera(600_200.0, 5_199_800.0, 800.0, 20.0, -30.0)


@pytest.fixture
def film(session, area, frame):
    session.open(OpenRequest(str(area)))
    frame()
    session.navigation.place(VIEW)
    return session.film


def turned(session, heading_deg: float) -> None:
    session.navigation.place(replace(VIEW, heading_deg=heading_deg))


def times(film) -> list[float]:
    return [frame.time_s for frame in film.path.keyframes]


def test_keyframes_are_added_updated_and_deleted(session, film):
    film.update_keyframe()  # nothing is selected
    film.delete_keyframe()
    for heading in (20, 60, 100):
        turned(session, heading)
        film.add_keyframe()
    assert (times(film), film.selected, film.time_s) == ([0.0, 3.0, 6.0], 2, 6.0)
    film.select(1)
    turned(session, 70)
    session.settings.view.exaggeration = 2.0
    film.update_keyframe()
    frame = film.path.keyframes[1]
    assert (frame.camera.heading_deg, frame.exaggeration, frame.time_s) == (70, 2.0, 3.0)
    session.settings.view.exaggeration = 1.0
    film.update_keyframe()
    assert film.path.keyframes[1].exaggeration == 1.0  # keyed once, keyed further on
    version = film.version
    film.delete_keyframe()
    assert (times(film), film.selected) == ([0.0, 6.0], 1)
    assert film.version > version
    film.delete_keyframe()
    film.delete_keyframe()
    film.delete_keyframe()
    assert (times(film), film.selected) == ([], -1)
    assert film.pose(0.0) is None
    session.close_document()
    film.add_keyframe()
    assert times(film) == []


def test_times_and_easings_are_edited(session, film):
    for heading in (20, 60, 100):
        turned(session, heading)
        film.add_keyframe()
    film.edit(0, time_s=4.0)
    assert times(film) == [3.0, 4.0, 6.0]
    assert film.selected == 1  # it keeps its selection where it goes
    film.edit(2, time_s=4.0)  # two at one time cannot be
    assert times(film) == pytest.approx([3.0, 4.0, 4.1])
    film.edit(0, time_s=-2.0)
    assert times(film)[0] == 0.0
    film.edit(1, easing="linear")
    assert film.path.keyframes[1].easing == "linear"


def test_a_loop_ends_where_it_begins(session, film):
    film.set_loop(True)
    assert times(film) == []
    for heading in (20, 60):
        turned(session, heading)
        film.add_keyframe()
    film.set_loop(True)
    assert film.path.loop
    assert times(film) == [0.0, 3.0, 6.0]
    assert film.path.keyframes[2].camera == film.path.keyframes[0].camera
    film.set_loop(True)  # it does so already
    assert times(film) == [0.0, 3.0, 6.0]
    film.select(2)
    turned(session, 90)
    film.update_keyframe()
    assert not film.path.loop
    film.clear()
    assert times(film) == []


def test_a_path_is_played_and_scrubbed(session, film, frame, settle, monkeypatch):
    film.toggle_play()
    assert "A film needs two keyframes" in session.messages.entries[-1].text
    for heading in (20, 60):
        turned(session, heading)
        film.add_keyframe()
    film.scrub(0.0)
    assert session.camera.heading_deg == pytest.approx(20)
    film.time_s = film.path.duration_s
    film.toggle_play()  # from the beginning
    assert (film.playing, film.time_s) == (True, 0.0)
    settle(lambda: film.time_s > 0.1)
    assert film.busy
    session.navigation.input_active = True  # somebody takes the camera
    frame()
    assert not film.playing
    session.navigation.input_active = False
    film.toggle_play()
    film.toggle_play()
    assert not film.playing
    film.toggle_play()
    film._started_s -= 10.0
    frame()
    assert (film.playing, film.time_s) == (False, 3.0)
    film.set_loop(True)
    film.time_s = 0.0
    film.toggle_play()
    film._started_s -= film.path.duration_s + 1.0
    frame()
    assert film.playing
    assert film.time_s < 2.0
    session.close_document()
    frame()
    film.update()
    assert not film.playing


def test_paths_are_generated_saved_and_loaded(session, film, settle, tmp_path, said):
    film.generate("orbit", 12.0)
    assert film.busy
    settle()
    assert film.path.duration_s == pytest.approx(12.0)
    assert film.pose(6.0).camera.z > 0
    out = str(tmp_path / "cam.json")
    assert film.save(out)
    frames = len(film.path.keyframes)
    film.clear()
    film.begin(path=out, duration_s=6.0)
    assert (len(film.path.keyframes), film.path.duration_s) == (frames, pytest.approx(6.0))
    assert not film.open(str(tmp_path / "none.json"))
    assert "none.json" in said()[-1]
    path_file.write_path(tmp_path / "local.json", CameraPath([Keyframe(0.0, VIEW)], ""))
    assert not film.open(str(tmp_path / "local.json"))
    assert "crs" in said()[-1]
    film.begin(generator="tour")
    settle()
    assert film.path.keyframes
    session.close_document()
    assert not film.open(out)
    assert "open a .ntile file before a camera path" in said()[-1]
    film.begin(path=out)


def test_another_area_clears_the_path(session, film, frame, mountain_file, area):
    film.add_keyframe()
    frame()
    session.open(OpenRequest(str(area)))
    frame()
    assert times(film) == [0.0]
    session.open(OpenRequest(str(mountain_file)))
    frame()
    assert times(film) == []


def test_bookmarks_of_the_area(session, film, frame, settle, said):
    bookmarks = session.bookmarks
    bookmarks.add()
    assert bookmarks.names == ["View 1"]
    assert not bookmarks.rename("View 1", " ")
    assert "cannot be the name of a view" in said()[-1]
    assert bookmarks.rename("View 1", "ridge")
    settle()
    turned(session, 90)
    bookmarks.fly_to("ridge")
    settle()
    assert session.camera.heading_deg != pytest.approx(90)
    film.begin(view="ridge")
    with pytest.raises(NtileError, match="there are: 'ridge'"):
        film.begin(view="nowhere")
    bookmarks.delete("ridge")
    assert bookmarks.names == []


def test_one_job_at_a_time(session, film, monkeypatch, said):
    class Job:
        running = True
        cancelled = False
        failure = ""

        def __init__(self, out, opened, size_px, path):
            self.out = out
            self.files = opened.files

        def close(self):
            self.running = False

    monkeypatch.setattr("viewer.film.job.RenderJob", Job)
    jobs = film.jobs
    assert jobs.film_suffix == ".mp4"
    jobs.frames = True
    assert jobs.film_suffix == ""
    assert jobs.picture("a.png")
    assert not jobs.film("b.mp4", film.path)
    assert "a.png is still being made" in said()[-1]
    jobs.update()
    assert jobs.job is not None
    for cancelled, failure, level in ((True, "off", "info"), (False, "bad", "error")):
        jobs.job.running = False
        jobs.job.cancelled = cancelled
        jobs.job.failure = failure
        jobs.update()
        assert session.messages.entries[-1].level == level
        assert session.messages.entries[-1].text == failure
        jobs.film("b.mp4", film.path)
    jobs.job.running = False
    jobs.update()
    assert session.messages.entries[-1].text == "Rendered b.mp4."
