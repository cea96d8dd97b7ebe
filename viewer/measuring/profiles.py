"""Elevation profiles: every surface along a polyline, and their residuals."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from neural.tiles import TILE
from viewer.measuring import geometry
from viewer.measuring.terrain import Terrain, differences

MOST_SAMPLES = 16_384
"""Most samples of a profile; longer lines are sampled more coarsely."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Samples along a line, in file coordinates; NaN for unknown heights."""

    points: np.ndarray  # [n, 2] corners
    distance_m: np.ndarray  # [m] on the ground
    easting: np.ndarray  # [m]
    northing: np.ndarray  # [m]
    heights_m: Mapping[str, np.ndarray]  # of each surface, by name
    spacing_m: float
    cell_m: float
    done: float = 1.0  # share of the samples read so far

    @property
    def residuals_m(self) -> dict[str, np.ndarray]:
        """A − reference and so on, NaN where either is unknown."""
        return differences(self.heights_m)

    @property
    def finest(self) -> bool:
        """True if every finest cell has a sample."""
        return self.spacing_m <= self.cell_m * (1 + 1e-9)

    def statistics(self) -> dict[str, dict[str, float]]:
        """Return rmse_m, mae_m, bias_m, max_error_m and le90_m of each residual over the line's
        samples."""
        return {name: residual_statistics(values) for name, values in self.residuals_m.items()}

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns of a table, units in their names."""
        table = {
            "distance_m": self.distance_m,
            "easting_m": self.easting,
            "northing_m": self.northing,
        }
        table |= {f"{name}_m": heights for name, heights in self.heights_m.items()}
        return table | {
            f"{column_name(name)}_m": values for name, values in self.residuals_m.items()
        }

    def to_csv(self) -> str:
        """Return a header and a line per sample; unknown heights are empty."""
        out = io.StringIO()
        table = self.columns()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table)
        formats = ["%.3f", "%.3f", "%.3f"] + ["%.4f"] * (len(table) - 3)
        for row in zip(*table.values(), strict=True):
            writer.writerow(
                "" if math.isnan(value) else form % value
                for form, value in zip(formats, row, strict=True)
            )
        return out.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Return the line, its spacing and the residuals' statistics as plain values, without the
        samples."""
        return {
            "points": self.points.tolist(),
            "length_m": float(self.distance_m[-1]),
            "samples": len(self.distance_m),
            "sample_spacing_m": self.spacing_m,
            "residuals": {column_name(name): values for name, values in self.statistics().items()},
        }


def column_name(difference: str) -> str:
    """Return the name of a difference in tables and programs: "A_minus_reference"."""
    return difference.replace(" − ", "_minus_")


def residual_statistics(values: np.ndarray) -> dict[str, float]:
    """Return statistics of residuals in meters; NaN without samples."""
    valid = values[np.isfinite(values)]
    if not len(valid):
        return dict.fromkeys(("rmse_m", "mae_m", "bias_m", "max_error_m", "le90_m"), math.nan)
    size = np.abs(valid)
    return {
        "rmse_m": float(np.sqrt((valid * valid).mean())),
        "mae_m": float(size.mean()),
        "bias_m": float(valid.mean()),
        "max_error_m": float(size.max()),
        "le90_m": float(np.quantile(size, 0.9)),
    }


def profile(
    terrain: Terrain, points: Sequence[Sequence[float]], at_most: int = MOST_SAMPLES
) -> Profile:
    """Return the whole profile. Raises ValueError for fewer than two points, NtileError for
    unreadable data."""
    *_, whole = growing(terrain, points, at_most)
    return whole


def growing(
    terrain: Terrain, points: Sequence[Sequence[float]], at_most: int = MOST_SAMPLES
) -> Iterator[Profile]:
    """Yield the profile after each sampled piece of the line (all that lies in one tile)."""
    corners = geometry.as_points(points)
    if len(corners) < 2:
        raise ValueError("a profile takes 2 different points or more")
    line = geometry.along(corners, terrain.cell_m, at_most, terrain.grid.ground_scale)
    heights = {name: np.full(len(line.distance_m), np.nan) for name in terrain.names}
    column, row = terrain.grid.cell_of(line.easting, line.northing)
    tile = np.stack([column // TILE, row // TILE])
    edges = [
        0,
        *(np.flatnonzero((np.diff(tile, axis=1) != 0).any(axis=0)) + 1).tolist(),
        len(line.distance_m),
    ]
    for start, stop in pairwise(edges):
        piece = slice(start, stop)
        for name, values in terrain.heights(line.easting[piece], line.northing[piece]).items():
            heights[name][piece] = values
        yield Profile(
            corners,
            line.distance_m,
            line.easting,
            line.northing,
            {name: values.copy() for name, values in heights.items()},
            line.spacing_m,
            terrain.cell_m,
            stop / len(line.distance_m),
        )
