"""Signals at awkward moments: while modules are imported, before a command runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.commands import POSIX, ROOT, heard_signals

pytestmark = POSIX

IMPORTS = """
from neural.system.signals import ended_by_signals
with ended_by_signals():
    import slow
    import time
    time.sleep(60)
"""
MODULE = """
import time
print("importing", flush=True)
time.sleep(0.4)
with open(__file__ + ".done", "w"):
    pass
"""
STARTS = """
import time
from neural.system import start
def check():
    print("starting", flush=True)
    time.sleep(60)
start.check = check
start.{command}()
"""


def run(code: str, folder: Path) -> subprocess.Popen[str]:
    """Start Python with a program and modules of a folder; it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heard_signals if os.name == "posix" else None,
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_import_is_finished_first(tmp_path: Path, name: str) -> None:
    (tmp_path / "slow.py").write_text(MODULE)
    process = run(IMPORTS, tmp_path)
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=30)
    assert process.returncode == 128 + getattr(signal, name)
    assert (tmp_path / "slow.py.done").exists()


@pytest.mark.parametrize("command", ["ntile", "terrain_viewer"])
def test_ctrl_c_while_a_command_starts_shows_no_traceback(tmp_path: Path, command: str) -> None:
    process = run(STARTS.format(command=command), tmp_path)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == -signal.SIGINT
