"""Writer of .ntile files from staged tiles: the final name only ever holds a complete and verified
file."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from typing import IO, Any

import numpy as np

from neural.container import metadata as md
from neural.container.envelope import Envelope, pack_envelope, plain_offset
from neural.container.hilbert import tile_ids, tiles_from_ids
from neural.container.metadata import Layer, LayerDraft
from neural.container.pmtiles import HEADER_BYTES, Header, pack_directories, squeeze
from neural.container.staging import Stage, StagedTile
from neural.container.verify import verify
from neural.grid import Grid
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.raster.reading import Reading
from neural.system import output
from neural.tiles import Tile, tile_id

_DECODER = -1
"""Layer of a decoder entry, which belongs to none."""

BodyOf = Callable[[int, StagedTile], bytes]
"""(layer index, staged tile) → the method's own bits."""


def write_archive(
    out_path: str | os.PathLike[str],
    grid: Grid,
    layers: Sequence[LayerDraft],
    stage: Stage,
    body_of: BodyOf,
    decoders: Mapping[str, bytes],
    provenance: Mapping[str, Any],
    link_decoders: Set[str] = frozenset(),
    reading: Reading | None = None,
) -> dict[str, Any]:
    """Write the staged tiles to `out_path`, discard the stage, and return `verify`'s report.

    `decoders` holds the safetensors bytes by SHA-256; those in `link_decoders` are named in the
    file, not put into it; `reading` is how the source was read. Equal arguments give equal bytes.
    Raises NtileError when the file cannot be written; an earlier file of that name and the work
    file are then untouched.
    """
    advice = f"make room or {output.ADVICE}: the encoded tiles are kept in {stage.path}"
    entries = md.entry_decoders(decoders, link_decoders, len(layers))
    slots = len(layers) + len(entries)
    finished = [
        _finalize_layer(draft, index, slots, stage, grid) for index, draft in enumerate(layers)
    ]
    members = [squeeze(decoders[sha]) for sha in entries]
    metadata = md.build(grid, finished, decoders, link_decoders, provenance, reading)
    with output.whole(out_path, advice=advice) as part:
        # Unnamed, so that nothing is left behind however the process ends.
        with tempfile.TemporaryFile(dir=part.parent) as payloads, open(part, "xb") as file:
            ids, lengths = _write_payloads(payloads, finished, stage, body_of, members)
            _assemble(file, ids, lengths, squeeze(md.dumps(metadata)), payloads)
        report = verify(part)
    stage.discard()
    return {**report, "file": os.fspath(out_path)}


def _finalize_layer(draft: LayerDraft, index: int, slots: int, stage: Stage, grid: Grid) -> Layer:
    """Return a draft as a layer of the file, with its slot, root and height ranges."""
    low, high = stage.height_range(index, grid.levels - 1)
    return Layer(
        **{**vars(draft), "stats": {**draft.stats, "min_m": low, "max_m": high}},
        index=index,
        slot=md.slot_of(index, md.slot_bits(slots)),
        root=stage.get(index, 0).info,
        height_range=stage.height_range(index),
    )


def _write_payloads(
    file: IO[bytes],
    layers: Sequence[Layer],
    stage: Stage,
    body_of: BodyOf,
    decoders: Sequence[bytes],
) -> tuple[np.ndarray, np.ndarray]:
    """Write all payloads and the members of decoder entries in order of archive id; return ids and
    lengths, int64 [n] each."""
    order = _archive_order(layers, stage, len(decoders))
    lengths = np.empty(len(order), np.int64)
    for k, (_, index, id_) in enumerate(order.tolist()):
        if index == _DECODER:
            lengths[k] = file.write(decoders[id_])
            continue
        tile = stage.get(index, id_)
        linked_layer = issubclass(METHODS[layers[index].method], LinkedMethod)
        lengths[k] = file.write(
            payload(tile, body_of(index, tile), layers[index].height_range, linked_layer)
        )
    return order[:, 0], lengths


def payload(
    tile: StagedTile, body: bytes, height_range: tuple[float, float], linked: bool
) -> bytes:
    """Return a tile's bytes in the file; `height_range` (meters) bounds all tiles of its layer.

    A `LinkedMethod` has the mask in its own bits, and its offset is any number near the heights.
    """
    offset_m = plain_offset(tile.offset_m, height_range) if linked else tile.offset_m
    envelope = Envelope(offset_m, tile.scale_m, tile.children, None if linked else tile.mask, body)
    return pack_envelope(
        envelope, tile_id=tile_id(tile.tile), layer=tile.layer, height_range=height_range
    )


def _archive_order(layers: Sequence[Layer], stage: Stage, decoders: int) -> np.ndarray:
    """Return rows (archive id, layer, id within the layer) of all tiles in order, int64 [n, 3].

    A decoder entry has the layer _DECODER and its number.
    """
    bits = md.slot_bits(len(layers) + decoders)
    parts = []
    for number in range(decoders):
        entry = tile_id(Tile(bits, *md.slot_of(len(layers) + number, bits)))
        parts.append(np.array([[entry, _DECODER, number]], np.int64))
    for layer in layers:
        ids = stage.ids(layer.index)
        z, x, y = tiles_from_ids(ids)
        lx, ly = layer.slot
        archive_ids = tile_ids(z + bits, x + (lx << z), y + (ly << z))
        parts.append(np.stack([archive_ids, np.full_like(ids, layer.index), ids], axis=1))
    order = np.concatenate(parts)
    return order[np.argsort(order[:, 0])]


def _assemble(
    file: IO[bytes], ids: np.ndarray, lengths: np.ndarray, metadata: bytes, payloads: IO[bytes]
) -> None:
    """Write the sections in their order, the header last, so that a truncated file has none."""
    root, leaves = pack_directories(ids, lengths)
    zooms, _, _ = tiles_from_ids(ids[[0, -1]])
    file.write(bytes(HEADER_BYTES) + root + metadata + leaves)
    payloads.seek(0)
    shutil.copyfileobj(payloads, file, 1 << 20)
    _sync(file)
    header = Header(
        root_length=len(root),
        metadata_length=len(metadata),
        leaf_length=len(leaves),
        data_length=int(lengths.sum()),
        tiles=len(ids),
        min_zoom=int(zooms[0]),
        max_zoom=int(zooms[1]),
    )
    file.seek(0)
    file.write(header.pack())


def _sync(file: IO[bytes]) -> None:
    """Flush a file to the disk: done before the header is written, so a truncated file has none."""
    file.flush()
    os.fsync(file.fileno())
