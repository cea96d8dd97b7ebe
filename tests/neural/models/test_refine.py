"""Payload refinement: never worse, better where the encoder left something, the decoder
untouched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.evaluate import evaluate
from neural.models import MODELS
from neural.models import refine as refining
from neural.models.base import mean_per_tile
from neural.models.refine import refine
from neural.raster.dem import open_dem
from tests.support.models import TINY, save_tiny_model
from tests.support.rasters import hills, write


def _case():
    torch.manual_seed(0)
    model = MODELS["huvr_siren"](TINY).eval()
    with torch.no_grad():
        for key, weight in model.decoder.items():
            if key.startswith(("alpha", "phi")) and key.endswith("_weight"):
                weight.normal_(0.0, 0.2)
    y, x = np.mgrid[0:256, 0:256] / 256
    tiles = torch.from_numpy(
        np.stack([np.sin(7 * x + 3 * y), np.cos(5 * y * y)]).astype(np.float32)
    )
    valid = torch.ones_like(tiles)
    valid[1, :, 200:] = 0
    with torch.no_grad():
        latents = model.encode(tiles)
    return model, tiles, valid, latents


def _errors(model, tiles, valid, latents) -> np.ndarray:
    with torch.no_grad():
        return mean_per_tile((model.decode(latents) - tiles).square(), valid).numpy()


def test_refined_payloads_are_better_and_the_model_is_unchanged() -> None:
    model, tiles, valid, latents = _case()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given = latents.clone()
    refined = refine(model, tiles, valid, latents, 6)
    assert (
        _errors(model, tiles, valid, refined) < 0.9 * _errors(model, tiles, valid, latents)
    ).all()
    np.testing.assert_array_equal(latents.numpy(), given.numpy())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name].numpy())
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_tile_does_not_depend_on_its_batch() -> None:
    model, tiles, valid, latents = _case()
    both = refine(model, tiles, valid, latents, 5)
    alone = refine(model, tiles[1:], valid[1:], latents[1:], 5)
    np.testing.assert_array_equal(alone[0].numpy(), both[1].numpy())


def test_diverging_refinement_keeps_the_best_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tiles, valid, latents = _case()
    monkeypatch.setattr(refining, "FIRST_STEP", 1e6)
    refined = refine(model, tiles, valid, latents, 4)
    assert torch.isfinite(refined).all()
    assert (
        _errors(model, tiles, valid, refined) <= _errors(model, tiles, valid, latents) + 1e-9
    ).all()


def test_a_step_into_nan_keeps_the_given_payload(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tiles, valid, latents = _case()
    decode = model.decode
    calls = []

    def spoiled(at: torch.Tensor) -> torch.Tensor:
        calls.append(at)
        return decode(at) if len(calls) == 1 else decode(at) * float("nan")

    monkeypatch.setattr(model, "decode", spoiled)
    np.testing.assert_array_equal(refine(model, tiles, valid, latents, 4).numpy(), latents.numpy())


def test_encode_refines(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", hills(300, 280))
    stem = str(save_tiny_model(tmp_path))
    found = []
    for steps in (0, 10):
        encode(
            dem, tmp_path / "a.ntile", EncodeOptions(models=(stem,), bits=32, refine=steps, jobs=1)
        )
        with open_reader(tmp_path / "a.ntile") as reader, open_dem(dem) as source:
            found.append(float(evaluate(reader, reader.layers[0], source)["rmse_m"]))
    assert found[1] < 0.95 * found[0]
