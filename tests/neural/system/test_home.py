"""Homes of accounts, and libraries that are not led astray by the environment."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from neural.errors import NtileError
from neural.system import home, output


@pytest.mark.skipif(os.name != "posix", reason="accounts of Unix")
@pytest.mark.parametrize("folder", ["/", "//", "/nobody/has/this", __file__])
def test_an_account_without_a_home(monkeypatch, folder) -> None:
    monkeypatch.setenv("HOME", folder)
    assert home.home() is None


@pytest.mark.skipif(os.name != "posix", reason="accounts of Unix")
@pytest.mark.parametrize("named", [None, "", "here"])
def test_the_systems_account_names_the_home_where_the_environment_does_not(
    monkeypatch, tmp_path, named
) -> None:
    import pwd

    monkeypatch.setenv("HOME", named or "")
    if named is None:
        monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda user: SimpleNamespace(pw_dir=str(tmp_path)))
    assert home.home() == tmp_path
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # a container's user
    assert home.home() is None


def test_libraries_are_led_nowhere_by_relative_paths(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("MESA_SHADER_CACHE_DISABLE", "")
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE")
    home.keep_libraries_in_place()
    assert "XDG_CACHE_HOME" not in os.environ
    assert "XDG_DATA_HOME" not in os.environ
    assert os.environ["XDG_CONFIG_HOME"] == "/etc/xdg"
    assert os.environ["MESA_SHADER_CACHE_DISABLE"] == "true"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it cannot be removed")
def test_a_working_directory_that_was_removed(monkeypatch, tmp_path) -> None:
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    assert home.working_directory() == tmp_path / "job"
    with home.some_working_directory():
        assert home.working_directory() == tmp_path / "job"
    (tmp_path / "job").rmdir()
    assert home.working_directory() is None
    with home.some_working_directory():
        assert os.getcwd() == "/"
    assert home.working_directory() is None  # nothing relative may land in the root
    with pytest.raises(NtileError, match=r"o\.png cannot be written: its folder does not exist"):
        output.write_bytes("o.png", b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    home.leave_removed_directory()
    assert home.working_directory() == tmp_path
    home.leave_removed_directory()
    assert home.working_directory() == tmp_path
