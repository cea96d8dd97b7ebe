"""Comparing, projects, results, navigation and commands of a session without a window."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neural.errors import UsageError
from neural.raster.reading import ReferenceRaster
from tests.support import hills
from tests.support.scene_tools import SIZE
from viewer.model.camera import Camera
from viewer.model.settings import LayerChoice
from viewer.scene import results
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session
from viewer.session.tools import Mouse
from viewer.storage import project

MIDDLE = (SIZE[0] / 2, SIZE[1] / 2)


@pytest.fixture
def opened(session, area):
    session.open(OpenRequest(str(area)))
    return session


@pytest.fixture
def other(tmp_path):
    return hills.write(tmp_path / "other.ntile")


# Comparing


def test_files_are_compared_and_closed(opened, other, said):
    comparing = opened.comparing
    assert comparing.paths == []
    assert comparing.open(str(other))
    assert comparing.paths == [str(other)]
    assert opened.settings.slots["B"] == LayerChoice(0, None, 1)
    assert "Slot B holds other.ntile" in opened.messages.entries[-1].text
    assert not comparing.open("none.ntile")
    assert "none.ntile" in said()[-1]
    comparing.close_last()
    assert comparing.paths == []
    assert opened.settings.slots["B"].file == 0
    comparing.close_last()  # nothing more to close
    opened.close_document()
    assert not comparing.open(str(other))
    assert "open a .ntile file before" in said()[-1]
    comparing.close(1)
    comparing.toggle_reference()


def test_other_datums_are_warned_of(opened, other, monkeypatch, said):
    opened.comparing.open(str(other))
    files = opened.require_document().scene.files
    monkeypatch.setattr(
        files[1].reader, "grid", replace(files[1].reader.grid, vertical_datum="EGM96")
    )
    opened.comparing.open(str(other))
    (warning,) = said()
    assert "from EGM96, the first file from EVRF2007 height" in warning


def test_errors_and_reference_are_toggled(opened, tmp_path, said):
    overlay = opened.settings.overlay
    comparing = opened.comparing
    comparing.toggle_errors("reference")
    assert (overlay.name, overlay.against) == ("error", "reference")
    overlay.name = "absolute_error"
    comparing.toggle_errors("B")
    assert (overlay.name, overlay.against) == ("absolute_error", "B")
    comparing.toggle_errors("B")
    assert overlay.name == "none"
    comparing.toggle_reference()
    assert opened.settings.compare.reference
    comparing.toggle_reference()
    opened.open(OpenRequest(str(hills.write(tmp_path / "plain.ntile", reference=False))))
    comparing.toggle_reference()
    assert not opened.settings.compare.reference
    assert "no reference layer that could be shown" in said()[-1]


# Projects


def test_a_project_is_saved_where_it_was(opened, tmp_path, said):
    projects = opened.projects
    out = tmp_path / "p.tvproj.json"
    assert projects.suggested_name == "hills.tvproj.json"
    assert not projects.save()  # a window asks where
    assert projects.write(str(out))
    assert (projects.path, opened.preferences.values.recent[0]) == (str(out), str(out))
    assert opened.title == "p.tvproj.json – Terrain Viewer"
    assert projects.suggested_name == "p.tvproj.json"
    opened.settings.view.exaggeration = 2.5
    assert projects.save()
    assert json.loads(out.read_text())["settings"]["view"]["exaggeration"] == 2.5
    assert said() == []
    assert not projects.write(str(tmp_path / "no" / "p.tvproj.json"))
    assert "folder does not exist" in said()[-1]
    assert projects.path == str(out)
    opened.close_document()
    assert not projects.save()
    assert "Open a .ntile file before" in said()[-1]


def test_a_project_keeps_the_film(opened, tmp_path):
    opened.film.add_keyframe()
    opened.film.add_keyframe()
    opened.projects.write(str(tmp_path / "p.tvproj.json"))
    frames = opened.film.path.keyframes
    opened.film.clear()
    opened.files.open_project(str(tmp_path / "p.tvproj.json"))
    while opened.files.busy:
        opened.files.update()
    assert [frame.camera for frame in opened.film.path.keyframes] == [f.camera for f in frames]
    opened.film.update()  # and the path stays when the new document's heights are read
    assert len(opened.film.path.keyframes) == 2


def test_a_project_whose_reference_fails_is_opened_without(opened, settle, area, tmp_path, said):
    (tmp_path / "dem.tif").write_bytes(b"damaged")
    document = opened.require_document()
    opened._current.document = replace(
        document, reference=ReferenceRaster(str(tmp_path / "dem.tif"))
    )
    opened.projects.write(str(tmp_path / "p.tvproj.json"))
    opened.files.open_project(str(tmp_path / "p.tvproj.json"))
    settle()
    (warning,) = said()
    assert "dem.tif" in warning
    assert opened.require_document().reference is None
    assert opened.projects.path == str(tmp_path / "p.tvproj.json")


# Results


def test_rows_come_and_go_back_into_slots(opened, settle, area, other, tmp_path, said):
    log = opened.results
    settle()
    opened.settings.slots["A"].keep_bits = 4
    settle()
    assert [(row.layer, row.bits) for row in log.rows] == [(0, 8), (0, 4)]
    log.restore(log.rows[0], "B")
    assert opened.settings.slots["B"] == LayerChoice(0)
    row = results.measure(other, LayerChoice(0, 3), whole=False)
    log.rows.append(row)
    log.restore(row, "B")  # a thread reads its file first
    settle()
    assert opened.settings.slots["B"] == LayerChoice(0, 3, 1)
    assert opened.comparing.paths == [str(other)]
    log.restore(replace(row, bits=7), "B")
    assert "stored with other bits than when it was tried" in said()[-1]
    log.restore(replace(row, layer=9), "B")
    assert "it has no layer 10 any more" in said()[-1]
    log.restore(replace(row, path=str(tmp_path / "none.ntile")), "B")
    settle()
    assert "none.ntile" in said()[-1]
    opened.close_document()
    log.restore(row, "B")
    assert "open a file first" in said()[-1]
    log.write(str(tmp_path / "rows.csv"))
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1 + len(log.rows)
    log.clear()
    assert log.rows == []


def test_whole_areas_are_measured_on_a_thread(opened, settle, area, tmp_path, said):
    log = opened.results
    settle()
    row = log.rows[0]
    log.measure(row)
    log.measure(row)  # once is enough
    assert log.measuring(row)
    settle(lambda: not log.measuring(row))
    assert row.whole.rmse_m > 0.3
    bad = replace(row, path=str(tmp_path / "none.ntile"), whole=None, total_bytes=None)
    log.rows.append(bad)
    log.measure(bad)
    settle(lambda: not log.measuring(bad))
    assert "none.ntile" in said()[-1]
    log.measure(replace(row, keep_bits=5, whole=None))
    log.clear()


def test_idle_small_areas_are_measured_unasked(opened, settle, monkeypatch):
    monkeypatch.setattr("viewer.session.results_log.IDLE_S", -1.0)

    class Still:
        pictures = 1

        def render(self, scene, camera):
            scene.update(camera, SIZE)
            return False

    settle()
    deadline = time.monotonic() + 60.0
    while opened.results.rows[0].whole is None:
        assert time.monotonic() < deadline
        opened.draw(Still(), None)
        time.sleep(0.002)


# Navigation


def test_the_camera_goes_home_and_turns(opened, settle):
    settle()
    navigation = opened.navigation
    home = replace(opened.camera)
    navigation.turn(heading_deg=90.0)
    assert navigation.moving
    settle()
    assert opened.camera.heading_deg == pytest.approx(90.0)
    navigation.turn(pitch_deg=-80.0)
    navigation.finish()
    assert opened.camera.pitch_deg == pytest.approx(-80.0)
    assert not navigation.moving
    navigation.home()
    settle()
    assert opened.camera == home
    navigation.change_speed(2.0)
    assert "Flying at" in opened.messages.entries[-1].text


def test_moves_are_undone(opened, settle, frame):
    settle()
    start = replace(opened.camera)
    opened.navigation.turn(heading_deg=45.0)
    settle()
    settle(lambda: opened.navigation.history.can_undo and not opened.navigation.moving)
    turned = replace(opened.camera)
    opened.navigation.undo()
    settle()
    assert opened.camera.heading_deg == pytest.approx(start.heading_deg)
    opened.navigation.redo()
    settle()
    assert opened.camera.heading_deg == pytest.approx(turned.heading_deg)
    opened.navigation.redo()
    assert not opened.navigation.moving


def test_a_view_is_glided_to_and_begun_with(opened, settle):
    view = Camera(600_200.0, 5_199_800.0, 800.0, 20.0, -30.0, 50.0)
    opened.navigation.show(view)  # the file has just been opened
    assert opened.camera == view
    assert not opened.navigation.moving
    settle()
    opened.navigation.show(replace(view, heading_deg=60.0))
    assert opened.navigation.moving
    settle()
    assert opened.camera.heading_deg == pytest.approx(60.0)
    assert opened.settings.view.fov_deg == 50.0


def test_world_points_lie_on_the_ground_or_beyond_it(opened, settle):
    settle()
    scene = opened.require_document().scene
    point = opened.navigation.world_point(*MIDDLE)
    assert point[2] == pytest.approx(scene.surface_z(point[0], point[1]), abs=1.0)
    opened.camera.pitch_deg = 30.0  # into the sky
    settle()
    beyond = opened.navigation.world_point(*MIDDLE)
    assert np.isfinite(beyond).all()
    opened.navigation.fly_to(*MIDDLE, 0.5)
    assert opened.navigation.moving
    opened.close_document()
    opened.navigation.home()
    opened.navigation.turn(pitch_deg=-89.9)
    assert not opened.navigation.moving
    with pytest.raises(UsageError):
        opened.navigation.world_point(*MIDDLE)


# The cursor and measurements


def test_the_cursor_is_read_and_measured(opened, settle):
    opened.settings.overlay.name = "error"
    settle()
    settle(
        lambda: opened.pick is not None and opened.pick.reference_m is not None, pointer_px=MIDDLE
    )
    assert opened.pick.error_m == pytest.approx(opened.pick.z_m - opened.pick.reference_m)
    assert opened.errors.rmse_m == pytest.approx(opened.rmse_m["A"])
    assert opened.legend.title.startswith("Error")
    settle()
    assert opened.pick is None


def test_a_profile_is_drawn_with_the_mouse(opened, settle, frame):
    settle()
    measuring = opened.measuring
    tool = measuring.tool
    assert not tool.mouse(Mouse("click", *MIDDLE, 0))
    measuring.toggle_profile()
    assert opened.panels_to_front == ["Profile"]
    for x in (100, 140, 180):
        assert tool.mouse(Mouse("click", x, 110, 0))
    tool.undo()
    assert tool.mouse(Mouse("click", 200, 110, 1))
    settle(lambda: measuring.profile is not None and not measuring.busy)
    settle(lambda: measuring.cursor_m is not None, pointer_px=(120, 110))
    line = [list(point) for point in opened.settings.measuring.profile]
    assert tool.mouse(Mouse("press", 100, 110, 0))  # a vertex is dragged
    assert tool.dragging
    assert tool.mouse(Mouse("drag", 100, 130, 0))
    assert opened.settings.measuring.profile != line
    assert tool.cancel()
    assert opened.settings.measuring.profile == line
    measuring.toggle_profile()
    assert not tool.cancel()
    measuring.start("point")
    assert opened.panels_to_front[-1] == "Measure"
    measuring.toggle()  # off, and on with the same kind
    measuring.toggle()
    assert tool.mouse(Mouse("click", *MIDDLE, 0))
    (item,) = opened.settings.measuring.items
    settle(lambda: measuring.result(item) is not None)
    assert measuring.result(item).kind == "point"
    measuring.save(Path("no") / "x.csv", lambda path: path.read_text())
    assert "x.csv" in opened.messages.entries[-1].text
    opened.close_document()
    assert measuring.result(item) is None


# Commands


def test_commands_are_queued_and_run_once(opened):
    opened.run("compare.swap")
    opened.run("film.play")
    assert opened.busy
    assert opened.settings.active == "A"
    opened.run_queued()
    assert opened.settings.active == "B"
    opened.run_queued()
    assert opened.settings.active == "B"
    opened.run("layer.fewer_bits")
    opened.run_queued()
    assert opened.settings.slots["B"].keep_bits is None  # the reference layer has no others
    opened.settings.active = "A"
    opened.run("layer.fewer_bits")
    opened.run_queued()
    assert opened.settings.layer.keep_bits == 7
    opened.close_document()
    opened.run("compare.swap")  # is disabled
    opened.step_bits(1)
    opened.run_queued()
    assert opened.settings.active == "A"
    opened.run("view.zoom_to_extend")
    with pytest.raises(UsageError, match=r"did you mean view\.zoom_to_extent"):
        opened.run_queued()


def test_costs_are_counted(opened, settle, area):
    choice = opened.settings.layer
    settle(lambda: opened.cost(choice).size not in ("…", "–"))
    assert "B" in opened.cost(choice).size
    opened.close_document()
    assert opened.cost(choice).size == opened.cost(choice).rate


def test_sessions_without_preferences_touch_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    session = Session()
    session.preferences.values.remember("a.ntile")
    session.close()
    assert list(tmp_path.iterdir()) == []
    assert project.SUFFIX in session.projects.suggested_name
