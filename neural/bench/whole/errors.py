"""Errors of a surface over the finest samples of an area, window by window, so that memory does not
grow with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from neural.bench.whole.ssim import REACH, similarity
from neural.measure.height_reader import HeightReader
from neural.measure.metrics import ErrorSummary, psnr_db
from neural.progress import Report, no_report

Surface = Callable[[int, int, int, int], np.ndarray]
"""Function from row, column, rows and columns of a window, which may reach beyond the area, to
heights in meters [rows, columns]."""

WINDOW = 256
_MARGIN = REACH + 1
_MAP_SIDE = 256


@dataclass(frozen=True)
class Extent:
    """Size, cells and height range of an area."""

    width: int
    height: int
    cell_m: tuple[float, float]
    low_m: float
    high_m: float

    @property
    def relief_m(self) -> float:
        """Highest minus lowest height, meters."""
        return self.high_m - self.low_m


@dataclass
class AreaErrors:
    """Measures over the windows of an area, and their error maps."""

    extent: Extent
    heights: ErrorSummary = field(default_factory=ErrorSummary)
    similarity: float = 0.0
    similar_samples: int = 0

    def __post_init__(self) -> None:
        side = max(self.extent.width, self.extent.height)
        self.map_cell = max(-(-side // _MAP_SIDE), 1)
        shape = tuple(-(-n // self.map_cell) for n in (self.extent.height, self.extent.width))
        self._squares = np.zeros(shape)
        self._counts = np.zeros(shape, np.int64)

    def add(self, decoded: np.ndarray, reference: np.ndarray, valid: np.ndarray) -> None:
        """Add a window with a margin of six samples on all sides, all [n + 12, m + 12]; slopes and
        similarity count where all that they take is valid."""
        inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        self.heights.add_heights(decoded[inner], reference[inner], valid[inner])
        near = np.s_[_MARGIN - 1 : 1 - _MARGIN, _MARGIN - 1 : 1 - _MARGIN]
        self.heights.add_sampled_slopes(
            decoded[near], reference[near], valid[near], self.extent.cell_m
        )
        if self.extent.relief_m > 0:
            around = np.s_[1:-1, 1:-1]
            low = self.extent.low_m
            x, y = ((image[around] - low) / self.extent.relief_m for image in (decoded, reference))
            values, whole = similarity(x, y, valid[around])
            self.similarity += float(values[whole].sum())
            self.similar_samples += int(whole.sum())

    def add_to_map(self, row: int, column: int, errors: np.ndarray, valid: np.ndarray) -> None:
        """Add errors [n, m] in meters of a window at a row and column to the error map."""
        rows = np.arange(row, row + len(errors)) // self.map_cell
        columns = np.arange(column, column + errors.shape[1]) // self.map_cell
        index = (
            np.broadcast_to(rows[:, None], errors.shape)[valid],
            np.broadcast_to(columns, errors.shape)[valid],
        )
        np.add.at(self._squares, index, errors[valid] ** 2)
        np.add.at(self._counts, index, 1)

    def error_map(self) -> np.ndarray:
        """Return RMSE in meters of squares of `map_cell` samples, NaN where none was measured."""
        mean = self._squares / np.maximum(self._counts, 1)
        return np.where(self._counts > 0, np.sqrt(mean), np.nan).astype(np.float32)

    def report(self) -> dict[str, float]:
        """Return the measures by name; PSNR is that of the area's relief."""
        report = self.heights.report()
        relief = self.extent.relief_m
        return {
            "measured_samples": self.heights.samples,
            "psnr_db": psnr_db(report["rmse_m"] ** 2, relief) if relief > 0 else float("inf"),
            **{name: report[name] for name in ("rmse_m", "mae_m", "max_error_m")},
            "ssim": self.similarity / max(self.similar_samples, 1),
            "gradient_rmse": report["sampled_gradient_rmse"],
        }


def measure(
    surface: Surface,
    reference: HeightReader,
    extent: Extent,
    most_samples: int | None = None,
    report: Report = no_report,
) -> AreaErrors:
    """Return errors of a surface over all windows, or over evenly spread ones of about so many
    samples."""
    errors = AreaErrors(extent)
    corners = list(windows(extent, most_samples))
    for done, (row, column) in enumerate(corners, start=1):
        rows = min(WINDOW, extent.height - row)
        columns = min(WINDOW, extent.width - column)
        box = (row - _MARGIN, column - _MARGIN, rows + 2 * _MARGIN, columns + 2 * _MARGIN)
        heights, valid = reference.read(*box)
        if valid.any():
            decoded = surface(*box)
            errors.add(decoded, heights, valid)
            inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
            errors.add_to_map(
                row, column, (decoded - heights.astype(np.float64))[inner], valid[inner]
            )
        report(done, len(corners))
    return errors


def windows(extent: Extent, most_samples: int | None = None) -> Iterator[tuple[int, int]]:
    """Yield row and column of the windows of an area; of those of a large one every k-th along
    a lattice."""
    every = 1
    if most_samples is not None:
        every = max(round(extent.width * extent.height / most_samples), 1)
    step = max(round(0.382 * every), 1)
    while math.gcd(step, every) > 1:  # else whole columns are left out
        step += 1
    for j, row in enumerate(range(0, extent.height, WINDOW)):
        for i, column in enumerate(range(0, extent.width, WINDOW)):
            if (i + step * j) % every == 0:
                yield row, column
