"""Errors of decoded tiles against a reference: measured by workers, summed over the view."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from neural.measure.metrics import central_differences
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile
from viewer.model.overlays import HEIGHT
from viewer.model.readings import ErrorStats
from viewer.tiles.level_reference import LevelReference

QUANTILES = 512
"""Number of quantiles kept of a tile's errors, for fast percentiles over many tiles."""

BLOCKS = 8
BLOCK_QUANTILES = 64
"""Blocks along a tile's side, each in view or not, and quantiles kept of each."""

HISTOGRAM_BINS = 41
"""Odd, so that one bin is centered on no error."""

HISTOGRAM_SHARE = 0.99
"""Share of |error| inside the histogram's range."""


@dataclass(frozen=True)
class ErrorMeasure:
    """Quantity of errors, and the reference. A reference equals only itself."""

    quantity: str  # HEIGHT or GRADIENT
    reference: LevelReference


@dataclass(frozen=True)
class ErrorSummary:
    """Sums over samples, and weighted quantiles of their errors."""

    count: int
    total: float
    total_abs: float
    total_square: float
    largest: float  # of |error|
    quantiles: np.ndarray  # float32, of the signed errors
    weights: np.ndarray  # float, number of samples per quantile


@dataclass(frozen=True, eq=False)
class TileErrors:
    """Errors at a tile's samples, with block-wise sums and quantiles for statistics."""

    measure: ErrorMeasure
    level: int  # of the tile
    values: np.ndarray  # float32 [256, 256], NaN where invalid
    whole: ErrorSummary
    # float64 [64, 5]: count, total, total_abs, total_square, largest of each block
    sums: np.ndarray
    block_quantiles: np.ndarray  # float32 [64, 64]
    # float64 [64, 2]: mean row and column of each block's samples; its own middle without any
    centers: np.ndarray
    _beyond: dict[float, np.ndarray] = field(default_factory=dict, repr=False)

    def part(self, blocks: np.ndarray | None) -> ErrorSummary:
        """Return the summary of some blocks, bool [64], row by row from the north-west; None: of
        all."""
        if blocks is None:
            return self.whole
        sums = self.sums[blocks]
        count, total, total_abs, total_square = sums[:, :4].sum(axis=0)
        weights = np.repeat(sums[:, 0] / BLOCK_QUANTILES, BLOCK_QUANTILES)
        largest = float(sums[:, 4].max(initial=0.0))
        quantiles = self.block_quantiles[blocks].ravel()
        return ErrorSummary(int(count), total, total_abs, total_square, largest, quantiles, weights)

    def beyond(self, tolerance: float, blocks: np.ndarray | None) -> int:
        """Return the number of samples of some blocks with |error| above `tolerance`."""
        if tolerance not in self._beyond:
            self._beyond.clear()
            counts = (np.abs(_by_block(self.values)) > tolerance).sum(axis=1)
            self._beyond[tolerance] = counts
        counts = self._beyond[tolerance]
        return int(counts.sum() if blocks is None else counts[blocks].sum())


class TileSample(NamedTuple):
    """Tile errors and the mask of counted blocks, bool [64]; None: all."""

    errors: TileErrors
    blocks: np.ndarray | None = None

    @property
    def valid_count(self) -> int:
        """Number of counted samples."""
        whole = self.blocks is None
        return self.errors.whole.count if whole else int(self.errors.sums[self.blocks, 0].sum())

    @property
    def summary(self) -> ErrorSummary:
        """Summary of the counted blocks."""
        return self.errors.part(self.blocks)


def measure(spec: ErrorMeasure, tile: Tile, surface: TileSurface) -> TileErrors:
    """Measure the errors of a decoded tile at its samples, against samples of the same low-pass.

    Called by workers; raises NtileError where the reference cannot be read.
    """
    positions = spec.reference.places(tile)
    if spec.quantity == HEIGHT:
        reference = spec.reference.samples(tile)
        valid = reference.valid
        errors = surface.heights(positions, positions).meters - reference.meters
    else:
        around = spec.reference.samples(tile, rim=1)
        cell_m = surface.side_m[0] / TILE, surface.side_m[1] / TILE
        east, north, _, valid = central_differences(*around, cell_m)
        decoded = surface.heights(positions, positions, order=1)
        errors = np.hypot(decoded.east - east, decoded.north - north)
    valid = valid & surface.valid
    return summarize(spec, tile.z, np.where(valid, errors, np.nan).astype(np.float32))


def summarize(spec: ErrorMeasure, level: int, values: np.ndarray) -> TileErrors:
    """Return the statistics of a tile's errors [256, 256] at a level; NaN marks invalid samples."""
    valid = ~np.isnan(values)
    exact = np.where(valid, values, 0.0).astype(np.float64)
    size = np.abs(exact)
    columns = [_by_block(part).sum(axis=1) for part in (valid, exact, size, size * size)]
    sums = np.column_stack([*columns, _by_block(size).max(axis=1)])
    count, total, total_abs, total_square = sums[:, :4].sum(axis=0)
    ordered = np.sort(values[valid])
    whole = ErrorSummary(
        int(count),
        float(total),
        float(total_abs),
        float(total_square),
        float(sums[:, 4].max()),
        _picks(ordered[None], np.array([count]), QUANTILES)[0]
        if count
        else np.zeros(0, np.float32),
        np.full(QUANTILES if count else 0, count / QUANTILES),
    )
    blocks = np.sort(_by_block(values), axis=1)  # NaN last
    return TileErrors(
        spec,
        level,
        values,
        whole,
        sums,
        _picks(blocks, sums[:, 0], BLOCK_QUANTILES),
        _centers(valid),
    )


