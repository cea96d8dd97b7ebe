"""`ntile bench --global`: the order of runs, resuming, tables and plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.bench.whole import codecs, execution, plots, table, training
from neural.bench.whole.areas import WholeArea, find_areas
from neural.bench.whole.runs import Goal, Results, Run, StagedArea, plan
from neural.bench.whole.training import seconds_to, train_and_measure
from neural.cli import main
from neural.cli.bench_global import METHODS
from neural.models import whole_area
from tests.support.rasters import hills, write

STEPS = 12
KEYS = {
    *("area", "method", "seed", "steps", "seconds", "psnr_db", "rmse_m", "parameters"),
    *("bytes_8bit", "bits_per_sample", "peak_memory_mb", "blocks_per_level"),
}


def quiet(message: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def raster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hills of 130 × 150 cells with a hole."""
    heights = hills(130, 150) + np.random.default_rng(1).normal(size=(130, 150))
    heights[20:40, 30:60] = -9999
    folder = tmp_path_factory.mktemp("whole")
    return write(folder / "hills.tif", heights.astype(np.float32), nodata=-9999)


def _plan(raster: Path, out: Path, methods: Sequence[str], goal: Goal, seeds: int = 1) -> list[Run]:
    where = out / "areas"
    where.mkdir(parents=True, exist_ok=True)
    staged = [execution.stage(area, "tiny", (None,), where, quiet) for area in find_areas([raster])]
    return plan(staged, methods, seeds, "tiny", (None,), goal)


def test_the_command_knows_the_networks() -> None:
    assert METHODS == whole_area.METHODS


def test_first_seeds_come_first_and_baselines_after_the_acorn_whose_time_they_get(
    raster: Path, tmp_path: Path
) -> None:
    methods = ("siren", "acorn", "acorn_uniform", "acorn_paper")
    runs = _plan(raster, tmp_path, methods, Goal(steps=STEPS), seeds=2)
    assert [(run.method, run.seed) for run in runs[:5]] == [
        ("acorn", 0),
        ("acorn_uniform", 0),
        ("acorn_paper", 0),
        ("siren", 0),
        ("acorn", 1),
    ]
    assert runs[3].time_of == runs[0]
    assert runs[0].stem == runs[1].stem  # these hills are uniform by default: one run
    assert len({run.stem for run in runs}) == 6
    timed = _plan(raster, tmp_path, methods, Goal(seconds=1.0))
    assert timed[3].time_of is None
    assert timed[3].goal == Goal(seconds=1.0)


