"""Windows that end by a signal or without a display: settings are saved, nothing else is left; a
window that nobody can see draws nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import POSIX, start, wait_for
from tests.support.gui_driver import SIZE
from viewer.gui import window
from viewer.session.launch import Launch

pytestmark = POSIX


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """An X server of the test's own, and the name of its display."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24"]
    run = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with open(reading) as number:
        display = f":{number.readline().strip()}"
    yield run, display
    run.kill()
    run.wait()


@pytest.fixture
def opened(
    server: tuple[subprocess.Popen[bytes], str], tmp_path: Path, area: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Opens a window on an area and waits until the file is among the recent ones."""
    (tmp_path / "temporary").mkdir()
    (tmp_path / "home").mkdir()
    runs = []

    def start_window(**environment: str) -> subprocess.Popen[str]:
        here = {"DISPLAY": server[1], "HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": ""}
        here |= {"TMPDIR": str(tmp_path / "temporary"), "LIBGL_ALWAYS_SOFTWARE": "1"}
        run = start("viewer", area, "--size", "640x480", env=os.environ | here | environment)
        runs.append(run)
        return run

    yield start_window
    for run in runs:
        run.kill()
        run.communicate()


def settings(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".config" / "terrain-viewer"


def is_kept(tmp_path: Path, area: Path) -> None:
    """Assert that all was saved and nothing is left."""
    folder = settings(tmp_path)
    assert json.loads((folder / "preferences.json").read_text())["recent"] == [str(area)]
    assert "[Window][Log]" in (folder / "window.ini").read_text()
    assert sorted(os.listdir(folder)) == [".lock", "preferences.json", "window.ini"]
    assert os.listdir(tmp_path / "temporary") == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_saves_what_closing_saves(opened, tmp_path, area, name) -> None:
    number = getattr(signal, name)
    run = opened()
    wait_for(run, lambda: (settings(tmp_path) / "preferences.json").exists())
    run.send_signal(number)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 128 + number
    assert said == f"Error: terrain-viewer was ended by {name}; nothing half is left.\n"
    is_kept(tmp_path, area)


def test_a_lost_display_saves_what_closing_saves(opened, server, tmp_path, area) -> None:
    run = opened()
    wait_for(run, lambda: (settings(tmp_path) / "preferences.json").exists())
    time.sleep(3.0)  # some frames, for imgui to lay the panels out
    server[0].kill()
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 3
    assert said.endswith(
        "Error: the display was lost; settings are saved, and nothing half is left.\n"
    )
    is_kept(tmp_path, area)


def test_a_window_without_a_place_for_settings_says_so_once(opened, tmp_path) -> None:
    before = set(os.listdir("/"))
    run = opened(HOME="/", XDG_CACHE_HOME="")
    lines = [run.stderr.readline()]
    assert lines[0].startswith("Settings cannot be kept: there is no home folder")
    time.sleep(0.5)
    run.terminate()
    assert len(run.communicate(timeout=60)[1].splitlines()) == 1
    assert run.returncode == 143
    assert set(os.listdir("/")) == before
    assert os.listdir(tmp_path / "temporary") == []


@pytest.mark.parametrize("way", ["iconify_window", "hide_window"])
def test_a_window_that_nobody_sees_draws_nothing_and_comes_back(
    drive, area, monkeypatch, way
) -> None:
    rests: list[float] = []
    pictures: list[int] = []

    def steps(driver):
        driver.settle()
        glfw = window.glfw
        shown = window.glfw_window()
        wait = glfw.wait_events_timeout

        def waited(seconds):
            rests.append(time.monotonic())
            pictures.append(driver.app.viewport.pictures)
            driver.app.session.camera.z += 100  # would be drawn
            if len(rests) == 5:
                back = glfw.restore_window if way == "iconify_window" else glfw.show_window
                back(shown)
            wait(0.01)

        monkeypatch.setattr(glfw, "wait_events_timeout", waited)
        getattr(glfw, way)(shown)
        driver.wait(lambda: rests)
        assert len(rests) == 5
        assert len(set(pictures)) == 1
        driver.settle()
        assert driver.app.viewport.pictures > pictures[0]

    drive(Launch(path=str(area), size=SIZE), steps)


def test_a_hidden_window_hears_that_it_shall_end(drive, area) -> None:
    def steps(driver):
        driver.settle()
        main_window = driver.app.window
        threading.Timer(0.3, lambda: setattr(main_window, "failure", SystemExit(143))).start()
        window.glfw.iconify_window(window.glfw_window())
        driver.ctx.yield_(1000)

    with pytest.raises(RuntimeError, match="exited before the test finished"):
        drive(Launch(path=str(area), size=SIZE), steps)
