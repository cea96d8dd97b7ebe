"""Made-up areas coded by `neural.methods.lapped` in memory, with the shipped decoder."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from neural.encoding.lapped.bounded import BoundedTiles
from neural.encoding.lapped.encoder import LAGRANGE, Encoder, TileSamples, tile_bands
from neural.encoding.pyramid import build
from neural.grid import Grid
from neural.methods.decoder_weights import load_decoder
from neural.methods.lapped.assembly import Assembly
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.extension import split_level
from neural.methods.lapped.model import Model
from neural.methods.lapped.residuals import Bound
from neural.methods.lapped_siren import LappedSiren
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile, tile_id

DECODER = Path(__file__).parents[2] / "assets/models/lapped_siren-base.decoder.safetensors"
ROOT = Tile(0, 0, 0)


@lru_cache(maxsize=1)
def model() -> Model:
    return Model(load_decoder(DECODER.read_bytes(), LappedSiren(), "the shipped decoder"))


def rough(rows: int, columns: int, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    """Hills of some meters with noise, float32."""
    y, x = np.mgrid[0:rows, 0:columns]
    hills = 500 + 6 * np.sin(x / 25 + 2 * np.sin(y / 60)) * np.cos(y / 31) + 0.01 * x
    return (hills + np.random.default_rng(seed).normal(0, noise, hills.shape)).astype(np.float32)


class Area:
    """A raster as levels of tiles, the coarser ones what the wavelet leaves
    (`neural.encoding.lapped.encoder.SampleProvider`)."""

    name = "area"
    read_ahead_cells = TILE

    def __init__(self, heights: np.ndarray, valid: np.ndarray | None = None) -> None:
        self.raster = heights
        self.raster_valid = np.ones(heights.shape, bool) if valid is None else valid
        self.grid = Grid("", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), heights.shape[1], heights.shape[0])
        self.top = self.grid.levels - 1
        self.tiles = {
            tile.tile: TileSamples(tile.heights.astype(np.float64), tile.valid)
            for tile in build(self)
        }
        self.bands: dict[Tile, np.ndarray] = {}
        for z in range(self.top, -1, -1):
            of_level = [tile for tile in self.tiles if tile.z == z]
            self.bands |= {tile: tile_bands(self, tile) for tile in of_level}
            for tile in of_level if z else []:
                columns, rows = (-(-count // 2) for count in self.grid.tile_cells(tile))
                y = TILE // 2 * (tile.y & 1)
                x = TILE // 2 * (tile.x & 1)
                low = self.bands[tile][0 : 2 * rows : 2, 0 : 2 * columns : 2]
                self.tiles[tile.parent].meters[y : y + rows, x : x + columns] = low
        columns, rows = self.grid.tile_cells(ROOT)
        lowest = self.bands[ROOT][:rows:2, :columns:2]
        while lowest.size > 1:
            lowest = split_level(lowest, LINEAR)[0::2, 0::2]
        self.base_m = float(np.float32(lowest[0, 0]))

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """See `neural.raster.dem.Dem.read`."""
        heights = np.zeros((rows, cols), np.float32)
        valid = np.zeros((rows, cols), bool)
        part = self.raster[row : row + rows, col : col + cols]
        heights[: part.shape[0], : part.shape[1]] = part
        valid[: part.shape[0], : part.shape[1]] = self.raster_valid[
            row : row + rows, col : col + cols
        ]
        return heights, valid

    def samples(self, tile: Tile) -> TileSamples | None:
        return self.tiles.get(tile)

    @property
    def finest(self) -> list[Tile]:
        return [tile for tile in self.tiles if tile.z == self.top]

    def offset_m(self, tile: Tile) -> float:
        """A float32 number amid a tile's heights."""
        heights = self.tiles[tile].meters[self.tiles[tile].valid]
        return float(np.float32((heights.min() + heights.max()) / 2))


class AreaEncoder(Encoder):
    """Codes any tile when it is first asked for."""

    def __init__(self, area: Area, step_m: float, lagrange: float = LAGRANGE) -> None:
        super().__init__(model(), area.grid, step_m, area.base_m, lagrange)
        self.area = area
        self.coded = dict[Tile, bytes]()

    def body(self, tile: Tile) -> bytes | None:
        if tile in self.area.tiles and tile not in self.coded:
            self.coded[tile] = self.encode(tile, self.area.bands[tile], self.area.tiles[tile])
        return self.coded.get(tile)


class Stored:
    """Bodies as a file would give them (`neural.methods.base.Payloads`)."""

    def __init__(self, grid: Grid, bodies: dict[Tile, bytes]) -> None:
        self.grid = grid
        self.bodies = bodies

    def body(self, tile: Tile) -> bytes | None:
        return self.bodies.get(tile)


def stored(area: Area, step_m: float) -> Stored:
    """An area without residuals."""
    encoder = AreaEncoder(area, step_m)
    return Stored(
        area.grid, {tile: encoder.body(tile) or b"" for tile in sorted(area.tiles, key=tile_id)}
    )


def bounded(area: Area, step_m: float, bound: Bound) -> Stored:
    """An area whose finest tiles have residuals."""
    encoder = AreaEncoder(area, step_m)
    tiles = BoundedTiles(encoder.assembly, area, bound)
    bodies = {tile: encoder.body(tile) or b"" for tile in area.tiles if tile.z < area.top}
    return Stored(
        area.grid, bodies | {tile: tiles.body(tile, area.offset_m(tile)) for tile in area.finest}
    )


def assembly(
    area: Area, payloads: Stored, step_m: float, coarser: int = 0, bound_m: float | None = None
) -> Assembly:
    return Assembly(model(), payloads, step_m, area.base_m, coarser, bound_m)


def surface(area: Area, of: Assembly, tile: Tile) -> TileSurface:
    """A tile's surface in meters, of cells of 1 m at the finest level."""
    offset = area.offset_m(tile)
    side = float(TILE << (area.top - tile.z))
    return TileSurface(
        LappedSiren(),
        model().weights,
        of.latents(tile, offset),
        offset,
        1.0,
        area.tiles[tile].valid,
        (side, side),
    )
