"""TransINR: sizes against the published configuration, the formula by hand, training and the
payload."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neural.methods.trans_inr import TransInr
from neural.models.trans_inr import PRESETS, TransformerConfig, TransInrModel
from neural.tiles import TILE, centers
from tests.support.common import FIXTURES, check_config, check_payload, load_fixture
from tests.support.models import TINY_PRESETS

# Published TransINR (arXiv 2208.02801; configuration of its released code: patches of 9, 6 × 768
# with 12 heads of 64 and 3072 hidden, 64 groups, network 256-256-256-256-256-1) on 256² tiles of
# one channel.
PUBLISHED = {
    "tokenizer": 81 * 768 + 768,
    "positions": 29**2 * 768,
    "weight tokens": 257 * 768,
    "encoder": 6 * (2 * 2 * 768 + 3 * 768**2 + 768**2 + 768 + 2 * 768 * 3072 + 3072 + 768),
    "token maps": 5 * (2 * 768 + 768 * 256 + 256),
    "base network": 4 * (256 * 256 + 256) + 256 + 1,
}
TOTAL = 44_675_073
TINY = TINY_PRESETS["trans_inr"]


def _part(name: str) -> str:
    first = name.split(".")[0]
    if first == "decoder":
        return "token maps" if name.startswith("decoder.token") else "base network"
    return {"weight_tokens": "weight tokens", "blocks": "encoder"}.get(first, first)


def test_paper_preset_has_the_published_sizes() -> None:
    with torch.device("meta"):
        model = TransInrModel(PRESETS["paper"])
    counts = dict.fromkeys(PUBLISHED, 0)
    for name, parameter in model.named_parameters():
        counts[_part(name)] += parameter.numel()
    assert counts == PUBLISHED
    assert sum(PUBLISHED.values()) == TOTAL
    assert np.prod(model.method.latent_shape) == 197_376
    assert model.method == TransInr()


def test_small_preset_is_small() -> None:
    with torch.device("meta"):
        model = TransInrModel(PRESETS["small"])
    assert np.prod(model.method.latent_shape) == 8_320
    assert sum(parameter.numel() for parameter in model.decoder.values()) <= 1_000_000
    assert sum(parameter.numel() for parameter in model.parameters()) <= 2_000_000
    assert model.method.sigma <= 128  # above, neighboring samples alias


@pytest.mark.parametrize(
    "sizes", [{"width": 6, "groups": 2}, {"width": 16, "groups": 3}, {"encoding": 12}]
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="multiple"):
        TransInr(**sizes)


def _by_hand(
    method: TransInr, weights: dict[str, np.ndarray], latents: np.ndarray, u: float, v: float
) -> float:
    """One height, from the formulas of the paper and the released code, in float64."""
    fan = method.encoding // 2
    f = np.array([method.sigma ** (k / (fan - 1)) for k in range(fan)])
    x = 2 * u - 1
    y = 2 * v - 1
    a = np.concatenate(
        [np.cos(np.pi * x * f), np.cos(np.pi * y * f), np.sin(np.pi * x * f), np.sin(np.pi * y * f)]
    )
    for layer in range(5):
        base = weights[f"layer{layer}_weight"].astype(np.float64)
        groups = min(method.groups, base.shape[1])
        matrix = np.empty_like(base)
        for column in range(base.shape[1]):
            token = latents[layer * method.groups + column % groups].astype(np.float64)
            normal = (token - token.mean()) / np.sqrt(token.var() + 1e-5)
            normal = (
                normal * weights[f"token{layer}_norm_scale"] + weights[f"token{layer}_norm_bias"]
            )
            vector = normal @ weights[f"token{layer}_weight"] + weights[f"token{layer}_bias"]
            raw = base[:, column] * vector
            matrix[:, column] = raw / max(np.linalg.norm(raw), 1e-12)
        a = a @ matrix + weights[f"layer{layer}_bias"]
        if layer < 4:
            a = np.maximum(a, 0)
    return float(a[0])


@pytest.mark.parametrize("name", ["tiny_8bit", "ragged_4bit"])
def test_decode_follows_the_published_formula(name: str) -> None:
    fixture = load_fixture(FIXTURES / "trans_inr" / name)
    method = fixture.method
    latents = fixture.latents()
    assert isinstance(method, TransInr)
    u = np.array([0.07, 0.8])
    v = np.array([0.21, 0.66])
    got = method.evaluate(
        fixture.weights, method.prepare(fixture.weights, latents), u, v, order=0
    ).h
    want = [[_by_hand(method, fixture.weights, latents, a, b) for a in u] for b in v]
    np.testing.assert_allclose(got, want, atol=2e-6)


def test_numpy_equals_torch() -> None:
    fixture = load_fixture(FIXTURES / "trans_inr" / "ragged_4bit")
    method = fixture.method
    latents = fixture.latents()
    weights = {name: torch.from_numpy(value) for name, value in fixture.weights.items()}
    lattice = np.linspace(0.0, 1.0, 33)
    ours = method.evaluate(
        fixture.weights, method.prepare(fixture.weights, latents), lattice, lattice, order=2
    )
    prepared = method.prepare(weights, torch.from_numpy(latents))
    theirs = method.evaluate(weights, prepared, lattice, lattice, order=2)
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a - b.numpy()).max() <= 1e-5 * max(1.0, np.abs(a).max())


def test_a_lattice_in_blocks_is_the_whole() -> None:
    """More samples than a block holds, in both directions, and a last block that is not full."""
    fixture = load_fixture(FIXTURES / "trans_inr" / "tiny_8bit")
    method = fixture.method
    prepared = fixture.method.prepare(fixture.weights, fixture.latents())
    u = centers(1500)
    v = centers(37)
    whole = method.evaluate(fixture.weights, prepared, u, v, order=0).h
    assert whole.shape == (37, 1500)
    part = method.evaluate(fixture.weights, prepared, u[700:703], v[35:], order=0).h
    np.testing.assert_allclose(part, whole[35:, 700:703], atol=1e-6)


def test_payload() -> None:
    method = TransInr(dim=12, groups=4, width=8, encoding=8, sigma=4.0)
    check_config(method)
    latents = np.random.default_rng(0).normal(size=method.latent_shape).astype(np.float32)
    top = float(np.abs(latents).max())
    check_payload(
        method,
        latents,
        {32: 0.0} | {bits: top / (2 ** (bits - 1) - 1) for bits in (16, 8, 6, 4, 2)},
    )


def test_training_and_decoding_are_the_decode_of_the_method() -> None:
    torch.manual_seed(1)
    model = TransInrModel(TINY)
    latents = torch.randn(2, *model.method.latent_shape)
    weights = {name: value.detach().numpy() for name, value in model.decoder.items()}
    columns = torch.tensor([3, 200])
    rows = torch.tensor([77, 255])
    with torch.no_grad():
        decoded = model.decode(latents).numpy()
        points = model.decode_points(latents, columns, rows).numpy()
    for tile, heights, some in zip(latents.numpy(), decoded, points, strict=True):
        surface = model.method.evaluate(
            weights, model.method.prepare(weights, tile), centers(), centers(), order=0
        )
        np.testing.assert_allclose(heights, surface.h, atol=2e-6)
        np.testing.assert_allclose(some, surface.h[rows, columns], atol=2e-6)
    assert decoded.std() > 0.01


def test_decode_can_be_refined() -> None:
    """Gradients reach latents and decoder weights through `decode`."""
    torch.manual_seed(2)
    model = TransInrModel(TINY)
    latents = torch.randn(1, *model.method.latent_shape, requires_grad=True)
    model.decode(latents).square().mean().backward()
    assert latents.grad is not None
    assert torch.isfinite(latents.grad).all()
    assert (latents.grad.abs().amax(dim=-1) > 0).float().mean() > 0.9
    missing = [name for name, weight in model.decoder.items() if weight.grad is None]
    assert missing == []


@pytest.mark.parametrize("config", [TINY.encoder, replace(TINY.encoder, patch=9, padding=1)])
def test_encoder_sees_all_of_the_tile_and_only_it(config: TransformerConfig) -> None:
    torch.manual_seed(3)
    model = TransInrModel(replace(TINY, encoder=config)).eval()
    tiles = torch.rand(3, TILE, TILE) * 2 - 1
    tiles[1] = tiles[0]
    tiles[1, 255, 255] += 1.0  # the last sample lies in the patch that zeros fill up
    with torch.no_grad():
        latents = model.encode(tiles)
        alone = model.encode(tiles[:1])
    assert latents.shape == (3, *model.method.latent_shape)
    assert (latents[0] - latents[1]).abs().max() > 1e-6
    np.testing.assert_allclose(alone[0], latents[0], atol=1e-5)


def test_training_reduces_the_loss() -> None:
    torch.manual_seed(4)
    model = TransInrModel(TINY)
    ramp = torch.linspace(-1, 1, TILE)
    tiles = torch.stack((ramp.expand(TILE, TILE), -ramp[:, None].expand(TILE, TILE)))
    valid = torch.ones_like(tiles)
    valid[:, :20] = 0.0
    spoiled = torch.where(valid == 1, tiles, 50.0)  # what is not valid must not count
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(60):
        error = model.loss(tiles, valid, TINY.train, generator).heights.mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        losses.append(error.item())
    assert np.mean(losses[-5:]) < 0.2 * losses[0]
    with torch.no_grad():
        drawn = torch.Generator().manual_seed(9)
        latents = model.encode(tiles)
        model.encode = lambda _: latents  # type: ignore[method-assign]
        again = model.loss(tiles, valid, TINY.train, drawn.manual_seed(9)).heights
        assert again.shape == (2,)
        assert torch.equal(
            model.loss(spoiled, valid, TINY.train, drawn.manual_seed(9)).heights, again
        )
