"""`ntile bench`: curves, means and ratios; the files it writes; diagnostics; what it says when it
cannot run."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.bench import ablation, curves, specialize, spectrum
from neural.cli import main
from neural.models import PRESETS
from neural.models.loading import load_model
from tests.support.models import TINY, save_tiny_model
from tests.support.rasters import hills, write

PLOTS = {"height_rmse.png", "gradient_rmse.png", "max_error.png"}


def _point(bits: float, error: float) -> dict[str, float]:
    return {
        **dict.fromkeys(curves.ERRORS, error),
        "psnr_db": -20 * np.log10(error),
        "bits_per_sample": bits,
        "stack_bits_per_sample": 1.3 * bits,
    }


def _power(scale: float, rates: tuple[float, ...]) -> list[dict[str, float]]:
    """Error scale / bits: a straight line in log–log."""
    return [_point(rate, scale / rate) for rate in rates]


def test_interpolation_is_exact_on_power_laws_and_stays_inside() -> None:
    curve = _power(0.1, (0.1, 0.3, 2.0))
    inside = curves.point_at_rate(curve, 0.5)
    assert inside is not None
    assert inside["rmse_m"] == pytest.approx(0.2)
    assert inside["psnr_db"] == pytest.approx(-20 * np.log10(0.2))
    assert curves.point_at_rate(curve, 0.05) is None
    assert curves.rate_at(curve, "rmse_m", 0.2) == (pytest.approx(0.5), "")
    assert curves.rate_at(curve, "rmse_m", 5.0) == (pytest.approx(0.1), "≤")
    assert curves.rate_at(curve, "rmse_m", 0.01) == (pytest.approx(2.0), "≥")


def test_means_are_geometric_and_say_how_many_places_they_hold() -> None:
    first = _power(0.1, (0.1, 1.0))
    second = _power(0.4, (0.2, 1.0))
    both = curves.mean_at_rate([first, second], 0.5)
    assert both["rmse_m"] == pytest.approx(np.sqrt(0.2 * 0.8))
    assert both["rmse_mean_m"] == pytest.approx(0.5)
    assert both["places"] == 2
    assert curves.mean_at_rate([first, second], 0.15) == {"bits_per_sample": 0.15, "places": 1}
    assert curves.common_rates([first, second])[[0, -1]] == pytest.approx([0.2, 1.0])
    assert not curves.common_rates([_power(1, (0.1, 0.2)), _power(1, (0.3, 0.4))]).size


def test_ratios_take_the_best_codec_and_keep_what_is_out_of_range() -> None:
    codecs = {"good": _power(0.1, (0.1, 2.0)), "bad": _power(1.0, (0.5, 8.0))}
    inside = curves.ratio(_point(1.0, 0.2), codecs, "rmse_m")
    assert (inside.value, inside.codec, inside.bound) == (pytest.approx(2.0), "good", "")
    coarse = curves.ratio(_point(0.4, 3.0), codecs, "rmse_m")
    assert (coarse.value, coarse.codec, coarse.bound) == (pytest.approx(4.0), "good", "≥")
    fine = curves.ratio(_point(1.0, 0.001), codecs, "rmse_m")
    assert (fine.value, fine.bound) == (pytest.approx(0.5), "≤")
    assert curves.mean_ratio([inside, coarse]) == (pytest.approx(np.sqrt(8)), "≥")
    assert curves.mean_ratio([inside, inside]) == (pytest.approx(2.0), "")
    assert curves.mean_ratio([coarse, fine])[1] == "?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small validation places and a training one with a manifest, and a tiny model."""
    folder = tmp_path_factory.mktemp("places")
    write(folder / "a.tif", hills(140, 150))
    rough = hills(120, 130) + np.random.default_rng(1).normal(scale=0.2, size=(120, 130))
    rough[20:40, 30:60] = -9999
    write(folder / "b.tif", rough.astype(np.float32), nodata=-9999, crs=None)
    write(folder / "c.tif", hills(300, 300))
    write(folder / "d.tif", hills(260, 260, 2.0))
    rows = [
        "file,split,resolution_m,crs",
        "a.tif,val,1,EPSG:32611",
        "b.tif,val,1,",
        "c.tif,train,1,",
        "d.tif,test,1,",
    ]
    (folder / "MANIFEST.csv").write_text("\n".join(rows) + "\n")
    save_tiny_model(folder)
    return folder


