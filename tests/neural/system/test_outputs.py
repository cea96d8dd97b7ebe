"""Outputs: nothing but a regular file is replaced, and only by a whole one; nothing else is left
behind."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.errors import NtileError, UsageError
from neural.raster.geotiff_check import read_back
from neural.system import output
from tests.support.commands import POSIX, REFERENCE, ROOT, fails, heights, ntile, start, write_areas
from tests.support.rasters import hills, vrt, write
from viewer.pictures.png import write_png


@pytest.fixture(scope="module")
def areas(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_areas(tmp_path_factory.mktemp("areas"))


def odd_target(kind: str, folder: Path) -> Path:
    path = folder / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "directory":
        path.mkdir()
    elif kind == "device":
        path.symlink_to(os.devnull)
    else:
        try:
            os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        except OSError:
            pytest.skip("only root makes device nodes")
    return path


@POSIX
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", ["pipe", "socket", "directory", "device", "device node"])
def test_what_is_no_file_is_refused_and_stays(areas, tmp_path, monkeypatch, capsys, kind):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    path = odd_target(kind, Path())
    before = os.lstat(path)
    for command in (("decode", areas[0]), ("encode", areas[0].with_suffix(".tif"))):
        code, said = fails(capsys, *command, path)
        assert (code, f"it is a {kind.split()[0]}, not a file" in said) == (2, True)
    for make in (
        lambda: output.write_text(path, "x"),
        lambda: write_png(path, np.zeros((2, 2, 3), np.uint8)),
    ):
        with pytest.raises(NtileError, match="not a file"):
            make()
    after = os.lstat(path)
    assert (after.st_mode, after.st_ino, after.st_rdev) == (
        before.st_mode,
        before.st_ino,
        before.st_rdev,
    )
    assert os.listdir() == ["odd"]


@POSIX
def test_standard_output_is_not_replaced(areas, tmp_path):
    """`decode a.ntile /dev/stdout > log`: the log must not become a raster, nor lose what it
    held."""
    log = tmp_path / "log"
    log.write_text("earlier\n")
    with log.open("a") as out:
        command = [sys.executable, "-m", "neural.cli", "decode", areas[0], "/dev/stdout"]
        run = subprocess.run(
            command, stdout=out, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
        )
    assert (run.returncode, "an open stream" in run.stderr) == (2, True)
    assert log.read_text() == "earlier\n"


def test_a_link_stays_and_its_target_is_written(areas, tmp_path):
    (tmp_path / "real").mkdir()
    for name in ("there", "dangling"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "there").write_bytes(b"old")
    for name in ("there", "dangling"):
        ntile("decode", areas[0], tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert np.abs(heights(tmp_path / "real" / name) - hills(700, 900)).max() < 0.06
    assert sorted(os.listdir(tmp_path / "real")) == ["dangling", "there"]


@POSIX
def test_the_earlier_files_permissions_are_kept(tmp_path):
    out = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        output.write_text(out, "first")
        assert stat.S_IMODE(out.stat().st_mode) == 0o640
        out.chmod(0o604)
        output.write_text(out, "second")
    finally:
        os.umask(before)
    assert (stat.S_IMODE(out.stat().st_mode), out.read_text()) == (0o604, "second")


def test_a_file_that_is_not_to_be_written_stays(tmp_path, monkeypatch):
    out = tmp_path / "a.txt"
    out.write_text("old")
    out.chmod(0o400)
    if os.access(out, os.W_OK):  # by root
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(NtileError, match=r"a\.txt cannot be written \(Permission denied\)"):
        output.write_text(out, "new")
    assert (out.read_text(), os.listdir(tmp_path)) == ("old", ["a.txt"])


def test_inputs_are_no_outputs_by_whatever_name(areas, tmp_path, capsys):
    source = tmp_path / "a.ntile"
    os.link(areas[0], source)
    (tmp_path / "soft.tif").symlink_to(source)
    os.link(source, tmp_path / "hard.tif")
    for name in ("a.ntile", "soft.tif", "hard.tif"):
        code, said = fails(capsys, "decode", source, tmp_path / name)
        assert (code, "is the input itself" in said) == (2, True)
    write(tmp_path / "a.tif", hills(40, 50))
    vrt(tmp_path / "a.vrt", "a.tif", 50, 40)
    code, said = fails(capsys, "encode", tmp_path / "a.vrt", tmp_path / "a.tif", *REFERENCE)
    assert (code, "is the input itself" in said) == (2, True)
    assert np.array_equal(heights(tmp_path / "a.tif"), hills(40, 50))


@POSIX
@pytest.mark.parametrize("size", [240, 255])
def test_names_may_be_as_long_as_the_system_lets_them(areas, tmp_path, size):
    name = "é" * ((size - 5) // 2) + "x" * ((size - 5) % 2)
    ntile("encode", areas[0].with_suffix(".tif"), tmp_path / f"{name}.ntl", *REFERENCE)
    ntile("decode", tmp_path / f"{name}.ntl", tmp_path / f"{name}.tif")
    assert sorted(os.listdir(tmp_path)) == [f"{name}.ntl", f"{name}.tif"]
    with pytest.raises(NtileError, match="File name too long"):
        output.check(tmp_path / (256 * "x"))


def test_writers_of_one_target_do_not_meet(tmp_path):
    out = tmp_path / "a.txt"
    with output.binary(out) as first, output.binary(out) as second:
        first.write(b"first")
        second.write(b"second")
    assert out.read_bytes() == b"first"  # that ended last
    assert os.listdir(tmp_path) == ["a.txt"]


def test_two_decodes_to_one_target(areas, tmp_path):
    out = tmp_path / "a.tif"
    runs = [start("neural.cli", "decode", area, out) for area in areas]
    for run in runs:
        assert run.communicate()[1] == ""
        assert run.returncode == 0
    distances = [np.abs(heights(out) - hills(700, 900) - height).max() for height in (0, 1000)]
    assert min(distances) < 0.06
    assert os.listdir(tmp_path) == ["a.tif"]


@POSIX
def test_only_what_killed_processes_left_is_removed(tmp_path):
    out = tmp_path / "a.txt"
    code = f"from neural.system import output\nwith output.whole({str(out)!r}) as part:\n"
    code += " part.write_text('half')\n print(flush=True)\n input()"
    writer = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, cwd=ROOT)
    with writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        output.write_text(out, "mine")
        assert [path.read_text() for path in tmp_path.glob("*.tmp/part")] == ["half"]
        writer.kill()
    output.write_text(out, "mine")
    assert os.listdir(tmp_path) == ["a.txt"]
    (tmp_path / "a.txt.0.tmp").mkdir()  # somebody's own
    (tmp_path / "a.txt.0.tmp" / "thesis.txt").write_text("")
    output.write_text(out, "mine")
    assert (tmp_path / "a.txt.0.tmp" / "thesis.txt").exists()


def test_what_does_not_read_back_is_no_output(tmp_path):
    out = tmp_path / "a.txt"
    out.write_text("old")

    def cut_short() -> None:
        with output.binary(out) as file:
            file.write(bytes(10_000))
            file.flush()
            os.truncate(next(tmp_path.glob("*.tmp/part")), 9_000)

    with pytest.raises(
        NtileError,
        match=r"a\.txt cannot be written \(what was written does not read back: 9000 bytes",
    ):
        cut_short()
    assert (out.read_text(), os.listdir(tmp_path)) == ("old", ["a.txt"])


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_raster_that_does_not_read_back_is_no_output(areas, tmp_path, monkeypatch, capsys, share):
    """GDAL may return without an error although the disk was full; a cut or changed COG stands for
    that."""
    import rasterio.shutil

    copy = rasterio.shutil.copy

    def lossy(source: Path, target: Path, **options: Any) -> None:
        copy(source, target, **options)
        with open(target, "r+b") as file:
            size = os.path.getsize(target)
            file.seek(int(share * size))
            file.write(bytes(size // 100))

    monkeypatch.setattr(rasterio.shutil, "copy", lossy)
    (tmp_path / "a.tif").write_text("old")
    code, said = fails(capsys, "decode", areas[0], tmp_path / "a.tif")
    assert (code, "a.tif cannot be written (what was written does not read back" in said) == (
        3,
        True,
    )
    assert ((tmp_path / "a.tif").read_text(), os.listdir(tmp_path)) == ("old", ["a.tif"])


def test_a_film_that_lacks_pictures_is_no_output(tmp_path):
    pytest.importorskip("av", reason="needs PyAV (the extra `video`)")
    from viewer.film.output import Video

    (tmp_path / "a.mp4").write_text("old")
    video = Video(tmp_path / "a.mp4", (64, 48), 10)
    for number in range(5):
        video.write(number, np.full((48, 64, 3), 40 * number, np.uint8))
    video._written += 1
    with pytest.raises(NtileError, match="5 pictures instead of 6"):
        video.close()
    assert ((tmp_path / "a.mp4").read_text(), os.listdir(tmp_path)) == ("old", ["a.mp4"])


def test_usage_and_reasons_are_told_apart(tmp_path):
    with pytest.raises(UsageError, match="its folder does not exist"):
        output.check(tmp_path / "no" / "a")
    with pytest.raises(NtileError, match="its folder does not exist") as error:
        output.check(tmp_path / "no" / "a", raised=NtileError)
    assert error.value.exit_code == 3
    if Path("/proc/self").exists():
        with pytest.raises(NtileError, match="cannot be written"):
            output.check("/proc/self/a")


WRITES = re.compile(
    r"open\(\s*[^\n]*[\"'][wxa]b?\+?[\"']|\.write_(?:text|bytes)\(|os\.(?:replace|rename)|save_file|mkstemp|NamedTemporary"
)
WRITERS = {
    "neural/system/output.py": "the writer itself",
    "neural/system/streams.py": "to the null device",
    "neural/bench/whole/areas.py": "where `output.whole` says",
    "neural/container/writer.py": "where `output.whole` says",
    "neural/decode.py": "where `output.whole` says",
    "neural/encoding/acorn/area.py": "a work file, mapped into memory",
    "viewer/film/output.py": "where `output.whole` says",
    "viewer/film/job.py": "into a temporary folder",
    "viewer/storage/layout.py": "into a temporary folder",
    "viewer/storage/user_file.py": "renames a damaged file",
}


def test_there_is_one_writer():
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("neural", "viewer")
        for path in (ROOT / folder).rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8").replace("output.write_", ""))
    }
    assert found == set(WRITERS)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("place", "value"), [((300, 200), 5.0), ((300, 200), -9999.0), ((0, 200), 100.0)]
)
def test_overviews_are_read_back(tmp_path, place, value):
    """DEFLATE decodes zeros to some numbers; means of fours must lie among the heights they are
    means of."""
    import rasterio

    heights = hills(701, 899)
    heights[:4] = -9999
    path = write(tmp_path / "a.tif", heights, nodata=-9999.0)
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4], rasterio.enums.Resampling.average)
    read_back(path, [], [])
    with rasterio.open(tmp_path / "a.tif.ovr", "r+") as overview:
        samples = overview.read(1)
        samples[place] = value if value < 0 else samples[place] + value
        overview.write(samples, 1)
    with pytest.raises(ValueError, match="other heights in overview 0 at row"):
        read_back(path, [], [])
