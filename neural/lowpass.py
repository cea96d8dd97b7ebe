"""The low-passes that make a coarse level of the next finer one, and where the samples of a level lie.

AVERAGE  mean of 2 × 2 samples; a sample lies in the centre of its cell.
CDF97    even samples of the 9/7 wavelet's low-pass (`neural.lapped.wavelet`); a sample of level k above the finest lies
         where the finest sample does that it began with, in the centre of the first of the 2^k finest cells below it.

A method says which one its levels have (`Method.low_pass`). Errors of a coarse level are those of the codec only
against a reference that went through the same one.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np

from neural.lapped.wavelet import HALO, split_lines
from neural.tiles import TILE

AVERAGE, CDF97 = "average", "cdf97"

TAPS = 6
"""Samples along each axis that a conversion weighs: moments up to TAPS − 1 come out right."""


def place(low_pass: str, above: int) -> float:
    """Return where a sample lies in its cell, `above` levels above the finest, as a share of the cell's side."""
    return 0.5 if low_pass == AVERAGE else 0.5 / (1 << above)


def places(low_pass: str, above: int) -> np.ndarray:
    """Return tile coordinates of a tile's samples along either axis, float64 [256] in (0, 1)."""
    return (np.arange(TILE) + place(low_pass, above)) / TILE


@lru_cache(maxsize=64)
def conversion(source: str, target: str, above: int) -> tuple[int, np.ndarray]:
    """Return how samples of one low-pass follow from those of another at the same level, along one axis.

    Sample j is the sum of `weights` [TAPS] times the samples from j + first on. Moments of the finest samples'
    weights up to TAPS − 1 are those of the target: what has many samples a wave comes out right, what has few is left
    to the low-passes of the levels above.
    """
    shift = place(target, above) - place(source, above)  # in cells
    first = -(TAPS // 2) if shift < 0 else 1 - TAPS // 2
    wanted, given = _moments(target, above), _moments(source, above)
    moments: list[float] = []  # of the weights, about the target's place
    for p in range(TAPS):
        mixed = sum(comb(p, q) * moments[q] * given[p - q] for q in range(p))
        moments.append(wanted[p] - mixed)
    offsets = np.arange(first, first + TAPS) - shift
    return first, np.linalg.solve(np.vander(offsets, TAPS, increasing=True).T, np.array(moments))


def _moments(low_pass: str, above: int) -> list[float]:
    """Return moments 0 … TAPS − 1 of a sample's weights of the finest samples about its place, in its level's cells."""
    if low_pass == AVERAGE:
        offsets, weights = np.array([-0.5, 0.5]), np.array([0.5, 0.5])
    else:
        weights = split_lines(np.eye(2 * HALO + 2))[0, : 2 * HALO + 1]
        offsets = np.arange(-HALO, HALO + 1)
    step = [float(weights @ offsets.astype(np.float64) ** p) for p in range(TAPS)]
    moments = [1.0] + [0.0] * (TAPS - 1)
    for _ in range(above):  # a sample's offset is the sum of one of each level's, the coarser ones twice as long
        sums = [sum(comb(p, q) * moments[q] * step[p - q] for q in range(p + 1)) for p in range(TAPS)]
        moments = [value / 2**p for p, value in enumerate(sums)]
    return moments
