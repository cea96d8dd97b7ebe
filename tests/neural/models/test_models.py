"""Presets against the published configuration, and weights on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from neural.encode import DEFAULT_MODELS, EncodeOptions, encode
from neural.errors import ModelError, UsageError
from neural.methods.decoder_weights import load_decoder
from neural.methods.model_files import model_method
from neural.models import MODELS, PRESETS
from neural.models.loading import load_model
from neural.models.sensitivity import sensitivity
from neural.tiles import centers
from tests.support.models import TINY, TINY_PRESETS, save_tiny_model
from tests.support.rasters import write

# Published HUVR+SIREN (arXiv 2606.00404; configuration of its released code: ViT-B/16 EVA-02 style,
# D = 32, hyper-decoder 4 × (1024 → 4096) without attention, SIREN 2-256-256-256-1, amplitude and
# shift heads). Encoder, bottleneck and hyper-decoder are shared with HUVR, whose published total
# 120,156,048 is their sum (119,351,904) plus two 264,448 heads, its ReLU MLP (164,608) and its
# convolution (110,640).
PUBLISHED = {
    "input projection": 6,
    "encoder": 85_708_800,
    "bottleneck": 26_144,
    "token embedding": 33_856,
    "hyper-decoder": 33_583_104,
    "modulation heads": 1_586_688,
    "SIREN": 132_609,
}
HUVR_TOTAL = 120_156_048
HUVR_HEADS = 2 * 264_448
HUVR_MLP = 164_608
HUVR_CONVOLUTION = 110_640


def _part(name: str) -> str:
    first = name.split(".")[0]
    if first != "decoder":
        return {"input_proj": "input projection", "encoder": "encoder", "bottleneck": "bottleneck"}[
            first
        ]
    prefixes = {
        "up": "token embedding",
        "ff": "hyper-decoder",
        "alpha": "modulation heads",
        "phi": "modulation heads",
    }
    weight = name.removeprefix("decoder.")
    return next((part for prefix, part in prefixes.items() if weight.startswith(prefix)), "SIREN")


def test_paper_preset_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = MODELS["huvr_siren"](PRESETS["huvr_siren"]["paper"])
    counts = dict.fromkeys(PUBLISHED, 0)
    for name, parameter in model.named_parameters():
        counts[_part(name)] += parameter.numel()
    assert counts == PUBLISHED
    shared = sum(
        PUBLISHED[part] for part in ("encoder", "bottleneck", "token embedding", "hyper-decoder")
    )
    assert shared + HUVR_HEADS + HUVR_MLP + HUVR_CONVOLUTION == HUVR_TOTAL
    assert np.prod(model.method.latent_shape) == 8_224
    assert model.method.omega_0 == 10


@pytest.mark.parametrize("name", MODELS)
def test_small_presets_are_small(name: str) -> None:
    with torch.device("meta"):
        model = MODELS[name](PRESETS[name]["small"])
    assert sum(parameter.numel() for parameter in model.decoder.values()) <= 1_000_000
    assert sum(parameter.numel() for parameter in model.parameters()) <= 2_000_000


def test_the_four_methods_train_alike() -> None:
    """Same data, batch, loss, schedule: what the benchmark compares is the methods. Steps fill
    about as many hours."""
    configs = [PRESETS[name]["small"].train for name in MODELS]
    shared = ("batch", "log_loss", "cool_down", "average", "augment")
    assert len({tuple(getattr(c, name) for name in shared) for c in configs}) == 1


def test_small_presets_keep_the_proportions_of_the_paper() -> None:
    """HUVR+SIREN takes 1.8 times HUVR's multiplications per sample of a raster, and a fifth less
    per coordinate (arXiv 2606.00404)."""
    ratios = {}
    for preset in ("paper", "small"):
        huvr = PRESETS["huvr"][preset].method
        siren = PRESETS["huvr_siren"][preset].method
        network = huvr.mlp_width * (2 * huvr.features + 2 * huvr.mlp_width)
        sines = siren.siren_width * (3 + 2 * siren.siren_width)
        raster = siren.macs_per_sample() / huvr.macs_per_sample()
        ratios[preset] = (raster, sines / network)
    assert ratios["paper"] == pytest.approx((1.885, 0.805), abs=0.002)
    np.testing.assert_allclose(ratios["small"], ratios["paper"], rtol=0.06)


@pytest.mark.parametrize("name", MODELS)
def test_decode_of_a_model_is_the_decode_of_its_method(name: str) -> None:
    torch.manual_seed(2)
    model = MODELS[name](TINY_PRESETS[name]).eval()
    latents = 0.3 * torch.randn(2, *model.method.latent_shape)
    with torch.no_grad():
        heights = model.decode(latents).numpy()
    weights = {key: value.detach().numpy() for key, value in model.decoder.items()}
    for one, want in zip(latents, heights, strict=True):
        surface = model.method.evaluate(
            weights, model.method.prepare(weights, one.numpy()), centers(), centers()
        )
        np.testing.assert_allclose(surface.h, want, atol=3e-5 * max(1.0, float(np.abs(want).max())))


@pytest.mark.parametrize("name", MODELS)
def test_sensitivity_is_the_change_per_unit(name: str) -> None:
    torch.manual_seed(4)
    model = MODELS[name](TINY_PRESETS[name]).eval()
    y, x = torch.meshgrid(torch.arange(256) / 256, torch.arange(256) / 256, indexing="ij")
    tiles = torch.stack([torch.sin(5 * x + 3 * y), torch.cos(4 * x * y)])
    groups = model.method.token_groups
    found = np.array(sensitivity(model, tiles)).reshape(len(groups), -1)[-1]
    last = groups[-1]
    with torch.no_grad():
        latents = model.encode(tiles)
        base = model.decode(latents)
        for dimension in (0, latents.shape[-1] - 1):
            changes = []
            for _ in range(6):
                moved = latents.clone()
                signs = torch.randint(0, 2, moved[:, last].shape[:2]) * 2.0 - 1.0
                moved[:, last, dimension] += 1e-3 * signs
                changes.append((model.decode(moved) - base).square().mean().item())
            measured = float(np.sqrt(np.mean(changes))) / 1e-3
            assert 0.4 * measured <= found[dimension] <= 2.5 * measured


def test_encoder_sees_positions() -> None:
    """Rotary positions: the same patch at another place attends differently, so its token
    changes."""
    torch.manual_seed(0)
    model = MODELS["huvr_siren"](TINY).eval()
    tile = torch.zeros(2, 256, 256)
    tile[0, :16, :16] = tile[1, 160:176, 160:176] = torch.randn(16, 16)
    tile[:, 64:80] = torch.randn(16, 256)
    with torch.no_grad():
        tokens = model.encode(tile)
    assert (tokens[0, 0] - tokens[1, 10 * 16 + 10]).abs().max() > 1e-6


def test_decode_of_training_is_the_decode_of_the_method() -> None:
    torch.manual_seed(1)
    model = MODELS["huvr_siren"](TINY)
    latents = torch.randn(1, *model.method.latent_shape)
    # sample centers (0, 8) and (12, 6) of a patch
    points = torch.tensor([[-0.9375, 0.0625], [0.5625, -0.1875]])
    with torch.no_grad():
        heights = model.decode_points(latents, points).h[0]
    weights = {name: value.detach().numpy() for name, value in model.decoder.items()}
    prepared = model.method.prepare(weights, latents[0].numpy())
    u = (np.array([0.5, 12.5]) + 5 * 16) / 256
    v = (np.array([6.5, 8.5]) + 9 * 16) / 256
    surface = model.method.evaluate(weights, prepared, u, v, order=0).h
    patch = 9 * 16 + 5
    np.testing.assert_allclose([surface[1, 0], surface[0, 1]], heights[patch].numpy(), atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_saved_model_loads_equal(tmp_path: Path, name: str) -> None:
    stem = save_tiny_model(tmp_path, method=name)
    model, _, decoder_file = load_model(stem)
    assert model_method(stem) == name
    weights = load_decoder(decoder_file, model.method, "decoder")
    for key, value in model.decoder.items():
        np.testing.assert_array_equal(value.detach().numpy(), weights[key])


def test_vectors_are_stored_in_single_precision(tmp_path: Path) -> None:
    """Half-precision gains and biases cost HUVR+SIREN 1 dB."""
    stem = save_tiny_model(tmp_path)
    for value in load_file(f"{stem}.decoder.safetensors").values():
        assert value.dtype == (np.float16 if value.ndim > 1 else np.float32)


def _rewrite(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        header = file.metadata()
    weights = load_file(path)
    change(weights)
    save_file(weights, path, header)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: w.update(up_weight=w["up_weight"][:, :-1].copy()), "has shape"),
        (lambda w: w.update(up_bias=w["up_bias"] * np.float16(np.nan)), "NaN"),
        (lambda w: w.pop("siren0_bias"), "lacks"),
        (lambda w: w.update(extra=np.zeros(3, np.float16)), "unknown weight"),
    ],
)
def test_wrong_weights_are_one_sentence(tmp_path: Path, change: Callable, words: str) -> None:
    stem = save_tiny_model(tmp_path)
    _rewrite(stem.with_name("tiny.decoder.safetensors"), change)
    with pytest.raises(ModelError, match=words):
        load_model(stem)


def test_damaged_or_missing_files(tmp_path: Path) -> None:
    stem = save_tiny_model(tmp_path)
    decoder = stem.with_name("tiny.decoder.safetensors")
    decoder.write_bytes(decoder.read_bytes()[:100])
    with pytest.raises(ModelError, match="no readable safetensors"):
        load_model(stem)
    decoder.unlink()
    with pytest.raises(ModelError, match="does not exist"):
        load_model(stem)


def test_files_of_two_models_do_not_mix(tmp_path: Path) -> None:
    stem = save_tiny_model(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    import dataclasses

    from neural.models.base import save_model

    preset = dataclasses.replace(TINY, method=dataclasses.replace(TINY.method, omega_0=30.0))
    save_model(MODELS["huvr_siren"](preset), other / "tiny", preset, {})
    (other / "tiny.decoder.safetensors").replace(stem.with_name("tiny.decoder.safetensors"))
    with pytest.raises(ModelError, match="different models"):
        load_model(stem)


def test_a_method_without_a_shipped_model_encodes_with_one_given(tmp_path, monkeypatch):
    monkeypatch.delitem(DEFAULT_MODELS, "huvr_siren")
    stem = save_tiny_model(tmp_path)
    dem = tmp_path / "a.tif"
    write(dem, np.add.outer(np.arange(40.0), np.arange(50.0)).astype(np.float32))
    with pytest.raises(UsageError, match="'huvr_siren' has no model to encode with"):
        encode(dem, tmp_path / "a.ntile", EncodeOptions(methods=("huvr_siren",)))
    encode(dem, tmp_path / "a.ntile", EncodeOptions(models=(str(stem),), jobs=1))
