"""Structural similarity (Wang et al., IEEE TIP 2004): Gaussian windows of 11 × 11 samples,
deviation 1.5, constants 0.01 and 0.03."""

from __future__ import annotations

import numpy as np

REACH = 5
"""Samples from the center of a window to its side."""

_DEVIATION = 1.5
_OFFSETS = np.arange(-REACH, REACH + 1)
_WEIGHTS = np.exp(-0.5 * (_OFFSETS / _DEVIATION) ** 2)
_WEIGHTS /= _WEIGHTS.sum()
_MEAN_TERM = 0.01**2
_SPREAD_TERM = 0.03**2


def similarity(
    decoded: np.ndarray, reference: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the similarity at the centers of all windows inside, [n − 10, m − 10], and the centers
    of windows without missing samples.

    Both images [n, m] are in units of the value range, as in pictures of 0…1.
    """
    x = decoded.astype(np.float64)
    y = reference.astype(np.float64)
    mean_x, mean_y = _mean(x), _mean(y)
    spread_x = _mean(x * x) - mean_x**2
    spread_y = _mean(y * y) - mean_y**2
    common = _mean(x * y) - mean_x * mean_y
    above = (2 * mean_x * mean_y + _MEAN_TERM) * (2 * common + _SPREAD_TERM)
    below = (mean_x**2 + mean_y**2 + _MEAN_TERM) * (spread_x + spread_y + _SPREAD_TERM)
    return above / below, _whole(valid)


def _mean(image: np.ndarray) -> np.ndarray:
    """Return the weighted mean over every window inside an image."""
    rows, columns = image.shape
    along = sum(
        weight * image[:, start : columns - 2 * REACH + start]
        for start, weight in enumerate(_WEIGHTS)
    )
    means: np.ndarray = sum(
        weight * along[start : rows - 2 * REACH + start] for start, weight in enumerate(_WEIGHTS)
    )
    return means


def _whole(valid: np.ndarray) -> np.ndarray:
    """Return the centers of windows whose samples are all valid."""
    rows, columns = valid.shape
    along = np.ones((rows, columns - 2 * REACH), bool)
    for start in range(2 * REACH + 1):
        along &= valid[:, start : columns - 2 * REACH + start]
    whole = np.ones((rows - 2 * REACH, columns - 2 * REACH), bool)
    for start in range(2 * REACH + 1):
        whole &= along[start : rows - 2 * REACH + start]
    return whole
