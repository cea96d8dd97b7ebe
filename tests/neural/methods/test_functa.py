"""Functa: published sizes, one formula in every decode, and an inner loop that fits and can be
learned through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural.methods.functa import Functa
from neural.models.functa import PRESETS, FunctaModel, InnerLoop, sample_points
from neural.tiles import TILE, centers
from tests.support.common import FIXTURES, check_payload, load_fixture
from tests.support.models import TINY_PRESETS

# Released image configuration (google-deepmind/functa), depth 15 counting the linear output, biases
# everywhere; with the 512 latent dimensions of the terrain benchmark (arXiv 2606.00404).
PUBLISHED = {
    "first sine layer": 2 * 512 + 512,
    "sine layers": 13 * (512 * 512 + 512),
    "output": 512 + 1,
    "latent to shifts": (512 + 1) * 14 * 512,
    "inner rates": 512,
}
TINY = TINY_PRESETS["functa"]


def _part(name: str) -> str:
    first = {"inner_rates": "inner rates", "decoder.shift_weight": "latent to shifts"}
    first |= {"decoder.shift_bias": "latent to shifts"}
    first |= {f"decoder.siren0_{kind}": "first sine layer" for kind in ("weight", "bias")}
    first |= {f"decoder.siren14_{kind}": "output" for kind in ("weight", "bias")}
    return first.get(name, "sine layers")


def _toy_tiles(count: int) -> torch.Tensor:
    v, u = torch.meshgrid(torch.arange(TILE) / TILE, torch.arange(TILE) / TILE, indexing="ij")
    turn = torch.arange(count)[:, None, None]
    return 0.6 * torch.sin(4 * u * torch.cos(turn) + 5 * v * torch.sin(turn) + turn) + 0.3 * v


@pytest.fixture
def model() -> FunctaModel:
    torch.manual_seed(3)
    return FunctaModel(TINY)


def test_paper_preset_has_the_published_parameters() -> None:
    with torch.device("meta"):
        model = FunctaModel(PRESETS["paper"])
    counts = dict.fromkeys(PUBLISHED, 0)
    for name, parameter in model.named_parameters():
        counts[_part(name)] += parameter.numel()
    assert counts == PUBLISHED
    assert sum(counts.values()) == 7_094_273
    assert np.prod(model.method.latent_shape) == 512
    assert round(model.method.macs_per_sample()) == 3 * 512 + 13 * 512**2 + 56
    assert (model.method.omega_0, model.inner.inner_steps, model.inner.rate_limit) == (30, 3, 1)
    assert (PRESETS["paper"].train.learning_rate, PRESETS["paper"].train.steps) == (3e-6, 500_000)


def test_small_preset_is_small() -> None:
    with torch.device("meta"):
        model = FunctaModel(PRESETS["small"])
    assert sum(parameter.numel() for parameter in model.decoder.values()) <= 1_000_000
    assert sum(parameter.numel() for parameter in model.parameters()) <= 2_000_000
    # else latent dimensions are redundant
    assert model.method.sine_layers * model.method.width >= model.method.dim


def test_first_values_follow_the_published_initialization() -> None:
    torch.manual_seed(0)
    model = FunctaModel(replace(PRESETS["small"], encoder=InnerLoop()))
    weights = model.decoder
    assert 0.005 <= model.inner_rates.min() < 0.01 < 0.09 < model.inner_rates.max() <= 0.1
    assert 0.49 < weights["siren0_weight"].abs().max() <= 0.5
    bound = np.sqrt(6 / model.method.width) / model.method.omega_0
    for layer in range(1, model.method.depth):
        assert 0.9 * bound < weights[f"siren{layer}_weight"].abs().max() <= bound
    assert all((weights[name] == 0).all() for name in weights if name.endswith("bias"))


def test_payload() -> None:
    method = Functa(dim=30)
    latents = np.random.default_rng(0).normal(size=method.latent_shape).astype(np.float32)
    top = float(np.abs(latents).max())
    halves = {bits: top / (2 ** (bits - 1) - 1) / 2 * 1.001 for bits in (*range(2, 9), 16)}
    check_payload(method, latents, {32: 0.0, **halves})


def test_formula_by_hand() -> None:
    """One point in float64: x_l = sin(ω0(W x + b + shift)), the last layer linear (arXiv
    2201.12204)."""
    fixture = load_fixture(FIXTURES / "functa" / "deep_5bit")
    method = fixture.method
    assert isinstance(method, Functa)
    weights = {name: value.astype(np.float64) for name, value in fixture.weights.items()}
    latent = fixture.latents()[0].astype(np.float64)
    shift = (latent @ weights["shift_weight"] + weights["shift_bias"]).reshape(14, method.width)
    x = np.array([0.3, 0.7])
    for layer in range(14):
        inner = x @ weights[f"siren{layer}_weight"] + weights[f"siren{layer}_bias"]
        x = np.sin(30.0 * (inner + shift[layer]))
    want = x @ weights["siren14_weight"] + weights["siren14_bias"]
    prepared = method.prepare(fixture.weights, fixture.latents())
    got = method.evaluate(fixture.weights, prepared, np.array([0.3]), np.array([0.7]), order=0)
    assert got.h.shape == (1, 1)
    assert abs(got.h[0, 0] - want[0]) < 1e-5


@pytest.mark.parametrize("name", ["shallow_8bit", "deep_5bit"])
def test_numpy_equals_torch(name: str) -> None:
    fixture = load_fixture(FIXTURES / "functa" / name)
    method = fixture.method
    latents = fixture.latents()
    weights = {key: torch.from_numpy(value) for key, value in fixture.weights.items()}
    u = centers(40)
    v = centers(64)  # more samples than one block
    ours = method.evaluate(fixture.weights, method.prepare(fixture.weights, latents), u, v, order=2)
    theirs = method.evaluate(
        weights, method.prepare(weights, torch.from_numpy(latents)), u, v, order=2
    )
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == (64, 40)
        assert np.abs(a - b.numpy()).max() <= 2e-5 * max(1.0, np.abs(a).max())


def test_decode_of_training_is_the_decode_of_the_method(model: FunctaModel) -> None:
    latents = 0.3 * torch.randn(2, *model.method.latent_shape)
    with torch.no_grad():
        heights = model.decode(latents).numpy()
    weights = {name: value.detach().numpy() for name, value in model.decoder.items()}
    for z, want in zip(latents.numpy(), heights, strict=True):
        surface = model.method.evaluate(
            weights, model.method.prepare(weights, z), centers(), centers(), order=0
        )
        np.testing.assert_allclose(surface.h, want, atol=2e-6)


def test_inner_loop_is_the_written_rule(model: FunctaModel) -> None:
    """Encoding: three times z ← z − rate · ∂(mean squared error)/∂z, from zero, on the sampled
    grid."""
    tile = _toy_tiles(1)
    with torch.no_grad():
        model.inner_rates[0] = -1.0
        model.inner_rates[1] = 7.0  # clipped to 0 and 1
    line = torch.arange(4, TILE, 8)
    points = (
        torch.stack([(line + 0.5).repeat(32), (line + 0.5).repeat_interleave(32)], dim=-1) / TILE
    )
    want = tile[0][line[:, None], line].flatten()
    z = torch.zeros(1, 1, 16)
    for _ in range(3):
        z = z.detach().requires_grad_()
        (model.decode_points(model.decoder, z, points)[0] - want).square().mean().backward()
        assert z.grad is not None
        z = z - model.inner_rates.clamp(0, 1) * z.grad
    got = model.encode(tile)
    torch.testing.assert_close(got, z, atol=1e-6, rtol=1e-4)
    assert got[0, 0, 0] == 0


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_encoding_reduces_the_error(model: FunctaModel, mode: type) -> None:
    tiles = _toy_tiles(3)
    with mode():
        latents = model.encode(tiles.clone())
        error = (model.decode(latents) - tiles).square().mean(dim=(1, 2))
        before = (model.decode(torch.zeros_like(latents)) - tiles).square().mean(dim=(1, 2))
    assert latents.shape == (3, 1, 16)
    assert not latents.requires_grad
    assert (error < 0.8 * before).all()


def test_encoding_ignores_the_other_tiles(model: FunctaModel) -> None:
    tiles = _toy_tiles(3)
    alone = torch.cat([model.encode(tile[None]) for tile in tiles])
    together = model.encode(tiles)
    assert together.abs().max() > 0.01
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(model.encode(tiles.flip(0)).flip(0), alone, atol=1e-6, rtol=1e-4)


def test_outer_gradients_reach_decoder_and_inner_rates(model: FunctaModel) -> None:
    tiles = _toy_tiles(2)
    valid = torch.ones(2, TILE, TILE)
    model.loss(tiles, valid, TINY.train, torch.Generator().manual_seed(0)).heights.mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_outer_gradient_goes_through_the_inner_loop() -> None:
    """The gradient of the rates against a finite difference of the whole loss."""
    torch.manual_seed(3)
    model = FunctaModel(TINY)
    tiles = _toy_tiles(2)
    valid = torch.ones(2, TILE, TILE)

    def loss() -> torch.Tensor:
        return model.loss(tiles, valid, TINY.train, torch.Generator().manual_seed(0)).heights.mean()

    loss().backward()
    grad = model.inner_rates.grad
    assert grad is not None
    direction = grad.sign()
    step = 2e-3
    with torch.no_grad():
        start = model.inner_rates.clone()
        model.inner_rates.copy_(start + step * direction)
    ahead = loss().item()
    with torch.no_grad():
        model.inner_rates.copy_(start - step * direction)
    assert (ahead - loss().item()) / (2 * step) == pytest.approx(float(grad.abs().sum()), rel=0.02)


def test_invalid_samples_do_not_count(model: FunctaModel) -> None:
    tiles = _toy_tiles(1)
    valid = torch.ones(1, TILE, TILE)
    valid[:, :, 128:] = 0
    half = model.loss(tiles, valid, TINY.train, torch.Generator().manual_seed(0)).heights
    index = torch.randperm(TILE * TILE, generator=torch.Generator().manual_seed(0))[:256]
    points = sample_points(index)
    heights = tiles.flatten(1)[:, index]
    latents = model.fit(model.decoder, heights, points, differentiable=True)
    error = (model.decode_points(model.decoder, latents, points) - heights)[:, index % TILE < 128]
    torch.testing.assert_close(half[0], error.square().mean())


def test_training_learns_to_encode(model: FunctaModel) -> None:
    tiles = _toy_tiles(4)
    valid = torch.ones(4, TILE, TILE)
    draws = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=TINY.train.learning_rate)
    losses = []
    for _ in range(15):
        loss = model.loss(tiles, valid, TINY.train, draws).heights.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-3:]) < 0.3 * losses[0]
