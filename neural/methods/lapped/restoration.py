"""Restoration: estimates of details before quantization, from the quantized ones and the samples
near them.

Most details of a fine level are quantized to 0 although the terrain goes on: ridges and edges that
the coarser level shows have details of known signs. A small convolutional network of the level's
own details and of second differences of the samples below them moves each detail by a part of its
quantization step. It is an odd function: terrain upside down has details of the other sign, and
what is flat stays flat. Nothing is coded for it, and entropy decoding knows nothing of it: its sums
may differ between machines by what float32 rounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from neural.methods.lapped.boundary import Boundary
from neural.methods.lapped.extension import extend_level

HIDDEN = (24, 16)
"""Channels of the two hidden layers, tanh of sums over windows of 3×3."""

DETAIL_REACH = 2
"""Details around a detail that say something of it."""

SAMPLE_REACH = DETAIL_REACH + 1
"""Samples around it."""

_ROWS = 8  # of windows that are multiplied at once: more would leave the processor's cache
_DIFFERENCES = 4
_CHANNELS = _DIFFERENCES + 3


def shapes() -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the decoder's weights: rows of windows, their columns, channels in
    and out."""
    one, two = HIDDEN
    return {"restore_1": (9 * _CHANNELS, one), "restore_2": (9 * one, two), "restore_3": (two, 3)}


def macs() -> int:
    """Return the number of products per place of a level's details, for all three of them."""
    return sum(math.prod(shape) for shape in shapes().values())


def features(samples: np.ndarray, details: np.ndarray) -> np.ndarray:
    """Return the network's input, float32 [7, n, m].

    `samples` [n + 2, m + 2] are the next coarser level's, `details` [3, n, m] lie in their middle;
    both in quantization steps.
    """
    x = samples[1:-1]
    y = samples[:, 1:-1]
    along_x = x[:, :-2] - 2 * x[:, 1:-1] + x[:, 2:]
    along_y = y[:-2] - 2 * y[1:-1] + y[2:]
    across = samples[:, :-2] - 2 * samples[:, 1:-1] + samples[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    turned = samples[:-2, :-2] - samples[:-2, 2:] - samples[2:, :-2] + samples[2:, 2:]
    planes = np.stack([along_x, along_y, turned / 2, both / 2, *details]).astype(np.float32)
    return np.arcsinh(planes, out=planes)


def beyond(samples: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Return a whole level's samples and SAMPLE_REACH more on all sides."""
    return extend_level(samples, boundary.of_samples(SAMPLE_REACH))


class Restoration:
    """The network ready for use, from a decoder's weights."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._weights = [np.ascontiguousarray(weights[name], np.float32) for name in shapes()]

    def __call__(self, samples: np.ndarray, details: np.ndarray) -> np.ndarray:
        """Return the correction of details, in quantization steps, float32 [3, n, m].

        `details` [3, n + 2 · DETAIL_REACH, the same of m] reach DETAIL_REACH further and `samples`
        SAMPLE_REACH, both in quantization steps.
        """
        one, two, three = self._weights
        hidden = np.tanh(_window_sums(np.moveaxis(features(samples, details), 0, 2), one))
        hidden = np.tanh(_window_sums(hidden, two))
        return np.moveaxis(hidden @ three, 2, 0)

    def whole(self, samples: np.ndarray, details: np.ndarray, boundary: Boundary) -> np.ndarray:
        """Return the correction of a whole level's details [3, n, m]; `samples` [n, m]. Both in
        quantization steps."""
        rim = (DETAIL_REACH, DETAIL_REACH)
        return self(beyond(samples, boundary), np.pad(details, [(0, 0), rim, rim]))


def _window_sums(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return sums over windows of 3×3: [n, m, channels] → [n − 2, m − 2, channels out]."""
    n, m, channels = x.shape
    down, along, inner = (x := np.ascontiguousarray(x)).strides
    windows = as_strided(
        x, (n - 2, m - 2, 3, 3 * channels), (down, along, down, inner), writeable=False
    )
    out = np.empty((n - 2, m - 2, weight.shape[1]), np.float32)
    for start in range(0, n - 2, _ROWS):
        block = windows[start : start + _ROWS]
        np.matmul(
            block.reshape(-1, 9 * channels),
            weight,
            out=out[start : start + _ROWS].reshape(-1, weight.shape[1]),
        )
    return out
