"""The Film and Views panels: keyframes, playing, generators, bookmarks, rendering in a process of
its own."""

import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.support.gui_driver import SIZE, TALL, changed
from viewer.film.job import RenderJob
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.pictures import offscreen
from viewer.scene import overview
from viewer.session.launch import Launch
from viewer.session.opening import show
from viewer.storage import path_file
from viewer.storage.project import Project


def test_keyframes_are_added_played_and_edited(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        film = session.film
        driver.press("space")  # nothing to play yet: a message says what to do
        assert not film.playing
        assert "two keyframes" in session.messages.entries[-1].text

        driver.settle()
        driver.press("k")
        session.camera.zoom(
            session.navigation.world_point(*(side / 2 for side in app.viewport.size)), 0.7
        )
        session.camera.look(10, -5)
        session.settings.view.exaggeration = 2.0
        driver.press("k")
        session.navigation.home()
        second = driver.scene()
        frames = film.path.keyframes
        assert [frame.time_s for frame in frames] == [0.0, 3.0]
        assert [frame.exaggeration for frame in frames] == [None, 2.0]
        assert film.path.crs == session.scene.reader.grid.crs_wkt
        marks = driver.window()
        film.line_shown = False
        ctx.yield_(2)
        assert changed(marks, driver.window()) > 1e-4  # the path is drawn over the scene
        assert changed(driver.scene(), second) == 0  # and is not part of it

        film.path = replace(film.path, keyframes=[frames[0], replace(frames[1], time_s=0.3)])
        film._change(film.path.keyframes, 1)
        film.time_s = 0.0
        driver.press("space")
        driver.wait(lambda: film.time_s and not film.playing)
        assert film.time_s == pytest.approx(0.3)
        assert session.camera.heading_deg == pytest.approx(frames[1].camera.heading_deg)
        film.scrub(0.0)
        driver.settle()
        assert session.camera.heading_deg == pytest.approx(frames[0].camera.heading_deg)

        ctx.window_focus("//Film")
        ctx.item_click("//Film/Update")
        assert film.path.keyframes[1].camera.heading_deg == pytest.approx(
            frames[0].camera.heading_deg
        )
        ctx.item_click("//Film/Loop")
        assert film.path.loop
        ctx.item_click("//Film/Delete")
        assert len(film.path.keyframes) == 1
        assert not film.path.loop

    drive(Launch(path=str(area), size=TALL), steps)


def test_playing_ends_when_the_user_moves(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        session.film.generate("orbit")
        driver.wait(lambda: session.film.path.keyframes)
        assert session.film.path.loop
        driver.press("space")
        heading = session.camera.heading_deg
        driver.wait(lambda: abs(session.camera.heading_deg - heading) > 0.5)
        driver.at(0.5, 0.6)
        ctx.mouse_drag_with_delta((30, 10))
        ctx.yield_(2)
        assert not session.film.playing

    drive(Launch(path=str(area), size=SIZE), steps)


def test_paths_are_saved_opened_and_refused(drive, area, tmp_path):
    other = CameraPath([Keyframe(0.0, path_file.Camera())], "EPSG:26911")
    path_file.write_path(tmp_path / "elsewhere.json", other)

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        assert len(session.film.path.keyframes) > 5  # --flythrough
        assert session.film.path.duration_s == 7.0
        tour = path_file.to_json(session.film.path)
        assert session.film.save(str(tmp_path / "tour.json"))
        session.film.clear()
        assert not session.film.open(str(tmp_path / "elsewhere.json"))
        assert "EPSG:26911" in session.messages.entries[-1].text
        assert not session.film.path.keyframes
        app.open_paths([str(tmp_path / "tour.json")])
        driver.wait(lambda: session.film.path.keyframes)
        assert path_file.to_json(session.film.path) == tour
        # Projects keep it too.
        assert session.projects.write(str(tmp_path / "all.tvproj.json"))
        session.film.clear()
        app.open_paths([str(tmp_path / "all.tvproj.json")])
        driver.wait(lambda: session.film.path.keyframes)
        assert path_file.to_json(session.film.path) == tour

    drive(Launch(path=str(area), size=SIZE, flythrough="tour", duration_s=7.0), steps)


def test_bookmarks_in_the_window(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        driver.press("ctrl+b")
        session.camera.look(50, 0)
        driver.settle()
        ctx.window_focus("//Views")
        ctx.item_click("//Views/\uf02e  Add this view")
        views = session.film.bookmarks
        assert views.names == ["View 1", "View 2"]
        turned = session.camera.heading_deg
        ctx.item_click("//Views/views/View 1/View 1##fly")
        driver.settle()
        assert session.camera.heading_deg != pytest.approx(turned)
        assert views.rename("View 1", "the hills")
        assert not views.rename("the hills", "View 2")
        assert "already" in session.messages.entries[-1].text
        views.delete("View 2")
        assert views.names == ["the hills"]

    drive(Launch(path=str(area), size=TALL), steps)


def test_f12_saves_the_scene_with_its_decorations(drive, area, tmp_path):
    pictures = []

    def steps(driver):
        app = driver.app
        session = app.session
        session.settings.decorations.legend = False
        pictures.append(driver.scene())
        for _ in range(2):
            time.sleep(1.01)  # files are named after the second
            driver.press("f12")
            driver.wait(lambda: session.messages.entries[-1].text.startswith("Saved"))
            pictures.append(
                read(
                    session.messages.entries[-1].text.removeprefix("Saved ").rstrip(".")
                ).transpose(1, 2, 0)
            )
            session.messages.entries.clear()
            session.messages.info("next")
            session.settings.decorations.scale = session.settings.decorations.north = True

    drive(Launch(path=str(area), size=SIZE), steps)
    plain, saved, decorated = pictures
    np.testing.assert_array_equal(saved, plain)
    assert 0.01 < changed(plain, decorated.astype(int)) < 0.4


def test_films_are_rendered_beside_the_window(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        rendering = session.film.jobs
        rendering.size = (96, 64)
        session.film.take(
            CameraPath([Keyframe(0.0, replace(session.camera))], session.scene.reader.grid.crs_wkt)
        )
        assert rendering.film(str(tmp_path / "frames"), session.film.path)
        assert not rendering.picture(str(tmp_path / "one.png"))  # one at a time
        assert "still being made" in session.messages.entries[-1].text
        driver.wait(lambda: time.sleep(0.05) or rendering.job is None)
        assert session.messages.entries[-1].text == f"Rendered {tmp_path / 'frames'}."

    drive(Launch(path=str(area), size=SIZE), steps)
    assert read(tmp_path / "frames" / "frame_00000.png").shape == (3, 64, 96)


def finished(job):
    job._reader.join()
    return job


def test_jobs_make_what_the_command_makes(scene, area, tmp_path):
    launch = Launch(path=str(area), size=(96, 64), settings=scene.settings)
    launch.settings.shading.mode = "hillshade"
    launch.settings.decorations.legend = False
    show(scene, launch.request)
    camera = overview.whole_area(scene, launch.size)
    crs = scene.reader.grid.crs_wkt
    expected = offscreen.draw(scene, camera, launch.size)
    view = Project([str(area)], camera=camera, settings=asdict(launch.settings))
    path = CameraPath(
        [Keyframe(0.0, camera), Keyframe(60.0, replace(camera, z=camera.z + 100))], crs
    )
    picture = finished(RenderJob(str(tmp_path / "one.png"), view, launch.size, None))
    assert picture.failure == ""
    np.testing.assert_array_equal(read(tmp_path / "one.png").transpose(1, 2, 0), expected)
    nowhere = finished(RenderJob(str(tmp_path / "no" / "one.png"), view, launch.size, None))
    assert "folder does not exist" in nowhere.failure
    film = RenderJob(str(tmp_path / "frames"), view, launch.size, path)
    deadline = time.monotonic() + 60
    while not film.done and film.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    film.cancel()
    assert "cancelled" in finished(film).failure
    assert film.total == 1801
    np.testing.assert_array_equal(
        read(tmp_path / "frames" / "frame_00000.png"), read(tmp_path / "one.png")
    )
    assert not list((tmp_path / "frames").glob("*.tmp"))


def read(path):
    import rasterio

    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(path) as file:
        return file.read()
