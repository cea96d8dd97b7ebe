"""The quantum of a raster: the coarse step, such as a whole metre, that all its heights are multiples of."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from neural.crs import UNITS

QUANTA = tuple(
    sorted((unit_m * steps for unit_m in set(UNITS.values()) for steps in (1.0, 2.0, 2.5, 5.0, 10.0)), reverse=True)
)
"""Steps in metres that are tried, the coarsest first."""

LEVELS = 16
"""Different heights that a raster must have at least: of a few, such as two plains, nothing follows."""

_PRECISION = 2.0**-22
"""Relative accuracy of heights: two units in the last place of float32."""


def find_quantum(blocks: Iterable[np.ndarray]) -> float:
    """The coarsest of QUANTA of which all samples are multiples, beside a constant; 0 where there is none.

    `blocks` are samples in metres, float64 of any shape; no more are taken once all quanta are excluded.
    """
    origin, levels = None, {quantum: set[int]() for quantum in QUANTA}
    for block in blocks:
        if not block.size:
            continue
        origin = float(block.flat[0]) if origin is None else origin
        above = block - origin
        inexact_m = _PRECISION * (np.abs(block) + abs(origin)) + 1e-9
        for quantum in list(levels):
            multiples = np.rint(above / quantum)
            if (np.abs(above - quantum * multiples) > inexact_m).any():
                del levels[quantum]
            elif len(levels[quantum]) < LEVELS:
                levels[quantum].update(np.unique(multiples).astype(np.int64).tolist()[:LEVELS])
        if not levels:
            return 0.0
    return max((quantum for quantum, found in levels.items() if len(found) >= LEVELS), default=0.0)
