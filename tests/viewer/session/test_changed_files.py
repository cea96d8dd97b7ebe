"""Files that change on disk while a session shows them: one open file behind everything, said once,
and reloaded on demand."""

import os
import shutil
from copy import deepcopy
from dataclasses import replace

import pytest

from tests.support import hills
from tests.support.changing import Raised, put, rewrite, touch
from tests.support.scene_tools import SIZE
from viewer.model.camera import Camera
from viewer.model.settings import Measurement
from viewer.session import file_watch
from viewer.session.open_request import OpenRequest

PLACE = [600_120.0, 5_199_900.0]
VIEW = Camera(600_200.0, 5_199_800.0, 3800.0, 20.0, -60.0)


@pytest.fixture
def area(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "area.ntile")


@pytest.fixture(scope="module")
def higher(tmp_path_factory):
    return hills.write(tmp_path_factory.mktemp("higher") / "higher.ntile", area=Raised(700.0))


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(file_watch, "PERIOD_S", 0.01)


def height(session, settle):
    """Height of a point, measured anew."""
    item = Measurement("point", [list(PLACE)])
    session.settings.measuring.items = [item]
    settle(lambda: session.measuring.result(item) is not None)
    return session.measuring.result(item).surfaces["A"]["height_m"]


def picked(session, settle):
    settle(lambda: session.document.scene.ready)
    return session.document.scene.pick(session.camera, SIZE[0] / 2, SIZE[1] / 2).z_m


def changes(said):
    return [text for text in said() if "as it was opened" in text]


