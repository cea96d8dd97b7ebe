"""Surfaces given by formulas, as near-lossless layers of one .ntile file: what measurements are
checked against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from neural.grid import Grid
from tests.support import areas

Height = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Eastings and northings → meters."""

TOLERANCE_M = 1e-4
WEST = 5000.0
NORTH = 8000.0
CELL_M = 2.0
# 2 × 2 tiles, the eastern and southern cut
GRID = Grid("", (CELL_M, 0.0, WEST, 0.0, -CELL_M, NORTH), 400, 300)
HOLE = (5400.0, 7700.0, 60.0)  # center and radius without data, meters


def plane(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
    """30 % up to the east, 40 % up to the north: a gradient of exactly one half."""
    return 100 + 0.3 * (easting - WEST) + 0.4 * (northing - NORTH)


def paraboloid(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
    """A bowl about (5300, 7650)."""
    return ((easting - 5300) ** 2 + 2 * (northing - 7650) ** 2) / 4000


def sine(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
    """Ridges that run from south to north, 200 m apart."""
    return 50 + 10 * np.sin(2 * np.pi * (easting - WEST) / 200) + 0 * northing


class Formula(areas.Area):
    """A formula read like a raster."""

    name = "formula"

    def __init__(self, height: Height, grid: Grid, holed: bool) -> None:
        super().__init__(
            grid, lambda east, south: height(WEST + east, NORTH - south), HOLE if holed else None
        )


def write(out: Path, heights: Sequence[Height], *, holed: bool = False, crs_wkt: str = "") -> Path:
    """One layer per formula, in their order; the first is what others are measured against."""
    grid = Grid(crs_wkt, GRID.transform, GRID.width, GRID.height)
    layers = {height.__name__.title(): Formula(height, grid, holed) for height in heights}
    return areas.write_layers(out, layers, TOLERANCE_M)
