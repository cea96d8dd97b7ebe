"""The wavelet that levels share: Cohen, Daubechies and Feauveau's 9/7 by lifting (ISO/IEC 15444-1,
annex F).

A level's samples, meters, split into the next coarser level's samples (a low-pass of gain 1 at zero
frequency) and three bands of details, which are orthonormal but for a few per cent: their squared
errors add up to the samples'. Even positions along an axis hold low-pass values and odd ones
details, so that n samples give ⌈n/2⌉ and ⌊n/2⌋ values, whatever n is; what lies beyond the ends of
lines is said by `neural.methods.lapped.boundary`. A low-pass value is centered on its even sample:
k levels above the finest, sample j lies at the center of the finest cell 2^k · j. Everything here
is linear and local: a window of samples needs HALO more values on each side.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

LIFTING = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)
LOW_GAIN = 1.230174104914001  # of the low-pass after lifting, at zero frequency
_DETAIL = LOW_GAIN / np.sqrt(2.0)

HALO = 4
"""Values beyond each end of a window that its lifting steps read."""

BANDS = ((0, 1), (1, 0), (1, 1))
"""Bands of details as parity along (y, x): details along x, along y, along both."""


def reflect(start: int, stop: int, first: int, last: int) -> np.ndarray:
    """Return positions start … stop − 1, those outside first … last − 1 reflected about its ends;
    parity is kept."""
    indices = np.arange(start, stop)
    period = 2 * (last - first - 1)
    if period <= 0:
        return np.full(len(indices), first)
    folded = np.mod(indices - first, period)
    places: np.ndarray = first + np.minimum(folded, period - folded)
    return places


def split(samples: np.ndarray) -> np.ndarray:
    """Split samples [n, m], with HALO beyond each end and the first one even, into interleaved
    bands [n − 2·HALO, m − 2·HALO]."""
    return split_lines(split_lines(samples).T).T


def merge(bands: np.ndarray) -> np.ndarray:
    """Merge interleaved bands [n, m], with HALO beyond each end and the first one even, to samples
    [n − 2·HALO, m − 2·HALO]."""
    return merge_lines(merge_lines(bands.T).T)


def split_lines(x: np.ndarray) -> np.ndarray:
    """Apply `split` along axis 0 only."""
    return _along(_SPLIT, x)


def merge_lines(x: np.ndarray) -> np.ndarray:
    """Apply `merge` along axis 0 only."""
    return _along(_MERGE, x)


def _along(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Process blocks of _BLOCK values along axis 0, each with a margin of HALO: [n, m] → [n −
    2·HALO, m], float64.

    A product per block takes a fifth of the time of the lifting steps, which go through the whole
    array eight times.
    """
    # a view of an array whose rows are the lines: no need to copy it
    turned = x.strides[0] < x.strides[1]
    x = np.ascontiguousarray(x.T if turned else x, np.float64)
    length = x.shape[turned] - 2 * HALO
    axis = int(turned)
    count = -(-length // _BLOCK)
    if length % _BLOCK:
        rest = [len(x), x.shape[1]]
        rest[axis] = count * _BLOCK - length
        x = np.concatenate([x, np.zeros(rest)], axis=axis)
    row, column = x.strides
    if not turned:
        blocks = as_strided(
            x, (count, _BLOCK + 2 * HALO, x.shape[1]), (_BLOCK * row, row, column), writeable=False
        )
        return np.asarray(np.matmul(matrix, blocks).reshape(count * _BLOCK, -1)[:length])
    blocks = as_strided(
        x, (count, len(x), _BLOCK + 2 * HALO), (_BLOCK * column, row, column), writeable=False
    )
    out = np.empty((len(x), count, _BLOCK))
    np.matmul(blocks, matrix.T, out=out.transpose(1, 0, 2))
    return out.reshape(len(x), -1)[:, :length].T


def _lift_split(x: np.ndarray) -> np.ndarray:
    """Compute `split_lines` by its definition."""
    for number, weight in enumerate(LIFTING):
        start = 1 if number % 2 == 0 else 2
        x[start:-1:2] += weight * (x[start - 1 : -2 : 2] + x[start + 1 :: 2])
    x = x[HALO:-HALO]
    x[0::2] /= LOW_GAIN
    x[1::2] *= _DETAIL
    return x


def _lift_merge(x: np.ndarray) -> np.ndarray:
    """Compute `merge_lines` by its definition."""
    x[0::2] *= LOW_GAIN
    x[1::2] /= _DETAIL
    for number, weight in reversed(list(enumerate(LIFTING))):
        start = 1 if number % 2 == 0 else 2
        x[start:-1:2] -= weight * (x[start - 1 : -2 : 2] + x[start + 1 :: 2])
    return x[HALO:-HALO]


_BLOCK = 16
_SPLIT, _MERGE = (
    np.ascontiguousarray(lift(np.eye(_BLOCK + 2 * HALO))) for lift in (_lift_split, _lift_merge)
)