def test_a_replaced_file_is_said_once_and_all_numbers_stay(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle()
    before = picked(session, settle), height(session, settle)
    put(higher, area)
    settle(lambda: changes(said))
    for _ in range(5):
        settle()
    (sentence,) = said()
    assert sentence.startswith("area.ntile has changed on disk; ")
    assert "File › Reload (F5)" in sentence
    assert (picked(session, settle), height(session, settle)) == before
    (message,) = session.messages.toasts()[-1:]
    assert (message.command, message.text) == ("file.reload", sentence)
    message.since -= 1e6
    assert message in session.messages.young()  # until it is answered


def test_a_reload_keeps_view_settings_and_measurements(session, settle, area, higher, said):
    session.open(OpenRequest(str(area), bits=(8, 4)))
    settle()
    session.navigation.place(VIEW)
    session.settings.overlay.name = "slope"
    session.settings.view.exaggeration = 1.5
    session.settings.compare.split = True
    session.settings.active = "B"
    inside = Measurement("distance", [list(PLACE), [600_200.0, 5_199_850.0]])
    before = height(session, settle)
    session.settings.measuring.items.append(inside)
    session.settings.measuring.profile = [list(PLACE), [600_300.0, 5_199_700.0]]
    session.film.add_keyframe()
    session.projects.path = "/somewhere/p.tvproj.json"
    kept = deepcopy(session.settings)
    put(higher, area)
    settle(lambda: changes(said))
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    settle()
    assert session.messages.entries[-1].text == "Reloaded area.ntile."
    assert session.settings == kept
    assert session.camera == replace(VIEW, fov_deg=session.camera.fov_deg)
    assert session.projects.path == "/somewhere/p.tvproj.json"
    assert len(session.film.path.keyframes) == 1
    assert not session.messages.toasts()[0].command  # the offer is gone
    item = session.settings.measuring.items[0]
    settle(lambda: session.measuring.result(item) is not None)
    assert session.measuring.result(item).surfaces["A"]["height_m"] == pytest.approx(
        before + 700, abs=2
    )
    assert len(said()) == 1


class Wider(hills.Hills):
    """The hills, and land east of them."""

    grid = replace(hills.GRID, width=340)


def test_a_reload_of_a_larger_area_keeps_the_camera_path(session, settle, area, tmp_path):
    session.open(OpenRequest(str(area)))
    settle()
    session.navigation.place(VIEW)
    session.film.add_keyframe()
    put(hills.write(tmp_path / "wide.ntile", area=Wider()), area)
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    settle()
    assert session.document.reader.grid.width == 340
    assert session.camera.eye == pytest.approx(VIEW.eye)
    assert len(session.film.path.keyframes) == 1


def test_a_reload_of_another_area_shows_all_of_it(session, settle, area, mountain_file):
    session.open(OpenRequest(str(area)))
    session.navigation.place(VIEW)
    session.settings.measuring.items = [Measurement("point", [list(PLACE)])]
    put(mountain_file, area)
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    settle()
    assert session.settings.measuring.items == []
    assert session.document.scene.pick(session.camera, SIZE[0] / 2, SIZE[1] / 2) is not None


@pytest.mark.parametrize("how", ["gone", "a text", "half of it", "a folder", "a pipe", "locked"])
def test_a_reload_that_fails_is_one_sentence_and_the_file_stays(session, settle, area, said, how):
    session.open(OpenRequest(str(area)))
    settle()
    session.navigation.place(VIEW)
    before = height(session, settle)
    document = session.document
    data = area.read_bytes()
    area.unlink()
    if how == "a text":
        area.write_text("Dear all, the survey has moved.")
    elif how == "half of it":
        area.write_bytes(data[: len(data) // 2])
    elif how == "a folder":
        area.mkdir()
    elif how == "a pipe":
        os.mkfifo(area)
    elif how == "locked":
        area.symlink_to(area)
    settle(lambda: changes(said))
    (news,) = said()
    assert ("is gone from its place" in news) == (how in ("gone", "locked"))
    session.run("file.reload")
    settle(lambda: len(said()) > 1)
    settle()
    (failure,) = said()[1:]
    assert "area.ntile" in failure
    assert "\n" not in failure
    assert session.document is document
    assert height(session, settle) == before
    if how == "a folder":
        area.rmdir()
    else:
        area.unlink(missing_ok=True)
    area.write_bytes(data)  # put back: nothing has changed
    session.run("file.reload")
    settle(lambda: session.document is not document)
    assert len(said()) == 2


def test_later_changes_are_said_again_after_a_reload_that_failed(
    session, settle, area, higher, said
):
    session.open(OpenRequest(str(area)))
    area.unlink()
    settle(lambda: changes(said))
    session.run("file.reload")
    settle(lambda: len(said()) == 2)
    for _ in range(20):
        settle()
    assert len(said()) == 2
    put(higher, area)
    settle(lambda: len(said()) == 3)
    assert "has changed on disk" in said()[-1]


def test_a_touch_and_a_copy_are_not_said(session, settle, area, said, frame):
    session.open(OpenRequest(str(area)))
    before = height(session, settle)
    touch(area)
    looks = session.watch._looks
    settle(lambda: session.watch._looks > looks + 4)
    put(area, area)
    looks = session.watch._looks
    settle(lambda: session.watch._looks > looks + 4)
    assert said() == []
    assert height(session, settle) == before


def test_a_file_that_is_being_written_is_waited_for(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    for _ in range(6):
        looks = session.watch._looks + 1
        with open(area, "r+b") as file:
            file.write(b"PMTiles")
            file.write(os.urandom(20))
        touch(area)
        settle(lambda count=looks: session.watch._looks >= count)
    assert len(changes(said)) <= 1
    settle(lambda: changes(said))


def test_a_file_rewritten_in_place_shows_no_other_tile(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle()
    rewrite(higher, area)
    session.settings.measuring.items = [Measurement("point", [[600_400.0, 5_199_700.0]])]
    settle(lambda: changes(said))
    settle()
    result = session.measuring.result(session.settings.measuring.items[0])
    assert result is None or result.surfaces["A"]["height_m"] < 1000
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    assert 1000 < height(session, settle) < 1500
