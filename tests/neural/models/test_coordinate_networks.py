"""SIREN and ReLU networks over a whole area: sizes, training, resuming, rounding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.settings import PRESETS
from neural.errors import ModelError, UsageError
from neural.models import whole_area
from neural.models.coordinate_networks import (
    CoordinateFit,
    CoordinateSettings,
    encode_places,
    published_frequencies,
    settings_for,
)
from tests.support.rasters import hills

SETTINGS = CoordinateSettings("siren", 24, layers=2, points=256, rate=1e-3, omega_0=15.0)


@pytest.fixture(scope="module")
def area() -> Area:
    """Hills of 90 × 120 cells with a hole."""
    heights = hills(90, 120)
    heights[10:20, 30:50] = np.nan
    return Area.of(heights)


def test_published_sizes_have_the_published_parameters() -> None:
    siren = CoordinateSettings("siren", 1536, outputs=3)
    relu = CoordinateSettings("relu_pe", 1536, outputs=3, frequencies=published_frequencies(8192))
    assert published_frequencies(8192) == 11
    assert siren.parameters == 9_452_547
    assert relu.parameters == 9_520_131


@pytest.mark.parametrize("kind", ["siren", "relu_pe"])
@pytest.mark.parametrize("preset", ["tiny", "small", "pluto"])
def test_the_width_follows_from_acorns_parameters(kind: str, preset: str) -> None:
    parameters = PRESETS[preset].sizes.parameters
    settings = settings_for(kind, 2048, 1024, parameters)
    assert settings.parameters == pytest.approx(parameters, rel=0.05)
    area = Area.of(hills(20, 30))
    if preset != "pluto":
        fit = CoordinateFit(area, settings)
        assert whole_area.parameters(fit) == settings.parameters


def test_places_are_encoded_by_sines_and_cosines_of_doubling_frequencies() -> None:
    encoded = encode_places(torch.tensor([[0.5, -0.25]]), 2)[0].numpy()
    angles = np.array([0.5, -0.25, 1.0, -0.5])
    expected = np.concatenate([[0.5, -0.25], np.sin(angles), np.cos(angles)])
    assert encoded == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", ["siren", "relu_pe"])
def test_training_lowers_the_error_and_repeats(area: Area, kind: str) -> None:
    settings = replace(SETTINGS, kind=kind, frequencies=3 if kind == "relu_pe" else 0)
    fits = [CoordinateFit(area, settings, seed=3) for _ in range(2)]
    before = fits[0].measure()["psnr_db"]
    for fit in fits:
        for _ in range(60):
            fit.advance()
    assert fits[0].measure()["psnr_db"] > before + 5
    one, other = (fit.predict_window(-2, -3, 20, 30) for fit in fits)
    assert (one == other).all()
    assert fits[0].cpu_seconds > 0
    fits[0].settle()
    assert fits[0].predict(np.array([0.5]), np.array([0.5])).shape == (1,)


def test_a_run_goes_on_from_its_state_to_the_bit(area: Area, tmp_path: Path) -> None:
    straight = CoordinateFit(area, SETTINGS, seed=1)
    for _ in range(12):
        straight.advance(0.5)
    interrupted = CoordinateFit(area, SETTINGS, seed=1)
    for _ in range(5):
        interrupted.advance(0.5)
    whole_area.save(interrupted, tmp_path / "run.state")
    resumed = CoordinateFit(area, SETTINGS, seed=1)
    whole_area.load(resumed, tmp_path / "run.state")
    for _ in range(7):
        resumed.advance(0.5)
    assert (straight.predict_window(0, 0, 9, 9) == resumed.predict_window(0, 0, 9, 9)).all()
    with pytest.raises(UsageError, match="other settings"):
        whole_area.load(CoordinateFit(area, SETTINGS, seed=2), tmp_path / "run.state")
    (tmp_path / "run.state").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="remove it"):
        whole_area.load(resumed, tmp_path / "run.state")


def test_a_rounded_network_differs_by_little_and_only_for_a_while(area: Area) -> None:
    fit = CoordinateFit(area, SETTINGS, seed=1)
    exact = fit.predict_window(0, 0, 9, 9)
    with whole_area.rounded(fit, 8):
        coarse = fit.predict_window(0, 0, 9, 9)
        codes = [weight.unique().numel() for weight in fit.network.linear[1].weight]
    assert max(codes) <= 255
    difference = np.abs(coarse - exact).max()
    assert 0 < difference < 0.05 * fit.area.scale_m
    assert (fit.predict_window(0, 0, 9, 9) == exact).all()


def test_stored_bytes_count_codes_scales_and_floats(area: Area) -> None:
    fit = CoordinateFit(area, SETTINGS, seed=1)
    parameters = whole_area.parameters(fit)
    hidden = 2 * 24 * 24
    assert whole_area.stored_bytes(fit, 32) == 4 * parameters
    assert whole_area.stored_bytes(fit, 8) == hidden + 4 * (parameters - hidden + 2 * 24)


def test_an_area_without_samples_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to train on"):
        CoordinateFit(Area.of(np.full((9, 9), np.nan)), SETTINGS)
