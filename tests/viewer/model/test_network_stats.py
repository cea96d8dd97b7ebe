"""Statistics of a layer about its network, whatever else a file may hold in their place."""

from types import SimpleNamespace

import pytest

from viewer.model import network_stats


def layer(**stats):
    return SimpleNamespace(stats=stats)


def test_a_layer_of_blocks():
    told = layer(
        blocks_per_scale=[0, 0, 4, 12],
        parameters=1_337_537,
        curve_steps=[0, 500],
        curve_psnr_db=[12.0, 31.5],
        retiling_steps=[600, 1800],
        retiling_moves=[40, 0],
    )
    assert network_stats.blocks_per_scale(told) == [0, 0, 4, 12]
    assert network_stats.scales(told) == [2, 3]
    assert network_stats.number(told, "parameters") == 1_337_537
    assert network_stats.curve(told) == ([0, 500], [12.0, 31.5])
    assert network_stats.retilings(told) == [(600, 40), (1800, 0)]


@pytest.mark.parametrize("odd", ["many", None, {"0": 1}, ["many"], [1, None], [True], 7])
def test_other_values_count_as_none(odd):
    told = layer(
        blocks_per_scale=odd,
        curve_steps=odd,
        curve_psnr_db=odd,
        retiling_steps=odd,
        parameters=[odd],
    )
    assert network_stats.blocks_per_scale(told) == []
    assert network_stats.scales(told) == []
    assert network_stats.curve(told) is None
    assert network_stats.retilings(told) == []
    assert network_stats.number(told, "parameters") is None


def test_lists_of_unequal_lengths_are_no_curve():
    told = layer(curve_steps=[0, 1, 2], curve_psnr_db=[1.0, 2.0], retiling_steps=[1])
    assert network_stats.curve(told) is None
    assert network_stats.retilings(told) == []
    assert network_stats.number(layer(), "parameters") is None
