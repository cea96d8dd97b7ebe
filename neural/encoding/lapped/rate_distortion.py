"""Rate–distortion optimized quantization of single details."""

from __future__ import annotations

import numpy as np

from neural.methods.lapped.coder import LARGEST, Distributions
from neural.methods.lapped.context import FIRST, symbols_of


def quantize_rdo(
    distributions: Distributions, in_steps: np.ndarray, classes: np.ndarray, lagrange: float
) -> np.ndarray:
    """Quantize details, in steps, by rate–distortion optimization: the cheapest of 0 and the two
    nearest magnitudes, signed int32.

    The cost is the squared error + `lagrange` · bits under each detail's class; `in_steps` and
    `classes` have one shape.
    """
    chosen = np.zeros(in_steps.shape, np.int32)
    candidates = np.abs(in_steps) >= 0.5
    magnitudes = np.minimum(np.abs(in_steps[candidates]), LARGEST - 1)
    classes = classes[candidates]
    upper = np.floor(magnitudes + 0.5).astype(np.int32)
    best = np.zeros(upper.shape, np.int32)
    least = magnitudes * magnitudes + lagrange * distributions.bits[classes, 0]
    for magnitude in (upper - 1, upper):
        bits = distributions.bits[classes, symbols_of(magnitude)] + 2 * np.log2(
            np.maximum(magnitude - FIRST[-1], 1)
        )
        cost = (magnitudes - distributions.values(magnitude, classes)) ** 2 + lagrange * bits
        better = cost < least
        best = np.where(better, magnitude, best)
        least = np.where(better, cost, least)
    chosen[candidates] = best
    return np.where(in_steps < 0, -chosen, chosen)
