"""Errors of a decoded surface against reference heights: the measures that `ntile evaluate`
reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_BINS_PER_OCTAVE = 256
_LOWEST = -30
_OCTAVES = 50  # |error| from 1 nm to 10^6 m


def central_differences(
    heights: np.ndarray, valid: np.ndarray, cell_m: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return east and north slopes (m/m) and Laplacian (m/m²) of a raster [n, m] by central
    differences.

    Returned for the interior [n − 2, m − 2], with where the cell and its four neighbors are valid.
    """
    center = heights[1:-1, 1:-1]
    west = heights[1:-1, :-2]
    east = heights[1:-1, 2:]
    north = heights[:-2, 1:-1]
    south = heights[2:, 1:-1]
    bend = (west + east - 2 * center) / cell_m[0] ** 2 + (north + south - 2 * center) / cell_m[
        1
    ] ** 2
    ok = valid[1:-1, 1:-1] & valid[1:-1, :-2] & valid[1:-1, 2:] & valid[:-2, 1:-1] & valid[2:, 1:-1]
    return (east - west) / (2 * cell_m[0]), (north - south) / (2 * cell_m[1]), bend, ok


def psnr_db(mse: float, value_range: float) -> float:
    """Return peak signal-to-noise ratio, peak = the tile's own height range (arXiv 2606.00404); inf
    when exact."""
    if mse == 0:
        return float("inf")
    return float(-10 * np.log10(mse / value_range**2)) if value_range > 0 else float("-inf")


@dataclass
class Errors:
    """Running sums over the valid samples of a layer's finest tiles."""

    tiles: int = 0
    samples: int = 0
    squares: float = 0.0  # m²
    largest_m: float = 0.0

    def add(self, errors: np.ndarray) -> None:
        """Count one tile's errors, meters [n]."""
        self.tiles += 1
        self.samples += errors.size
        self.squares += float(errors @ errors)
        self.largest_m = max(self.largest_m, float(np.abs(errors).max(initial=0.0)))

    @property
    def rmse_m(self) -> float:
        """Root mean square error, meters."""
        rmse: float = (self.squares / max(self.samples, 1)) ** 0.5
        return rmse


@dataclass
class ErrorSummary:
    """Running sums over tiles, so that memory does not grow with the area."""

    samples: int = 0
    squares: float = 0.0
    absolutes: float = 0.0
    total: float = 0.0
    largest: float = 0.0
    slope_samples: int = 0
    slope_squares: float = 0.0
    bend_squares: float = 0.0
    sampled_samples: int = 0
    sampled_squares: float = 0.0
    psnrs: list[float] = field(default_factory=list)
    counts: np.ndarray = field(
        default_factory=lambda: np.zeros(_OCTAVES * _BINS_PER_OCTAVE + 1, np.int64)
    )

    def add_heights(self, decoded: np.ndarray, reference: np.ndarray, valid: np.ndarray) -> None:
        """Add one tile's heights [n, n] in meters; only valid samples count."""
        reference = reference[valid].astype(np.float64)
        if not reference.size:
            return
        error = decoded[valid] - reference
        size = np.abs(error)
        self.samples += error.size
        self.squares += float(error @ error)
        self.absolutes += float(size.sum())
        self.total += float(error.sum())
        self.largest = max(self.largest, float(size.max()))
        self.psnrs.append(psnr_db(float(error @ error) / error.size, float(np.ptp(reference))))
        octave = np.log2(np.maximum(size, 2.0**_LOWEST)) - _LOWEST
        bins = np.minimum(np.ceil(octave * _BINS_PER_OCTAVE), len(self.counts) - 1).astype(np.int64)
        self.counts += np.bincount(bins, minlength=len(self.counts))

    def add_derivatives(
        self,
        gradient: tuple[np.ndarray, np.ndarray],
        laplacian: np.ndarray,
        reference: np.ndarray,
        valid: np.ndarray,
        cell_m: tuple[float, float],
    ) -> None:
        """Add one tile's analytic slopes (east, north), m/m, and Laplacian, 1/m, [n, n]; the
        reference has a margin of one cell, [n + 2, n + 2]."""
        east, north, bend, ok = central_differences(reference.astype(np.float64), valid, cell_m)
        self.slope_samples += int(ok.sum())
        self.slope_squares += float(
            ((gradient[0] - east) ** 2 + (gradient[1] - north) ** 2)[ok].sum()
        )
        self.bend_squares += float(((laplacian - bend) ** 2)[ok].sum())

    def add_sampled_slopes(
        self,
        decoded: np.ndarray,
        reference: np.ndarray,
        valid: np.ndarray,
        cell_m: tuple[float, float],
    ) -> None:
        """Add one tile's slopes by central differences of the decoded samples [n, n] as of the
        reference's."""
        ours = central_differences(decoded, valid, cell_m)
        east, north, _, ok = central_differences(reference.astype(np.float64), valid, cell_m)
        self.sampled_samples += int(ok.sum())
        self.sampled_squares += float(((ours[0] - east) ** 2 + (ours[1] - north) ** 2)[ok].sum())

    def quantile(self, share: float) -> float:
        """Return the |error| that `share` of the samples do not exceed, rounded up by at most 0.3
        %, meters."""
        if not self.samples:
            return 0.0
        k = int(np.searchsorted(np.cumsum(self.counts), share * self.samples))
        return min(float(2.0 ** (k / _BINS_PER_OCTAVE + _LOWEST)) if k else 0.0, self.largest)

    def report(self) -> dict[str, float]:
        """Return the measures by name; gradient_rmse takes both slope components together:
        sqrt(mean |∇h − ∇ĥ|²).

        sampled_gradient_rmse is the same of central differences of the decoded samples instead of
        analytic slopes.
        """
        n = max(self.samples, 1)
        slopes = max(self.slope_samples, 1)
        finite = [p for p in self.psnrs if np.isfinite(p)]
        return {
            "samples": self.samples,
            "rmse_m": (self.squares / n) ** 0.5,
            "mae_m": self.absolutes / n,
            "bias_m": self.total / n,
            "max_error_m": self.largest,
            "le90_m": self.quantile(0.9),
            "psnr_db": float(np.mean(finite)) if finite else float("inf"),
            "gradient_rmse": (self.slope_squares / slopes) ** 0.5,
            "laplacian_rmse": (self.bend_squares / slopes) ** 0.5,
            "sampled_gradient_rmse": (self.sampled_squares / max(self.sampled_samples, 1)) ** 0.5,
        }
