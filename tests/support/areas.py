"""Areas made up by a function of place, as .ntile files of near-lossless layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from neural.container.metadata import LayerDraft
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.encoding.pyramid import HeightSource, build
from neural.grid import Grid
from neural.methods.reference import Reference, encode_raster
from neural.tiles import TILE

TOLERANCE_M = 0.01

Heights = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Meters at places given by meters east and south of the area's north-western corner."""


class Area:
    """A function as a raster; `hole` is easting, northing and radius of a circle without data."""

    name = "made up"
    read_ahead_cells = TILE

    def __init__(
        self, grid: Grid, heights: Heights, hole: tuple[float, float, float] | None = None
    ) -> None:
        self.grid = grid
        self.heights = heights
        self.hole = hole

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """See `neural.encoding.pyramid.HeightSource`."""
        column, line = np.meshgrid(np.arange(col, col + cols), np.arange(row, row + rows))
        inside = (
            (column >= 0) & (column < self.grid.width) & (line >= 0) & (line < self.grid.height)
        )
        east = (column + 0.5) * self.grid.cell_x_m
        south = (line + 0.5) * self.grid.cell_y_m
        if self.hole is not None:
            easting, northing, radius = self.hole
            off = (self.west + east - easting, self.north - south - northing)
            inside &= np.hypot(*off) >= radius
        return np.asarray(self.heights(east, south), np.float32), inside

    @property
    def west(self) -> float:
        """Easting of the area's western edge."""
        return self.grid.transform[2]

    @property
    def north(self) -> float:
        """Northing of the area's northern edge."""
        return self.grid.transform[5]


def ridges(east: np.ndarray, south: np.ndarray, base_m: float = 800) -> np.ndarray:
    """Ridges of a few hundred meters, with detail down to a few cells of 4 m."""
    x = east / 400
    y = south / 400
    coarse = 160 * np.sin(0.8 * x + np.sin(0.9 * y)) + 120 * np.cos(0.7 * y - 0.5 * x)
    return base_m + coarse + 12 * np.sin(7 * x) * np.sin(6 * y) + 3 * np.sin(23 * x + 17 * y)


def write(out: Path, grid: Grid, heights: Heights, disagree_m: float = 0.0) -> Path:
    """Encode an area; `disagree_m` is how far each tile is lifted or sunk and tilted, as tiles
    decoded alone may be."""
    return write_layers(out, {"Made up": Area(grid, heights)}, TOLERANCE_M, disagree_m=disagree_m)


def write_square(out: Path, heights: Heights, cells: int = TILE, cell_m: float = 4.0) -> Path:
    """Encode a square of `cells`² cells to 2 mm, with its north-west corner at (0, 0): for surfaces
    whose light is known."""
    grid = Grid("", (cell_m, 0.0, 0.0, 0.0, -cell_m, 0.0), cells, cells)
    return write_layers(out, {"Made up": Area(grid, heights)}, 0.002)


def write_layers(
    out: Path, layers: Mapping[str, HeightSource], tolerance_m: float, *, disagree_m: float = 0.0
) -> Path:
    """Encode rasters of one grid as layers with these titles; `disagree_m` as in `write`."""
    method = Reference(tolerance_m)
    (grid, *_) = (source.grid for source in layers.values())
    across = np.linspace(-1, 1, TILE)
    with Stage.open(out, "made up") as stage:
        for layer, source in enumerate(layers.values()):
            rows = []
            for number, tile in enumerate(build(source)):
                lift, east, south = np.random.default_rng(number).uniform(
                    -disagree_m / 3, disagree_m / 3, 3
                )
                drawn = tile.heights + lift + east * across + south * across[:, None]
                offset_m, scale_m, latents = encode_raster(
                    drawn.astype(np.float32), tile.valid, tolerance_m
                )
                mask = (
                    None if np.array_equal(tile.valid, grid.tile_inside(tile.tile)) else tile.valid
                )
                body = method.pack(latents, 32, {})
                rows.append(
                    StagedTile(
                        layer, tile.tile, offset_m, scale_m, tile.children, tile.info, mask, body
                    )
                )
            stage.put_group(layer, rows)
        drafts = [
            LayerDraft("reference", method.config(), 32, tolerance_m=tolerance_m, title=title)
            for title in layers
        ]
        write_archive(
            out, grid, drafts, stage, lambda layer, row: row.latents, {}, {"attribution": "made up"}
        )
    return out
