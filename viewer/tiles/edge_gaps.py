"""Height steps between adjacent tiles of one level, which are decoded independently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from neural.tiles import TILE, Tile
from viewer.tiles.source import Edges

SIDES = ("north", "south", "west", "east")
"""Order of the rows of `EdgeGaps`."""

_OPPOSITE = {"north": "south", "south": "north", "west": "east", "east": "west"}
_STEPS = {"north": (0, -1), "south": (0, 1), "west": (-1, 0), "east": (1, 0)}


@dataclass(eq=False)
class EdgeGaps:
    """Gaps along a tile's four edges, 257 vertices each."""

    valid: np.ndarray  # bool [4, 256]: cells along the edges with data
    # float32 [4, 257]: height minus the neighbor's; NaN without a loaded neighbor
    meters: np.ndarray
    changed: bool = True  # since the last upload of `meters`

    @classmethod
    def of(cls, valid: np.ndarray) -> EdgeGaps:
        """Return the gaps of a tile with these valid cells, bool [256, 256], and no neighbor
        yet."""
        edges = np.stack([valid[0], valid[-1], valid[:, 0], valid[:, -1]])
        return cls(edges, np.full((4, TILE + 1), np.nan, np.float32))


def neighbors(tile: Tile) -> Iterator[tuple[str, Tile]]:
    """Iterate over the four adjacent tile addresses and their sides; some may not exist."""
    for side, (dx, dy) in _STEPS.items():
        yield side, Tile(tile.z, tile.x + dx, tile.y + dy)


def meet(side: str, gaps: EdgeGaps, edges: Edges, other: EdgeGaps, other_edges: Edges) -> float:
    """Record the steps between a tile and its neighbor on a side in both; return the largest in
    meters.

    A vertex counts where the cells on either side of it hold data in both tiles.
    """
    mine = SIDES.index(side)
    theirs = SIDES.index(_OPPOSITE[side])
    both = gaps.valid[mine] & other.valid[theirs]
    usable = np.append(both, True) & np.insert(both, 0, True)
    step = getattr(edges, side) - getattr(other_edges, _OPPOSITE[side])
    step = np.where(usable & np.isfinite(step), step, np.nan).astype(np.float32)
    gaps.meters[mine] = step
    other.meters[theirs] = -step
    gaps.changed = other.changed = True
    return float(np.nanmax(np.abs(step), initial=0.0))
