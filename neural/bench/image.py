"""Rate and distortion of a place stored as one JPEG 2000 image: no random access, no headers per
tile."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from neural.bench.classical import add_raster
from neural.bench.codec import geometric_steps
from neural.bench.jpeg2000 import compress, decompress
from neural.measure.metrics import ErrorSummary
from neural.raster.dem import Dem
from neural.raster.fill import fill
from neural.tiles import TILE

SETTINGS = geometric_steps(0.01, 4, 24)
"""Target RMSE, meters."""

BITS = 20
"""Bits per sample: a kilometer in steps of 1 mm; 16 bits would coarsen mountains."""

RESOLUTIONS = 7


def measure(dem: Dem) -> list[dict[str, Any]]:
    """Return one row per setting, fine to coarse, over the samples and with the measures of
    `classical.measure_all`.

    The image has the raster's own size, with gaps filled smoothly, and one deflated mask of valid
    samples. There is a single level, so `stack_bits_per_sample` is `bits_per_sample`. Memory
    grows with the raster.
    """
    grid = dem.grid
    heights, valid = dem.read(0, 0, grid.height, grid.width)
    image = filled(heights, valid)
    mask = mask_bytes(valid)
    rows = []
    for setting in SETTINGS:
        stream = compress(image, setting, BITS, RESOLUTIONS)
        decoded = stream.offset_m + stream.scale_m * decompress(stream.body).astype(np.float64)
        summary = _summary(decoded, heights, valid, (grid.cell_x_m, grid.cell_y_m))
        rate = 8 * (len(stream.body) + mask) / max(summary.samples, 1)
        rows.append({**summary.report(), "bits_per_sample": rate, "stack_bits_per_sample": rate})
    return rows


def mask_bytes(valid: np.ndarray) -> int:
    """Return the size of the deflated mask of an image [n, m]; 0 where all samples are valid."""
    return 0 if valid.all() else len(zlib.compress(np.packbits(valid).tobytes(), 9))


def filled(heights: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the raster [n, m] without gaps, float32."""
    rows, cols = heights.shape
    side = 1 << (max(rows, cols) - 1).bit_length()
    padding = (0, side - rows), (0, side - cols)
    return fill(np.pad(heights, padding), np.pad(valid, padding))[:rows, :cols]


def _summary(
    decoded: np.ndarray, heights: np.ndarray, valid: np.ndarray, cell_m: tuple[float, float]
) -> ErrorSummary:
    """Return errors tile by tile, the same cells of the same tiles as of any other codec."""
    summary = ErrorSummary()
    decoded, heights, valid = (np.pad(raster, 1) for raster in (decoded, heights, valid))
    rows, cols = valid.shape
    for row in range(0, rows - 2, TILE):
        for col in range(0, cols - 2, TILE):
            tile = np.s_[row : row + TILE + 2, col : col + TILE + 2]
            add_raster(summary, decoded[tile], heights[tile], valid[tile], cell_m)
    return summary