def not_measured(spec: ErrorMeasure, level: int) -> TileErrors:
    """Return the errors of a tile without a reference: all NaN."""
    return summarize(spec, level, np.full((TILE, TILE), np.nan, np.float32))


def _centers(valid: np.ndarray) -> np.ndarray:
    """Return the mean row and column of each block's samples, or of all its cells without any:
    float64 [64, 2]."""
    side = TILE // BLOCKS
    weights = _by_block(valid).astype(np.float64)
    weights[weights.sum(axis=1) == 0] = 1.0
    offsets = np.indices((side, side)).reshape(2, -1).T
    corners = side * np.indices((BLOCKS, BLOCKS)).reshape(2, -1).T
    return np.asarray(corners + weights @ offsets / weights.sum(axis=1)[:, None])


def _by_block(values: np.ndarray) -> np.ndarray:
    """Return a tile's cells [256, 256] by block, [64, 1024]."""
    side = TILE // BLOCKS
    return (
        values.reshape(BLOCKS, side, BLOCKS, side)
        .swapaxes(1, 2)
        .reshape(BLOCKS * BLOCKS, side * side)
    )


def _picks(ordered: np.ndarray, counts: np.ndarray, picks: int) -> np.ndarray:
    """Return evenly spread values of the first `counts` of each ascending row, 0 for an empty row:
    float32 [rows, picks]."""
    columns = ((np.arange(picks) + 0.5) / picks * counts[:, None]).astype(int)
    picked = np.take_along_axis(ordered, np.minimum(columns, ordered.shape[1] - 1), axis=1)
    return np.where(counts[:, None] > 0, picked, 0).astype(np.float32)


def summaries(samples: Iterable[TileSample]) -> list[ErrorSummary]:
    """Return the summaries of the counted blocks of several tiles."""
    return [sample.summary for sample in samples]


def levels(samples: Iterable[TileSample]) -> tuple[int, int] | None:
    """Return the coarsest and finest level with counted samples; None without any."""
    counted = [sample.errors.level for sample in samples if sample.valid_count]
    return (min(counted), max(counted)) if counted else None


def summary_of(values: np.ndarray) -> ErrorSummary:
    """Return the summary of values, float32 [n], each its own quantile."""
    size = np.abs(values.astype(np.float64))
    largest = float(size.max(initial=0.0))
    sums = float(values.sum(dtype=np.float64)), float(size.sum()), float(size @ size)
    return ErrorSummary(len(values), *sums, largest, values, np.ones(len(values)))


def combine(parts: Sequence[ErrorSummary], beyond: int) -> ErrorStats | None:
    """Return statistics over summaries, with `beyond` samples outside the tolerance; None without
    samples."""
    samples = sum(part.count for part in parts)
    if samples == 0:
        return None
    le90, reach = percentiles(parts, (0.90, HISTOGRAM_SHARE))
    reach = max(reach, 1e-6)
    quantiles = np.concatenate([part.quantiles for part in parts])
    weights = np.concatenate([part.weights for part in parts])
    counts, edges = np.histogram(quantiles, HISTOGRAM_BINS, (-reach, reach), weights=weights)
    sizes, size_edges = np.histogram(
        np.abs(quantiles), HISTOGRAM_BINS // 2, (0.0, reach), weights=weights
    )
    total_abs = sum(part.total_abs for part in parts)
    total = sum(part.total for part in parts)
    largest = max(part.largest for part in parts)
    return ErrorStats(
        samples=samples,
        rmse_m=rmse(parts) or 0.0,
        mae_m=total_abs / samples,
        bias_m=total / samples,
        max_error_m=largest,
        le90_m=le90,
        edges_m=edges.astype(np.float64),
        shares=counts / samples,
        size_edges_m=size_edges.astype(np.float64),
        size_shares=sizes / samples,
        beyond=beyond / samples,
    )


def rmse(parts: Sequence[ErrorSummary]) -> float | None:
    """Return the root mean square over summaries; None without samples."""
    samples = sum(part.count for part in parts)
    return float(np.sqrt(sum(part.total_square for part in parts) / samples)) if samples else None


def percentile(parts: Sequence[ErrorSummary], share: float) -> float:
    """Return the |error| that `share` of all samples stay below; see `percentiles`."""
    return percentiles(parts, (share,))[0]


def percentiles(parts: Sequence[ErrorSummary], shares: Sequence[float]) -> list[float]:
    """Return the |error| that each share of all samples stays below, accurate to about 1 %; 0
    without samples."""
    counted = [part for part in parts if part.count]
    if not counted:
        return [0.0] * len(shares)
    values = np.abs(np.concatenate([part.quantiles for part in counted]))
    weights = np.concatenate([part.weights for part in counted])
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.asarray(shares) * reached[-1])
    return [float(value) for value in values[order[places]]]
