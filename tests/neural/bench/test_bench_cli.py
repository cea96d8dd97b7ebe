"""Lists with spaces, splits of a manifest, and workers that do not outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neural.bench.places import find_places
from neural.cli.bench import _joined
from neural.errors import UsageError

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("arguments", "joined"),
    [
        (
            "data --split test --methods huvr huvr_siren --codecs all",
            "data --split test --methods huvr,huvr_siren --codecs all",
        ),
        ("--methods huvr functa data", "--methods huvr,functa data"),
        (
            "--methods=huvr functa --codecs=sz3 lerc a.tif",
            "--methods=huvr,functa --codecs=sz3,lerc a.tif",
        ),
        (
            "--codecs jpeg2k_files jpeg2k_image zfp -o x",
            "--codecs jpeg2k_files,jpeg2k_image,zfp -o x",
        ),
        ("--methods huvr sz3", "--methods huvr sz3"),  # sz3 is no method: a DEM
        ("--methods huvr data functa", "--methods huvr data functa"),
        ("--methods --codecs sz3", "--methods --codecs sz3"),  # for click to refuse
        ("functa --methods huvr", "functa --methods huvr"),
    ],
)
def test_names_after_spaces_belong_to_the_option_before(arguments: str, joined: str) -> None:
    assert _joined(arguments.split()) == joined.split()


def test_a_path_of_that_name_stays_a_dem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "functa").mkdir()
    assert _joined("--methods huvr functa".split()) == ["--methods", "huvr", "functa"]


def test_several_splits_come_in_the_order_asked_for(tmp_path: Path) -> None:
    rows = [
        "file,split,data_class,crs",
        "a.tif,val,dtm,EPSG:2056",
        "b.tif,test,,",
        "c.tif,val,dsm,",
        "d.tif,train,dtm,",
    ]
    (tmp_path / "MANIFEST.csv").write_text("\n".join(rows) + "\n")
    for name in "abcd":
        (tmp_path / f"{name}.tif").touch()
    places = find_places([tmp_path], ("test", "val"))
    assert [(p.name, p.split, p.data_class, p.reading.crs) for p in places] == [
        ("b", "test", None, "local"),
        ("a", "val", "dtm", None),
        ("c", "val", "dsm", "local"),
    ]
    assert [p.name for p in find_places([tmp_path], None)] == ["a", "c", "b", "d"]
    with pytest.raises(UsageError, match="no raster of split 'ood'"):
        find_places([tmp_path], ("val", "ood"))


PARENT = """
import time, os
from neural.bench import workers
from tests.neural.bench.test_bench_cli import report_and_sleep
if __name__ == "__main__":
    with workers.pool(2) as pool:
        list(pool.map(report_and_sleep, range(2)))
"""


def report_and_sleep(k: int) -> None:
    """Run as the worker of the test below: print its process id and stay busy."""
    print(os.getpid(), flush=True)
    time.sleep(60)


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 30
        while any(_runs(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    """Return True if a process runs and is no mere zombie that nobody collects."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
