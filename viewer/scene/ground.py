"""Drawn tiles as one surface, for picking, camera collision and lines on the ground
(`picking.Ground`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile
from viewer.graphics.tile_store import TileStore
from viewer.model.readings import BoundingBox, Pick, PickedBlock
from viewer.tiles import blocks, picking
from viewer.tiles.lod import Frustum
from viewer.tiles.reference import local
from viewer.tiles.source import TileSource


class DrawnGround:
    """Tiles of one frame in drawn space.

    With `wait`, evicted payloads are read again; without, their coarse lattice is used meanwhile.
    """

    def __init__(
        self,
        store: TileStore,
        source: TileSource,
        tiles: list[Tile],
        view: Frustum,
        *,
        wait: bool = True,
    ) -> None:
        self._store = store
        self._source = source
        self._tiles = set(tiles)
        self._view = view
        self._wait = wait

    def area(self, tile: Tile) -> tuple[float, float, float, float]:
        """Return the tile's area as `picking.Ground.area`."""
        return self._source.reader.grid.tile_bounds(tile)

    def box(self, tile: Tile) -> BoundingBox:
        """Return the tile's box as `picking.Ground.box`, from the lattice, so decoded heights
        outside the source's range count."""
        lattice = self.coarse(tile)
        low = float(lattice.min())
        high = float(lattice.max())
        margin = 0.05 * (high - low) + 1e-3
        return BoundingBox(*self.area(tile), low - margin, high + margin)

    def coarse(self, tile: Tile) -> np.ndarray:
        """Return drawn heights as `picking.Ground.coarse`."""
        resident = self._store.loaded(self._source, tile)
        z = resident.offset_m + resident.profile.lattice.astype(np.float64)
        return self._view.drawn_z(z)

    def surface(self, tile: Tile) -> TileSurface | None:
        """Return the exact decode as `picking.Ground.surface`."""
        return self._store.surface(self._source, tile, wait=self._wait)

    def drawn(self, z: float) -> float:
        """Return the drawn height as `picking.Ground.drawn`."""
        return float(self._view.drawn_z(np.asarray(z)))

    def coarse_z(self, easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
        """Return drawn heights at positions [n], as exact as the coarse lattices: for lines over
        the picture. NaN outside."""
        column, row = self._source.reader.grid.cell_of(easting, northing)
        heights = np.full(len(easting), np.nan)
        for tile in self._tiles:
            side = self._source.reader.grid.tile_span(tile)
            u = np.asarray(column) / side - tile.x
            v = np.asarray(row) / side - tile.y
            inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
            if inside.any():
                heights[inside] = picking.bilinear(self.coarse(tile), u[inside], v[inside])
        return heights

    def height(self, easting: float, northing: float) -> float | None:
        """Return the true height of the drawn surface at a position; None outside and in holes."""
        grid = self._source.reader.grid
        column, row = grid.cell_of(easting, northing)
        if not (0 <= column < grid.width and 0 <= row < grid.height):
            return None
        z = grid.levels - 1
        tile = Tile(z, int(column) // TILE, int(row) // TILE)
        while tile not in self._tiles:
            if tile.z == 0:
                return None
            tile = tile.parent
        surface = self.surface(tile)
        u, v = local(grid, tile, easting, northing)
        if surface is None:
            resident = self._store.loaded(self._source, tile)
            above = picking.bilinear(resident.profile.lattice, np.array([u]), np.array([v]))
            return resident.offset_m + float(above[0])
        if not surface.valid[min(int(v * TILE), TILE - 1), min(int(u * TILE), TILE - 1)]:
            return None
        return float(surface.heights(np.array([u]), np.array([v])).meters[0, 0])

    def pick(self, eye: np.ndarray, direction: np.ndarray) -> Pick | None:
        """Return the point that a ray hits, with the values of readouts; None for a miss."""
        hit = picking.first_hit(self, self._tiles, eye, direction)
        if hit is None:
            return None
        easting = float(hit.point[0])
        northing = float(hit.point[1])
        surface = self.surface(hit.tile)
        if surface is None:
            z_m = self._view.true_z(float(hit.point[2]))
            return Pick(easting, northing, z_m, math.nan, hit.tile, pending=True)
        decoded = surface.heights(np.array([hit.u]), np.array([hit.v]), order=1)
        steepness = np.hypot(np.asarray(decoded.east), np.asarray(decoded.north))
        slope = math.degrees(math.atan(float(steepness[0, 0])))
        z_m = float(decoded.meters[0, 0])
        block = self._block(hit.tile, hit.u, hit.v)
        return Pick(easting, northing, z_m, slope, hit.tile, block=block)

    def _block(self, tile: Tile, u: float, v: float) -> PickedBlock | None:
        """Return the block at a place of a tile."""
        found = self._store.loaded(self._source, tile).blocks
        number = None if found is None else blocks.block_at(found, tile, u, v)
        if found is None or number is None:
            return None
        scale, column, row = found.places[number].tolist()
        error_m = float(found.error_m[number])
        return PickedBlock(
            scale,
            column,
            row,
            self._source.reader.grid.block_side_m(scale),
            bool(found.constant[number]),
            None if math.isnan(error_m) else error_m,
        )


class PictureGround:
    """Drawn surface of a picture of one pane or more, for lines over it (`lines.DrawnSurface`).

    Each pane has tiles of its own part of the picture only.
    """

    def __init__(self, grounds: Sequence[DrawnGround]) -> None:
        """Take the panes' surfaces; where several have one, that of the first counts."""
        self._grounds = grounds

    def coarse_z(self, easting: np.ndarray, northing: np.ndarray) -> np.ndarray:
        """Return drawn heights at positions [n]; NaN outside."""
        heights = np.full(len(easting), np.nan)
        for ground in self._grounds:
            rest = np.isnan(heights)
            if rest.any():
                heights[rest] = ground.coarse_z(easting[rest], northing[rest])
        return heights
