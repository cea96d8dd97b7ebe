"""Heights of a warped grid, window by window, from a raster's own samples
(`neural.raster.samples`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from neural.raster import crs as crs_rules
from neural.raster.samples import Samples, Window
from neural.raster.warp import Affine6, WarpPlan

_TOLERANCE_CELLS = 1e-6
_LATTICE = 17
_MOST_SAMPLES = 1 << 22
_LEAST_CELLS = 1 << 10


def read(samples: Samples, plan: WarpPlan, row: int, col: int, rows: int, cols: int) -> Window:
    """Read a window of the planned grid: bilinear between valid samples, valid where the nearest
    sample is.

    Missing samples are NaN to GDAL, which leaves them out of every mean. Raises DemError as
    `Samples.read` does.
    """
    source = _source_window(samples, plan, row, col, rows, cols)
    if source is None:
        return Window(np.zeros((rows, cols), np.float32), np.zeros((rows, cols), bool), None)
    if source[2] * source[3] > _MOST_SAMPLES and rows * cols > _LEAST_CELLS:
        return _in_halves(samples, plan, row, col, rows, cols)
    meters, valid, codes = samples.read(*source)
    warped = _warp(plan, (row, col, rows, cols), source)
    heights = warped(np.where(valid, meters, np.float32(np.nan)), math.nan, "bilinear")
    valid = np.isfinite(heights)
    codes = None if codes is None else warped(codes, None, "nearest")
    return Window(np.where(valid, heights, np.float32(0)), valid, codes)


def _in_halves(
    samples: Samples, plan: WarpPlan, row: int, col: int, rows: int, cols: int
) -> Window:
    """Return both halves of a window, so that no part needs many samples at once."""
    axis = 0 if rows >= cols else 1
    first, second = (rows // 2, rows - rows // 2) if axis == 0 else (cols // 2, cols - cols // 2)
    if axis == 0:
        parts = (
            read(samples, plan, row, col, first, cols),
            read(samples, plan, row + first, col, second, cols),
        )
    else:
        parts = (
            read(samples, plan, row, col, rows, first),
            read(samples, plan, row, col + first, rows, second),
        )
    meters = np.concatenate([part.meters for part in parts], axis=axis)
    valid = np.concatenate([part.valid for part in parts], axis=axis)
    if all(part.codes is None for part in parts):
        return Window(meters, valid, None)
    codes = [
        np.zeros(part.valid.shape, np.uint8) if part.codes is None else part.codes for part in parts
    ]
    return Window(meters, valid, np.concatenate(codes, axis=axis))


def _warp(
    plan: WarpPlan, window: tuple[int, int, int, int], source: tuple[int, int, int, int]
) -> Callable[[np.ndarray, float | None, str], np.ndarray]:
    """Return a function that maps samples of the source window, their missing value and a kernel to
    the cells of the window.

    Plain kernels: GDAL would widen them by a ratio that it takes from each window, which bends
    planes and gives a cell several heights. With the scales fixed and a tiny tolerance it has one,
    whatever the window.
    """
    from rasterio.enums import Resampling
    from rasterio.io import MemoryFile
    from rasterio.transform import Affine
    from rasterio.vrt import WarpedVRT

    row, col, rows, cols = window
    stand_in = Affine(2, 0, 0, 0, -2, 0)  # a copy that names no place at all gets a warning

    def warped(values: np.ndarray, missing: float | None, kernel: str) -> np.ndarray:
        height, width = values.shape
        profile = {
            "driver": "GTiff",
            "height": height,
            "width": width,
            "count": 1,
            "dtype": values.dtype,
        }
        with MemoryFile() as file:
            with file.open(**profile, transform=stand_in) as copy:
                copy.write(values, 1)
            with (
                file.open() as copy,
                WarpedVRT(
                    copy,
                    src_crs=plan.source,
                    crs=plan.target,
                    src_transform=_from(plan.source_transform, *source[:2]),
                    transform=_from(plan.transform, row, col),
                    width=cols,
                    height=rows,
                    resampling=Resampling[kernel],
                    tolerance=_TOLERANCE_CELLS,
                    src_nodata=missing,
                    nodata=missing,
                    dtype=str(values.dtype),
                    XSCALE="1",
                    YSCALE="1",
                ) as view,
            ):
                heights: np.ndarray = view.read(1)
                return heights

    return warped


def _from(transform: Affine6, row: int, col: int) -> Any:
    """Return an affine transform of cells counted from another row and column."""
    from rasterio.transform import Affine

    a, b, c, d, e, f = transform
    return Affine(a, b, c + a * col + b * row, d, e, f + d * col + e * row)


def _source_window(
    samples: Samples, plan: WarpPlan, row: int, col: int, rows: int, cols: int
) -> tuple[int, int, int, int] | None:
    """Return row, column, rows and columns of the samples that a window's cells lie between; None
    where it has none."""
    y, x = _positions(plan, row, col, rows, cols)
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.any():
        return None
    spans = []
    for positions, size in ((y, samples.height), (x, samples.width)):
        low = positions.min(where=finite, initial=math.inf)
        high = positions.max(where=finite, initial=-math.inf)
        margin = 2 + _bend(positions, finite)
        # the edge of the projection lies here: all of it, until the window is small
        if not finite.all():
            margin = size if rows * cols > _LEAST_CELLS else margin + high - low
        first = max(math.floor(low - margin), 0)
        stop = min(math.ceil(high + margin), size)
        if first >= stop:
            return None
        spans.append((first, stop - first))
    (top, height), (left, width) = spans
    return top, left, height, width


def _bend(positions: np.ndarray, finite: np.ndarray) -> float:
    """Return the largest second difference: between lattice points a curve departs from its chord
    by an eighth of it."""
    along = (
        finite[2:] & finite[1:-1] & finite[:-2],
        finite[:, 2:] & finite[:, 1:-1] & finite[:, :-2],
    )
    return max(
        float(np.abs(np.diff(positions, 2, axis=axis)).max(where=along[axis], initial=0))
        for axis in (0, 1)
    )


def _positions(
    plan: WarpPlan, row: int, col: int, rows: int, cols: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return fractional rows and columns of the source at a lattice over a window: [17, 17], NaN
    where it has no place."""
    columns, lines = np.meshgrid(
        col + np.linspace(0, cols, _LATTICE), row + np.linspace(0, rows, _LATTICE)
    )
    a, b, c, d, e, f = plan.transform
    x = (a * columns + b * lines + c).ravel()
    y = (d * columns + e * lines + f).ravel()
    x, y = (
        np.reshape(v, columns.shape) for v in crs_rules.transform(plan.target, plan.source, x, y)
    )
    a, b, c, d, e, f = plan.source_transform
    x = x - c
    y = y - f
    area = a * e - b * d
    return (a * y - d * x) / area, (e * x - b * y) / area