def ntile(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def failure(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and message of a command that fails."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        ntile(*arguments)
    code = caught.value.code
    assert isinstance(code, int)
    return code, capsys.readouterr().err


def test_the_command_writes_json_tables_and_plots(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"huvr_siren={folder / 'tiny'}"
    measured = (
        "--model",
        model,
        "--methods",
        "huvr_siren",
        "--bits",
        "8,3",
        "--refine",
        1,
        "--codecs",
        "jpeg2k,sz3",
    )
    ntile("bench", folder, *measured, "--out", tmp_path, "--json")
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert "a: jpeg2k" in printed.err
    assert json.loads((tmp_path / "bench.json").read_text()) == result
    assert {path.name for path in tmp_path.iterdir()} == {"bench.json", "bench.md", *PLOTS}
    for name in PLOTS:
        assert (tmp_path / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [(place["name"], place["samples"]) for place in result["places"]] == [
        ("a", 21_000),
        ("b", 15_000),
    ]
    for place in result["places"]:
        points = place["learned"]["huvr_siren"]
        assert [point["bits"] for point in points] == [8, 3]
        assert 0 < points[0]["rmse_m"] != points[1]["rmse_m"] < 60
        assert points[0]["bits_per_sample"] > points[1]["bits_per_sample"]
        assert len(place["codecs"]["jpeg2k"]) > 5
        refined = place["learned"]["huvr_siren+1"]
        assert [point["bits_per_sample"] for point in refined] == [
            point["bits_per_sample"] for point in points
        ]
    mean = result["mean"]["learned"]["huvr_siren"][0]
    both = [place["learned"]["huvr_siren"][0]["rmse_m"] for place in result["places"]]
    assert mean["rmse_m"] == pytest.approx(np.sqrt(both[0] * both[1]))
    assert [
        (row["error"], row["series"], row["bits"], len(row["places"])) for row in result["ratios"]
    ] == [
        (error, name, bits, 2)
        for error in ("rmse_m", "gradient_rmse")
        for name in ("huvr_siren", "huvr_siren+1")
        for bits in (8, 3)
    ]
    tables = (tmp_path / "bench.md").read_text()
    for text in (
        "HUVR+SIREN, 8 bits",
        "HUVR+SIREN, 1 step, 3 bits",
        "JPEG 2000",
        "SZ3",
        "16×16 bicubic",
        "## a",
        "## b",
        "Equal height RMSE",
    ):
        assert text in tables


def _numbers(value: Any) -> list[float]:
    """Every number in a JSON value, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [float(value)] if isinstance(value, int | float) else []


def test_results_do_not_depend_on_how_many_places_run_at_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for jobs in (1, 2):
        ntile(
            "bench",
            folder,
            "--methods",
            "none",
            "--codecs",
            "zfp",
            "--jobs",
            jobs,
            "--out",
            tmp_path / str(jobs),
        )
    one, two = (
        _numbers(json.loads((tmp_path / jobs / "bench.json").read_text())) for jobs in ("1", "2")
    )
    assert len(one) > 100
    # sums round as the linear algebra library's threads have it
    assert one == pytest.approx(two, rel=1e-9)
    assert (tmp_path / "1" / "bench.md").read_text() == (tmp_path / "2" / "bench.md").read_text()
    assert "zfp" in capsys.readouterr().out


def test_what_cannot_run_says_so(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dem = folder / "a.tif"
    for arguments, text in (
        ((tmp_path,), "MANIFEST.csv"),
        ((folder, "--split", "other"), "no raster of split 'other'"),
        ((), "nothing to measure"),
        ((dem, "--codecs", "gif"), "'gif' is no codec"),
        ((dem, "--methods", "jpeg"), "'jpeg' has no model"),
        ((dem, "--bits", "9"), "--bits 9"),
        ((dem, "--bits", "few"), "numbers"),
        ((dem, "--model", "huvr_siren"), "METHOD=PATH"),
        ((dem, "--methods", "none", "--model", "huvr_siren=x"), "not among the measured methods"),
        (("--ablation", "patch"), "--data FOLDER"),
    ):
        code, message = failure(capsys, "bench", *arguments, "--out", tmp_path / "out")
        assert (code, text in message) == (2, True), message
    assert failure(capsys, "bench", folder / "none.tif")[0] == 3
    for package, extra, chosen in (
        ("imagecodecs", "bench", ("--methods", "none")),
        ("matplotlib", "bench", ("--methods", "none", "--codecs", "none")),
        ("torch", "encode", ("--methods", "huvr_siren")),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            code, message = failure(capsys, "bench", dem, *chosen, "--out", tmp_path / "out")
        assert code == 2
        assert f"needs {package}: pip install 'terrain-viewer[{extra}]'." in message


def test_spectrum_counts_the_dimensions_in_use(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(2)
    low_rank = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 16)) + 5
    shares = spectrum.principal_shares(low_rank)
    assert spectrum.dimensions(shares, 0.999999) == 3
    assert spectrum.dimensions(spectrum.principal_shares(np.ones((5, 4))), 0.99) == 1
    model = f"huvr_siren={folder / 'tiny'}"
    ntile(
        "bench",
        folder,
        "--spectrum",
        "--methods",
        "huvr_siren",
        "--model",
        model,
        "--out",
        tmp_path,
        "--json",
    )
    found = json.loads(capsys.readouterr().out)["spectrum"]["spectra"][0]
    assert (found["tokens"], found["dim"], len(found["cumulative"])) == (2 * 256, 8, 8)
    assert found["cumulative"][-1] == pytest.approx(1)
    assert (
        1
        <= found["dimensions"]["90%"]
        <= found["dimensions"]["95%"]
        <= found["dimensions"]["99%"]
        <= 8
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "spectrum.json",
        "spectrum.md",
        "spectrum.png",
    }


def test_specializing_gains_and_leaves_the_model_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = f"huvr_siren={folder / 'tiny'}"
    chosen = ("--specialize", 6, "--methods", "huvr_siren", "--model", model)
    ntile("bench", folder, *chosen, "--out", tmp_path, "--json")
    rows = json.loads(capsys.readouterr().out)["specialize"]["tiles"]
    assert [row["place"] for row in rows] == ["a", "b"]
    for row in rows:
        first, latents, both = (row[stage]["psnr_db"] for stage in specialize.STAGES)
        assert first <= latents
        assert first < both
    loaded = load_model(folder / "tiny")[0]
    before = {name: value.clone() for name, value in loaded.state_dict().items()}
    heights = hills(256, 256)
    again = specialize.specialize(loaded, heights, np.ones(heights.shape, bool), 2)
    assert again["encoded"]["rmse_m"] >= again["latents"]["rmse_m"]
    for name, value in loaded.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy())


@pytest.mark.parametrize(("kind", "sizes"), [("payload", [8, 16]), ("patch", [32])])
def test_ablations_train_every_variant(
    kind: str,
    sizes: list[int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name, step in (("a", 1.0), ("b", 1.5)):
        write(data / f"{name}.tif", hills(256, 256, step))
    with (data / "MANIFEST.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["file", "split", "resolution_m"], ["a.tif", "train", "1"], ["b.tif", "val", "1"]]
        )
    monkeypatch.setitem(PRESETS["huvr_siren"], "small", TINY)
    monkeypatch.setattr(ablation, f"{kind.upper()}_SIZES", tuple(sizes))
    known = set(PRESETS["huvr_siren"])
    out = tmp_path / "out"
    ntile(
        "bench",
        "--ablation",
        kind,
        "--data",
        data,
        "--steps",
        1,
        "--device",
        "cpu",
        "--out",
        out,
        "--json",
    )
    result: dict[str, Any] = json.loads(capsys.readouterr().out)[f"ablation_{kind}"]
    rows = result["variants"]
    assert [row["dim" if kind == "payload" else "patch"] for row in rows] == sizes
    per_tile = (
        [256 * dim for dim in sizes]
        if kind == "payload"
        else [8 * (256 // side) ** 2 for side in sizes]
    )
    assert [row["floats_per_tile"] for row in rows] == per_tile
    assert all(np.isfinite(row["psnr_db"]) and row["rmse_m"] > 0 for row in rows)
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        f"ablation_{kind}.{suffix}" for suffix in ("json", "md", "png")
    }
    assert set(PRESETS["huvr_siren"]) == known
