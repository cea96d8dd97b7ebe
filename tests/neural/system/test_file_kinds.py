"""Inputs that are no files: refused at once, never waited for."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from neural.system import file_kinds
from tests.support.commands import POSIX, start

pytestmark = POSIX


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe.tif")
    return tmp_path / "pipe.tif"


def test_kinds(tmp_path: Path, pipe: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"heights")
    with file_kinds.open_file(file) as opened:
        assert opened.read() == b"heights"
    for path, kind in ((pipe, "a pipe"), ("/dev/zero", "a device")):
        assert file_kinds.endless(path) == kind
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            file_kinds.open_file(path)
    with pytest.raises(IsADirectoryError):
        file_kinds.open_file(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert file_kinds.endless(tmp_path / "s") == "a socket"
    for path in (file, tmp_path, tmp_path / "nothing", "no\0name"):
        assert file_kinds.endless(path) is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode", "PIPE", "OUT"],
        ["info", "PIPE"],
        ["verify", "PIPE"],
        ["evaluate", "AREA", "--reference", "PIPE"],
    ],
)
def test_commands_do_not_wait_at_a_pipe(
    tmp_path: Path, pipe: Path, hills_file: Path, arguments: list[str]
) -> None:
    names = {"PIPE": str(pipe), "AREA": str(hills_file), "OUT": str(tmp_path / "out.ntile")}
    arguments = [names.get(argument, argument) for argument in arguments]
    run = start("neural.cli", *arguments)
    try:
        _, told = run.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        run.kill()
        run.communicate()
        raise
    assert run.returncode == 3
    assert "a pipe, not a file" in told
    assert len(told.strip().splitlines()) == 1
    assert os.listdir(tmp_path) == ["pipe.tif"]
