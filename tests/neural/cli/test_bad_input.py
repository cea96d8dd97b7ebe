"""Bad input at the command line: one sentence, the right exit code, nothing lost, never a
traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neural.cli import main
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, north_up, write


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound DEM, a tiny model and a sound file."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "dem.tif", hills(40, 50))
    save_tiny_model(folder)
    main(
        [
            *map(str, ("encode", folder / "dem.tif", folder / "good.ntile")),
            *("--model", str(folder / "tiny"), "--jobs", "1", "--reference", "0.1"),
        ]
    )
    return folder


def fails(capsys: pytest.CaptureFixture[str], code: int, words: str, *arguments: object) -> None:
    """The command exits with `code` after one sentence that holds `words`."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    assert exit_.value.code == code, error
    assert words in error
    assert "Traceback" not in error
    message = [line for line in error.splitlines() if line.startswith(("ntile:", "Error:"))]
    assert len(message) == 1


DEMS: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "not a raster": (lambda p: p.write_bytes(b"hello" * 100), 3, "not a raster"),
    "empty file": (lambda p: p.write_bytes(b""), 3, "not a raster"),
    "missing": (lambda p: None, 3, "does not exist"),
    "several bands": (lambda p: write(p, np.zeros((3, 8, 8), np.float32)), 3, "bands"),
    "no CRS": (lambda p: write(p, hills(8, 8), crs=None), 2, "--crs"),
    "feet": (lambda p: write(p, hills(8, 8), crs="EPSG:2225"), 2, "--unit"),
    "all nodata": (
        lambda p: write(p, np.full((8, 8), -9999, np.float32), nodata=-9999),
        3,
        "every sample is missing",
    ),
    "all NaN": (
        lambda p: write(p, np.full((8, 8), np.nan, np.float32)),
        3,
        "every sample is missing",
    ),
    "overflow values": (lambda p: write(p, np.full((8, 8), 3.4e38, np.float32)), 3, "nodata"),
    "complex samples": (lambda p: write(p, np.zeros((8, 8), np.complex64)), 3, "complex"),
}


