"""Settings that several windows, versions and processes share: nothing of anybody's is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from neural.errors import NtileError
from neural.system import locks
from tests.support import mountains
from tests.support.commands import POSIX, ROOT
from viewer.model.camera import Camera
from viewer.storage import user_file
from viewer.storage.bookmarks import Bookmarks
from viewer.storage.layout import Layout, merged
from viewer.storage.preferences import RECENT, Preferences, Store

CAMERA = Camera(2000.0, 8000.0, 1500.5, 30.25, -20.0, 60.0)
HIGHER = replace(CAMERA, z=2400.0)


@pytest.fixture
def said():
    return []


@pytest.fixture
def window(tmp_path, said):
    """Opens the named views of an area, as another window does."""
    return lambda: Bookmarks(mountains.GRID, tmp_path, said.append)


@pytest.fixture
def store(tmp_path, said):
    """Opens the preferences, as another window does."""
    return lambda: Store(said.append, tmp_path)


def test_views_of_three_windows_are_merged_in_their_order(window, said):
    first = window()
    first.add(CAMERA, "ridge")
    second, third = window(), window()
    second.add(CAMERA, "valley")
    third.delete("ridge")
    second.rename("valley", "gorge")
    assert first.add(CAMERA) == "View 1"
    assert third.add(CAMERA) == "View 2"
    assert list(third.views) == list(window().views) == ["gorge", "View 1", "View 2"]
    second.refresh()
    assert list(second.views) == ["gorge", "View 1", "View 2"]
    assert said == []


def test_two_views_of_one_name_both_stay(window, said):
    first, second = window(), window()
    first.add(CAMERA, "summit")
    second.add(HIGHER, "summit")
    views = window().views
    assert (views["summit"], views["summit (2)"]) == (HIGHER, CAMERA)
    assert len(said) == 1
    assert "'summit (2)'" in said[0]
    second.add(CAMERA, "summit")  # this window's own: replaced
    assert list(window().views) == ["summit", "summit (2)"]


def test_a_view_that_another_window_changed_is_not_deleted(window, said):
    first = window()
    first.add(CAMERA, "hut")
    second = window()
    second.add(HIGHER, "hut")
    first.delete("hut")
    assert window().views == first.views == {"hut": HIGHER}
    assert "another window changed 'hut' meanwhile" in said[0]
    first.delete("hut")
    assert window().views == {}
    first.add(CAMERA, "hut")
    first.rename("hut", "inn")
    first.delete("inn")
    assert window().views == first.views == {}


def test_what_a_newer_version_wrote_stays(window, said):
    first = window()
    first.add(CAMERA, "north")
    first.add(CAMERA, "south")
    values = json.loads(first.path.read_text())
    values |= {"version": 7, "folders": {"winter": ["north"]}}
    values["views"][0] |= {"note": "snow", "camera": values["views"][0]["camera"] | {"lens": [1]}}
    values["views"].insert(1, {"name": "moving", "path": {"frames": 3}})
    first.path.write_text(json.dumps(values))
    second = window()
    assert list(second.views) == ["north", "south"]
    assert len(said) == 1
    assert "views[1]" in said[0]
    assert "moving" in said[0]
    second.rename("north", "pole")
    second.delete("south")
    second.add(HIGHER, "moving")  # not that which cannot be read
    kept = json.loads(second.path.read_text())
    north = values["views"][0] | {"name": "pole"}
    new = {"name": "moving", "camera": HIGHER.to_json()}
    assert kept == values | {"views": [north, values["views"][1], new]}
    second.add(HIGHER, "pole")
    assert json.loads(second.path.read_text())["views"][0]["note"] == "snow"


def test_views_of_a_newer_kind_of_file_are_not_overwritten(window, said):
    first = window()
    first.add(CAMERA, "north")
    content = json.dumps({"version": 9, "views": {"north": 1}})
    first.path.write_text(content)
    second = window()
    second.add(CAMERA, "here")
    assert list(second.views) == ["here"]
    assert "newer version" in said[-1]
    assert first.path.read_text() == content


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"name": "x", "camera": {"easting": 1}}, 'the key "northing" is missing'),
        ({"name": "x", "camera": CAMERA.to_json() | {"z": float("nan")}}, "NaN is not a number"),
        ({"name": "x"}, "is not an object"),
        ({"camera": CAMERA.to_json()}, "it has no name"),
        (None, "it has no name"),
        ({"name": " ", "camera": CAMERA.to_json()}, "it has no name"),
    ],
)
def test_a_damaged_view_costs_itself(window, said, entry, reason):
    first = window()
    first.add(CAMERA, "a")
    values = json.loads(first.path.read_text())
    first.path.write_text(json.dumps(values | {"views": [entry, *values["views"]]}))
    second = window()
    assert list(second.views) == ["a"]
    assert reason in said[0]
    second.add(CAMERA, "b")
    assert len(said) == 1
    assert json.dumps(json.loads(second.path.read_text())["views"][0]) == json.dumps(entry)


def test_a_name_that_is_there_twice(window):
    first = window()
    first.add(CAMERA, "a")
    values = json.loads(first.path.read_text())
    values["views"].append({"name": "a", "camera": HIGHER.to_json()})
    first.path.write_text(json.dumps(values))
    second = window()
    assert second.views == {"a": CAMERA, "a (2)": HIGHER}
    second.delete("a")
    assert window().views == {"a (2)": HIGHER}


def test_views_outlive_a_file_that_is_removed_or_damaged(window, said):
    first = window()
    first.add(CAMERA, "a")
    first.path.unlink()
    first.add(CAMERA, "b")
    assert list(window().views) == ["a", "b"]
    first.path.write_text("{")
    first.add(CAMERA, "c")
    assert list(window().views) == ["a", "b", "c"]
    assert "damaged" in said[0]


def test_without_a_listener_views_are_kept_or_refused(tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    views = Bookmarks(mountains.GRID, tmp_path / "taken")
    with pytest.raises(NtileError, match=r"Settings cannot be kept: .*taken cannot be a folder"):
        views.add(CAMERA, "a")
    assert views.views == {}
    views = Bookmarks(mountains.GRID, tmp_path)
    views.add(CAMERA, "a")
    views.path.write_text("[")
    with pytest.warns(UserWarning, match="damaged"):
        views.refresh()


def test_preferences_of_two_windows_are_merged(store, said):
    first, second = store(), store()
    first.values.theme = "light"
    first.values.remember("/a")
    first.save()
    second.values.turn_speed = 2.0
    second.values.remember("/b")
    second.values.remember("/c")
    second.save()
    assert store().values == Preferences("light", turn_speed=2.0, recent=["/c", "/b", "/a"])
    assert second.values.recent == ["/c", "/b", "/a"]
    assert second.values.theme == "dark"  # as this window shows it
    first.values.remember("/b")
    first.save()
    assert store().values.recent == ["/b", "/c", "/a"]
    second.values.recent.remove("/a")
    second.save()
    assert store().values.recent == ["/b", "/c"]
    first.values.recent.clear()
    first.save()
    assert store().values.recent == []
    assert said == []


def test_full_lists_of_recent_files(store):
    first = store()
    for number in range(RECENT):
        first.values.remember(f"/old/{number}")
    first.save()
    second = store()
    first.values.remember("/a")
    second.values.remember("/b")
    first.save()
    second.save()
    recent = store().values.recent
    assert len(recent) == RECENT
    assert recent[:3] == ["/b", "/a", f"/old/{RECENT - 1}"]


def test_times_of_files_decide_nothing(store, window):
    first, views = store(), window()
    first.values.remember("/a")
    first.save()
    views.add(CAMERA, "a")
    for when in (0, 2**33):
        for path in (first.path, views.path):
            os.utime(path, (when, when))
        other, more = store(), window()
        other.values.remember(f"/{when}")
        other.save()
        more.add(CAMERA, str(when))
    first.values.remember("/b")
    first.save()
    views.add(CAMERA, "b")
    assert store().values.recent == ["/b", f"/{2**33}", "/0", "/a"]
    assert set(window().views) == {"a", "b", "0", str(2**33)}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_of_other_editors(tmp_path, store, said, encoding):
    (tmp_path / "preferences.json").write_text('{"theme": "light"}', encoding=encoding)
    assert store().values.theme == "light"
    assert said == []


def test_a_folder_in_the_place_of_the_file(tmp_path, store, said):
    (tmp_path / "preferences.json").mkdir()
    first = store()
    first.values.theme = "light"
    first.save()
    first.save(last=True)
    assert len(said) == 1
    assert "it is a directory" in said[0]


@POSIX
def test_pipes_and_devices_are_left_alone(tmp_path, store, said):
    path = tmp_path / "preferences.json"
    os.mkfifo(path)
    store()
    path.unlink()
    path.symlink_to("/dev/null")
    device = store()
    device.values.theme = "light"
    device.save()
    assert ["it is no file" in text for text in said] == [True, True]
    assert path.is_symlink()
    assert os.path.exists("/dev/null")


@POSIX
@pytest.mark.parametrize("content", ['{"theme": "light"}', None, "{"])
def test_links_stay_and_their_targets_are_written(tmp_path, store, said, content):
    target = tmp_path / "dotfiles" / "viewer.json"
    target.parent.mkdir()
    if content is not None:
        target.write_text(content)
    path = tmp_path / "preferences.json"
    path.symlink_to("dotfiles/viewer.json")
    first = store()
    first.values.zoom_speed = 3.0
    first.save()
    assert path.is_symlink()
    assert json.loads(target.read_text())["zoom_speed"] == 3.0
    damaged = target.with_name("viewer.json.damaged")
    assert damaged.exists() == (content == "{") == bool(said)


@POSIX
def test_damaged_files_without_links_or_room_for_names(tmp_path, monkeypatch):
    def link(source, destination):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / ("n" * 240 + ".json")
    asides = []
    for number in range(3):
        path.write_text(str(number))
        asides.append(user_file.put_aside(path))
    assert [aside.read_text() for aside in asides] == ["0", "1", "2"]
    assert not path.exists()


WRITER = """
import sys
from tests.support import mountains
from viewer.model.camera import Camera
from viewer.storage.bookmarks import Bookmarks
from viewer.storage.preferences import Store
from pathlib import Path
folder, name = Path(sys.argv[1]), sys.argv[2]
def fail(text): raise SystemExit(text)
views = Bookmarks(mountains.GRID, folder, fail)
store = Store(fail, folder)
for number in range(4):
    views.add(Camera(), None if number % 2 else f"{name}{number}")
    store.values.remember(f"/{name}{number}")
    store.values.recent[:] = store.values.recent[:2]
    store.save()
