"""Areas made up by a function, at any place and of any size, as .ntile files with one near-lossless layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from neural.archive import write_archive
from neural.grid import Grid
from neural.metadata import LayerDraft
from neural.methods.reference import Reference, encode_raster
from neural.pyramid import build
from neural.stage import Stage, StagedTile
from neural.tiles import TILE

TOLERANCE_M = 0.01

Heights = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Metres at places given by metres east and south of the area's north-western corner."""


class MadeUp:
    """An area as a raster."""

    name = "made up"
    read_ahead_cells = TILE

    def __init__(self, grid: Grid, heights: Heights) -> None:
        self.grid, self.heights = grid, heights

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        column, line = np.meshgrid(np.arange(col, col + cols), np.arange(row, row + rows))
        inside = (column >= 0) & (column < self.grid.width) & (line >= 0) & (line < self.grid.height)
        z = self.heights((column + 0.5) * self.grid.cell_x_m, (line + 0.5) * self.grid.cell_y_m)
        return z.astype(np.float32), inside


def ridges(east: np.ndarray, south: np.ndarray) -> np.ndarray:
    """Ridges of a few hundred metres, with detail down to a few cells of 4 m."""
    x, y = east / 400, south / 400
    coarse = 160 * np.sin(0.8 * x + np.sin(0.9 * y)) + 120 * np.cos(0.7 * y - 0.5 * x)
    return 800 + coarse + 12 * np.sin(7 * x) * np.sin(6 * y) + 3 * np.sin(23 * x + 17 * y)


def write(out: Path, grid: Grid, heights: Heights, disagree_m: float = 0.0) -> Path:
    """Encode an area; `disagree_m` is how far each tile is lifted or sunk and tilted, as tiles decoded alone may be."""
    method = Reference(TOLERANCE_M)
    across = np.linspace(-1, 1, TILE)
    with Stage.open(out, "made up") as stage:
        for number, tile in enumerate(build(MadeUp(grid, heights))):
            lift, east, south = np.random.default_rng(number).uniform(-disagree_m / 3, disagree_m / 3, 3)
            drawn = tile.heights + lift + east * across + south * across[:, None]
            offset_m, scale_m, latents = encode_raster(drawn.astype(np.float32), tile.valid, TOLERANCE_M)
            mask = None if np.array_equal(tile.valid, grid.tile_inside(tile.tile)) else tile.valid
            body = method.pack(latents, 32, {})
            row = StagedTile(0, tile.tile, offset_m, scale_m, tile.children, tile.info, mask, body)
            stage.put_group(number, [row])
        draft = LayerDraft("reference", method.config(), 32, tolerance_m=TOLERANCE_M, title="Made up")
        write_archive(out, grid, [draft], stage, lambda layer, row: row.latents, {}, {})
    return out
