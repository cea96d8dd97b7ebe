"""Allocation of each tile's setting, so that a whole place has the least error for its bytes.

A codec with the same setting everywhere spends bytes on tiles where they buy little. With one
Lagrangian slope for all tiles every further byte buys the same error everywhere, which is what a
good encoder does and the fair anchor (Y. Shoham and A. Gersho, "Efficient bit allocation for an
arbitrary set of quantizers", IEEE TASSP 1988).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SLOPES = tuple(float(s) for s in np.geomspace(1e-6, 1e5, 45))
"""Squared meters that one byte must save, fine to coarse: RMSE from millimeters to meters."""


def choose(sse: np.ndarray, sizes: np.ndarray, slope: float) -> np.ndarray:
    """Return per tile the setting with the least SSE + slope · bytes (the first of equals).

    `sse` [tiles, settings] in m², `sizes` [tiles, settings] in bytes → int [tiles].
    """
    return np.argmin(sse + slope * sizes, axis=1)


def operating_points(
    sse: np.ndarray, sizes: np.ndarray, finest: np.ndarray, slopes: Iterable[float] = SLOPES
) -> list[tuple[float, np.ndarray]]:
    """Return the distinct choices over a sweep of slopes, coarse to fine: (slope, settings
    [tiles]).

    `finest` [tiles] marks the tiles whose errors are reported; choices that differ only in other
    tiles count once.
    """
    points: list[tuple[float, np.ndarray]] = []
    seen: set[bytes] = set()
    for slope in sorted(slopes, reverse=True):
        chosen = choose(sse, sizes, slope)
        if (key := chosen[finest].tobytes()) not in seen:
            seen.add(key)
            points.append((slope, chosen))
    return points
