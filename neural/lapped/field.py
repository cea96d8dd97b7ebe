"""Windows of a level in which some tiles are absent: lines end where tiles do, by reflection."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from neural.lapped.wavelet import reflect


def extend(values: np.ndarray, present: np.ndarray, reach: int, bands: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Reflect the present places of each column about the ends of its runs, `reach` places far.

    values [n, m], present bool [n, m] → both with the places beyond each run's ends filled; parity along axis 0 is
    kept. What touches the window's own rim is taken to go on there. Of samples, a run of one place is repeated; of
    interleaved `bands` it is, in every other place, as details of one sample are 0.
    """
    if present.all():
        return values, present
    values, filled = values.copy("K"), present.copy("K")
    changes = np.flatnonzero((present[:, 1:] != present[:, :-1]).any(axis=0)) + 1  # few: tiles are wide
    for start, stop in pairwise([0, *changes.tolist(), present.shape[1]]):
        source = _sources(present[:, start], reach, bands)
        rows = np.flatnonzero((source >= 0) & ~present[:, start])
        values[rows, start:stop] = values[source[rows], start:stop]
        filled[rows, start:stop] = True
    return values, filled


def extend_both(values: np.ndarray, present: np.ndarray, reach: int) -> np.ndarray:
    """`extend` along axis 0, then along axis 1; 0 at what neither reaches."""
    values, present = extend(values, present, reach)
    turned, filled = extend(values.T, present.T, reach)
    return np.where(filled, turned, 0.0).T


def _sources(present: np.ndarray, reach: int, bands: bool) -> np.ndarray:
    """Per place of a line the one it takes its value from; −1 where there is none."""
    n = len(present)
    source = np.where(present, np.arange(n), -1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], present, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        start, stop = max(first - reach, 0), min(last + reach, n)
        inner = reflect(start, stop, first, last)
        for at in (*range(start, first), *range(last, stop)):
            if source[at] < 0 and not (bands and last - first == 1 and (at - first) % 2):
                source[at] = inner[at - start]
    return source
