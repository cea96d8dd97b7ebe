"""Files by any name that a system allows: colons, archives beside, bytes that are no UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from neural.errors import DemError, NtileError
from neural.raster.dem import open_dem
from neural.raster.facts import file_facts
from tests.support.commands import POSIX, REFERENCE, ROOT, heights, ntile_json
from tests.support.rasters import hills, write
from viewer.session.file_kinds import kind
from viewer.session.messages import Messages
from viewer.storage.file_search import ProjectFolder

SAMPLES = hills(60, 70)
GAP = np.s_[10:20, 30:40]
LINUX = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="file names are text elsewhere"
)


def read(name: str) -> tuple[np.ndarray, np.ndarray]:
    with open_dem(name) as dem:
        return dem.read(0, 0, dem.grid.height, dem.grid.width)


@POSIX
@pytest.mark.parametrize(
    "name", ["http:x.tif", "https:x.tif", "s3:x.tif", "file:x.tif", "GTIFF_DIR:1:x.tif"]
)
def test_what_is_on_the_disk_is_no_address(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, SAMPLES)
    np.testing.assert_array_equal(read(name)[0], SAMPLES)
    assert kind(name) == "raster"
    ntile_json(capsys, "encode", name, "a.ntile", *REFERENCE)
    (measured,) = ntile_json(capsys, "evaluate", "a.ntile", "--reference", name)["results"]
    assert measured["max_error_m"] <= 0.0501


def test_an_address_stays_one():
    with pytest.raises(DemError, match="that what it is read from can be reached"):
        open_dem("http://127.0.0.1:9/x.tif")


@pytest.fixture
def archives(tmp_path, monkeypatch) -> Path:
    """The working directory, with archives in it and in a folder of it."""
    monkeypatch.chdir(tmp_path)
    dem = write(tmp_path / "dem.tif", SAMPLES)
    (tmp_path / "sub").mkdir()
    for name in ("a.zip", "sub/a.zip", "odd!.zip"):
        with zipfile.ZipFile(name, "w") as archive:
            archive.write(dem, "b.tif")
            archive.write(dem, "in/b.tif")
    with tarfile.open("a.tar", "w") as archive:
        archive.add(dem, "b.tif")
    dem.rename("c.tif")
    return tmp_path


RELATIVE = (
    *("zip://a.zip!b.tif", "zip://a.zip!/in/b.tif", "zip://./sub/a.zip!b.tif", "zip:a.zip!b.tif"),
    *("zip+file://a.zip!b.tif", "file://c.tif", "zip://odd!.zip!b.tif", "tar://a.tar!b.tif"),
    *("/vsizip/a.zip/b.tif", "/vsizip/sub/a.zip/in/b.tif", "/vsizip/{a.zip}/b.tif"),
)


@pytest.mark.parametrize("name", RELATIVE)
def test_archives_count_from_the_working_directory(archives, monkeypatch, name):
    np.testing.assert_array_equal(read(name)[0], SAMPLES)
    folder = ProjectFolder(archives / "view.tvproj.json")
    stored = folder.relative(name)
    monkeypatch.chdir("/")  # the project is opened from elsewhere
    np.testing.assert_array_equal(read(folder.find(stored))[0], SAMPLES)


@LINUX
@pytest.mark.parametrize("folder", [b"f\xfe", b"plain"])
def test_names_of_any_bytes(tmp_path, capsys, folder):
    """A mask, a world file and the data set's other files are found, and the work is resumed by the
    same key."""
    import rasterio

    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder))
    place.mkdir()
    source, out, back = (
        place / os.fsdecode(name) for name in (b"i\xff.tif", b"o\xff\xfe.ntile", b"back\xff.tif")
    )
    mask = np.ones(SAMPLES.shape, bool)
    mask[GAP] = False
    plain = write(tmp_path / "i.tif", SAMPLES)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(plain, "r+") as file:
        file.write_mask(mask)
    os.rename(plain, source)
    os.rename(f"{plain}.msk", f"{source}.msk")
    np.testing.assert_array_equal(read(str(source))[1], mask)
    ntile_json(capsys, "encode", source, out, *REFERENCE)
    ntile_json(capsys, "verify", out)
    facts = file_facts(source)
    assert set(facts) == {source.name, f"{source.name}.msk"}
    assert (
        ntile_json(capsys, "evaluate", out, "--reference", source)["results"][0]["samples"]
        == mask.sum()
    )
    ntile_json(capsys, "decode", out, back)
    back.rename(tmp_path / "back.tif")
    assert np.abs(heights(tmp_path / "back.tif") - SAMPLES)[mask].max() <= 0.0501
    assert sorted(os.listdir(place)) == sorted([source.name, f"{source.name}.msk", out.name])


@LINUX
def test_names_of_any_bytes_as_commands_get_them(tmp_path):
    """Standard output has the very bytes, and no links are left behind."""
    folder = os.fsencode(tmp_path)
    write(tmp_path / "i.tif", SAMPLES)
    os.rename(folder + b"/i.tif", folder + b"/i\xff.tif")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8"}

    def run(module: str, *arguments: bytes) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)

    source = folder + b"/i\xff.tif"
    out = folder + b"/o\xff.ntile"
    said = run("neural.cli", b"encode", source, out, *map(str.encode, REFERENCE)).stdout
    assert out + b": " in said
    run("neural.cli", b"decode", out, folder + b"/back\xff.tif")
    picture = (b"--headless", b"--screenshot", folder + b"/p\xff.png", b"--size", b"64x64")
    run("viewer", out, b"--reference", source, *picture)
    assert os.path.getsize(folder + b"/p\xff.png") > 100
    assert os.listdir(temporary) == []


@LINUX
def test_a_window_says_what_it_cannot_show(tmp_path):
    with pytest.raises(
        NtileError, match=r"shows names in UTF-8 only; rename it, or draw it with --headless\."
    ):
        kind(os.fsdecode(b"a\xff.ntile"))
    messages = Messages()
    messages.error(os.fsdecode(b"a\xff.ntile is odd."))
    assert messages.entries[-1].text.encode() == rb"a\udcff.ntile is odd."


def test_a_name_that_is_no_utf8_of_nothing(tmp_path):
    with pytest.raises(DemError, match="no file of that name is found"):
        open_dem(os.fsdecode(b"/vsizip/gone\xff.zip/a.tif"))
