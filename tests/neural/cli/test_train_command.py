"""`ntile train`: a run from the command line, its output, and runs that cannot begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neural import encode, train
from neural.models import PRESETS, context_training
from tests.support.commands import fails, ntile, ntile_json
from tests.support.models import TINY, write_training_data

ROW = {"step": 3, "psnr_db": 31.456, "rmse_m": 0.1234, "val_bits": 1.23456}


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Runs of either training loop in place of which nothing is trained."""
    runs: list[tuple[Any, ...]] = []

    def of_tiles(run: train.Run) -> dict[str, float]:
        runs.append(tuple(getattr(run, name) for name in ("method", "preset", "data", "out")))
        runs.append((run.steps, run.device, run.seed, run.resume))
        runs.append((run.threads, run.validate_every))
        return ROW

    def of_context(*arguments: Any) -> dict[str, float]:
        runs.append(arguments)
        return ROW

    monkeypatch.setattr(train, "train", of_tiles)
    monkeypatch.setattr(context_training, "train", of_context)
    return runs


def test_a_model_is_trained(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(PRESETS["huvr_siren"], "tiny", TINY)
    monkeypatch.setattr(train, "SENSITIVITY_TILES", 2)
    data = write_training_data(tmp_path / "data")
    arguments = ["train", "huvr_siren", "--data", data, "--preset", "tiny", "--steps", 1]
    row = ntile_json(capsys, *arguments, "--out", tmp_path / "out", "--device", "cpu")
    assert row["step"] == 1
    assert row["rmse_m"] > 0
    assert (tmp_path / "out" / "huvr_siren-tiny.decoder.safetensors").exists()


def test_options_reach_the_training_loop(tmp_path: Path, capsys, begun) -> None:
    data = [tmp_path / "a", tmp_path / "b"]
    options = ["--data", data[0], "--data", data[1], "--out", tmp_path / "out", "--seed", 4]
    more = ["--threads", 1, "--validate-every", 70]
    ntile("train", "huvr", *options, "--steps", 9, "--device", "cpu", "--resume", *more)
    run = ("huvr", "small", tuple(data), tmp_path / "out")
    assert begun == [run, (9, "cpu", 4, True), (1, 70)]
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: step 3, 31.46 dB, RMSE 0.123 m\n"


def test_a_linked_method_has_its_own_loop(tmp_path: Path, capsys, begun) -> None:
    ntile("train", "lapped_siren", "--data", tmp_path, "--out", tmp_path / "out")
    preset = next(iter(PRESETS["lapped_siren"]))
    assert begun == [(preset, (tmp_path,), tmp_path / "out", None, "auto", 0, False)]
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: step 3, 1.2346 bits per detail\n"


def test_a_preset_of_another_method_is_refused(tmp_path: Path, capsys, begun) -> None:
    options = ["--data", tmp_path, "--out", tmp_path / "out", "--preset", "huge"]
    code, sentence = fails(capsys, "train", "huvr", *options)
    assert (code, begun) == (2, [])
    assert sentence == f"ntile: --preset huge: huvr has {', '.join(PRESETS['huvr'])}.\n"


def test_training_needs_torch(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(encode.importlib.util, "find_spec", lambda name: None)
    code, sentence = fails(capsys, "train", "huvr", "--data", tmp_path, "--out", tmp_path)
    assert code == 2
    assert "training needs torch: pip install 'terrain-viewer[encode]'" in sentence


def test_a_folder_without_a_manifest_is_an_error(tmp_path: Path, capsys) -> None:
    code, sentence = fails(capsys, "train", "huvr", "--data", tmp_path, "--out", tmp_path / "out")
    assert code == 3
    assert "MANIFEST.csv" in sentence
