"""Disks that fill and signals that come while a command writes: the earlier file stays, and nothing
else is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import (
    POSIX,
    REFERENCE,
    ROOT,
    fails,
    heights,
    ntile,
    start,
    wait_for,
    write_areas,
)
from tests.support.rasters import hills, write


@pytest.fixture(scope="module")
def areas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_areas(tmp_path_factory.mktemp("areas"))


@pytest.fixture
def small_disk(tmp_path: Path):
    """Mounts a folder with so many kilobytes, which only root can do, and unmounts it in the
    end."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = []

    def mount(kilobytes: int) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("only root mounts disks")
        mounted.append(folder)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", place], check=True)


def limited(kilobytes: int) -> Callable[[], None]:
    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, 1024 * kilobytes))

    return limit


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
@pytest.mark.parametrize("kilobytes", [1100, 1400, 1700])
def test_a_disk_that_fills_while_a_raster_is_written(areas, small_disk, kilobytes):
    """700 × 900 heights take 3.1 MB plain (which is said before), 1.3 MB as a COG."""
    folder = small_disk(3200 + kilobytes)
    (folder / "a.tif").write_text("old")
    run = start("neural.cli", "decode", areas[0], folder / "a.tif")
    said = run.communicate()[1]
    if run.returncode:
        assert (run.returncode, "No space left on device" in said) == (3, True)
        assert all(line.startswith("ntile: ") for line in said.splitlines())
        assert (folder / "a.tif").read_text() == "old"
    else:
        assert np.abs(heights(folder / "a.tif") - hills(700, 900)).max() < 0.06
    assert os.listdir(folder) == ["a.tif"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_disk_too_small_is_said_before(areas, small_disk, capsys):
    folder = small_disk(1000)
    code, said = fails(capsys, "decode", areas[0], folder / "a.tif")
    assert code == 3
    assert re.search(r"about 3\.15 MB are needed and 1\.02 MB are free in ", said)
    assert os.listdir(folder) == []


@POSIX
def test_the_systems_reason_is_said(areas, tmp_path):
    """The kernel refuses to write files longer than 500 kB; GDAL says "write error"."""
    (tmp_path / "a.tif").write_text("old")
    run = start("neural.cli", "decode", areas[0], tmp_path / "a.tif", preexec_fn=limited(500))
    said = run.communicate()[1]
    assert run.returncode == 3
    reasons = [line for line in said.splitlines() if not line.startswith("ntile: decoding")]
    assert len(reasons) == 1  # none of libtiff's own
    assert (
        "a.tif cannot be written (File too large); make room or choose another place." in reasons[0]
    )
    assert ((tmp_path / "a.tif").read_text(), os.listdir(tmp_path)) == ("old", ["a.tif"])


def work_bytes(out: Path) -> int:
    log = out.with_name(f"{out.name}.work-wal")
    return log.stat().st_size if log.exists() else 0


@POSIX
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP] if os.name == "posix" else []
)
def test_a_decode_ended_by_a_signal_leaves_nothing(areas, tmp_path, number):
    run = start("neural.cli", "decode", areas[0], tmp_path / "a.tif", "--resolution", "0.1")
    wait_for(run, lambda: any(tmp_path.glob("*/part*")))
    run.send_signal(number)
    said = run.communicate(timeout=30)[1]
    assert (run.returncode, said.splitlines()[-1].startswith(f"ntile: ended by {number.name}")) == (
        128 + number,
        True,
    )
    assert os.listdir(tmp_path) == []


@POSIX
def test_an_encode_ended_by_a_signal_keeps_its_work(tmp_path):
    source = write(tmp_path / "a.tif", hills(1000, 1000))
    out = tmp_path / "a.ntile"
    run = start("neural.cli", "encode", source, out, *REFERENCE)
    wait_for(run, lambda: work_bytes(out) > 3e5)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=30)
    assert run.returncode == 128 + signal.SIGTERM
    assert sorted(os.listdir(tmp_path)) == ["a.ntile.work", "a.tif"]
    ntile("encode", source, out, *REFERENCE)
    assert sorted(os.listdir(tmp_path)) == ["a.ntile", "a.tif"]


ENDLESS = """
import signal, sqlite3, sys
from neural.system import output
from neural.system.signals import ended_by_signals
count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
with ended_by_signals(grace_s=0.3), output.whole(sys.argv[1]) as part:
    part.write_text("half")
    print(flush=True)
    sqlite3.connect(":memory:").execute(count)  # the interpreter sees no signal before it returns
"""


@POSIX
def test_a_long_call_of_a_library_is_ended_too(tmp_path):
    run = subprocess.Popen([sys.executable, "-c", ENDLESS, tmp_path / "a"], stdout=-1, cwd=ROOT)
    with run:
        assert run.stdout is not None
        run.stdout.readline()
        run.terminate()
        assert run.wait(timeout=30) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == []


@POSIX
def test_signals_that_were_ignored_stay_so(tmp_path):
    code = "import signal, time\nfrom neural.system.signals import ended_by_signals\n"
    code += "with ended_by_signals():\n print(flush=True)\n input()"
    run = subprocess.Popen(
        ["nohup", sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1, cwd=ROOT
    )
    with run:
        assert run.stdout is not None
        run.stdout.readline()
        run.send_signal(signal.SIGHUP)
        run.communicate(b"\n", timeout=30)
    assert run.returncode == 0
