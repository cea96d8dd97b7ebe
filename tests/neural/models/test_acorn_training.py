"""Training of ACORN on terrain whose right answer is a formula."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.settings import PRESETS, Sizes, rate_share
from neural.errors import ModelError, UsageError
from neural.methods.acorn.network import encodings
from neural.models import acorn_draws
from neural.models.acorn import AcornNetwork
from neural.models.acorn_device import DeviceArea
from neural.models.acorn_prediction import owner_of
from neural.models.acorn_training import AcornFit, retiling_is_due

TINY = replace(PRESETS["tiny"], blocks=16, partition="uniform")


def fit_for(fit: AcornFit, steps: int, measure_every: int = 500) -> AcornFit:
    """Train to a number of steps, cooled down at its end; return the fit, settled."""
    while fit.step < steps:
        share = fit.step / steps
        if retiling_is_due(fit, share):
            fit.retile()
        fit.advance(rate_share(share, fit.settings))
        if fit.step % measure_every == 0:
            fit.measure()
    fit.settle()
    return fit


def waves(side: int = 256) -> np.ndarray:
    y, x = np.mgrid[:side, :side] + 0.5
    return (100 * np.sin(x / 25) + 80 * np.cos(y / 31) + x - 0.5 * y).astype(np.float32)


def shift_of(predicted: np.ndarray, heights: np.ndarray, axis: int) -> float:
    """Cells by which a surface is shifted, to first order."""
    slope = np.gradient(heights, axis=axis)
    return float(((predicted - heights) * slope).sum() / (slope * slope).sum())


def same(a: AcornFit, b: AcornFit) -> bool:
    pairs = zip(a.network.state_dict().values(), b.network.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def state_at(fit: AcornFit, step: int) -> dict[str, Any]:
    """The state of a run of 30 steps before this one."""
    states = []
    advance = fit.advance

    def counted(rate: float = 1.0) -> float:
        if fit.step == step:
            states.append(fit.state())
        return advance(rate)

    fit.advance = counted
    fit_for(fit, steps=30, measure_every=5)
    return states[0]


def test_a_network_has_the_parameters_of_its_sizes() -> None:
    sizes = Sizes()
    count = sum(p.numel() for p in AcornNetwork(sizes, 7).parameters())
    assert count == sizes.parameters == 1_337_537


def test_inputs_are_the_place_the_scale_and_their_waves() -> None:
    inputs = encodings(np.array([(2, 3, 0)]), 4, 2)[0]
    q = np.array([0.75, -0.75, 0.0])
    expected = np.concatenate([q, np.sin(q), np.cos(q), np.sin(2 * q), np.cos(2 * q)])
    np.testing.assert_allclose(inputs, expected, atol=1e-7)


def test_a_place_has_its_block() -> None:
    owner = owner_of(np.array([(1, 0, 0), (2, 2, 0), (2, 3, 0)]), 5, 512)
    places = np.array([10.0, 255.9, 256.0, 383.9, 384.0, 10.0])
    index = owner(places, np.array([10.0, 255.9, 0.0, 0.0, 100.0, 300.0]))
    assert index.tolist() == [0, 0, 1, 1, 2, -1]


def test_exported_weights_are_the_network() -> None:
    network = AcornNetwork(Sizes(channels=4, rows=4, columns=4, encoder_width=8), 3)
    blocks = np.array([(1, 0, 1), (3, 5, 2)])
    weights = network.export()
    x = encodings(blocks, 3, 10)
    for k in range(5):
        x = np.maximum(x @ weights[f"encoder{k}_weight"] + weights[f"encoder{k}_bias"], 0)
    grids = (x @ weights["encoder5_weight"] + weights["encoder5_bias"]).reshape(2, 4, 4, 4)
    with torch.no_grad():
        features = network.features(network.inputs(blocks)).numpy()
    np.testing.assert_allclose(grids.transpose(0, 3, 1, 2), features, atol=1e-5)


def test_waves_are_learned_where_they_are() -> None:
    heights = waves()
    fit = fit_for(AcornFit(Area.of(heights), TINY), steps=300)
    predicted = fit.predict_window(0, 0, 256, 256)
    relief = heights.max() - heights.min()
    assert np.sqrt(((predicted - heights) ** 2).mean()) < 0.005 * relief
    assert abs(shift_of(predicted, heights, axis=0)) < 0.02
    assert abs(shift_of(predicted, heights, axis=1)) < 0.02


def test_samples_of_every_level_lie_where_the_terrain_is() -> None:
    y, x = np.mgrid[:1024, :1024] + 0.5
    area = Area.of((3 * x - 2 * y).astype(np.float32))
    fit = AcornFit(area, replace(TINY, lod_nodes=True))
    assert fit.generations.tolist() == [2, 1, 1, 1, 1]
    blocks = np.concatenate([fit.blocks, fit.interior])
    levels = np.concatenate([np.zeros(len(fit.blocks), np.int64), fit.generations])
    u, v = acorn_draws.stratified(np.random.default_rng(0), len(blocks), (8, 8))
    drawn = acorn_draws.samples(area, blocks, levels, u, v)
    side = (1024 >> blocks[:, 0])[:, None, None]
    columns = (blocks[:, 1, None, None] + u) * side
    rows = (blocks[:, 2, None, None] + v) * side
    # the outermost half cells are level
    half = 0.5 * 2 ** levels[:, None, None]
    inner = (np.minimum(columns, rows) > half) & (np.maximum(columns, rows) < 1024 - half)
    meters = drawn.heights * area.scale_m + area.offset_m
    difference = (meters - (3 * columns - 2 * rows)) / 3 / (2 * half)
    assert drawn.valid.all()
    assert abs(difference[inner]).max() < 0.02


def test_targets_of_a_device_are_those_of_the_area() -> None:
    heights = waves()
    heights[60:90, 20:200] = np.nan
    area = Area.of(heights[:240, :250])
    fit = AcornFit(area, replace(TINY, lod_nodes=True))
    blocks = np.concatenate([fit.blocks, fit.interior])
    levels = np.concatenate([np.zeros(len(fit.blocks), np.int64), fit.generations])
    drawn = DeviceArea(area, torch.device("cpu")).samples(blocks, levels, (8, 8), (0, 7))
    u, v = ((drawn.local.numpy() + 1) / 2).transpose(3, 0, 1, 2)
    assert (np.floor(8 * u) == np.arange(8)).all()
    assert (np.floor(8 * v) == np.arange(8)[:, None]).all()
    expected = acorn_draws.samples(area, blocks, levels, u, v)
    assert (drawn.valid.numpy() == expected.valid).mean() > 0.999
    both = drawn.valid.numpy() & expected.valid
    assert 0.5 < both.mean() < 0.95
    np.testing.assert_allclose(drawn.heights.numpy()[both], expected.heights[both], atol=1e-4)
    assert (drawn.filled.numpy() == expected.filled).mean() > 0.999
    filled = drawn.filled.numpy() & expected.filled
    assert 0.01 < filled.mean() < 0.4
    DeviceArea(area, torch.device("cpu")).samples(blocks, levels, (8, 8), (1 << 62, 7))
    np.testing.assert_allclose(drawn.heights.numpy()[filled], expected.heights[filled], atol=1e-4)


def test_gaps_are_trained_to_heights_around_them() -> None:
    heights = waves()
    random = np.random.default_rng(2)
    whole = heights.copy()
    for row, column in random.integers(0, 230, (60, 2)):
        heights[row : row + 24, column : column + 24] = np.nan
    fit = fit_for(AcornFit(Area.of(heights), TINY), steps=300)
    predicted = fit.predict_window(0, 0, *heights.shape)
    gaps = np.isnan(heights)
    below = np.nanmin(heights) - predicted[gaps]
    above = predicted[gaps] - np.nanmax(heights)
    relief = np.nanmax(heights) - np.nanmin(heights)
    assert max(below[np.isfinite(below)].max(), above[np.isfinite(above)].max()) < 0.05 * relief
    error = (predicted - whole)[~gaps]
    assert np.sqrt((error**2).mean()) < 0.01 * relief


def test_interior_nodes_are_trained() -> None:
    y, x = np.mgrid[:512, :512] + 0.5
    heights = 300 * np.sin(x / 80) + 250 * np.cos(y / 90)
    errors = []
    for lod_nodes in (False, True):
        fit = AcornFit(Area.of(heights), replace(TINY, lod_nodes=lod_nodes))
        fit_for(fit, steps=150)
        errors.append(fit.block_errors(np.array([(1, 0, 0), (1, 1, 1)])).mean())
    assert errors[1] < 0.1 * errors[0]


def test_resumed_training_is_the_same_to_the_bit() -> None:
    area = Area.of(waves())
    settings = replace(TINY, partition="adaptive", first_retiling=6, blocks=22, by_error=1.0)
    whole = fit_for(AcornFit(area, settings, seed=3), steps=30, measure_every=5)
    for stopped in (3, 9, 26):
        second = AcornFit(area, settings, seed=3)
        second.restore(state_at(AcornFit(area, settings, seed=3), stopped))
        assert second.step == stopped
        fit_for(second, steps=30, measure_every=5)
        assert same(whole, second)
        former = [{**row, "cpu_seconds": 0} for row in whole.history]
        assert [{**row, "cpu_seconds": 0} for row in second.history] == former
        assert second.retilings == whole.retilings


def test_other_seeds_are_other_networks() -> None:
    area = Area.of(waves())
    assert not same(AcornFit(area, TINY, 0), AcornFit(area, TINY, 1))


def test_a_state_of_another_run_is_refused() -> None:
    area = Area.of(waves())
    fit = AcornFit(area, TINY)
    for other, name in (
        (AcornFit(area, replace(TINY, sizes=Sizes())), "preset"),
        (AcornFit(Area.of(waves() + 1), TINY), "raster"),
        (AcornFit(area, TINY, seed=1), "seed"),
    ):
        with pytest.raises(UsageError, match=f"another {name}"):
            fit.restore(other.state())


def test_missing_cells_are_out_of_the_loss() -> None:
    heights = waves()
    heights[:, 100:] = np.nan
    fit = AcornFit(Area.of(heights), TINY)
    # blocks without data take nothing of the budget
    assert fit.blocks[:, 1].max() * (256 >> fit.blocks[0, 0]) < 100
    fit_for(fit, steps=200)
    predicted = fit.predict_window(0, 0, 256, 256)
    error = (predicted - waves())[:, :100]
    assert np.sqrt((error**2).mean()) < 0.01 * (np.nanmax(heights) - np.nanmin(heights))
    assert np.isfinite(fit.history[-1]["psnr_db"] if fit.history else 0.0)


def test_flat_blocks_are_constants() -> None:
    heights = waves()
    heights[:, :128] = -3.0
    fit = fit_for(AcornFit(Area.of(heights), replace(TINY, partition="auto")), steps=20)
    assert fit.rule.name == "cut"
    predicted = fit.predict_window(0, 0, 256, 256)
    assert (predicted[:, :112] == -3.0).all()


def test_constant_terrain_is_exact() -> None:
    fit = fit_for(AcornFit(Area.of(np.full((256, 256), 7.0)), TINY), steps=5)
    assert fit.step == 5
    assert (fit.predict_window(0, 0, 256, 256) == 7.0).all()
    assert fit.measure()["rmse_m"] == 0


def test_an_area_without_data_is_refused() -> None:
    with pytest.raises(UsageError, match="nodata"):
        AcornFit(Area.of(np.full((64, 64), np.nan)), TINY)


def test_moved_blocks_begin_with_the_former_surface() -> None:
    settings = replace(
        TINY, partition="paper", retile_every=20, moved_steps=10, from_predecessor=True, per_step=6
    )
    heights = waves()
    heights[:, 128:] *= 0.01
    fit = fit_for(AcornFit(Area.of(heights), settings), steps=60)
    assert [row["step"] for row in fit.retilings] == [0, 20, 40]
    assert fit.retilings[1]["moved"] > 0
    chosen = fit.is_moved
    fit.moved_at = fit.step
    if chosen.any():
        chances = fit._chances()
        assert chances is not None
        assert chances[chosen].sum() >= 0.5 - 1e-9


def test_a_loss_that_is_not_finite_goes_back() -> None:
    fit = AcornFit(Area.of(waves()), TINY)
    for _ in range(105):
        fit.advance()
    with torch.no_grad():
        next(fit.network.parameters()).fill_(torch.nan)
    assert np.isnan(fit.advance())
    assert (fit.step, fit.rate) == (100, 0.5)
    assert np.isfinite(fit.advance())


def test_a_loss_that_stays_not_finite_is_said() -> None:
    fit = AcornFit(Area.of(waves()), TINY)
    kept = fit._kept
    kept["network"]["encoder.0.weight"].fill_(torch.nan)
    fit.restore(kept)
    for _ in range(5):
        assert np.isnan(fit.advance())
    with pytest.raises(ModelError, match="diverged at step 0"):
        fit.advance()
