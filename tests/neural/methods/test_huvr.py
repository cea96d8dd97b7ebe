"""HUVR: published counts, the decode against torch's own layers, refinement and warm start."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch.nn import functional

from neural.methods.huvr import GRID, position_features
from neural.models import MODELS, PRESETS
from neural.models.base import Preset
from neural.tiles import centers
from tests.support.models import TINY_PRESETS

TINY = TINY_PRESETS["huvr"]


def _model(preset: Preset = TINY):
    torch.manual_seed(3)
    return MODELS["huvr"](preset)


def _numpy(model) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in model.decoder.items()}


def test_paper_preset_has_the_published_counts() -> None:
    """120,156,048 parameters and 8,224 payload floats (arXiv 2606.00404, table and released
    code)."""
    with torch.device("meta"):
        model = MODELS["huvr"](PRESETS["huvr"]["paper"])
    assert sum(parameter.numel() for parameter in model.parameters()) == 120_156_048
    assert np.prod(model.method.latent_shape) == 8_224


def test_small_preset_matches_the_one_of_huvr_siren() -> None:
    with torch.device("meta"):
        models = [MODELS[name](PRESETS[name]["small"]) for name in ("huvr", "huvr_siren")]
    decoders, whole = (
        [sum(p.numel() for p in part(m)) for m in models] for part in (_decoder, _parameters)
    )
    assert max(decoders) <= 1_000_000
    assert max(whole) <= 2_000_000
    assert abs(whole[0] - whole[1]) < 0.05 * whole[1]
    assert [m.method.dim for m in models] == [32, 32]


def _decoder(model):
    return model.decoder.values()


def _parameters(model):
    return model.parameters()


def test_raster_is_what_torch_layers_give() -> None:
    """The published forward pass patch by patch: modulated unit columns, conv2d, pixel_shuffle,
    channel mean."""
    model = _model()
    method = model.method
    w = dict(model.decoder)
    tokens = torch.randn(1, *method.latent_shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        hidden = method.hidden_states(w, tokens)[0]

        def head(name: str, x: torch.Tensor) -> torch.Tensor:
            normed = functional.layer_norm(
                x, x.shape[-1:], w[f"{name}_norm_scale"], w[f"{name}_norm_bias"]
            )
            return normed @ w[f"{name}_weight"] + w[f"{name}_bias"]

        g = head("global", hidden[0])
        encoded = torch.from_numpy(position_features(method.features, method.sigma)).float()
        image = torch.zeros(method.mlp_width, 16 * GRID, 16 * GRID)
        for patch in range(256):
            p = head("patch", hidden[1 + patch])
            weights = [w[f"mlp{i}_weight"] for i in range(3)]
            weights[1] = weights[1] * torch.outer(p, g)
            x = encoded
            for i, weight in enumerate(weights):
                x = torch.relu(x @ functional.normalize(weight, dim=0) + w[f"mlp{i}_bias"])
            row = GRID * (patch // 16)
            column = GRID * (patch % 16)
            image[:, row : row + GRID, column : column + GRID] = x.T.reshape(-1, GRID, GRID)
        kernel = (
            functional.normalize(w["conv_weight"], dim=0)
            .reshape(3, 3, method.mlp_width, -1)
            .permute(3, 2, 0, 1)
        )
        out = functional.conv2d(image[None], kernel, w["conv_bias"], padding=1)
        want = functional.pixel_shuffle(out, 4).mean(dim=1)[0]
        got = model.decode(tokens)[0]
    assert want.std() > 0.01
    np.testing.assert_allclose(got.numpy(), want.numpy(), atol=2e-5)


def test_surface_goes_through_the_raster() -> None:
    model = _model()
    latents = np.random.default_rng(0).normal(size=model.method.latent_shape).astype(np.float32)
    prepared = model.method.prepare(_numpy(model), latents)
    surface = model.method.evaluate(_numpy(model), prepared, centers(), centers(), order=0).h
    with torch.no_grad():
        raster = model.decode(torch.from_numpy(latents)[None])[0].numpy()
    np.testing.assert_allclose(surface, raster, atol=1e-5)


def test_position_features_are_bounded_by_sigma() -> None:
    features = position_features(8, 4.0)
    assert features.shape == (16, 16)
    at = np.array([-0.75, -0.25, 0.25, 0.75])
    # lowest frequency along x, first row of the grid
    np.testing.assert_allclose(features[:4, 0], np.cos(np.pi * at))
    np.testing.assert_allclose(features[:4, 3], np.cos(np.pi * 4.0 * at), atol=1e-12)
    np.testing.assert_allclose(features[::4, 12], np.sin(np.pi * at))  # along y


def test_warm_start_decodes_the_linear_code() -> None:
    preset = dataclasses.replace(
        TINY,
        method=dataclasses.replace(TINY.method, hyper_width=48, mlp_width=32),
        encoder=dataclasses.replace(TINY.encoder, width=32),
    )
    model = _model(preset)
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:256, 0:256] / 256
    tiles = np.stack(
        [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(0, 20, size=(8, 3))]
    ).astype(np.float32)
    whole = torch.ones(8, 256, 256)
    with torch.no_grad():
        before = (
            model.loss(torch.from_numpy(tiles), whole, preset.train, None).heights.mean().item()
        )
        model.warm_start(torch.from_numpy(tiles), fit_steps=150)
        after = model.loss(torch.from_numpy(tiles), whole, preset.train, None).heights.mean().item()
    assert after < 0.05 * before
    kernel = model.decoder["conv_weight"].detach()
    # or the decode would rescale it
    np.testing.assert_allclose(kernel.norm(dim=0).numpy(), 1.0, atol=1e-4)
