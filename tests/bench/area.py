"""A made-up square area of any size for the benchmarks: a learned layer of a few kilobytes of
decoder, and a raster."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neural.grid import Grid
from neural.tiles import TILE
from tests.support import hills

CELL_M = 2.0


def heights(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Fractal-like hills, meters."""
    out = np.zeros(np.broadcast_shapes(columns.shape, rows.shape))
    for octave in range(7):
        k = 2.0**octave / 300
        turn = 1.7 * octave
        along = columns * np.cos(turn) + rows * np.sin(turn)
        across = rows * np.cos(turn) - columns * np.sin(turn)
        out += (
            160
            / 2.0**octave
            * np.sin(k * along + np.sin(0.7 * k * across))
            * np.cos(0.9 * k * across)
        )
    return out


class Area:
    """So many tiles of the finest level on each side, as a raster."""

    name = "bench"
    read_ahead_cells = TILE

    def __init__(self, tiles: int) -> None:
        cells = TILE * tiles
        self.grid = Grid("", (CELL_M, 0.0, 0.0, 0.0, -CELL_M, 0.0), cells, cells)

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """See `neural.encoding.pyramid.HeightSource`."""
        x = np.arange(col, col + cols)[None, :]
        y = np.arange(row, row + rows)[:, None]
        inside = (x >= 0) & (x < self.grid.width) & (y >= 0) & (y < self.grid.height)
        return heights(x, y).astype(np.float32), inside


def write(out: Path, tiles: int) -> Path:
    """The area as a file: slot A's layer are planes on patches (HUVR+SIREN), the last is
    near-lossless."""
    return hills.write(out, area=Area(tiles))
