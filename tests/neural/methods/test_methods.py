"""Promises of every method: frozen bytes decode to the same surface, derivatives are those of the
heights."""

from __future__ import annotations

import numpy as np
import pytest

from neural.methods import METHODS
from neural.methods.huvr_siren import HuvrSiren
from neural.tiles import TILE, centers, vertices
from tests.support.common import (
    FIXTURES,
    Fixture,
    check_config,
    check_derivatives,
    check_frozen_decode,
    check_payload,
    fixture_folders,
    load_fixture,
)


@pytest.fixture(params=fixture_folders(), ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def fixture(request: pytest.FixtureRequest) -> Fixture:
    return load_fixture(request.param)


def test_every_method_has_a_fixture() -> None:
    assert {folder.parent.name for folder in fixture_folders()} == set(METHODS)


def test_frozen_decode(fixture: Fixture) -> None:
    check_frozen_decode(fixture)


def test_config_survives_json(fixture: Fixture) -> None:
    check_config(fixture.method)


def test_weights_match_declared_shapes(fixture: Fixture) -> None:
    assert {
        name: value.shape for name, value in fixture.weights.items()
    } == fixture.method.weight_shapes()


def test_derivatives_are_those_of_the_heights(fixture: Fixture) -> None:
    # no lattice line of a patch or sample within the step
    inside = (np.array([3, 50, 101, 140, 222]) + 0.25) / TILE
    check_derivatives(fixture.surface(), inside, inside)


def test_any_lattice_gives_the_same_surface(fixture: Fixture) -> None:
    surface = fixture.surface()
    whole = surface.heights(vertices(), vertices(), order=1)
    some = np.array([0, 16, 17, 90, 255, 256])
    part = surface.heights(vertices()[some], vertices()[some], order=1)
    for a, b in zip(whole[:3], part[:3], strict=True):
        np.testing.assert_allclose(b, a[np.ix_(some, some)], atol=2e-4)


def test_huvr_siren_payload() -> None:
    method = HuvrSiren(dim=6, global_token=True)
    latents = np.random.default_rng(0).normal(size=method.latent_shape).astype(np.float32)
    top = float(np.abs(latents).max())
    halves = {bits: top / (2 ** (bits - 1) - 1) / 2 * 1.001 for bits in (*range(2, 9), 16)}
    check_payload(method, latents, {32: 0.0, **halves})


def test_huvr_siren_numpy_equals_torch() -> None:
    import torch

    fixture = load_fixture(next(f for f in fixture_folders() if f.name == "wide_3bit"))
    method = fixture.method
    latents = fixture.latents()
    weights = {name: torch.from_numpy(value) for name, value in fixture.weights.items()}
    ours = method.evaluate(
        fixture.weights, method.prepare(fixture.weights, latents), centers(16), centers(16), order=2
    )
    theirs = method.evaluate(
        weights,
        method.prepare(weights, torch.from_numpy(latents)),
        centers(16),
        centers(16),
        order=2,
    )
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a - b.numpy()).max() <= 1e-5 * max(1.0, np.abs(a).max())


def test_siren_follows_the_published_formula() -> None:
    """One point by hand, in float64: x_l = α·sin(ω0(W x + b) + φ), the last layer linear (arXiv
    2606.00404)."""
    fixture = load_fixture(FIXTURES / "huvr_siren" / "tiny_8bit")
    method = fixture.method
    assert isinstance(method, HuvrSiren)
    weights = {name: value.astype(np.float64) for name, value in fixture.weights.items()}
    modulations = (
        method.prepare(fixture.weights, fixture.latents())["modulations"]
        .reshape(256, -1)
        .astype(np.float64)
    )
    u = 0.2
    v = 0.6  # patch column 3, row 9
    x = np.array([2 * (u * 16 - 3) - 1, 2 * (v * 16 - 9) - 1])
    parts = modulations[9 * 16 + 3].reshape(3, 2, method.siren_width)
    for layer, (alpha, phi) in enumerate(parts):
        inner = x @ weights[f"siren{layer}_weight"] + weights[f"siren{layer}_bias"]
        x = alpha * np.sin(method.omega_0 * inner + phi)
    want = x @ weights["siren3_weight"] + weights["siren3_bias"]
    got = method.evaluate(
        fixture.weights,
        method.prepare(fixture.weights, fixture.latents()),
        np.array([u]),
        np.array([v]),
        order=0,
    )
    assert abs(got.h[0, 0] - want[0]) < 1e-5
