"""Training of the context model: what it learns from, integer weights, checkpoints."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neural.errors import ModelError, UsageError
from neural.methods.decoder_weights import load_decoder
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.coder import TOTAL
from neural.methods.lapped.context import (
    CLASSES,
    FIRST,
    FURTHER_BITS,
    STEP_RATIO_SCALE,
    SYMBOLS,
    Context,
)
from neural.methods.lapped.extension import merge_level, split_level
from neural.methods.lapped.levels import level_steps
from neural.methods.lapped.model import Model
from neural.methods.lapped.wavelet import BANDS
from neural.methods.lapped_siren import LappedSiren
from neural.models import context_training
from neural.models.context_data import WINDOW, Windows, centroids, quantize, raster_levels
from neural.models.lapped_siren import (
    PRESETS,
    ContextConfig,
    ContextPreset,
    LappedSirenModel,
    codes,
)
from neural.models.train_data import Raster
from tests.support.rasters import write

TINY = ContextPreset(
    LappedSiren(hidden1=4, hidden2=3),
    ContextConfig(6, 2, 3e-3, quantizations=2, restoration_steps=3),
)


def hills(rows: int, columns: int, seed: int = 0) -> Raster:
    rng = np.random.default_rng(seed)
    y, x = np.indices((rows, columns)) / 40
    heights = 20 * np.sin(x + 0.3 * y) * np.cos(y) + rng.normal(size=(rows, columns)) * 0.2
    valid = np.ones(heights.shape, bool)
    valid[: rows // 4, : columns // 3] = False
    return Raster("hills", 1.0, heights.astype(np.float32), valid)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> ContextPreset:
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    return TINY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["file,split,resolution_m,crs"]
    for split, seed in (("train", 1), ("val", 2)):
        raster = hills(100, 110, seed)
        write(tmp_path / f"{split}.tif", raster.heights)
        lines.append(f"{split}.tif,{split},1.0,")
    (tmp_path / "MANIFEST.csv").write_text("\n".join(lines))
    return tmp_path


def random_model(seed: int) -> LappedSirenModel:
    torch.manual_seed(seed)
    model = LappedSirenModel(TINY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def test_levels_hold_all_that_the_samples_are_made_of() -> None:
    raster = hills(70, 45)
    raster.valid[:] = True
    levels = raster_levels(raster)
    assert [level.details.shape[1] for level in levels] == [36, 18, 10, 6, 4, 2]
    centered = raster.heights.astype(np.float64) - float(raster.heights.mean(dtype=np.float64))
    sizes = []
    samples = centered
    for _ in levels:
        sizes.append(samples.shape)
        samples = split_level(samples, LINEAR)[0::2, 0::2]
    for level, size in zip(reversed(levels), reversed(sizes), strict=True):
        bands = np.zeros(size)
        bands[0::2, 0::2] = samples
        for details, (y, x) in zip(level.details, BANDS, strict=True):
            part = bands[y::2, x::2]
            part[...] = details[: part.shape[0], : part.shape[1]]
        samples = merge_level(bands, LINEAR)
    np.testing.assert_allclose(samples, centered, atol=1e-4)


@pytest.mark.parametrize("trained", [False, True])
def test_quantized_details_are_near_the_details(trained: bool) -> None:
    raster = hills(90, 130)
    model = Model(random_model(0).weights()) if trained else None
    for above, in_steps, signed, classes in quantize(raster_levels(raster), 0.5, 1.0, model, 0.11):
        assert np.abs(in_steps - signed).max() <= 1.6
        level = raster_levels(raster)[above]
        assert not signed[~level.coded].any()
        np.testing.assert_allclose(
            in_steps[0], level.details[0] / level_steps(0.5, above)[0], rtol=1e-5
        )
        if trained:
            assert classes is not None
            assert ((classes >= 0) == level.coded).all()


def test_windows_lie_below_their_parents() -> None:
    windows = Windows([hills(300, 420)], 2, None, 0.11, seed=0)
    magnitudes, parent, coded, slope = windows.batch(5)
    assert magnitudes.shape == coded.shape == (5, 3, WINDOW, WINDOW)
    assert parent.shape == (5, 3, WINDOW // 2, WINDOW // 2)
    assert not magnitudes[coded == 0].any()
    assert np.isfinite(slope).all()
    busy = (
        magnitudes.astype(float).reshape(5, 3, WINDOW // 2, 2, WINDOW // 2, 2).sum(axis=(1, 3, 5))
    )
    together = np.corrcoef(busy.ravel(), parent.sum(axis=1).ravel())[0, 1]
    shifted = np.corrcoef(np.roll(busy, 20, axis=(1, 2)).ravel(), parent.sum(axis=1).ravel())[0, 1]
    assert together > shifted


def test_integers_give_the_classes_that_were_trained() -> None:
    model = random_model(3)
    rng = np.random.default_rng(0)
    signed = np.rint(
        rng.laplace(size=(3, 32, 32)) * rng.choice([0.1, 2.0, 20.0], size=(3, 32, 32))
    ).astype(np.int32)
    parent = np.rint(rng.laplace(size=(3, 16, 16)) * 3).astype(np.int32)
    slope = -5 * STEP_RATIO_SCALE // 2
    with torch.no_grad():
        scales = model(
            codes(torch.from_numpy(np.abs(signed)))[None],
            codes(torch.from_numpy(np.abs(parent)))[None],
            torch.tensor([slope / STEP_RATIO_SCALE]),
        )[0].numpy()
    found = np.zeros(signed.shape)

    def visit(band: int, at: np.ndarray, classes: np.ndarray) -> np.ndarray:
        found[band].ravel()[at] = classes
        return signed[band].ravel()[at]

    Context(model.weights()).walk(np.ones(signed.shape, bool), parent, slope, visit)
    # rounding to quarters, and of weights to integers
    assert np.abs(found - 4 * scales).max() <= 1.25
    assert len(np.unique(found)) > 20


def test_bits_are_the_code_lengths_of_the_integer_table() -> None:
    model = random_model(4)
    table = model.weights()["probability"]
    assert table.shape == (CLASSES, SYMBOLS)
    assert (table.sum(axis=1) == TOTAL).all()
    assert table.min() >= 1
    magnitudes = torch.from_numpy(FIRST[:-1]).repeat(CLASSES // 4, 1)
    scales = torch.arange(CLASSES // 4).float()[:, None].expand_as(magnitudes)
    bits = model.bits(scales, magnitudes).detach().numpy() - (magnitudes.numpy() > 0)
    expected = -np.log2(table[: len(bits) * 4 : 4, :-1] / TOTAL) + FURTHER_BITS[:-1]
    likely = table[: len(bits) * 4 : 4, :-1] > 1024
    np.testing.assert_allclose(bits[likely], expected[likely], atol=0.02)


def test_centroids_lie_where_the_details_do() -> None:
    found = centroids([hills(120, 120)], Model(random_model(5).weights()), 0.11, (0.3,), CLASSES)
    assert found.shape == (CLASSES, 3)
    assert (np.abs(found) < 0.5).all()


def test_a_resumed_training_ends_like_a_whole_one(
    folder: Path, tmp_path: Path, tiny: ContextPreset
) -> None:
    whole = context_training.train(
        "tiny", (folder,), tmp_path / "whole", device="cpu", validate_every=4
    )
    assert whole["round"] == 1
    assert np.isfinite(whole["val_bits"])
    log = json.loads((tmp_path / "whole/log.json").read_text())
    assert [row["step"] for row in log] == [4, 6, 2]
    path = tmp_path / "whole/lapped_siren-tiny.decoder.safetensors"
    weights = load_decoder(path.read_bytes(), TINY.method, "trained")
    Model(weights)

    with pytest.raises(UsageError, match="run once without --resume"):
        context_training.train("tiny", (folder,), tmp_path / "none", resume=True)
    stopped = tmp_path / "stopped"
    short = replace(tiny, train=replace(tiny.train, rounds=1))
    PRESETS["tiny"] = short
    context_training.train("tiny", (folder,), stopped, device="cpu")
    PRESETS["tiny"] = tiny
    resumed = context_training.train("tiny", (folder,), stopped, device="cpu", resume=True)
    assert resumed["val_bits"] == pytest.approx(whole["val_bits"], rel=1e-6)
    again = (stopped / "lapped_siren-tiny.decoder.safetensors").read_bytes()
    for name, values in load_decoder(again, TINY.method, "resumed").items():
        np.testing.assert_array_equal(values, weights[name])
    (stopped / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not a checkpoint"):
        context_training.train("tiny", (folder,), stopped, resume=True)
