"""Verification of a .ntile file: every byte, every checksum, and complete pyramids."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from neural.container.envelope import child_flags
from neural.container.hilbert import tile_ids, tiles_from_ids
from neural.container.reader import Reader, open_reader
from neural.tiles import TILE, Tile

_DECODER = -1
"""Layer of a decoder entry, which belongs to none."""


def verify(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Check every byte of a file: sections, checksums, and that each pyramid is complete.

    Returns a report (plain values). Raises ContainerError at the first defect.
    """
    with open_reader(path) as reader:
        layers, tiles, children = _addresses(reader)
        for k, (_, data) in enumerate(reader.payloads()):
            layer = int(layers[k])
            if layer == _DECODER:
                continue  # read whole below
            tile = Tile(*tiles[k].tolist())
            reader.unpack(data, layer, tile)
            if child_flags(data) != children[k]:
                raise reader.named(
                    f"has wrong child flags in tile {tile.z}/{tile.x}/{tile.y} of layer {layer}"
                )
        table = reader.metadata["ntile"]["decoders"]
        for sha in filter(reader.embeds, table):
            reader.decoder_bytes(sha)
        counts = [sum(levels) for levels in reader.sizes()["tiles"]]
        layer_rows = [
            {
                "method": layer_entry.method,
                "title": layer_entry.title,
                "bits": layer_entry.bits,
                "tiles": counts[layer_entry.index],
            }
            for layer_entry in reader.layers
        ]
        return {
            "file": reader.path,
            "ok": True,
            "schema": reader.metadata["ntile"]["schema"],
            "layers": layer_rows,
            "levels": reader.grid.levels,
            "tiles": len(reader.ids) - len(reader.entries),
            "file_bytes": reader.header.file_length,
            "decoders": {sha: "embedded" if reader.embeds(sha) else "linked" for sha in table},
        }


def _addresses(reader: Reader) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the pyramids; return layer [n], tile (z, x, y) [n, 3] and expected child flags [n] of
    every payload; a decoder entry has the layer _DECODER."""
    zoom, x, y = tiles_from_ids(reader.ids)
    z = zoom - reader.slot_bits
    slots = np.full((1 << reader.slot_bits, 1 << reader.slot_bits), _DECODER)
    for layer in reader.layers:
        slots[layer.slot] = layer.index
    tiles = np.stack([z, x & (1 << z) - 1, y & (1 << z) - 1], axis=1)
    span = TILE << (reader.grid.levels - 1 - z)
    if (tiles[:, 1] * span >= reader.grid.width).any() or (
        tiles[:, 2] * span >= reader.grid.height
    ).any():
        raise reader.named("lists tiles outside its grid")
    children = np.zeros_like(z)
    inner = np.flatnonzero(z < reader.grid.levels - 1)
    for k in range(4):
        ids = tile_ids(zoom[inner] + 1, 2 * x[inner] + (k & 1), 2 * y[inner] + (k >> 1))
        children[inner] |= np.isin(ids, reader.ids).astype(np.int64) << k
    child_count = int(np.bitwise_count(children).sum())
    roots = len(reader.layers) + len(reader.entries)
    if (z == 0).sum() != roots or child_count != len(z) - roots:
        raise reader.named("lists tiles without a parent")
    return slots[x >> z, y >> z], tiles, children
