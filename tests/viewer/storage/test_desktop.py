"""Where settings belong and whether the desktop is dark, on every system."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from viewer.storage import desktop


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", "/x/terrain-viewer"),
        ("win32", "/roaming/terrain-viewer"),
        ("darwin", "HOME/Library/Application Support/terrain-viewer"),
    ],
)
def test_settings_lie_where_the_system_keeps_them(monkeypatch, tmp_path, platform, folder) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/x")
    monkeypatch.setenv("APPDATA", "/roaming")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert desktop.config_folder() == Path(folder.replace("HOME", str(tmp_path)))


@pytest.mark.parametrize("named", [None, "", "config", "./x", "/"])
def test_settings_lie_at_home_where_the_environment_names_no_place(
    monkeypatch, tmp_path, named
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", named or "")
    if named is None:
        monkeypatch.delenv("XDG_CONFIG_HOME")
    assert desktop.config_folder() == tmp_path / ".config/terrain-viewer"


def test_an_account_without_a_home_has_no_place_for_settings(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", "/")
    assert desktop.config_folder() is None


@pytest.mark.parametrize(
    ("platform", "printed", "theme"),
    [
        ("linux", "'prefer-light'\n", "light"),
        ("linux", "'prefer-dark'\n", "dark"),
        ("linux", "'default'\n", "dark"),
        ("darwin", "Dark\n", "dark"),
        ("darwin", "", "light"),
    ],
)
def test_the_theme_is_the_desktops(monkeypatch, platform, printed, theme) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(subprocess, "run", lambda *args, **kw: SimpleNamespace(stdout=printed))
    assert desktop.system_theme() == theme


@pytest.mark.parametrize(("light", "theme"), [(1, "light"), (0, "dark")])
def test_the_theme_of_windows_is_in_its_registry(monkeypatch, light, theme) -> None:
    registry = SimpleNamespace(
        HKEY_CURRENT_USER=0,
        OpenKey=lambda root, place: nullcontext(place),
        QueryValueEx=lambda key, name: (light, 4),
    )
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "winreg", registry)
    assert desktop.system_theme() == theme


@pytest.mark.parametrize(
    "error", [FileNotFoundError("gsettings"), subprocess.TimeoutExpired("gsettings", 1)]
)
def test_a_desktop_that_says_nothing_is_dark(monkeypatch, error) -> None:
    def run(*args, **options):
        raise error

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(subprocess, "run", run)
    assert desktop.system_theme() == "dark"
