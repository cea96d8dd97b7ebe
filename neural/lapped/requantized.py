"""What a stored tile would take with fewer bits: its own level's details coded again with a coarser step."""

from __future__ import annotations

import numpy as np

from neural.lapped.assembly import Assembly
from neural.lapped.coder import RangeWriter
from neural.lapped.context import SLOPE_SCALE
from neural.lapped.levels import Level, requantized, rewrite, walk
from neural.lapped.mask import write_mask
from neural.tiles import Tile


def saved_bytes(assembly: Assembly, tile: Tile) -> int:
    """Bytes by which a tile's body would be shorter with `assembly.coarser` bits less of its own level's details.

    The tile is one that the layer has. Coarser levels stay as they are; as contexts they serve at the coarser step,
    as the model knows them. Residuals are left out. Raises ValueError when a payload is damaged.
    """
    stack, body, coarser = assembly.stack(tile), assembly.payloads.body(tile), assembly.coarser
    assert stack is not None  # the layer has this tile
    assert body is not None
    writer = RangeWriter(assembly.model.distributions)
    write_mask(stack.valid, *assembly.masks_above(tile), assembly.model.mask_chance, writer.put_bits)
    if tile.z == 0:
        writer.put_large(stack.lowest)
    *above, own = zip(assembly.levels(tile, stack.valid), stack.details, strict=True)
    for level, details in above:
        rewrite(writer, level.coded, details)
    parent = above[-1][1].signed if above else assembly.parent_details(tile)
    assert parent is not None  # the root has levels above its own, every other tile a parent
    level = Level(own[0].coded, own[0].slope + coarser * SLOPE_SCALE, own[0].above)
    signed = requantized(own[1].signed, coarser)

    def visit(band: int, at: np.ndarray, classes: np.ndarray) -> np.ndarray:
        found = signed[band].ravel()[at]
        writer.put(found, classes)
        return found

    walk(assembly.model, level, requantized(parent, coarser), visit)
    return len(body) - len(writer.finish())
