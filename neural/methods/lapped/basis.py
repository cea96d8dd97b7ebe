"""The lapped basis: a window times one sine per axis and function, and the cubic spline below it.

Along each axis a node (the center of a cell of HOP samples) has HOP functions of the distance s
from it, in samples:

    φ_k(s) = w(s) · a_k · sin(ω_k s + p_k),
    w(s) = sin(π/2 · r² (3 − 2 r)),  r = 1 − |s| / HOP  (0 beyond)

one SIREN layer (arXiv 2006.09661) under a C1 window whose squares and those of its neighbors add up
to 1. Products of the two axes are the node's HOP² functions, of which its latents are the
coefficients. Trained from, and close to, the modified discrete cosine transform (Princen and
Bradley, "Analysis/synthesis filter bank design based on time domain aliasing cancellation", IEEE
TASSP 1986), which is this formula with ω_k = (k + ½) π / HOP and is orthonormal: HOP² functions per
cell of HOP² samples are a complete basis, so no detail is out of reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

HOP = 16
"""Samples along the side of a cell, and functions per axis."""

SINES = ("amplitude", "frequency", "phase")
"""The basis' weights, [HOP] each: a_k, ω_k in radians per sample, p_k in radians."""

Derivatives = tuple[np.ndarray, ...]
"""Arrays of one function: its values and as many derivatives as asked for."""


def cosine_transform() -> dict[str, np.ndarray]:
    """Return the weights that make the basis orthonormal (modified discrete cosine transform),
    float32."""
    k = np.arange(HOP)
    frequency = (k + 0.5) * np.pi / HOP
    phase = np.mod(1.5 * HOP * frequency + np.pi / 2, 2 * np.pi)
    weights = (np.full(HOP, np.sqrt(2 / HOP)), frequency, phase)
    return {name: value.astype(np.float32) for name, value in zip(SINES, weights, strict=True)}


def window(s: np.ndarray, order: int = 0) -> Derivatives:
    """Return w(s) and its derivatives up to `order` ≤ 2, s in samples from the node."""
    r = np.clip(1.0 - np.abs(s) / HOP, 0.0, 1.0)
    angle = np.pi / 2 * r * r * (3.0 - 2.0 * r)
    derivatives = [np.sin(angle)]
    if order > 0:
        slope = np.where(r > 0, -np.sign(s) / HOP, 0.0)
        d_angle = np.pi / 2 * 6.0 * r * (1.0 - r) * slope
        derivatives.append(np.cos(angle) * d_angle)
    if order > 1:
        bend = np.pi / 2 * (6.0 - 12.0 * r) * slope * slope
        derivatives.append(np.cos(angle) * bend - np.sin(angle) * d_angle * d_angle)
    return tuple(derivatives)


def functions(weights: Mapping[str, Any], s: np.ndarray, order: int = 0) -> Derivatives:
    """Map φ_k(s) and derivatives per sample up to `order`: s [n] to float64 [n, HOP] each."""
    a, omega, p = (np.asarray(weights[name], np.float64) for name in SINES)
    positions = np.asarray(s, np.float64)[:, None]
    w = window(positions, order)
    sine = a * np.sin(omega * positions + p)
    cosine = a * np.cos(omega * positions + p)
    derivatives = [w[0] * sine]
    if order > 0:
        derivatives.append(w[1] * sine + w[0] * omega * cosine)
    if order > 1:
        derivatives.append(w[2] * sine + 2.0 * w[1] * omega * cosine - w[0] * omega * omega * sine)
    return tuple(derivatives)


def along_nodes(
    weights: Mapping[str, Any], nodes: np.ndarray, x: np.ndarray, order: int = 0
) -> Derivatives:
    """Map coefficients along the last axis [m, (cells + 2) · HOP] to values and derivatives per
    sample [m, n] at x [n].

    `x` is in samples from the first cell's start, ascending, in [0, cells · HOP]; the cells have
    one more on either side. Two nodes reach each x.
    """
    sines = b"".join(np.asarray(weights[name], np.float64).tobytes() for name in SINES)
    first, reach = _reach(
        sines, np.asarray(x, np.float64).tobytes(), nodes.shape[1] // HOP - 2, order
    )
    reach = reach.astype(nodes.dtype)
    out = np.empty((order + 1, len(nodes), len(first)), nodes.dtype)
    for start, stop in _runs(first):
        pair = nodes[:, first[start] * HOP : (first[start] + 2) * HOP]
        np.matmul(pair, reach[:, :, start:stop], out=out[:, :, start:stop])
    return tuple(out)