"""


def test_processes_that_write_at_one_moment(tmp_path, window, store):
    names = "abcde"
    runs = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], cwd=ROOT)
        for name in names
    ]
    assert [run.wait() for run in runs] == [0] * len(names)
    views = list(window().views)
    unnamed = [f"View {number}" for number in range(1, 2 * len(names) + 1)]
    assert sorted(views) == sorted([*(f"{n}{k}" for n in names for k in (0, 2)), *unnamed])
    assert {path[1] for path in store().values.recent} <= set(names)
    assert sorted(os.listdir(tmp_path)) == [".lock", "preferences.json", "views"]


HOLDER = """
import sys, time
from neural.system import locks
with locks.locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@POSIX
def test_a_lock_ends_with_its_process_and_the_wait_in_a_sentence(tmp_path, store, said):
    lock = tmp_path / user_file.LOCK
    command = [sys.executable, "-c", HOLDER, str(lock)]
    holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    first = store()
    first.values.theme = "light"
    begin = time.monotonic()
    first.save()
    first.save()  # not tried again at once
    assert time.monotonic() - begin < 2 * locks.PATIENCE_S
    assert len(said) == 1
    assert f"another process keeps {lock} locked" in said[0]
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    begin = time.monotonic()
    first.save(last=True)
    assert time.monotonic() - begin < 1.0
    assert store().values.theme == "light"


