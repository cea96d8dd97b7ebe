"""Restoration: the network as trained and as decoded, what it must not change, and that it
helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from neural.methods.lapped import restoration as restore
from neural.methods.lapped.assembly import Assembly
from neural.methods.lapped.model import Model
from neural.methods.lapped.restoration import DETAIL_REACH, SAMPLE_REACH, Restoration
from neural.methods.lapped_siren import LappedSiren
from neural.models import restoration
from neural.models.context_data import decode, raster_levels
from neural.models.decoder_file import save_weights
from neural.models.train_data import Raster
from neural.tiles import Tile
from tests.support.lapped_area import Area, Stored, model, rough, stored

STEP = 0.4


def inputs(rows: int, columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples and details for rows × columns restored details."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 4, (rows + 2 * SAMPLE_REACH, columns + 2 * SAMPLE_REACH))
    return samples, np.rint(
        rng.laplace(0, 1, (3, rows + 2 * DETAIL_REACH, columns + 2 * DETAIL_REACH))
    )


def random_network() -> restoration.Network:
    torch.manual_seed(1)
    network = restoration.Network()
    torch.nn.init.normal_(network.third.weight)
    return network


def test_a_stored_network_answers_as_the_trained_one(tmp_path: Path) -> None:
    network = random_network()
    (samples, details) = inputs(10, 14)
    save_weights(tmp_path / "a.safetensors", network.weights(), {})
    stored_weights = load_file(tmp_path / "a.safetensors")
    assert {name: values.shape for name, values in stored_weights.items()} == restore.shapes()
    with torch.no_grad():
        trained = network(torch.from_numpy(restore.features(samples, details))[None])[0].numpy()
    found = Restoration(stored_weights)(samples, details)
    assert found.shape == trained.shape == (3, 10, 14)
    np.testing.assert_allclose(found, trained, atol=5e-3)  # float16 rounds weights
    assert np.abs(found).max() > 1


def test_terrain_upside_down_has_details_of_the_other_sign() -> None:
    samples, details = inputs(9, 7)
    found = model().restoration(samples, details)
    np.testing.assert_allclose(model().restoration(-samples, -details), -found, atol=1e-6)
    np.testing.assert_allclose(model().restoration(samples + 1e4, details), found, atol=1e-5)


def test_planes_stay_planes() -> None:
    y, x = np.mgrid[0:20, 0:24]
    plane = 300.0 + 2 * x - 5 * y
    details = np.zeros(
        (3, 20 - 2 * SAMPLE_REACH + 2 * DETAIL_REACH, 24 - 2 * SAMPLE_REACH + 2 * DETAIL_REACH)
    )
    assert not model().restoration(plane, details).any()


def test_what_is_restored_depends_on_the_place_alone() -> None:
    samples, details = inputs(40, 30)
    whole = model().restoration(samples, details)
    part = model().restoration(
        samples[8 : 22 + 2 * SAMPLE_REACH, 5 : 27 + 2 * SAMPLE_REACH],
        details[:, 8 : 22 + 2 * DETAIL_REACH, 5 : 27 + 2 * DETAIL_REACH],
    )
    np.testing.assert_allclose(part, whole[:, 8:22, 5:27], atol=1e-6)


def without_restoration(assembly: Assembly) -> Assembly:
    """The same layer, its details as quantized."""
    plain = Model(
        dict(model().weights) | {name: np.zeros(shape) for name, shape in restore.shapes().items()}
    )
    return Assembly(plain, assembly.payloads, assembly.step_m, assembly.base_m)


@pytest.fixture(scope="module")
def ridges() -> tuple[Area, Stored]:
    """Sharp ridges, as terrain has them."""
    y, x = np.mgrid[0:300, 0:320]
    heights = rough(300, 320, noise=0.01) + 8 * np.abs((x + 0.3 * y) % 60 - 30) ** 0.5
    area = Area(heights.astype(np.float32))
    return area, stored(area, STEP)


def test_a_decoded_layer_is_nearer_to_its_source(ridges: tuple[Area, Stored]) -> None:
    area, payloads = ridges
    restored = Assembly(model(), payloads, STEP, area.base_m)
    errors = [
        each.window(area.top, 0, 0, 320).meters[:300] - area.raster
        for each in (without_restoration(restored), restored)
    ]
    before, after = (float((error**2).mean()) for error in errors)
    assert after < 0.99 * before


def test_training_decodes_as_a_file_does(ridges: tuple[Area, Stored]) -> None:
    """`context_data.decode` is the decoder on whole rasters, but for a constant and the raster's
    rim."""
    area, payloads = ridges
    raster = Raster("a", 1.0, area.raster, area.raster_valid)
    of = Assembly(model(), payloads, STEP, area.base_m)
    levels = raster_levels(raster)
    above, samples, *_ = list(decode(levels, raster, STEP, model(), 0.11, restored=True))[-1]
    assert above == 0
    file = of.window(area.top - 1, 40, 40, 60).meters
    left = samples[40:100, 40:100] - file
    assert (
        np.abs(np.diff(left, 2)).max() < 0.02 * STEP
    )  # files leave levels above the root as they are, which are smooth


@pytest.mark.slow
def test_some_steps_of_training_help() -> None:
    rasters = [
        Raster(str(k), 1.0, rough(160, 150, k, 0.05), np.ones((160, 150), bool)) for k in range(2)
    ]
    for raster in rasters:
        raster.heights[40:] += 3 * np.abs(np.arange(150) % 30 - 15) ** 0.5
    found = restoration.fit_restoration(rasters, rasters[:1], model(), steps=300)
    assert {name: values.shape for name, values in found.items()} == restore.shapes()
    levels = list(restoration._levels(rasters[1], model(), np.random.default_rng(5)))
    gains = []
    weights = []
    for level in levels:
        details = np.pad(level.decoded, [(0, 0), (DETAIL_REACH,) * 2, (DETAIL_REACH,) * 2])
        left = (level.target - level.decoded) * level.coded
        after = (left - Restoration(found)(level.samples, details)) * level.coded
        gains.append(np.log((left**2).sum() / (after**2).sum()))
        weights.append((left**2).sum() ** 0.5)
    assert np.average(gains, weights=weights) > 0.01


def test_it_counts_in_what_a_sample_takes() -> None:
    assert restore.macs() == 63 * 24 + 216 * 16 + 16 * 3
    assert 2000 < LappedSiren().macs_per_sample() <= 4000


def test_tiles_without_neighbors_decode() -> None:
    """Nothing reaches beyond the only tile there is."""
    area = Area(rough(50, 70))
    window = Assembly(model(), stored(area, STEP), STEP, area.base_m).window(0, 0, 0, 70)
    assert np.abs(window.meters[:50] - area.raster).max() < 4 * STEP
    assert Tile(0, 0, 0) in area.tiles
