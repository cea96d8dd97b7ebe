"""Size of a stored tile with fewer bits: its details coded again with a coarser step."""

from __future__ import annotations

import numpy as np

from neural.methods.lapped.assembly import Assembly
from neural.methods.lapped.coder import RangeWriter
from neural.methods.lapped.context import STEP_RATIO_SCALE
from neural.methods.lapped.levels import DetailLevel, requantized, walk
from neural.methods.lapped.mask_coder import write_mask
from neural.tiles import Tile


def saved_bytes(assembly: Assembly, tile: Tile) -> int:
    """Return the bytes that a tile's body would save with `assembly.coarser` bits less of all
    details.

    The tile is one that the layer has. Residuals are left out. Raises ValueError when a payload is
    damaged.
    """
    stack = assembly.stack(tile)
    body = assembly.payloads.body(tile)
    coarser = assembly.coarser
    assert stack is not None  # the layer has this tile
    assert body is not None
    writer = RangeWriter(assembly.model.distributions)
    write_mask(
        stack.valid, *assembly.masks_above(tile), assembly.model.mask_chance, writer.put_bits
    )
    if tile.z == 0:
        writer.put_large(stack.lowest)
    above = assembly.parent_details(tile)
    parent = None if above is None else requantized(above, coarser)
    for level, details in zip(assembly.levels(tile, stack.valid), stack.details, strict=True):
        signed = requantized(details.signed, coarser)

        def visit(
            band: int, positions: np.ndarray, classes: np.ndarray, signed: np.ndarray = signed
        ) -> np.ndarray:
            symbols: np.ndarray = signed[band].ravel()[positions]
            writer.put(symbols, classes)
            return symbols

        parent = walk(
            assembly.model,
            DetailLevel(
                level.coded, level.log_step_ratio + coarser * STEP_RATIO_SCALE, level.above
            ),
            parent,
            visit,
        ).signed
    return len(body) - len(writer.finish())