def test_threads_exclude_one_another(tmp_path):
    with (
        locks.locked(tmp_path / "a"),
        pytest.raises(TimeoutError, match="locked"),
        locks.locked(tmp_path / "a", 0.05),
    ):
        pass
    with locks.locked(tmp_path / "none" / "a"):  # where there can be no lock
        pass
    (tmp_path / "b").mkdir()
    with locks.locked(tmp_path / "b"):
        pass


def test_the_working_directory_is_no_place_for_temporary_files(tmp_path, monkeypatch, said) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))  # as where no other is
    assert Layout(said.append, tmp_path / "settings").copy is None
    assert "no folder for temporary files" in said[0]
    assert os.listdir(tmp_path) == []
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the user's own choice
    layout = Layout(said.append, tmp_path / "settings")
    assert layout.copy.parent.parent == tmp_path
    layout.save()
    assert os.listdir(tmp_path) == []


INI = """;;; head
;;;<<<AppWindow>>>;;;
[AppWindow]
WindowSize={size}
;;;<<<ImGui_655921752_Default>>>;;;
[Window][Log]
Pos={pos}
LastUsed={day}

[Docking][Data]
a
"""


def ini(size=1, pos=1, day=20200101):
    return INI.format(size=size, pos=pos, day=day)


def test_layouts_of_two_windows_are_merged():
    base = ini()
    assert merged(base, ini(pos=2), ini(size=3)) == ini(size=3, pos=2)
    assert merged(base, ini(day=20301231), ini(pos=3)) == ini(pos=3)
    newer = ini(size=3) + "[Table][x]\nb\n;;;<<<Later>>>;;;\n{}"
    both = merged(base, ini(pos=2), newer)
    assert both == ini(size=3, pos=2) + "[Table][x]\nb\n;;;<<<Later>>>;;;\n{}"
    assert merged("", ini(), "") == ini()


def test_the_layout_is_copied_and_saved(tmp_path, said):
    first, second = Layout(said.append, tmp_path), Layout(said.append, tmp_path)
    assert not first.copy.exists()
    first.copy.write_text(ini(size=4))
    first.save()
    assert (tmp_path / "window.ini").read_text() == ini(size=4)
    second.save()  # nothing was written
    third = Layout(said.append, tmp_path)
    assert third.copy.read_text() == ini(size=4)
    third.save("[Window][New]\n")  # as when the display is lost
    assert (
        ";;;<<<ImGui_655921752_Default>>>;;;\n[Window][New]\n"
        in (tmp_path / "window.ini").read_text()
    )
    assert "WindowSize=4" in (tmp_path / "window.ini").read_text()
    (tmp_path / "window.ini").write_bytes(b"\xff\0\1")
    fourth = Layout(said.append, tmp_path)
    assert not fourth.copy.exists()
    assert "window.ini.damaged" in said[0]
    fourth.save()
    layouts = (first, second, third, fourth)
    assert [layout.copy for layout in layouts] == [None] * 4
