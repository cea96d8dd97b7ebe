"""A made-up area of several levels as a .ntile file with one near-lossless layer, and its heights
as a function."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neural.grid import Grid
from tests.support import areas

GRID = Grid("", (4.0, 0.0, 1000.0, 0.0, -4.0, 9000.0), 900, 700)  # 3 levels, 12 + 4 + 1 tiles
TOLERANCE_M = 0.01
# center and radius of the area without data, meters
HOLE = (1000.0 + 4 * 600, 9000.0 - 4 * 350, 160.0)


def height(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
    """Meters at any place: ridges of a few hundred meters, and roughness that coarse levels
    lose."""
    return areas.ridges(easting - 1000, 9000 - northing, 1000)


class Mountains(areas.Area):
    """The area as a raster, or another grid over it; `lift_m` higher."""

    name = "mountains"

    def __init__(self, grid: Grid = GRID, lift_m: float = 0.0) -> None:
        def lifted(east: np.ndarray, south: np.ndarray) -> np.ndarray:
            return height(self.west + east, self.north - south) + lift_m

        super().__init__(grid, lifted, HOLE)


def write(out: Path, grid: Grid = GRID, lift_m: float = 0.0) -> Path:
    """Encode the area, or another grid over it."""
    return areas.write_layers(out, {"Mountains": Mountains(grid, lift_m)}, TOLERANCE_M)
