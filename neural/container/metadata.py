"""The JSON part of a .ntile file: layers and decoders to and from plain values (FORMAT.md §7)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import neural
from neural.container.envelope import ChildInfo
from neural.errors import ContainerError
from neural.grid import Grid
from neural.raster.reading import Reading, from_sentences
from neural.tiles import Tile, tile_from_id

SCHEMA = 2
"""Schema of files whose decoders are all in the metadata, or none is."""

ENTRY_SCHEMA = 3
"""Schema of files with decoder entries; all from 1 to it are read."""

ENTRY_BYTES = 128 << 10
"""Decoders of more bytes are entries of their own, so that the head stays small."""

MAX_LAYERS = 16
"""Slots of a file: of layers and decoder entries."""


@dataclass(frozen=True, eq=False)
class LayerDraft:
    """Description of one layer by its encoder; its place and its height bounds follow from the
    staged tiles."""

    method: str
    config: dict[str, Any]
    bits: int
    decoder: str | None = None  # SHA-256 of the safetensors bytes
    params: dict[str, np.ndarray] = field(default_factory=dict)  # small float32 arrays, e.g. scales
    tolerance_m: float | None = None
    title: str = ""
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def is_reference(self) -> bool:
        """True if others are measured against it: a raster near-lossless by itself, not a method
        under a bound."""
        return self.method == "reference"


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer(LayerDraft):
    """One pyramid of a file: how its payloads are read and where they are."""

    index: int
    slot: tuple[int, int]  # (lx, ly) at level slot_bits
    root: ChildInfo
    height_range: tuple[float, float]  # meters; bounds of all its tiles

    @property
    def heights_m(self) -> tuple[float, float]:
        """Lowest and highest valid height of the finest level, meters: those of all heights.

        Of the source, as `stats` says; of files without, the bounds of all tiles, which hold them.
        Coarse tiles say less: low-pass filters cut summits off and overshoot at cliffs.
        """
        try:
            low = float(self.stats["min_m"])
            high = float(self.stats["max_m"])
        except (KeyError, TypeError, ValueError):
            return self.height_range
        return (low, high) if -math.inf < low <= high < math.inf else self.height_range

    def to_json(self) -> dict[str, Any]:
        """Return plain values; `slot` and `index` follow from the place in the list."""
        return {
            "title": self.title,
            "method": self.method,
            "config": self.config,
            "decoder": self.decoder,
            "bits": self.bits,
            "params": {name: np.asarray(value, np.float32) for name, value in self.params.items()},
            "tolerance_m": self.tolerance_m,
            "height_range_m": self.height_range,
            "root": self.root._asdict(),
            "stats": self.stats,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], index: int, slot: tuple[int, int]) -> Layer:
        """Return the inverse of `to_json`; raises KeyError, TypeError or ValueError for values of
        the wrong form."""
        low, high = (float(value) for value in data["height_range_m"])
        root = ChildInfo(**{name: float(value) for name, value in data["root"].items()})
        if not low <= root.min_m <= root.max_m <= high:
            raise ValueError("the root tile lies outside the layer's height range")
        return cls(
            index=index,
            slot=slot,
            root=root,
            height_range=(low, high),
            title=str(data["title"]),
            method=str(data["method"]),
            config=dict(data["config"]),
            decoder=None if data["decoder"] is None else str(data["decoder"]),
            bits=int(data["bits"]),
            params={name: np.asarray(value, np.float32) for name, value in data["params"].items()},
            tolerance_m=None if data["tolerance_m"] is None else float(data["tolerance_m"]),
            stats=dict(data["stats"]),
        )


def slot_bits(slots: int) -> int:
    """Return levels that the archive puts above the slots of layers and decoder entries: the least
    L with 4^L ≥ slots."""
    if not 1 <= slots <= MAX_LAYERS:
        raise ValueError(f"a file has 1 to {MAX_LAYERS} layers, not {slots}")
    return next(bits for bits in range(3) if 4**bits >= slots)


def entry_decoders(decoders: Mapping[str, bytes], linked: Set[str], layers: int) -> list[str]:
    """Return the SHA-256 of the decoders that become entries of a file of so many layers, in the
    order of their slots."""
    large = [
        sha
        for sha, data in sorted(decoders.items())
        if len(data) > ENTRY_BYTES and sha not in linked
    ]
    return large[: MAX_LAYERS - layers]


def entries_of(table: Mapping[str, Any]) -> list[str]:
    """Return the SHA-256 of the decoder entries that `metadata.ntile` names, in the order of their
    slots. Raises ContainerError unless they are as `build` writes them."""
    decoders = table["decoders"]
    entries = sorted(sha for sha, entry in decoders.items() if "slot" in entry)
    slots = [decoders[sha]["slot"] for sha in entries]
    first = len(table["layers"])
    if slots != list(range(first, first + len(slots))) or not all(
        type(decoders[sha]["slot"]) is int and decoders[sha]["bytes"] > ENTRY_BYTES
        for sha in entries
    ):
        raise ContainerError("has a decoder in a slot where none belongs")
    if bool(entries) != (table["schema"] == ENTRY_SCHEMA):
        problem = "decoder entries" if entries else "no decoder entries"
        raise ContainerError(f"has schema {table['schema']}, but {problem}")
    return entries


def slot_of(index: int, bits: int) -> tuple[int, int]:
    """Return the slot (lx, ly) of this number, of a layer or decoder entry: the slots follow the
    Hilbert curve."""
    tile = tile_from_id((4**bits - 1) // 3 + index)
    return tile.x, tile.y


def archive_tile(layer: Layer, bits: int, tile: Tile) -> Tile:
    """Return the archive tile that stores a layer's tile."""
    return Tile(
        tile.z + bits, tile.x + (layer.slot[0] << tile.z), tile.y + (layer.slot[1] << tile.z)
    )


