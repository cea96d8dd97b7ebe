"""Levels above the root tile's own, which its payload holds as well: whole arrays, down to a single
sample."""

from __future__ import annotations

import numpy as np

from neural.methods.lapped.boundary import Boundary
from neural.methods.lapped.extension import merge_level
from neural.methods.lapped.levels import level_size, level_steps, odd_ends
from neural.methods.lapped.restoration import Restoration
from neural.methods.lapped.wavelet import BANDS

LOWEST_SHARE = 16
"""Parts of the quantization step that the single coarsest sample is rounded to."""


def above_root(
    restoration: Restoration,
    lowest_m: float,
    details: list[np.ndarray],
    step_m: float,
    levels: int,
    cells: tuple[int, int],
    boundary: Boundary,
) -> np.ndarray:
    """Return samples of the level above the root, meters, from the single coarsest one and details
    in steps, coarse to fine.

    `cells` (columns, rows) are the root's, `levels` those of the grid.
    """
    samples = np.full((1, 1), lowest_m)
    for number, level in enumerate(details):
        count = len(details) - number
        steps = level_steps(step_m, levels - 1 + count)
        bands = np.zeros(2 * np.array(samples.shape))
        bands[0::2, 0::2] = samples
        rows, columns = level_size(cells[1], cells[0], count)
        ends = odd_ends(rows, columns)
        inside = level[:, : len(samples), : samples.shape[1]].copy()
        boundary.scale_ends(inside, ends)
        added = restoration.whole(samples / steps[0], inside, boundary)
        boundary.scale_ends(added, ends)
        for step, band, (py, px) in zip(steps, inside + added, BANDS, strict=True):
            bands[py::2, px::2] = step * band
        samples = merge_level(bands[:rows, :columns], boundary)
    return samples
