"""Windows of a level in which some tiles are absent: lines end where tiles do, and are extended
there."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from neural.methods.lapped.boundary import LONG, Boundary, Extension
from neural.methods.lapped.wavelet import HALO, merge, split, split_lines

Extend = Callable[[int], Extension]
"""Number of values in a run → its extension; runs of LONG values or more differ by their last
place's parity only."""


def extend(
    values: np.ndarray, present: np.ndarray, extension: Extend
) -> tuple[np.ndarray, np.ndarray]:
    """Extend the present runs of each column beyond their ends.

    values [n, m], present bool [n, m], the first row an even one → both with the places beyond each
    run's ends filled, where no other run is. What touches the window's own rim is taken to go on
    there.
    """
    if present.all():
        return values, present
    values = values.copy("K")
    filled = present.copy("K")
    # few: tiles are wide
    changes = np.flatnonzero((present[:, 1:] != present[:, :-1]).any(axis=0)) + 1
    for start, stop in pairwise([0, *changes.tolist(), present.shape[1]]):
        _extend_columns(values[:, start:stop], filled[:, start:stop], extension)
    return values, filled


def extend_both(
    values: np.ndarray, present: np.ndarray, extension: Extend
) -> tuple[np.ndarray, np.ndarray]:
    """Apply `extend` along axis 0, then along axis 1; 0 outside the reach of both."""
    values, present = extend(values, present, extension)
    turned, filled = extend(values.T, present.T, extension)
    return np.where(filled, turned, 0.0).T, filled.T


def extend_level(values: np.ndarray, extension: Extend) -> np.ndarray:
    """Return a whole level [n, m], extended on all sides."""
    for _ in range(2):
        before, after = extension(len(values))
        values = np.concatenate(
            [before @ values[: before.shape[1]], values, after @ values[-after.shape[1] :]]
        ).T
    return values


def _extend_columns(values: np.ndarray, filled: np.ndarray, extension: Extend) -> None:
    """Extend columns with the same places present, in place."""
    size = len(values)
    edges = np.flatnonzero(
        np.diff(np.concatenate([[False], filled[:, 0], [False]]).astype(np.int8))
    )
    for first, last in edges.reshape(-1, 2).tolist():
        whole = first > 0 and last < size
        run = values[first:last]
        beyond = extension(last - first if whole else LONG + last % 2)
        if first > 0:
            _fill(
                values,
                filled,
                first - len(beyond.before),
                beyond.before,
                run,
                slice(0, beyond.before.shape[1]),
            )
        if last < size:
            _fill(values, filled, last, beyond.after, run, slice(-beyond.after.shape[1], None))


def _fill(
    values: np.ndarray,
    filled: np.ndarray,
    first: int,
    weights: np.ndarray,
    run: np.ndarray,
    nearest: slice,
) -> None:
    """Set the places from `first` that are in the window and empty to weighted sums of a run's
    nearest values."""
    rows = np.arange(first, first + len(weights))
    empty = (rows >= 0) & (rows < len(values))
    empty[empty] = ~filled[rows[empty], 0]
    near = run[nearest]
    lacking = weights.shape[1] - len(near)  # a run cut by the window's rim
    weights = weights[:, : len(near)] if nearest.start == 0 else weights[:, max(lacking, 0) :]
    values[rows[empty]] = weights[empty] @ near
    filled[rows[empty]] = True


def split_present(samples: np.ndarray, present: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Split a window in which some places are absent: [n, m], the first an even one → [n − 2·HALO,
    m − 2·HALO]."""
    lines, _ = extend(samples, present, boundary.for_split)
    lines, _ = extend(split_lines(lines).T, present[HALO:-HALO].T, boundary.for_split)
    return split_lines(lines).T


def split_level(samples: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Split a whole level [n, m] into its interleaved bands."""
    return split(extend_level(samples, boundary.for_split))


def merge_level(bands: np.ndarray, boundary: Boundary) -> np.ndarray:
    """Return the inverse of `split_level`."""
    return merge(extend_level(bands, boundary.for_merge))
