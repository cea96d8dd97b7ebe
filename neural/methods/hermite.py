"""A raster of samples as a C2 surface: the 4-point 5th-order Hermite interpolant along each axis.

O. Niemitalo, "Polynomial Interpolators for High-Quality Resampling of Oversampled Audio", 2001
("2nd-order- osculating"): at sample centers first and second derivatives are the central
differences of the samples. Beyond the outer centers the surface continues linearly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.methods.base import Surface
from neural.tiles import TILE

PAD = 2
"""Linearly extended samples around a tile: every lattice point finds its 4×4 neighbors."""

_TAPS = np.array(
    # 1, t, t², t³, t⁴, t⁵ of the four weights at t ∈ [0, 1] between the second and the third sample
    [
        [0.0, -0.5, 0.5, 1.5, -2.5, 1.0],
        [1.0, 0.0, -1.0, -4.5, 7.5, -3.0],
        [0.0, 0.5, 0.5, 4.5, -7.5, 3.0],
        [0.0, 0.0, 0.0, -1.5, 2.5, -1.0],
    ]
)

MACS_PER_SAMPLE = 16 + 4 + 2 * 4 * 5
"""16 samples weighted along one axis, 4 along the other, and the weights' polynomials of both."""


def texels(raster: np.ndarray) -> np.ndarray:
    """Map samples [256, 256] to [260, 65, 4] float32: padded by `PAD`, four neighbors of a row per
    texel."""
    padded = np.asarray(raster, np.float32)
    for _ in range(PAD):  # one cell at a time: a wider odd reflection would not be linear
        padded = np.pad(padded, 1, mode="reflect", reflect_type="odd")
    return np.ascontiguousarray(padded.reshape(TILE + 2 * PAD, -1, 4))


def interpolate(texels: Any, u: Any, v: Any, order: int) -> Surface:
    """Return surface of padded samples [260, 65, 4] on the lattice v × u, float64 [nv, nu],
    derivatives up to `order`."""
    samples = np.asarray(texels, np.float64).reshape(TILE + 2 * PAD, -1)
    row, weights_v = _taps(v, order)
    column, weights_u = _taps(u, order)
    lines = [_combine(samples, row, w) for w in weights_v]  # one per derivative along v, [nv, 260]
    derivatives = [(0, 0), (1, 0), (0, 1), (2, 0), (0, 2)][
        : 2 * order + 1
    ]  # derivatives along u and v
    return Surface(*(_combine(lines[dv].T, column, weights_u[du]).T for du, dv in derivatives))


def _taps(t: Any, order: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the first of the four padded samples around each coordinate [n], and per derivative
    the weights [4, n]."""
    position = np.asarray(t, np.float64) * TILE - 0.5
    cell = np.clip(np.floor(position), -1, TILE - 1).astype(np.intp)
    powers = np.vander(position - cell, 6, increasing=True).T
    weights = [_TAPS @ powers]
    coefficients = _TAPS
    for _ in range(order):
        coefficients = coefficients[:, 1:] * np.arange(1, coefficients.shape[1]) * TILE
        weights.append(coefficients @ powers[: coefficients.shape[1]])
    return cell + PAD - 1, weights


def _combine(samples: np.ndarray, first: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted sums of four consecutive lines: samples [m, k], first [n], weights [4, n] →
    [n, k]."""
    combined: np.ndarray = sum(weights[k][:, None] * samples[first + k] for k in range(4))
    return combined