@pytest.mark.parametrize("case", DEMS)
def test_encode_refuses(
    case: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, code, words = DEMS[case]
    make(tmp_path / "dem.tif")
    out = tmp_path / "out.ntile"
    out.write_bytes(b"an earlier file")
    fails(
        capsys,
        code,
        words,
        "encode",
        tmp_path / "dem.tif",
        out,
        "--model",
        made / "tiny",
        "--jobs",
        1,
    )
    assert out.read_bytes() == b"an earlier file"


def test_infinite_samples_are_holes(made: Path, tmp_path: Path) -> None:
    heights = hills(20, 20)
    heights[3, 4] = np.inf
    heights[5, 6] = np.nan
    write(tmp_path / "dem.tif", heights)
    main(
        [
            "encode",
            str(tmp_path / "dem.tif"),
            str(tmp_path / "a.ntile"),
            "--method",
            "reference",
            "--reference",
            "0.1",
        ]
    )
    main(["decode", str(tmp_path / "a.ntile"), str(tmp_path / "back.tif")])
    import rasterio

    with rasterio.open(tmp_path / "back.tif") as back:
        mask = back.read(1, masked=True).mask
    assert mask.sum() == 2
    assert mask[3, 4]
    assert mask[5, 6]


FILES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda data: b"", "empty"),
    "wrong magic": (lambda data: b"GIF89a" + data[6:], "not"),
    "text": (lambda data: b"hello\n" * 50, "not"),
    "cut in the middle": (lambda data: data[: len(data) // 2], "ends"),
    "garbled": (lambda data: data[:-200] + bytes(200), "damaged"),
}


@pytest.mark.parametrize("case", FILES)
@pytest.mark.parametrize("command", ["info", "verify", "evaluate", "decode"])
def test_damaged_files(
    case: str, command: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = FILES[case]
    path = tmp_path / "bad.ntile"
    out = tmp_path / "out.tif"
    path.write_bytes(damage((made / "good.ntile").read_bytes()))
    out.write_bytes(b"an earlier file")
    if (case, command) == ("garbled", "info"):
        main(["info", str(path)])  # the last tiles are damaged; what info shows is not
        return
    if (case, command) == ("garbled", "decode"):
        fails(capsys, 3, words, command, path, out, "--layer", "reference")
    else:
        fails(capsys, 3, "", command, path, *([out] if command == "decode" else []))
    assert out.read_bytes() == b"an earlier file"


def test_wrong_requests(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = made / "good.ntile"
    dem = made / "dem.tif"
    out = tmp_path / "out.ntile"
    fails(capsys, 2, "no layer", "decode", good, tmp_path / "x.tif", "--layer", "acorn")
    fails(capsys, 2, "bits", "decode", good, tmp_path / "x.tif", "--bits", 16)
    fails(capsys, 2, "--bbox", "decode", good, tmp_path / "x.tif", "--bbox", 0, 0, 1, 1)
    fails(capsys, 2, "--resolution", "decode", good, tmp_path / "x.tif", "--resolution", -1)
    fails(capsys, 2, f"{dem}: is the input itself; choose another output.", "encode", dem, dem)
    fails(capsys, 2, "cannot be written", "encode", dem, tmp_path)
    fails(capsys, 2, "cannot be written", "encode", dem, tmp_path / "no" / "folder.ntile")
    fails(capsys, 2, "--bits 9", "encode", dem, out, "--bits", 9)
    fails(capsys, 2, "tolerance", "encode", dem, out, "--reference", 0)
    fails(capsys, 2, "TOL", "encode", dem, out, "--method", "reference")
    fails(capsys, 3, "does not exist", "encode", dem, out, "--model", tmp_path / "nothing")
    fails(capsys, 2, "another grid", "evaluate", good, "--reference", _other_grid(tmp_path))
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--quality", 101), "--quality 101 must be a number from 0 to 100"),
        (("--quality", "nan"), "--quality nan must be a number from 0 to 100"),
        (("--step", 0), "--step 0 must be a number above 0"),
        (("--step", "inf"), "--step inf must be a number above 0"),
        (("--target-rmse", -1), "--target-rmse -1 must be a number above 0"),
        (("--bits-per-sample", 0), "--bits-per-sample 0 must be a number above 0"),
        (("--max-error", "nan"), "--max-error nan must be a number above 0"),
        (("--quality", 50, "--step", 1), "give only one of --quality and --step"),
        (("--bits", 4), "--bits 4 is not for lapped_siren: set its rate with --quality, --step,"),
        (("--refine", 3), "--refine is not for lapped_siren: its encoder optimizes"),
        (
            ("--method", "huvr", "--step", 1),
            "--step is for lapped_siren; set the rate of the other methods with",
        ),
        (
            ("--preset", "tiny", "--time", "3s"),
            "--preset and --time set the training of acorn: give --method acorn.",
        ),
        (("--step", 1e-9), "a step of 1e-09 m is too fine for this relief: give at least"),
        (
            ("--method", "lapped_siren", "--model", "huvr-small"),
            "holds a huvr model, not lapped_siren",
        ),
    ],
)
def test_wrong_rates(
    arguments: tuple[object, ...],
    words: str,
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fails(capsys, 2, words, "encode", made / "dem.tif", tmp_path / "out.ntile", *arguments)
    assert not (tmp_path / "out.ntile").exists()


def test_damaged_model_of_the_default_method(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from neural.methods.model_files import model_stem, part_path

    shipped = part_path(model_stem("lapped_siren-base"), "decoder").read_bytes()
    stem = tmp_path / "bad"
    part_path(stem, "decoder").write_bytes(shipped[:-100])
    fails(
        capsys,
        3,
        "no readable safetensors",
        "encode",
        made / "dem.tif",
        tmp_path / "out.ntile",
        "--model",
        stem,
    )
    part_path(stem, "decoder").write_bytes(shipped.replace(b"lapped_siren", b"lapped_sinus"))
    fails(
        capsys,
        2,
        "method 'lapped_sinus' has no model",
        "encode",
        made / "dem.tif",
        tmp_path / "a",
        "--model",
        stem,
    )
    part_path(stem, "decoder").write_bytes(shipped.replace(b'\\"hidden1\\"', b'\\"hidden9\\"'))
    fails(
        capsys,
        3,
        "does not say which method",
        "encode",
        made / "dem.tif",
        tmp_path / "a",
        "--model",
        stem,
    )


def _other_grid(folder: Path) -> Path:
    return write(folder / "other.tif", hills(40, 50), transform=north_up(500_000.5, 4_000_000))


def test_reference_is_needed_to_evaluate(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "plain.ntile"
    main([str(a) for a in ("encode", made / "dem.tif", out, "--model", made / "tiny", "--jobs", 1)])
    fails(capsys, 2, "--reference", "evaluate", out)


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from neural.errors import DemError

    with pytest.raises(DemError):
        main(
            [
                *("--debug", "encode", str(tmp_path / "none.tif"), str(tmp_path / "x.ntile")),
                *("--method", "reference", "--reference", "1"),
            ]
        )


def test_unwritable_output_keeps_the_earlier_file(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno
    import os

    out = tmp_path / "out.tif"
    out.write_bytes(b"an earlier file")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    fails(capsys, 3, "No space left", "decode", made / "good.ntile", out)
    assert out.read_bytes() == b"an earlier file"
    assert list(tmp_path.iterdir()) == [out]
