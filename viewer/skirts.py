"""How far the curtain around each drawn tile must hang down so that no crack shows what is behind.

Two tiles that meet may differ along their edge because they are of different levels (up to the coarser one's
geometric error), because meshes take chords (the edges' roughness), and because each was decoded by itself
(the gaps measured so far). The outer rim of the area gets no curtain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from neural.tiles import Tile

SLACK = 1.5
"""Factor over the largest gap expected: coarse bounds are of heights at cell centres, edges lie half a cell off."""


class EdgeFacts(NamedTuple):
    """What decides how far two tiles may be apart on their common edge, metres."""

    geometric_error_m: float
    roughness_m: float


def lengths(
    tiles: Iterable[Tile],
    facts: Callable[[Tile], EdgeFacts],
    extent: Callable[[Tile], tuple[float, float]],
    edge_gap_m: float,
    longest_m: float,
) -> dict[Tile, np.ndarray]:
    """Curtain lengths in metres for the north, east, south and west side of each drawn tile, float [4].

    `extent` tells how far the raster reaches into a tile (u, v); sides on the raster's rim get 0.
    """
    drawn = set(tiles)
    known = {tile: facts(tile) for tile in drawn}
    out = {}
    for tile in drawn:
        z, x, y = tile
        u_end, v_end = extent(tile)
        sides = (
            (y > 0, x, y - 1),
            (u_end > 1, x + 1, y),
            (v_end > 1, x, y + 1),
            (x > 0, x - 1, y),
        )
        out[tile] = np.array(
            [
                _length(known[tile], known, Tile(z, beside_x, beside_y), edge_gap_m, longest_m) if inside else 0.0
                for inside, beside_x, beside_y in sides
            ]
        )
    return out


def _length(own: EdgeFacts, known: dict[Tile, EdgeFacts], beside: Tile, edge_gap_m: float, longest_m: float) -> float:
    """Length towards a neighbouring address: whatever is drawn there, if it is as coarse or coarser."""
    gap = own.geometric_error_m + own.roughness_m
    while beside not in known and beside.z > 0:
        beside = beside.parent
    if beside in known:
        other = known[beside]
        gap = max(gap, other.geometric_error_m) + max(own.roughness_m, other.roughness_m)
    return min(SLACK * (gap + edge_gap_m), longest_m)
