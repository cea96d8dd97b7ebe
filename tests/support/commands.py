"""Running the commands as a user does: in this process, or as one of its own that may be ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.cli import main
from tests.support.rasters import hills, write

ROOT = Path(__file__).resolve().parents[2]
POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")
REFERENCE = ("--method", "reference", "--reference", "0.05")


def ntile(*arguments: object) -> None:
    """Run a command in this process; SystemExit where it fails."""
    main([str(argument) for argument in arguments])


def ntile_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    """Run a command in this process with --json; return what it prints."""
    capsys.readouterr()
    ntile(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and the one sentence of a command that fails."""
    with pytest.raises(SystemExit) as ended:
        ntile(*arguments)
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    return int(str(ended.value.code)), said


def heard_signals() -> None:
    """Let a child hear the signals that this process may have been started to ignore (nohup,
    background jobs)."""
    for name in ("SIGINT", "SIGHUP", "SIGTERM"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start `python -m` with these arguments."""
    command = [sys.executable, "-m", *map(str, arguments)]
    if os.name == "posix":
        options.setdefault("preexec_fn", heard_signals)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options
    )


def wait_for(run: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Wait until a process has come so far; it is killed where it does not."""
    deadline = time.monotonic() + 60
    try:
        while not ready():
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
    except BaseException:
        run.kill()
        run.communicate()
        raise


def heights(path: Path) -> np.ndarray:
    """Samples of a raster's first band, by GDAL."""
    import rasterio

    with rasterio.open(path) as raster:
        return raster.read(1)


def write_areas(folder: Path) -> tuple[Path, Path]:
    """Two areas of `hills`, 700 × 900 cells, and 1000 m above it; their rasters lie beside them."""
    for name, height in (("low", 0), ("high", 1000)):
        write(folder / f"{name}.tif", hills(700, 900) + np.float32(height))
        ntile("encode", folder / f"{name}.tif", folder / f"{name}.ntile", *REFERENCE)
    return folder / "low.ntile", folder / "high.ntile"
