"""Which parts of the drawn tiles lie between the picture's sides: what statistics "in view" are over."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from neural.grid import Grid
from neural.tiles import Tile
from viewer.terrain.lod import View
from viewer.terrain.tile_errors import BLOCKS


def blocks(view: View, grid: Grid, lattices: Mapping[Tile, np.ndarray]) -> dict[Tile, np.ndarray | None]:
    """For each tile, given its heights [65, 65] in metres, the blocks in view: bool [64], or None where all are.

    A block counts when the ground in its middle is between the picture's sides, hidden behind other ground or not.
    """
    if not lattices:
        return {}
    middle = (np.arange(BLOCKS) + 0.5) / BLOCKS
    places = np.empty((len(lattices), BLOCKS, BLOCKS, 3))
    for place, (tile, lattice) in zip(places, lattices.items(), strict=True):
        west, south, east, north = grid.tile_bounds(tile)
        place[..., 0] = west + middle[None, :] * (east - west)
        place[..., 1] = north - middle[:, None] * (north - south)
        step = (len(lattice) - 1) // BLOCKS
        place[..., 2] = lattice[step // 2 :: step, step // 2 :: step]
    places[..., 2] = view.drawn_z(places[..., 2])
    inside = ((places - np.array(view.eye)) @ np.array(view.planes).T > 0).all(axis=-1).reshape(len(lattices), -1)
    return {tile: None if seen.all() else seen for tile, seen in zip(lattices, inside, strict=True)}