@lru_cache(maxsize=32)
def _reach(sines: bytes, places: bytes, cells: int, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of the two nodes that reach each place x, counted with the cell before [n],
    and their functions [order + 1, 2 · HOP, n]; cached by lattice, of which tiles share a few."""
    weights = dict(zip(SINES, np.frombuffer(sines).reshape(len(SINES), HOP), strict=True))
    x = np.frombuffer(places)
    first = np.clip(np.floor(x / HOP + 0.5), 0, cells).astype(np.intp)
    near = x - (first - 0.5) * HOP
    pairs = zip(functions(weights, near, order), functions(weights, near - HOP, order), strict=True)
    return first, np.stack([np.concatenate(pair, axis=1).T for pair in pairs])


def _runs(numbers: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield starts and ends of runs of equal numbers [n]."""
    if len(numbers):
        yield from pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)])


def analyze(weights: Mapping[str, Any], samples: np.ndarray) -> np.ndarray:
    """Map samples along the last axis [m, (nodes + 1) · HOP] to coefficients [m, nodes · HOP] of
    the nodes at each HOP-th.

    The transpose of `along_nodes` at the samples' centers, and its inverse as the basis is
    orthonormal.
    """
    (reach,) = functions(weights, np.arange(2 * HOP) + 0.5 - HOP)
    samples = np.ascontiguousarray(samples)
    out = np.empty((len(samples), samples.shape[1] // HOP - 1, HOP))
    row, column = samples.strides
    shape = out.shape[1], len(samples), 2 * HOP
    windows = np.lib.stride_tricks.as_strided(
        samples, shape, (HOP * column, row, column), writeable=False
    )
    np.matmul(windows, reach, out=out.transpose(1, 0, 2))
    return out.reshape(len(samples), -1)


SPLINE_PAD = 2
"""Spline coefficients beyond each end of the parent's samples."""

SPLINE_HALO = SPLINE_PAD + 1
"""Parent samples beyond each end that those coefficients are made of."""

_TOGETHER = 8  # parent samples

_SPLINE = (
    # 1, t, t², t³ of the weights of four consecutive coefficients at t ∈ [0, 1] between the inner
    # two
    np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6.0
)


def spline_coefficients(samples: np.ndarray) -> np.ndarray:
    """Map parent samples [n, m] to coefficients of a cubic spline [n − 2, m − 2] that reproduces
    cubic polynomials.

    Local (a quasi-interpolant): M. Unser, "Splines: a perfect fit", IEEE Signal Processing Magazine
    1999.
    """
    for _ in range(2):
        samples = (8.0 * samples[1:-1] - samples[:-2] - samples[2:]) / 6.0
        samples = samples.T
    return samples


def along_spline(coefficients: np.ndarray, x: np.ndarray, order: int = 0) -> Derivatives:
    """Map coefficients along the last axis [m, parents + 2·SPLINE_PAD] to values and derivatives
    per child sample [m, n].

    `x` [n] is in the child's samples; the parent's sample j lies at 2 j + 1.
    """
    positions = np.asarray(x, np.float64) / 2 - 0.5
    first = np.clip(np.floor(positions), -1, coefficients.shape[1] - 2 * SPLINE_PAD - 1).astype(
        np.intp
    )
    powers = np.vander(positions - first, 4, increasing=True)
    reached = first[:, None] + np.arange(SPLINE_PAD - 1, SPLINE_PAD + 3)
    taps = np.zeros((order + 1, len(positions), coefficients.shape[1]))
    weights = _SPLINE
    scale = 1.0
    for weights_of in taps:
        np.put_along_axis(
            weights_of, reached, scale * powers[:, : weights.shape[1]] @ weights.T, axis=1
        )
        weights = weights[:, 1:] * np.arange(1, weights.shape[1])
        scale = scale / 2
    out = np.empty((order + 1, len(coefficients), len(positions)))
    # Four taps a place: small products of a few places are faster than one large, and than sums of
    # four.
    for start, stop in _runs(first // _TOGETHER):
        few = slice(reached[start, 0], reached[stop - 1, -1] + 1)
        np.matmul(
            coefficients[:, few], taps[:, start:stop, few].swapaxes(1, 2), out=out[:, :, start:stop]
        )
    return tuple(out)