@pytest.mark.parametrize("method", ["acorn_adaptive", "relu_pe"])
def test_an_interrupted_run_goes_on_and_a_finished_one_is_not_repeated(
    raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    methods = ("acorn_uniform", method)
    straight = Results(tmp_path / "straight")
    halted = Results(tmp_path / "halted")
    for results in (straight, halted):
        results.folder.mkdir()
    goal = Goal(steps=STEPS) if method.startswith("acorn") else Goal(seconds=0.2)
    run = _plan(raster, tmp_path, methods, goal)[-1]
    assert run.method == method
    train_and_measure(run, straight.folder, quiet)
    advance = whole_area.advance
    taken = []

    def interrupted(fit: Any, share: float) -> None:
        if len(taken) == 5:
            raise KeyboardInterrupt
        taken.append(share)
        advance(fit, share)

    with monkeypatch.context() as patch:
        patch.setattr(whole_area, "advance", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_and_measure(run, halted.folder, quiet)
    assert halted.state(run).is_file()
    assert halted.result(run) is None
    train_and_measure(run, halted.folder, quiet)
    assert not halted.state(run).exists()
    one, other = straight.result(run), halted.result(run)
    assert one is not None
    assert other is not None
    assert set(one) >= KEYS
    assert one["area"] == "hills"
    assert one["rmse_m"] > 0
    if method.startswith("acorn"):
        assert one["rmse_m"] == other["rmse_m"]
        insets = [results.arrays(run)["inset"] for results in (straight, halted)]
        assert np.array_equal(*insets, equal_nan=True)
        assert one["steps"] == other["steps"] == STEPS
    monkeypatch.setattr(training, "_train", None)  # would fail
    train_and_measure(run, halted.folder, quiet)


def test_seconds_to_a_psnr_are_interpolated() -> None:
    history = [{"cpu_seconds": s, "psnr_db": p} for s, p in ((2.0, 28.0), (4.0, 32.0))]
    assert seconds_to(history, 25) == 2
    assert seconds_to(history, 30) == pytest.approx(3)
    assert seconds_to(history, 33) is None


def _in_this_process(runs: Sequence[Run], results: Results, jobs: int, say: Any) -> None:
    for run in runs:
        train_and_measure(run, results.folder, say)


def test_tables_show_means_spreads_and_codecs_at_equal_error(
    raster: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "execute", _in_this_process)
    areas = find_areas([raster])
    lapped = {"psnr_db": 30.0, "rmse_m": 4.0, "ssim": 0.9, "gradient_rmse": 0.1}
    sizes = {"bytes": 90, "bits_per_sample": 0.04}
    monkeypatch.setattr(codecs, "_lapped", lambda *_: lapped | sizes)
    methods = ("acorn", "siren")
    arguments = (areas, methods, 2, "tiny", (16, 64), Goal(steps=STEPS), 1, tmp_path, quiet)
    result = execution.run(*arguments)
    assert len(result["rows"]) == 6  # two seeds of acorn with two budgets and of siren
    assert all(set(row) >= KEYS for row in result["rows"])
    means = {(mean["method"], mean["budget"]): mean for mean in result["means"]}
    rows = [row for row in result["rows"] if (row["method"], row["budget"]) == ("acorn", 16)]
    mean = means["acorn", 16]
    assert mean["psnr_db"] == pytest.approx(np.mean([row["psnr_db"] for row in rows]))
    assert mean["spread"]["psnr_db"] == pytest.approx(
        abs(rows[0]["psnr_db"] - rows[1]["psnr_db"]) / np.sqrt(2)
    )
    siren = [row for row in result["rows"] if row["method"] == "siren"]
    assert siren[0]["seconds"] == pytest.approx(rows[0]["seconds"], rel=0.5)
    jpeg = [row for row in result["codecs"] if row["method"] == "jpeg2k_image"]
    assert len(jpeg) == len(means)
    for row in jpeg:
        # these networks hardly learned a thing, and a stream of a hundred bytes has few errors
        assert 0.5 < row["rmse_m"] / means[row["at"], row["budget"]]["rmse_m"] < 2
    text = table.markdown(result)
    assert "functional representation of the area, not a compressor" in text
    assert "| `acorn` | 64 |" in text
    assert "Lapped SIREN" in text
    names = {path.name for path in tmp_path.glob("*.png")}
    assert names >= {"hills-psnr.png", "hills-partitions.png", "hills-errors.png"}
    json.dumps(result, allow_nan=False)
    monkeypatch.setattr(codecs, "_jpeg2000", None)  # taken from the folder
    assert execution.run(*arguments)["codecs"] == result["codecs"]


def test_moves_and_levels_are_drawn(tmp_path: Path) -> None:
    staged = StagedArea(WholeArea("a", "a.tif"), None, tmp_path, None, 9, "acorn_cut")  # type: ignore[arg-type]
    run = Run(staged, "acorn_paper", 0, "tiny", None, Goal(steps=9), {})
    tilings = [
        {"step": 0, "moved": 0, "blocks_per_scale": [0, 0, 16]},
        {"step": 4, "moved": 6, "blocks_per_scale": [0, 1, 11, 4]},
    ]
    drawing = plots._moves({run: {"retilings": tilings, "steps": 9}})
    shares, levels = drawing.axes
    assert shares.lines[0].get_ydata()[0] == 6 / 16
    assert [text.get_text() for text in levels.get_legend().get_texts()] == [
        *("level 1", "level 2", "level 3"),
    ]


def test_the_hillshade_is_bright_on_slopes_towards_the_light() -> None:
    y, x = np.mgrid[0:20, 0:20]
    northwest = plots.hillshade((x + y).astype(float), (1.0, 1.0))
    southeast = plots.hillshade(-(x + y).astype(float), (1.0, 1.0))
    assert northwest.mean() > southeast.mean() + 0.3


def test_the_command_fits_in_processes_of_their_own(
    raster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["bench", "--global", f"{raster}@0,0,100,90", "--methods", "acorn_uniform", "siren"]
    options = ["--steps", "8", "--preset", "tiny", "--jobs", "2", "--json", "--out", str(out)]
    main([*command, *options])
    result = json.loads(capsys.readouterr().out)
    assert [row["method"] for row in result["rows"]] == ["acorn_uniform", "siren"]
    assert result["areas"][0]["name"] == "hills@0,0,100,90"
    assert result["rows"][0]["blocks_per_level"]
    assert [row["method"] for row in result["codecs"]] == [
        *("jpeg2k_image", "lapped_siren", "jpeg2k_image"),
    ]
    assert {"global.json", "global.md"} <= {path.name for path in out.iterdir()}
    main([*command, *options])  # nothing left to do
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rows"] == result["rows"]
    assert "runs to do" not in captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--methods siren --steps 4", "which is missing"),
        ("--methods acorn", "one of --steps and --seconds"),
        ("--methods acorn --steps 4 --seconds 4", "one of --steps and --seconds"),
        ("--methods huvr --steps 4", "no network of a whole area"),
        ("--methods acorn --steps 4 --preset large", "--preset large is none of"),
        ("--methods acorn --steps 4 --blocks 0", "1 block or more"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    raster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "--global", str(raster), "--out", str(tmp_path / "out"), *options.split()])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
