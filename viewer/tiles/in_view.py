"""Parts of the drawn tiles inside the view frustum: statistics "in view" are over these."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neural.grid import Grid
from neural.tiles import TILE, Tile
from viewer.tiles.lod import Frustum
from viewer.tiles.tile_errors import BLOCKS, TileErrors


def blocks(
    view: Frustum,
    grid: Grid,
    lattices: Mapping[Tile, np.ndarray],
    errors: Mapping[Tile, TileErrors],
) -> dict[Tile, np.ndarray | None]:
    """Return the blocks in view of each tile with errors: bool [64], or None for all that have
    samples.

    `lattices` are heights [65, 65] in meters of the same tiles. A block counts if the mean position
    of its samples is inside the frustum, occluded or not. At the raster's rim or beside a gap these
    are a part of the block.
    """
    if not errors:
        return {}
    bounds = grid.bounds
    places = np.empty((len(errors), BLOCKS**2, 3))
    for place, (tile, measured) in zip(places, errors.items(), strict=True):
        west, south, east, north = grid.tile_bounds(tile)
        first = measured.measure.reference.places(tile)[0]
        v, u = (measured.centers / TILE + first).T
        # Cells of coarse levels are partly beyond the raster, and so may their centers be.
        place[:, 0] = np.minimum(west + u * (east - west), bounds.east)
        place[:, 1] = np.maximum(north - v * (north - south), bounds.south)
        lattice = lattices[tile]
        rows, columns = (np.rint(t * (len(lattice) - 1)).astype(np.intp) for t in (v, u))
        place[:, 2] = lattice[rows, columns]
    places[..., 2] = view.drawn_z(places[..., 2])
    inside = ((places - np.array(view.eye)) @ np.array(view.planes).T > 0).all(axis=-1)
    parts: dict[Tile, np.ndarray | None] = {}
    for (tile, measured), seen in zip(errors.items(), inside, strict=True):
        whole = bool(seen[measured.sums[:, 0] > 0].all())
        parts[tile] = None if whole else seen
    return parts
