"""kill -9 amid an encode, then run again: the result is the undisturbed one, byte for byte.

Every step of staging and writing is killed in test_stage; these are the command's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neural.container.verify import verify
from tests.support.commands import POSIX, ROOT
from tests.support.rasters import hills, write

DIES = """
import os, signal, sys
from neural.cli import main
from neural.container.staging import Stage
from neural.system import output

moment, calls, *arguments = sys.argv[1:]
holder = output if hasattr(output, moment) else Stage
step = getattr(holder, moment)
left = int(calls)

def last(*args, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*args, **options)

setattr(holder, moment, last)
main(arguments)
"""
"""The command, killed when a step begins that has run so many times."""


def encode(folder: Path, out: Path, *dies: object) -> int:
    """Run `ntile encode`, or one that is killed; return its exit code."""
    command = ["-c", DIES, *dies] if dies else ["-m", "neural.cli"]
    arguments = [*command, "encode", folder / "dem.tif", out, "--quality", 30, "--jobs", 2]
    run = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, check=False
    )
    return run.returncode


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raster of 14 tiles and its undisturbed encode, whole.ntile."""
    folder = tmp_path_factory.mktemp("kill")
    write(folder / "dem.tif", hills(520, 600))
    assert encode(folder, folder / "whole.ntile") == 0
    return folder


@POSIX
@pytest.mark.parametrize(
    ("moment", "calls"),
    [("put_group", 1), ("put_body", 7), ("_take_place", 0)],
    ids=["staging", "coding", "renaming"],
)
def test_a_killed_encode_resumes_to_the_same_bytes(
    whole: Path, tmp_path: Path, moment: str, calls: int
) -> None:
    out = tmp_path / "killed.ntile"
    out.write_bytes(b"earlier")
    assert encode(whole, out, moment, calls) == -signal.SIGKILL
    assert out.read_bytes() == b"earlier"
    assert out.with_name("killed.ntile.work").exists()
    assert encode(whole, out) == 0
    assert out.read_bytes() == (whole / "whole.ntile").read_bytes()
    assert verify(out)["ok"]
    assert os.listdir(tmp_path) == ["killed.ntile"]
