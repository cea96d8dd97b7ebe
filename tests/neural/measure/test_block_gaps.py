"""Gaps across block borders, measured on surfaces with known ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neural.measure.block_gaps import block_gaps, finest_tables
from neural.methods.acorn import Acorn
from neural.methods.acorn.blocks import NETWORK, PLAIN
from tests.support.common import random_blocks

METHOD = Acorn(
    600, 500, side=8, channels=4, frequencies=4, encoder_width=16, encoder_layers=1, decoder_width=8
)


def random_weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    weights = {}
    for name, shape in METHOD.weight_shapes().items():
        spread = np.sqrt(2.0 / shape[0]) if name.endswith("weight") else 0.2
        weights[name] = (spread * rng.normal(size=shape)).astype(np.float32)
    return weights


def test_published_borders_have_gaps_and_blended_ones_none() -> None:
    area = random_blocks(METHOD, np.random.default_rng(2))
    weights = random_weights()
    found = {}
    for borders in ("paper", "blended"):
        method = replace(METHOD, borders=borders)
        tables = finest_tables(method, area)
        assert len(tables) == 6
        # meters per unit, so that the relief is some 500 m over 600 cells of 30 m
        found[borders] = block_gaps(method, weights, tables, 300.0, 30.0).summary()
    for scale in ("equal", "different"):
        assert found["paper"][scale]["places"] > 100
        assert found["paper"][scale]["median_m"] > 10
        assert found["blended"][scale]["max_m"] <= 1e-3
        assert found["blended"][scale]["max_m_per_m"] <= 1e-3


def test_steps_of_known_height() -> None:
    """Constants of scales 3 and 4: every gap is the difference of two of them."""
    method = replace(METHOD, borders="paper")
    rows = [(2, x, y, PLAIN, 1.0 * x + 3 * y, 0) for y in range(2) for x in range(3)]
    rows = [row for row in rows if row[:3] != (2, 1, 0)]
    rows += [(3, x, y, PLAIN, 1.0, 0) for y in (0, 1) for x in (2, 3)]
    area = np.array(rows, np.float32)
    gaps = block_gaps(method, random_weights(), finest_tables(method, area), 10.0, 30.0)
    assert set(gaps.meters.tolist()) <= {0.0, 10.0, 30.0}
    assert gaps.gradients.max() == 0
    # inside tiles only: the four blocks of scale 3 share borders that have no step
    np.testing.assert_array_equal(gaps.meters[gaps.scales == 0], 0)


def test_gaps_of_one_network_block_are_none() -> None:
    area = np.array([(0, 0, 0, NETWORK, 0, 0)], np.float32)
    gaps = block_gaps(METHOD, random_weights(), finest_tables(METHOD, area), 1.0, 1.0)
    assert gaps.summary() == {}
