"""Isolation of one tile: `Settings.debug.tile`."""

from __future__ import annotations

from neural.tiles import Tile


def tile_of(text: str) -> Tile | None:
    """Parse `"3/5/2"` into the tile of this level, column and row; None for anything else."""
    parts = text.split("/")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    return Tile(*map(int, parts))


def belongs(tile: Tile, only: Tile | None) -> bool:
    """Return True if a drawn tile is the isolated one, a descendant, or an ancestor that stands in
    for it; True for None."""
    if only is None:
        return True
    fine, coarse = (tile, only) if tile.z >= only.z else (only, tile)
    up = fine.z - coarse.z
    return (fine.x >> up, fine.y >> up) == (coarse.x, coarse.y)
