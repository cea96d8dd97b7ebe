"""The low-passes that make a coarse level of the next finer one, and where the samples of a level
lie.

Means of 2 × 2 samples lie in the center of their cell. Even samples of the 9/7 wavelet's low-pass
(`neural.methods.lapped.wavelet`) lie where the finest sample does that they began with: k levels
above the finest in the center of the first of the 2^k finest cells below them, along each axis.

A method says which low-pass its levels have (`Method.low_pass`). Errors of a coarse level are those
of the codec only against a reference that went through the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb

import numpy as np

from neural.methods.lapped.boundary import Boundary
from neural.methods.lapped.wavelet import HALO, split_lines
from neural.tiles import TILE

TAPS = 6
"""Samples along each axis that a conversion weighs: moments up to TAPS − 1 come out right."""


@dataclass(frozen=True)
class LowPass:
    """The 9/7 wavelet's with a rule for the ends of lines, or the mean of 2 × 2 samples."""

    boundary: Boundary | None = None  # None: means

    @property
    def is_mean(self) -> bool:
        """True for means of 2 × 2 samples."""
        return self.boundary is None


AVERAGE = LowPass()
"""Means of 2 × 2 samples."""


def place(low_pass: LowPass, above: int) -> float:
    """Return the place of a sample in its cell, `above` levels above the finest, as a share of the
    cell's side."""
    return 0.5 if low_pass.is_mean else 0.5 / (1 << above)


def places(low_pass: LowPass, above: int) -> np.ndarray:
    """Return tile coordinates of a tile's samples along either axis, float64 [256] in (0, 1)."""
    return (np.arange(TILE) + place(low_pass, above)) / TILE


@lru_cache(maxsize=64)
def conversion(source: LowPass, target: LowPass, above: int) -> tuple[int, np.ndarray]:
    """Return the taps that convert samples of one low-pass to those of another at the same level,
    along one axis.

    Sample j is the sum of `weights` [TAPS] times the samples from j + first on. Moments of the
    finest samples' weights up to TAPS − 1 are those of the target: what has many samples a wave
    comes out right, what has few is left to the low-passes of the levels above.
    """
    shift = place(target, above) - place(source, above)  # in cells
    first = -(TAPS // 2) if shift < 0 else 1 - TAPS // 2
    target_moments = _moments(target, above)
    source_moments = _moments(source, above)
    moments: list[float] = []  # of the weights, about the target's place
    for p in range(TAPS):
        mixed = sum(comb(p, q) * moments[q] * source_moments[p - q] for q in range(p))
        moments.append(target_moments[p] - mixed)
    offsets = np.arange(first, first + TAPS) - shift
    return first, np.linalg.solve(np.vander(offsets, TAPS, increasing=True).T, np.array(moments))


def _moments(low_pass: LowPass, above: int) -> list[float]:
    """Return moments 0 … TAPS − 1 of a sample's weights of the finest samples about its place, in
    its level's cells."""
    if low_pass.is_mean:
        offsets = np.array([-0.5, 0.5])
        weights = np.array([0.5, 0.5])
    else:
        weights = split_lines(np.eye(2 * HALO + 2))[0, : 2 * HALO + 1]
        offsets = np.arange(-HALO, HALO + 1)
    step = [float(weights @ offsets.astype(np.float64) ** p) for p in range(TAPS)]
    moments = [1.0] + [0.0] * (TAPS - 1)
    # a sample's offset is the sum of one of each level's, the coarser ones twice as long
    for _ in range(above):
        sums = [
            sum(comb(p, q) * moments[q] * step[p - q] for q in range(p + 1)) for p in range(TAPS)
        ]
        moments = [value / 2**p for p, value in enumerate(sums)]
    return moments
