"""Methods whose rate a quantization step sets, and bounded error, through `ntile bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.bench import bounded, learned
from neural.cli import main
from neural.encode import EncodeOptions
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, write

STEPS = (0.5, 2.0)
RATES = ("bits_per_sample", "stack_bits_per_sample")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """huvr_siren stands in for a method with steps: the options it was encoded with, which become
    bits."""
    options: list[dict[str, Any]] = []

    def stand_in(
        step_m: float | None = None, max_error_m: float | None = None, **rest: Any
    ) -> EncodeOptions:
        options.append({"step_m": step_m, "max_error_m": max_error_m, **rest})
        return EncodeOptions(**{"bits": {0.5: 8, 2.0: 3}.get(step_m or 0, 6), **rest})

    monkeypatch.setattr(learned, "EncodeOptions", stand_in)
    monkeypatch.setattr(learned, "STEP_SWEEPS", {"huvr_siren": STEPS})
    return options


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small places of two splits and classes, and tiny models."""
    folder = tmp_path_factory.mktemp("places")
    write(folder / "a.tif", hills(140, 150))
    write(folder / "b.tif", hills(120, 130, 2.0))
    rows = ["file,split,data_class,crs", "a.tif,test,dtm,EPSG:32611", "b.tif,val,dsm,EPSG:32611"]
    (folder / "MANIFEST.csv").write_text("\n".join(rows) + "\n")
    save_tiny_model(folder)
    save_tiny_model(folder, name="huvr", method="huvr")
    return folder


def ntile(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def test_steps_are_encoded_one_by_one_and_read_as_stored(
    folder: Path, tmp_path: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("--model", f"huvr_siren={folder / 'tiny'}", "--model", f"huvr={folder / 'huvr'}")
    chosen = ("--methods", "huvr_siren", "huvr", "--codecs", "sz3", "jpeg2k_files", "--bits", "8,2")
    ntile("bench", folder, "--split", "test,val", *chosen, *models, "--out", tmp_path, "--json")
    result = json.loads(capsys.readouterr().out)
    assert [(p["name"], p["split"], p["data_class"]) for p in result["places"]] == [
        ("a", "test", "dtm"),
        ("b", "val", "dsm"),
    ]
    place = result["places"][0]
    assert [(row["step_m"], row["bits"]) for row in place["learned"]["huvr_siren"]] == [
        (0.5, 8),
        (2.0, 3),
    ]
    assert ["step_m" in row for row in place["learned"]["huvr"]] == [False, False]
    assert [row["bits"] for row in place["learned"]["huvr"]] == [8, 2]
    assert [options["step_m"] for options in asked] == [*STEPS, None] * 2
    assert [options.get("bits") for options in asked] == [None, None, 32] * 2
    mean = result["mean"]["learned"]["huvr_siren"]
    assert [point["step_m"] for point in mean] == list(STEPS)
    assert result["options"]["steps_m"] == {"huvr_siren": list(STEPS)}
    ratio = next(row for row in result["ratios"] if row["series"] == "huvr_siren")
    assert ratio["step_m"] == 0.5
    # in the same envelope
    assert {found["codec"] for row in result["ratios"] for found in row["places"]} == {"sz3"}
    assert {(e["series"], e["anchor"]) for e in result["bd_rates"]} == {
        (series, anchor) for series in ("huvr_siren", "huvr") for anchor in ("jpeg2k_files", "sz3")
    }
    text = (tmp_path / "bench.md").read_text()
    for words in (
        "HUVR+SIREN, step 0.5 m",
        "HUVR, 8 bits",
        "fails on every place",
        "JPEG 2000 files",
        ", test, dtm.",
    ):
        assert words in text
    assert "Bounded error" not in text


def test_bounded_error_is_measured_beside_codecs_and_verified(
    folder: Path, tmp_path: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = (
        "--methods",
        "huvr_siren",
        "--codecs",
        "none",
        "--model",
        f"huvr_siren={folder / 'tiny'}",
    )
    ntile(
        "bench",
        folder,
        "--split",
        "all",
        *chosen,
        "--max-errors",
        "0.3,90",
        "--out",
        tmp_path,
        "--json",
    )
    result = json.loads(capsys.readouterr().out)
    assert [options["max_error_m"] for options in asked] == [None, None, 0.3, 90] * 2
    for place in result["places"]:
        tight, loose = place["bounded"]
        assert (tight["max_error_m"], loose["max_error_m"]) == (0.3, 90)
        assert (tight["huvr_siren"]["kept"], loose["huvr_siren"]["kept"]) == (False, True)
        for name in bounded.BOUNDED_CODECS:
            assert tight[name]["kept"]
            assert 0 < tight[name]["max_error_m"] <= 0.3 + bounded.SLACK_M
            assert all(tight[name][rate] > loose[name][rate] > 0 for rate in RATES)
    sz3 = [place["bounded"][0]["sz3"]["bits_per_sample"] for place in result["places"]]
    text = (tmp_path / "bench.md").read_text()
    assert f"| mean (geometric) |  | – | {np.sqrt(sz3[0] * sz3[1]):.4f} |" in text
    row = result["places"][0]["bounded"][1]
    change = 100 * (row["huvr_siren"]["stack_bits_per_sample"] / row["zfp"]["bits_per_sample"] - 1)
    assert f"{change:+.1f} %".replace("-", "−") in text


def test_bounds_need_a_method_that_keeps_them(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, text in (
        (
            ("--methods", "huvr", "--max-errors", "0.2"),
            "needs a method that keeps a bound: lapped_siren",
        ),
        (("--methods", "huvr", "--max-errors", "-1"), "above 0 meters"),
        (("--methods", "huvr", "--max-errors", "much"), "meters, e.g. 0.2"),
    ):
        with pytest.raises(SystemExit) as caught:
            ntile("bench", folder / "a.tif", *arguments, "--out", tmp_path)
        message = capsys.readouterr().err
        assert (caught.value.code, text in message) == (2, True), message


def test_diagnostics_of_tokens_leave_methods_with_steps_out(
    folder: Path, tmp_path: Path, asked: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        ntile("bench", folder / "a.tif", "--spectrum", "--methods", "huvr_siren", "--out", tmp_path)
    assert caught.value.code == 2
    assert "tokens, which huvr_siren does not have" in capsys.readouterr().err


def test_shipped_steps_are_a_geometric_sweep() -> None:
    steps = np.array(learned.LAPPED_STEPS)
    assert (len(steps), steps[0], steps[-1]) == (13, 0.06, 8.1)
    np.testing.assert_allclose(np.diff(np.log(steps)), np.log(135) / 12, atol=0.01)
