"""Reading back a GeoTIFF that GDAL has written: on a full disk it may report success although
blocks are missing."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.raster import gdal

# finer samples that an overview's sample may follow from: 2, and more where sizes are odd
_REACH = 5


def checksum(block: np.ndarray) -> int:
    """Return CRC-32 of samples [rows, columns], to the bit."""
    return zlib.crc32(block.tobytes())


def read_back(
    path: Path,
    windows: Sequence[Any],
    sums: Sequence[int],
    report: Callable[[int], None] = lambda done: None,
) -> None:
    """Read every block of a raster of one band and of its overviews; `report` gets the number of
    windows read.

    Raises ValueError unless its windows have these checksums and overviews lie among the samples
    they average; RasterioError for a block that cannot be read.
    """
    import rasterio

    name = gdal.name_for(path)
    with rasterio.open(name) as raster:
        for done, (window, crc) in enumerate(zip(windows, sums, strict=True), start=1):
            if checksum(raster.read(1, window=window)) != crc:
                raise ValueError(f"other heights at row {window.row_off}, column {window.col_off}")
            report(done)
        levels = len(raster.overviews(1))
    for level in range(levels):
        finer_level = {"overview_level": level - 1} if level else {}
        with (
            rasterio.open(name, **finer_level) as finer,
            rasterio.open(name, overview_level=level) as overview,
        ):
            for _, window in overview.block_windows(1):
                if not _averages(overview, finer, window):
                    raise ValueError(f"other heights in overview {level} at row {window.row_off}")


def _averages(overview: Any, finer: Any, window: Any) -> bool:
    """Return True if an overview's samples lie between the lowest and the highest finer sample
    around, or are missing there.

    That is what means of them do, in whichever way GDAL weighs them.
    """
    from rasterio.windows import Window

    rows = _near(window.row_off, window.height, overview.height, finer.height)
    columns = _near(window.col_off, window.width, overview.width, finer.width)
    top = int(rows.min())
    left = int(columns.min())
    around = Window(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
    heights = _heights(finer, around)
    means = _heights(overview, window)
    low = heights
    high = heights
    gaps = np.isnan(heights)
    for axis, near in ((0, rows - top), (1, columns - left)):
        low = np.fmin.reduce(low.take(near, axis), axis + 1)
        high = np.fmax.reduce(high.take(near, axis), axis + 1)
        gaps = gaps.take(near, axis).any(axis + 1)
    slack = 1e-6 * (1 + np.maximum(np.abs(low), np.abs(high)))
    between = (means >= low - slack) & (means <= high + slack)
    return bool(np.where(np.isnan(means), gaps, between).all())


def _near(start: int, count: int, size: int, finer_size: int) -> np.ndarray:
    """Return indices of finer samples around `count` samples of an overview's axis, int64 [count,
    _REACH]."""
    centers = (np.arange(start, start + count) + 0.5) * finer_size / size
    index = np.floor(centers).astype(np.int64)[:, None] + np.arange(_REACH) - _REACH // 2
    nearest: np.ndarray = np.clip(index, 0, finer_size - 1)
    return nearest


def _heights(raster: Any, window: Any) -> np.ndarray:
    """Return samples of a window as float64, NaN where they are missing."""
    with np.errstate(invalid="ignore"):  # what is damaged may be any number
        cells = raster.read(1, window=window, masked=True)
        heights: np.ndarray = cells.astype(np.float64).filled(np.nan)
        return heights
