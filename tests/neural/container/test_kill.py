"""kill -9 at ten random moments of an encode, then run again: the result is the undisturbed one,
byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from neural.container.verify import verify
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, write

KILLS = 5
TRIES = 50
"""Encodes that are begun to kill so many: on a busy machine many end before the signal."""


def _encode(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "neural.cli", "encode", folder / "dem.tif", out]
    options = ["--model", folder / "tiny", "--reference", "0.02", "--jobs", "1"]
    return subprocess.Popen([*map(str, command), *map(str, options)], stderr=subprocess.DEVNULL)


def test_killed_encode_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "dem.tif", hills(800, 900))
    save_tiny_model(tmp_path)
    assert _encode(tmp_path, tmp_path / "whole.ntile").wait() == 0
    want = (tmp_path / "whole.ntile").read_bytes()
    began = time.monotonic()  # the second run, as the first also fills caches
    assert _encode(tmp_path, tmp_path / "again.ntile").wait() == 0
    seconds = time.monotonic() - began
    assert (tmp_path / "again.ntile").read_bytes() == want

    out = tmp_path / "killed.ntile"
    rng = random.Random(11)
    killed = 0
    for _ in range(TRIES):
        if killed == KILLS:
            break
        process = _encode(tmp_path, out)
        # Start-up is most of such a small encode: aim behind it, at the part that writes.
        time.sleep(seconds * rng.uniform(0.3, 1.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        if out.exists():
            assert out.read_bytes() == want
            out.unlink()
    assert killed == KILLS
    assert _encode(tmp_path, out).wait() == 0
    assert out.read_bytes() == want
    assert verify(out)["ok"]
    assert {path.name for path in tmp_path.glob("killed*")} == {"killed.ntile"}
