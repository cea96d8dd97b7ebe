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
from neural.models.augmentation import TURNED, finest_relief, turn
from neural.models.base import Augment, pick_device
from neural.models.optimizers import schedule
from neural.models.train_data import Crops, Raster, load_split
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
    draws = Crops.__getitem__
    calls = 0

    def interrupted(self: Crops, index: int) -> tuple[np.ndarray, np.ndarray]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return draws(self, index)

    monkeypatch.setattr(Crops, "__getitem__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(_run(data, tmp_path / "part", checkpoint_minutes=0))
    monkeypatch.setattr(Crops, "__getitem__", draws)
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


def test_a_divergence_goes_back_to_the_last_good_state(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = train.objective
    calls = 0

    def spoiled(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return objective(*arguments) * (float("nan") if calls == 2 else 1.0)

    monkeypatch.setattr(train, "objective", spoiled)
    row = train.train(_run(data, tmp_path / "out"))
    assert row["step"] == 4
    assert np.isfinite(row["rmse_m"])
    assert row["learning_rate"] < 1e-3 / 2


def test_a_run_that_diverges_again_and_again_ends(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.Tensor, "item", lambda self: float("nan"))
    with pytest.raises(ModelError, match=r"diverged at step 0.*holds the last good state"):
        train.train(_run(data, tmp_path / "out"))


@pytest.fixture
def cooled(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    """The preset `tiny` with every option of the longer recipe."""
    config = dataclasses.replace(
        TINY.train,
        steps=6,
        off_grid_points=16,
        log_loss=True,
        cool_down=0.5,
        accumulate=2,
        slope_weight=0.1,
        halo=1.0,
        average=0.9,
    )
    preset = dataclasses.replace(TINY, train=config)
    monkeypatch.setitem(PRESETS["huvr_siren"], "tiny", preset)


def test_a_run_made_longer_is_that_of_the_longer_length(
    data: Path, tmp_path: Path, cooled: None
) -> None:
    """The steps before the cool-down are shared; those within it are taken back."""
    train.train(_run(data, tmp_path / "long", steps=12, validate_every=20))
    train.train(_run(data, tmp_path / "short", steps=6, validate_every=20))
    assert (tmp_path / "short" / "before_cool_down.pt").is_file()
    row = train.train(_run(data, tmp_path / "short", steps=12, resume=True, validate_every=20))
    assert row["step"] == 12
    assert row["tiles"] == 12 * 2 * 2
    whole, part = (
        torch.load(tmp_path / run / "checkpoint.pt", weights_only=False)
        for run in ("long", "short")
    )
    for state in ("model", "average"):
        for name, value in whole[state].items():
            assert torch.equal(part[state][name], value), name
    assert whole["log"][-1]["psnr_db"] == part["log"][-1]["psnr_db"]


def test_the_average_is_what_is_written(data: Path, tmp_path: Path, cooled: None) -> None:
    train.train(_run(data, tmp_path / "out", validate_every=6))
    state = torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=False)
    written = load_file(tmp_path / "out" / "huvr_siren-tiny.decoder.safetensors")
    name = "siren1_bias"
    np.testing.assert_array_equal(written[name], state["average"][f"decoder.{name}"])
    assert not torch.equal(state["average"][f"decoder.{name}"], state["model"][f"decoder.{name}"])


def test_the_best_weights_are_kept(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([10.0, 30.0, 20.0])
    validate = train.validate
    monkeypatch.setattr(train, "validate", lambda *a: validate(*a) | {"psnr_db": next(figures)})
    train.train(_run(data, tmp_path / "out", steps=6))
    from safetensors import safe_open

    with safe_open(tmp_path / "out" / "huvr_siren-tiny.decoder.safetensors", "np") as file:
        assert file.metadata()["steps"] == "4"


@pytest.mark.parametrize(
    ("change", "name"),
    [({"seed": 1}, "seed"), ({"data": 1}, "training data"), ({"batch": 3}, "training settings")],
)
def test_a_checkpoint_of_another_run_is_refused(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, int],
    name: str,
) -> None:
    train.train(_run(data, tmp_path / "out", steps=2))
    seed = change.get("seed", 0)
    if "data" in change:
        manifest = data / "MANIFEST.csv"
        rows = manifest.read_text(encoding="utf-8").splitlines()
        twice = next(row for row in rows if ",train," in row)
        manifest.write_text("\n".join([*rows, twice, ""]), encoding="utf-8")
    if "batch" in change:
        config = dataclasses.replace(TINY.train, batch=change["batch"])
        other = dataclasses.replace(TINY, train=config)
        monkeypatch.setitem(PRESETS["huvr_siren"], "tiny", other)
    with pytest.raises(ModelError, match=f"other {name}; resume with those or choose another"):
        train.train(_run(data, tmp_path / "out", steps=4, resume=True, seed=seed))


def test_a_manifest_without_a_column_says_so(data: Path) -> None:
    manifest = data / "MANIFEST.csv"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("resolution_m", "cell"), encoding="utf-8")
    with pytest.raises(DemError, match="every row needs a file and a resolution_m"):
        load_split([data], "train")


def test_crops_are_normalized_and_repeatable(data: Path) -> None:
    rasters = load_split([data], "train")
    tiles, valid = Crops(rasters, 3, 6)[0]
    assert tiles.shape == valid.shape == (6, 256, 256)
    np.testing.assert_allclose(tiles.min(axis=(1, 2)), -1, atol=1e-5)
    np.testing.assert_allclose(tiles.max(axis=(1, 2)), 1, atol=1e-5)
    np.testing.assert_array_equal(Crops(rasters, 3, 6)[0][0], tiles)
    assert np.abs(Crops(rasters, 4, 6)[0][0] - tiles).max() > 0.1
    assert np.abs(Crops(rasters, 3, 6)[1][0] - tiles).max() > 0.1
    assert np.abs(Crops(rasters, 3, 6).extra(6) - tiles).max() > 0.1


def test_schedule_warms_up_and_decays() -> None:
    config = dataclasses.replace(TINY.train, steps=100, warmup=10)
    rates = [schedule(step, config) for step in range(101)]
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
        before = model.loss(torch.from_numpy(tiles), valid, config, None).heights.mean().item()
        model.warm_start(torch.from_numpy(tiles), fit_steps=100)
        after = model.loss(torch.from_numpy(tiles), valid, config, None).heights.mean().item()
    patches = tiles.reshape(8, 16, 16, 16, 16).transpose(0, 1, 3, 2, 4).reshape(-1, 256)
    values = np.linalg.eigvalsh(np.cov(patches.T))
    principal = values[: -(preset.method.dim - 2)].sum() / 256
    assert after < 0.02 * before
    assert after < 3 * principal + 1e-3


def test_a_constant_rate_cools_down_at_the_end() -> None:
    config = dataclasses.replace(TINY.train, steps=100, warmup=10, cool_down=0.2)
    rates = [schedule(step, config) for step in range(101)]
    assert rates[10:81] == [1.0] * 71
    assert rates[90] == pytest.approx((1 + config.final_share) / 2)
    assert rates[100] == pytest.approx(config.final_share)


def _planes(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A plane of random direction, [TURNED, TURNED], and its steepness per cell."""
    y, x = np.mgrid[:TURNED, :TURNED]
    east, south = rng.uniform(-1, 1, 2)
    return (900 + east * x + south * y).astype(np.float32), float(np.hypot(east, south))


def test_turned_crops_keep_slopes_and_gaps() -> None:
    rng = np.random.default_rng(5)
    for shrink in (1.0, 1.4):
        heights, steepness = _planes(rng)
        valid = np.ones(heights.shape, bool)
        valid[TURNED // 2 - 1 : TURNED // 2 + 1, TURNED // 2 - 1 : TURNED // 2 + 1] = False
        tile, mask = turn(heights, valid, rng.uniform(0, 7), shrink)
        south, east = np.gradient(tile.astype(np.float64))
        inner = np.hypot(east, south)[2:-2, 2:-2]
        np.testing.assert_allclose(inner[:90], steepness * shrink, rtol=0.02)
        assert not mask[127:129, 127:129].any()
        assert mask.mean() > 0.99


def test_finest_relief_has_no_coarse_part() -> None:
    y, x = np.mgrid[:256, :256]
    coarse = (50 * np.sin(x / 60) * np.cos(y / 70)).astype(np.float32)
    fine = (np.sin(x * 2.0) * np.sin(y * 2.0)).astype(np.float32)
    relief = finest_relief(coarse + fine, np.ones((256, 256), bool))
    assert np.std((relief - fine)[16:-16, 16:-16]) < 0.2
    assert np.std(relief) > 0.4


def test_changed_crops_are_repeatable(data: Path) -> None:
    rasters = [Raster("hills", 1.0, *_hills(seed)) for seed in (0, 1)]
    changed = Augment(turned=0.5, mixed=0.5)
    tiles, valid = Crops(rasters, 3, 8, changed)[5]
    np.testing.assert_array_equal(Crops(rasters, 3, 8, changed)[5][0], tiles)
    assert tiles.shape == (8, 256, 256)
    assert valid.all()
    np.testing.assert_allclose(np.abs(tiles).max(axis=(1, 2)), 1, atol=1e-5)


def _hills(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:700, :700] / 50
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(0, 6, size=(5, 3))]
    return np.sum(waves, axis=0).astype(np.float32), np.ones((700, 700), bool)
