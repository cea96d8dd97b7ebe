"""Bad rasters: one sentence with the file's name, and what to do."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from neural.errors import DemError, NtileError, UsageError
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from tests.support.commands import REFERENCE, ntile
from tests.support.rasters import hills, north_up, write
from viewer.__main__ import main as viewer

DEGREES = (1e-5, 0.0, 7.0, 0.0, -1e-5, 46.0)


def read_all(path: Path, **options: str) -> None:
    with open_dem(path, ReadOptions(**options)) as dem:
        dem.read(0, 0, dem.grid.height, dem.grid.width)


def _text(path: Path) -> None:
    path.write_text("no raster " * 50)


def _truncated(path: Path) -> None:
    write(path, hills(400, 400))
    path.write_bytes(path.read_bytes()[: 400 * 400 * 2])


def _head_only(path: Path) -> None:
    write(path, hills(400, 400), tiled=True, compress="deflate")
    path.write_bytes(path.read_bytes()[:100])


def _garbled(path: Path) -> None:
    noise = np.random.default_rng(1).normal(size=(512, 512)).astype(np.float32)
    write(path, noise, tiled=True, compress="deflate")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 5000] = bytes(5000)
    path.write_bytes(data)


BAD: list[tuple[str, Callable[[Path], object], type[NtileError], str]] = [
    ("missing", lambda path: None, DemError, "does not exist"),
    ("empty", lambda path: path.touch(), DemError, "not a raster that GDAL can read"),
    ("text", _text, DemError, "not a raster that GDAL can read"),
    ("folder", lambda path: path.mkdir(), DemError, "not a raster that GDAL can read"),
    ("truncated", _truncated, DemError, "truncated or damaged"),
    ("head", _head_only, DemError, "GDAL can read|truncated or damaged"),
    ("garbled", _garbled, DemError, "truncated or damaged|no height"),
    (
        "bands",
        lambda path: write(path, np.zeros((3, 8, 8), np.float32)),
        DemError,
        "3 bands .*rio stack --bidx N",
    ),
    ("complex", lambda path: write(path, np.zeros((8, 8), np.complex64)), DemError, "complex64"),
    ("no crs", lambda path: write(path, hills(8, 8), crs=None), UsageError, "--crs"),
    ("scale 0", lambda path: write(path, hills(8, 8), band={"scales": 0.0}), DemError, "scale 0"),
    (
        "wrong crs",
        lambda path: write(
            path, hills(8, 8), crs="EPSG:4326", transform=north_up(500_000, 4_000_000)
        ),
        UsageError,
        "do not fit the CRS EPSG:4326",
    ),
]


@pytest.mark.parametrize(
    ("make", "kind", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_one_clear_sentence(
    tmp_path: Path, make: Callable[[Path], object], kind: type[NtileError], words: str
) -> None:
    path = tmp_path / "bad.tif"
    make(path)
    with pytest.raises(kind, match=words) as caught:
        read_all(path)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert message.startswith(str(path))
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 450


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (3.4028234663852886e38, "float32"),
        (-3.4028234663852886e38, "float32"),
        (1e38, "float32"),
        (-1.5e6, "float64"),
        (1e300, "float64"),
        (-(2**31), "int32"),
        (2**31 - 1, "int32"),
    ],
)
def test_undeclared_marks_are_named(tmp_path: Path, value: float, dtype: str) -> None:
    samples = np.full((30, 30), 5, dtype)
    samples[7, 9] = value
    path = write(tmp_path / "a.tif", samples)
    with pytest.raises(
        DemError, match=r": 1 sample is .*, which is no height and not declared as missing"
    ) as caught:
        read_all(path)
    option = str(caught.value).rpartition("--nodata ")[2].rstrip(".")
    with open_dem(path, ReadOptions(nodata=(float(option),))) as dem:
        assert (~dem.read(0, 0, 30, 30)[1]).sum() == 1
    path = write(tmp_path / "b.tif", samples, nodata=samples[7, 9].item())
    with open_dem(path) as dem:
        assert (~dem.read(0, 0, 30, 30)[1]).sum() == 1


def test_a_failed_open_closes_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", hills(8, 8), crs=None)
    for _ in range(3):
        with pytest.raises(UsageError):
            open_dem(path)
    held = Path("/proc/self/fd")
    if not held.is_dir():
        pytest.skip("open files are listed under /proc on Linux only")
    assert str(path) not in {str(link.resolve()) for link in held.iterdir() if link.exists()}


def test_nothing_but_the_error_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    _truncated(path)
    code = (
        "import sys\nfrom neural.raster.dem import open_dem\nfrom neural.errors import DemError\n"
        "try:\n    dem = open_dem(sys.argv[1]); dem.read(0, 0, 400, 400)\n"
        "except DemError as error:\n    print('caught', error)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("caught")
    assert shown.stderr == ""


@pytest.mark.parametrize("value", [-3.4028234663852886e38, 3.4028234663852886e38, 1e20, 2e7])
@pytest.mark.parametrize(
    "layout", [{}, {"blockysize": 2000}, {"crs": "EPSG:4326", "transform": DEGREES}]
)
def test_undeclared_marks_are_counted(tmp_path: Path, value: float, layout: dict[str, Any]) -> None:
    """All of the raster's, read by GDAL, not only those of the first window; strips and warped
    rasters alike."""
    samples = np.full((2000, 700), 5, np.float32)
    samples[3:1700:7, 11:600:3] = value
    path = write(tmp_path / "a.tif", samples, **layout)
    count = f"{(samples == np.float32(value)).sum():,}".replace(",", " ")
    with pytest.raises(DemError, match=rf"a\.tif: {count} samples are .* add --nodata \S+\.$"):
        read_all(path)


def test_marks_that_are_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """NaN and infinity are no heights and may be named, which leaves huge values an error; 1e400 is
    no such number."""
    samples = np.full((30, 30), 5, np.float32)
    samples[2:4, 5] = (np.inf, np.nan)
    path = write(tmp_path / "a.tif", samples)
    out = tmp_path / "a.ntile"
    for mark in ("nan", "inf", "-inf", "Infinity"):
        ntile("encode", path, out, *REFERENCE, "--nodata", mark)
    for mark in ("1e400", "-1e309", "x"):
        with pytest.raises(SystemExit, match="2"):
            ntile("encode", path, out, *REFERENCE, "--nodata", mark)
        assert mark in capsys.readouterr().err.splitlines()[-1]
        shown = CliRunner().invoke(
            viewer, [str(out), "--reference", str(path), "--reference-nodata", mark]
        )
        assert (shown.exit_code, mark in shown.stderr) == (2, True)
    samples[7, 9] = 1e20
    write(path, samples)
    picture = [
        "--headless",
        "--screenshot",
        str(tmp_path / "a.png"),
        "--size",
        "64x64",
        "--overlay",
        "error",
    ]
    shown = CliRunner().invoke(viewer, [str(out), "--reference", str(path), *picture])
    assert (shown.exit_code, "add --reference-nodata 1e+20." in shown.stderr) == (3, True)
    with pytest.raises(SystemExit, match="3"):
        ntile("encode", path, out, *REFERENCE, "--nodata", "inf")
    assert "1 sample is 1e+20" in capsys.readouterr().err
