"""A made-up area of several levels as a .ntile file with one near-lossless layer, and its heights
as a function."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neural.grid import Grid
from neural.tiles import TILE
from tests.support import areas

GRID = Grid("", (4.0, 0.0, 1000.0, 0.0, -4.0, 9000.0), 900, 700)  # 3 levels, 12 + 4 + 1 tiles
TOLERANCE_M = 0.01
# center and radius of the area without data, meters
HOLE = (1000.0 + 4 * 600, 9000.0 - 4 * 350, 160.0)


def height(easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
    """Meters at any place: ridges of a few hundred meters, and roughness that coarse levels
    lose."""
    x = (easting - 1000) / 400
    y = (9000 - northing) / 400
    ridges = 160 * np.sin(0.8 * x + np.sin(0.9 * y)) + 120 * np.cos(0.7 * y - 0.5 * x)
    return 1000 + ridges + 12 * np.sin(7 * x) * np.sin(6 * y) + 3 * np.sin(23 * x + 17 * y)


class Mountains:
    """The area as a raster, or another grid over it; `lift_m` higher."""

    name = "mountains"
    read_ahead_cells = TILE

    def __init__(self, grid: Grid = GRID, lift_m: float = 0.0) -> None:
        self.grid = grid
        self.lift_m = lift_m

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        column, line = np.meshgrid(np.arange(col, col + cols), np.arange(row, row + rows))
        a, _, c, _, e, f = self.grid.transform
        easting = c + a * (column + 0.5)
        northing = f + e * (line + 0.5)
        inside = (
            (column >= 0) & (column < self.grid.width) & (line >= 0) & (line < self.grid.height)
        )
        hole = np.hypot(easting - HOLE[0], northing - HOLE[1]) < HOLE[2]
        return (height(easting, northing) + self.lift_m).astype(np.float32), inside & ~hole


def write(out: Path, grid: Grid = GRID, lift_m: float = 0.0) -> Path:
    """Encode the area, or another grid over it."""
    return areas.write_layers(out, {"Mountains": Mountains(grid, lift_m)}, TOLERANCE_M)
