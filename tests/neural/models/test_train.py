"""The training loop on synthetic rasters: it learns, logs, and a killed run resumes to the same
weights."""

from __future__ import annotations

import csv
import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from neural import train
from neural.errors import DemError, ModelError, NtileError, UsageError
from neural.models import MODELS, PRESETS
from neural.models.base import pick_device
from neural.models.train_data import Crops, load_split
from tests.support.models import TINY, write_training_data


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two rasters with a manifest, and the preset `tiny`."""
    monkeypatch.setitem(PRESETS["huvr_siren"], "tiny", TINY)
    monkeypatch.setattr(train, "SENSITIVITY_TILES", 2)
    return write_training_data(tmp_path / "data")


def _run(data: Path, out: Path, **changes: object) -> train.Run:
    options: dict[str, Any] = {"device": "cpu", "validate_every": 2} | changes
    return train.Run("huvr_siren", "tiny", (data,), out, **options)


def test_a_run_writes_weights_log_and_curve(data: Path, tmp_path: Path) -> None:
    row = train.train(_run(data, tmp_path / "out"))
    assert row["step"] == 4
    assert 0 < row["rmse_m"] < 60
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "checkpoint.pt",
        "log.csv",
        "log.png",
        "huvr_siren-tiny.encoder.safetensors",
        "huvr_siren-tiny.decoder.safetensors",
    }
    with (tmp_path / "out" / "log.csv").open() as file:
        log = list(csv.DictReader(file))
    assert [int(entry["step"]) for entry in log] == [2, 4]
    assert float(log[1]["rmse_m"]) == pytest.approx(row["rmse_m"])


def test_steps_reduce_the_loss(data: Path, tmp_path: Path) -> None:
    first = train.train(_run(data, tmp_path / "short", steps=1))
    last = train.train(_run(data, tmp_path / "long", steps=40, validate_every=40))
    assert last["train_mse"] < 0.8 * first["train_mse"]


def test_an_interrupted_run_resumes_to_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train.train(_run(data, tmp_path / "whole"))
    draws = Crops.batch
    calls = 0

    def interrupted(self: Crops, size: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return draws(self, size)

    monkeypatch.setattr(Crops, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(_run(data, tmp_path / "part", checkpoint_minutes=0))
    monkeypatch.setattr(Crops, "batch", draws)
    train.train(_run(data, tmp_path / "part", resume=True))
    whole, part = (
        load_file(tmp_path / run / "huvr_siren-tiny.decoder.safetensors")
        for run in ("whole", "part")
    )
    for name, value in whole.items():
        np.testing.assert_array_equal(part[name], value)


def test_what_cannot_run_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="run once without --resume"):
        train.train(_run(data, tmp_path / "out", resume=True))
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(NtileError, match="not a checkpoint"):
        train.train(_run(data, tmp_path / "out", resume=True))
    with pytest.raises(DemError, match=r"MANIFEST\.csv"):
        load_split([tmp_path], "train")
    with pytest.raises(DemError, match="split 'test'"):
        load_split([data], "test")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA device"):
            pick_device("cuda")
    monkeypatch.setattr(torch.Tensor, "item", lambda self: float("nan"))
    with pytest.raises(ModelError, match="diverged"):
        train.train(_run(data, tmp_path / "diverged"))


def test_crops_are_normalized_and_repeatable(data: Path) -> None:
    rasters = load_split([data], "train")
    tiles, valid = Crops(rasters, seed=3).batch(6)
    assert tiles.shape == valid.shape == (6, 256, 256)
    np.testing.assert_allclose(tiles.min(axis=(1, 2)), -1, atol=1e-5)
    np.testing.assert_allclose(tiles.max(axis=(1, 2)), 1, atol=1e-5)
    np.testing.assert_array_equal(Crops(rasters, seed=3).batch(6)[0], tiles)
    assert np.abs(Crops(rasters, seed=4).batch(6)[0] - tiles).max() > 0.1


def test_schedule_warms_up_and_decays() -> None:
    config = dataclasses.replace(TINY.train, steps=100, warmup=10)
    rates = [train.schedule(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(config.final_share)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_warm_start_is_a_linear_code_of_the_patches() -> None:
    """Before any step the model is near its principal components, far below what a constant surface
    leaves."""
    preset = dataclasses.replace(
        TINY,
        method=dataclasses.replace(TINY.method, hyper_width=32, siren_width=48),
        encoder=dataclasses.replace(TINY.encoder, width=32),
    )
    torch.manual_seed(0)
    model = MODELS["huvr_siren"](preset)
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:256, 0:256] / 256
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(0, 20, size=(8, 3))]
    tiles = np.stack(waves).astype(np.float32)
    valid = torch.ones(8, 256, 256)
    config = dataclasses.replace(TINY.train, points=256)
    with torch.no_grad():
        before = model.loss(torch.from_numpy(tiles), valid, config, None).mean().item()
        model.warm_start(torch.from_numpy(tiles), fit_steps=100)
        after = model.loss(torch.from_numpy(tiles), valid, config, None).mean().item()
    patches = tiles.reshape(8, 16, 16, 16, 16).transpose(0, 1, 3, 2, 4).reshape(-1, 256)
    values = np.linalg.eigvalsh(np.cov(patches.T))
    principal = values[: -(preset.method.dim - 2)].sum() / 256
    assert after < 0.02 * before
    assert after < 3 * principal + 1e-3