def build(
    grid: Grid,
    layers: Sequence[Layer],
    decoders: Mapping[str, bytes],
    linked: Set[str],
    provenance: Mapping[str, Any],
    reading: Reading | None = None,
) -> dict[str, Any]:
    """Return the whole metadata object; decoders in `linked` are named by hash only, large ones by
    their slot (`entry_decoders`); `reading` is that of the source."""
    table: dict[str, dict[str, Any]] = {}
    entries = entry_decoders(decoders, linked, len(layers))
    for sha, data in decoders.items():
        if hashlib.sha256(data).hexdigest() != sha:
            raise ValueError(f"the decoder's SHA-256 is not {sha}")
        table[sha] = {"bytes": len(data)}
        if sha in entries:
            table[sha]["slot"] = len(layers) + entries.index(sha)
        elif sha not in linked:
            table[sha]["safetensors"] = base64.b64encode(data).decode()
    credit = provenance.get("attribution")
    return {
        "encoding": "ntile-1",
        "generator": f"ntile {neural.__version__}",
        **({"attribution": credit} if credit else {}),
        "ntile": {
            "schema": ENTRY_SCHEMA if entries else SCHEMA,
            "grid": grid.to_json(),
            "levels": grid.levels,
            "slot_bits": slot_bits(len(layers) + len(entries)),
            "layers": [layer.to_json() for layer in layers],
            "decoders": table,
            "provenance": dict(provenance),
            **({} if reading is None else {"reading": reading.to_json()}),
        },
    }


def reading_of(table: Mapping[str, Any], grid: Grid) -> Reading:
    """Parse the reading of the source from `metadata.ntile`. Raises KeyError, TypeError or
    ValueError."""
    if "reading" in table:
        return Reading.from_json(table["reading"], grid.crs_wkt)
    source = table["provenance"].get("source", {})
    return from_sentences(grid.crs_wkt, grid.assumptions, source.get("crs"))


def dumps(metadata: dict[str, Any]) -> bytes:
    """Return canonical JSON bytes; numpy scalars and arrays become numbers and lists, bytes of
    names that are no UTF-8 "?"."""
    text = json.dumps(
        metadata,
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
        ensure_ascii=False,
        default=lambda value: value.tolist(),
    )
    return text.encode(errors="replace")


class Embedded(NamedTuple):
    """A decoder as the metadata holds it."""

    sha: str
    text: str  # base64
    length: int

    def data(self) -> bytes:
        """Return the safetensors bytes; raises ContainerError unless they are those that were put
        in."""
        try:
            data = base64.b64decode(self.text, validate=True)
        except (ValueError, binascii.Error) as error:
            raise ContainerError("has a malformed table of decoders") from error
        return checked_decoder(data, self.sha, self.length)


def checked_decoder(data: bytes, sha: str, length: int) -> bytes:
    """Return the safetensors bytes of a decoder; raises ContainerError unless they are those that
    were put in."""
    if hashlib.sha256(data).hexdigest() != sha or len(data) != length:
        raise ContainerError(f"has a damaged decoder {sha[:12]}")
    return data


def loads(data: bytes) -> tuple[dict[str, Any], dict[str, Embedded]]:
    """Return metadata without the decoders in it, and those by SHA-256, still as text: a file holds
    more than one run reads.

    Raises ContainerError for another kind of metadata, and a newer schema.
    """
    try:
        metadata = json.loads(data)
        table = metadata["ntile"]
        schema = table["schema"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ContainerError("is a PMTiles archive, but not one that ntile wrote") from error
    if schema not in range(1, ENTRY_SCHEMA + 1):
        raise ContainerError(
            f"has schema {schema}, this program reads 1 to {ENTRY_SCHEMA}; update it to open the "
            "file"
        )
    decoders = {}
    try:
        for sha, entry in table["decoders"].items():
            text = entry.pop("safetensors", None)
            length = int(entry["bytes"])
            if text is not None and "slot" in entry:
                raise ValueError("a decoder is in the metadata and in a slot")
            if text is not None:
                decoders[sha] = Embedded(sha, str(text), length)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ContainerError("has a malformed table of decoders") from error
    return metadata, decoders
