"""Any function of place as a .ntile file of near-lossless tiles: surfaces whose light is known."""

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

TOLERANCE_M = 0.002

Height = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Metres from metres east and south of the north-west corner."""


class Area:
    """A function as a raster."""

    name = "made up"
    read_ahead_cells = TILE

    def __init__(self, height: Height, cells: int, cell_m: float) -> None:
        self.height, self.cells, self.cell_m = height, cells, cell_m
        self.grid = Grid("", (cell_m, 0.0, 0.0, 0.0, -cell_m, 0.0), cells, cells)

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        column, line = np.meshgrid(np.arange(col, col + cols), np.arange(row, row + rows))
        inside = (column >= 0) & (column < self.cells) & (line >= 0) & (line < self.cells)
        z = self.height((column + 0.5) * self.cell_m, (line + 0.5) * self.cell_m)
        return np.asarray(z, np.float32), inside


def write(out: Path, height: Height, cells: int = TILE, cell_m: float = 4.0) -> Path:
    """Encode a square area of `cells`² cells with its north-west corner at (0, 0)."""
    method = Reference(TOLERANCE_M)
    area = Area(height, cells, cell_m)
    with Stage.open(out, "made up") as stage:
        for number, tile in enumerate(build(area)):
            offset_m, scale_m, latents = encode_raster(tile.heights, tile.valid, TOLERANCE_M)
            mask = None if np.array_equal(tile.valid, area.grid.tile_inside(tile.tile)) else tile.valid
            body = method.pack(latents, 32, {})
            staged = StagedTile(0, tile.tile, offset_m, scale_m, tile.children, tile.info, mask, body)
            stage.put_group(number, [staged])
        draft = LayerDraft("reference", method.config(), 32, tolerance_m=TOLERANCE_M)
        write_archive(out, area.grid, [draft], stage, lambda layer, row: row.latents, {}, {})
    return out
