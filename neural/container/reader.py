"""Reading a .ntile file (FORMAT.md): the one Reader that decode, evaluate, bench and the viewer
share."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from neural.container import metadata as md
from neural.container.byte_source import ByteSource, FileSource, Traffic
from neural.container.envelope import Envelope, unpack_envelope
from neural.container.hilbert import FIRST_IDS, tiles_from_ids
from neural.container.metadata import Layer
from neural.container.pmtiles import HEADER_BYTES, Header, squeeze, unpack_directories, unsqueeze
from neural.errors import ContainerError, UsageError
from neural.grid import Grid
from neural.raster.reading import Reading
from neural.system import arguments
from neural.system.file_stamp import FileStamp
from neural.tiles import Tile, tile_id

HEAD_BYTES = 1 << 16
"""First read: header and root directory for certain, often everything but the payloads."""

MODEL_FOLDER = Path(__file__).parents[2] / "assets" / "models"
"""Folder of the shipped models, searched for decoders that a file references by hash only."""

_SPOTS = 64
_SPOT_BYTES = 1 << 18
"""Number and size of the spots at which a file is compared with a copy: 16 MB in all."""

_AGAIN = "; copy or encode it again"


class Reader:
    """An open .ntile file; reads may come from several threads. Use as a context manager.

    Every failure is a ContainerError that names the file. `grid`, `layers`, `reading` (how the
    source was read), `entries` (SHA-256 of the decoders with slots of their own) and `metadata`
    (without the decoders' bytes) are plain data; `header` gives the
    sizes of the file's sections, `traffic` what has been read.

    All of it is of the file that was opened, wherever its name leads later. A file that is
    rewritten in place meanwhile fails to be read, rather than give tiles of two files.
    """

    def __init__(self, path: str, source: ByteSource) -> None:
        self.path = path
        self.traffic = Traffic()
        self._source = source
        self._head_sum = -1  # while it is being opened
        self._same_stamp: FileStamp | None = None  # of a touched file or a copy
        self.stamp = source.stamp
        """State of the file when it was opened, or touched last."""
        self._open()

    def _open(self) -> None:
        head = self._bytes(0, min(HEAD_BYTES, self._source.size))
        try:
            self.header = header = Header.unpack(head)
            if header.file_length != self._source.size:
                raise ContainerError(
                    f"has {self._source.size} bytes where {header.file_length} belong"
                )
            if header.data_offset > len(head):
                head += self._bytes(len(head), header.data_offset - len(head))
            leaves_at = header.data_offset - header.leaf_length
            metadata_at = HEADER_BYTES + header.root_length
            document = unsqueeze(head[metadata_at:leaves_at], "metadata section")
            self.metadata, self._decoders = md.loads(document)
            table = self.metadata["ntile"]
            self.grid, self.layers, self.entries, self.reading = _parse(table)
            self.slot_bits: int = table["slot_bits"]
            self.ids, self._bounds = unpack_directories(
                head[HEADER_BYTES:metadata_at], head[leaves_at : header.data_offset]
            )
            self._check_directory()
        except ContainerError as error:
            raise self.named(error) from error
        self._head_sum = google_crc32c.value(head[: header.data_offset])
        if self._source.stamp != self.stamp:
            raise ContainerError(f"{self.path} is being written; open it when that is done")

    def _check_directory(self) -> None:
        header = self.header
        zooms = np.searchsorted(FIRST_IDS, self.ids[[0, -1]], "right") - 1
        if (len(self.ids), self._bounds[-1], *zooms) != (
            *(header.tiles, header.data_length),
            *(header.min_zoom, header.max_zoom),
        ):
            raise ContainerError("has a directory that does not match its header")
        runs = [
            self.run(layer, z) for layer in range(len(self.layers)) for z in range(self.grid.levels)
        ]
        for number, sha in enumerate(self.entries):
            if self._entry_place(number) is None:
                raise ContainerError(f"lacks the decoder {sha[:12]} that it names")
        if sum(stop - start for start, stop in runs) + len(self.entries) != len(self.ids):
            raise ContainerError("lists tiles outside its layers")

    def _entry_place(self, number: int) -> int | None:
        """Return the index of a decoder entry in `ids`; None where the directory lacks it."""
        slot = md.slot_of(len(self.layers) + number, self.slot_bits)
        return self._place(tile_id(Tile(self.slot_bits, *slot)))

    def layer(self, name_or_index: str | int) -> Layer:
        """Return the layer with this index, title or method name. Raises UsageError unless exactly
        one matches."""
        remedy = "give its number, title or method"
        arguments.instance("name_or_index", name_or_index, (str, Integral), remedy)
        key = str(name_or_index)
        matches = [layer for layer in self.layers if key == str(layer.index)]
        matches = matches or [layer for layer in self.layers if key in (layer.method, layer.title)]
        if len(matches) != 1:
            listing = ", ".join(
                f"{listed.index} ({listed.title or listed.method})" for listed in self.layers
            )
            problem = "several layers" if matches else "no layer"
            name = " ".join(key[:80].split())
            raise UsageError(f"{self.path} has {problem} called {name}: choose one of {listing}")
        return matches[0]

    def payload_bytes(self, layer: Layer | int, tile: Tile) -> bytes | None:
        """Return the stored bytes of a tile, unchecked; None for an absent tile."""
        tile = checked_tile(tile)
        if not self._has_place(tile):
            z, x, y = (arguments.shown(part) for part in tile)
            raise ContainerError(
                f"{self.path} has no tile {z}/{x}/{y}: it has {self.grid.levels} levels"
            )
        k = self._entry(layer, tile)
        if k is None:
            return None
        start = int(self._bounds[k])
        stop = int(self._bounds[k + 1])
        return self._bytes(self.header.data_offset + start, stop - start)

    def has(self, layer: Layer | int, tile: Tile) -> bool:
        """Return True if the directory lists a tile of the layer; False outside the pyramid."""
        tile = checked_tile(tile)
        return self._has_place(tile) and self._entry(layer, tile) is not None

    def _has_place(self, tile: Tile) -> bool:
        z, x, y = tile
        return 0 <= z < self.grid.levels and 0 <= x < 1 << z and 0 <= y < 1 << z

    def _entry(self, layer: Layer | int, tile: Tile) -> int | None:
        """Return the index of a tile in `ids`; None for an absent tile."""
        return self._place(tile_id(md.archive_tile(self._layer_of(layer), self.slot_bits, tile)))

    def _place(self, archive_id: int) -> int | None:
        k = int(np.searchsorted(self.ids, archive_id))
        return k if k < len(self.ids) and self.ids[k] == archive_id else None

    def read(self, layer: Layer | int, tile: Tile) -> Envelope | None:
        """Return a tile's checked envelope and body; None for an absent tile."""
        data = self.payload_bytes(layer, tile)
        return None if data is None else self.unpack(data, layer, tile)

    def unpack(self, data: bytes, layer: Layer | int, tile: Tile) -> Envelope:
        """Check and unpack stored bytes of a tile (e.g. some that a prefetch brought)."""
        entry = self._layer_of(layer)
        tile = checked_tile(tile)
        arguments.instance("data", data, (bytes, bytearray, memoryview), "give bytes of the file")
        try:
            return unpack_envelope(
                data, tile_id=tile_id(tile), layer=entry.index, height_range=entry.height_range
            )
        except ContainerError as error:
            raise self.named(error) from error

    def _layer_of(self, layer: Layer | int) -> Layer:
        if isinstance(layer, Layer):
            return layer
        return self.layers[arguments.whole("layer", layer, 0, len(self.layers) - 1)]

    def payloads(self) -> Iterator[tuple[int, bytes]]:
        """Yield every (archive id, stored bytes) in file order, read in blocks of about a
        megabyte."""
        first = 0
        while first < len(self.ids):
            last = int(np.searchsorted(self._bounds, self._bounds[first] + (1 << 20)))
            last = min(max(last, first + 1), len(self.ids))
            base = int(self._bounds[first])
            block = self._bytes(self.header.data_offset + base, int(self._bounds[last]) - base)
            for k in range(first, last):
                yield int(self.ids[k]), block[self._bounds[k] - base : self._bounds[k + 1] - base]
            first = last

    def run(self, layer: Layer | int, z: int) -> tuple[int, int]:
        """Return the slice [start, stop) of `ids` that holds this layer's level z; each level of a
        layer is one run."""
        z = arguments.whole("z", z, 0, self.grid.levels - 1)
        first = tile_id(md.archive_tile(self._layer_of(layer), self.slot_bits, Tile(0, 0, 0)))
        quadrant = first - int(FIRST_IDS[self.slot_bits])
        start = int(FIRST_IDS[z + self.slot_bits]) + (quadrant << 2 * z)
        a, b = np.searchsorted(self.ids, [start, start + (1 << 2 * z)])
        return int(a), int(b)

    def tiles(self, layer: Layer | int) -> Iterator[Tile]:
        """Yield the layer's tiles in file order: level by level."""
        lx, ly = self._layer_of(layer).slot
        for z in range(self.grid.levels):
            start, stop = self.run(layer, z)
            _, x, y = tiles_from_ids(self.ids[start:stop])
            columns = (x - (lx << z)).tolist()
            rows = (y - (ly << z)).tolist()
            yield from (Tile(z, column, row) for column, row in zip(columns, rows, strict=True))

    def embeds(self, sha: str) -> bool:
        """Return True if the decoder with this SHA-256 is in the file itself."""
        return arguments.text("sha", sha) in self._decoders or sha in self.entries

    def decoder_bytes(self, sha: str) -> bytes:
        """Return the safetensors bytes with this SHA-256, out of the file or of the program's own
        models."""
        sha = arguments.text("sha", sha)
        size = self.metadata["ntile"]["decoders"].get(sha, {}).get("bytes")
        try:
            if sha in self._decoders:
                return self._decoders[sha].data()
            if sha in self.entries:
                return self._entry_bytes(sha, size)
        except ContainerError as error:
            raise self.named(error) from error
        for path in sorted(MODEL_FOLDER.glob("*.safetensors")):
            if (
                path.stat().st_size == size
                and hashlib.sha256(data := path.read_bytes()).hexdigest() == sha
            ):
                return data
        raise ContainerError(
            f"{self.path} needs the decoder {sha[:12]}…, which is neither in it nor in "
            f"{MODEL_FOLDER}: add the model there or encode without --link-decoder"
        )

    def decoder_size(self, sha: str) -> int:
        """Return the bytes that a decoder takes in the file, compressed; 0 for one that is not in
        it."""
        sha = arguments.text("sha", sha)
        if sha in self._decoders:
            return len(squeeze(self._decoders[sha].text.encode()))
        if sha not in self.entries:
            return 0
        start, end = self._entry_bounds(self.entries.index(sha))
        return end - start

    def _entry_bounds(self, number: int) -> tuple[int, int]:
        """Return the first byte of a decoder entry among the payloads, and that after its last."""
        k = self._entry_place(number)
        assert k is not None  # checked when the file was opened
        return int(self._bounds[k]), int(self._bounds[k + 1])

    def _entry_bytes(self, sha: str, size: int) -> bytes:
        """Return the safetensors bytes of a decoder entry, checked; nothing else reads them."""
        start, end = self._entry_bounds(self.entries.index(sha))
        member = self._bytes(self.header.data_offset + start, end - start)
        return md.checked_decoder(unsqueeze(member, f"decoder {sha[:12]}"), sha, size)

    def sizes(self) -> dict[str, Any]:
        """Return the sizes of the file's sections in bytes; the header, of fixed size, counts as
        metadata.

        `payload_bytes` and `tiles` are lists [layer][level]; payloads + directory + metadata +
        decoders = file. Computed once; the caller must not change it.
        """
        return self._sizes

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        runs = []
        for layer in self.layers:
            runs.append([self.run(layer.index, z) for z in range(self.grid.levels)])
        metadata = (
            len(squeeze(md.dumps(self.metadata))) if self._decoders else self.header.metadata_length
        )
        entry_bytes = sum(self.decoder_size(sha) for sha in self.entries)
        payload_bytes = []
        tiles = []
        for levels in runs:
            payload_bytes.append([int(self._bounds[b] - self._bounds[a]) for a, b in levels])
            tiles.append([b - a for a, b in levels])
        return {
            "payload_bytes": payload_bytes,
            "tiles": tiles,
            "directory_bytes": self.header.root_length + self.header.leaf_length,
            "metadata_bytes": HEADER_BYTES + metadata,
            "decoder_bytes": self.header.metadata_length - metadata + entry_bytes,
            "file_bytes": self.header.file_length,
        }

    def duplicate(self) -> Reader:
        """Return another reader of the same open file, wherever its name leads by now; the caller
        closes it. Raises ContainerError for a closed one."""
        other = copy.copy(self)
        other.traffic = Traffic()
        try:
            other._source = self._source.share()
        except ValueError as error:
            raise ContainerError(f"{self.path} cannot be read ({error})") from error
        return other

    @property
    def content(self) -> str:
        """Text that differs between files of different contents: by size and head, which names the
        source of the heights."""
        return f"{self._source.size}-{self._head_sum:08x}"

    def is_current(self) -> bool:
        """Return True if the file's name still leads to what was opened.

        A touch and a copy count as no change: head, and spots of a copy, are compared.
        """
        stamp = FileStamp.at(self.path)
        if stamp is None or stamp.size != self._source.size:
            return False
        if stamp in (self.stamp, self._same_stamp):
            return True
        try:
            with open(self.path, "rb") as file:
                if not self._is_head(file.read(self.header.data_offset)):
                    return False
                for start in np.linspace(0, stamp.size, _SPOTS, endpoint=False).astype(int):
                    file.seek(start)
                    spot = file.read(_SPOT_BYTES)
                    if spot != self._source.get_bytes(int(start), _SPOT_BYTES):
                        return False
        except (OSError, ValueError):
            return False
        self._same_stamp = stamp
        return True

    def _is_head(self, head: bytes) -> bool:
        return bool(google_crc32c.value(head) == self._head_sum)

    def _check_unchanged(self) -> None:
        """Raise ContainerError if the open file was rewritten in place. Raises OSError."""
        stamp = self._source.stamp
        if stamp == self.stamp or self._head_sum < 0:
            return
        size = self.header.data_offset
        if stamp.size != self._source.size or not self._is_head(self._source.get_bytes(0, size)):
            raise ContainerError(f"{self.path} was rewritten while it was open; open it again")
        self.stamp = stamp

    def close(self) -> None:
        """Release the file; reads fail afterwards."""
        self._source.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bytes(self, offset: int, length: int) -> bytes:
        try:
            data = self._source.get_bytes(offset, length)
            self._check_unchanged()
        except (OSError, ValueError) as error:  # ValueError: closed meanwhile
            raise ContainerError(
                f"{self.path} cannot be read ({getattr(error, 'strerror', None) or error})"
            ) from error
        self.traffic.count(len(data))
        if len(data) != length:
            raise ContainerError(f"{self.path} ends before its last tile{_AGAIN}")
        return data

    def named(self, problem: ContainerError | str) -> ContainerError:
        """Return the same problem with the file's name before it and, where it gives no advice
        itself, advice after it."""
        text = str(problem)
        if text.startswith(self.path):
            return ContainerError(text)
        return ContainerError(f"{self.path} {text}{'' if ';' in text else _AGAIN}")


def checked_tile(tile: Any) -> Tile:
    """Return a tile of whole numbers, such as numpy's. Raises UsageError."""
    if type(tile) is Tile and type(tile.z) is type(tile.x) is type(tile.y) is int:
        return tile
    remedy = "give a Tile, or its level, column and row"
    arguments.instance("tile", tile, tuple, remedy)
    if len(tile) != 3:
        arguments.refuse("tile", tile, remedy)
    return Tile(*(arguments.whole("tile", part) for part in tile))


def open_reader(path: str | os.PathLike[str]) -> Reader:
    """Open a local .ntile file.

    Parameters
    ----------
    path : str or os.PathLike
        The file. It stays open until `Reader.close`.

    Returns
    -------
    Reader
        The open file, a context manager; threads may share it.

    Raises
    ------
    ContainerError
        For a file that cannot be opened, is damaged, or is not a .ntile file.

    Examples
    --------
    >>> from assets import ROOT
    >>> with open_reader(ROOT / "samples" / "carrizo.ntile") as reader:
    ...     print(reader.grid.width, reader.grid.height, reader.grid.levels)
    ...     print([layer.method for layer in reader.layers][:2])
    505 900 3
    ['lapped_siren', 'huvr_siren']
    """
    path = arguments.path("path", path)
    try:
        source = FileSource(path)
    except OSError as error:
        raise ContainerError(f"{path} cannot be opened ({error.strerror or error})") from error
    try:
        return Reader(os.fspath(path), source)
    except BaseException:
        source.close()
        raise


def _parse(table: dict[str, Any]) -> tuple[Grid, tuple[Layer, ...], tuple[str, ...], Reading]:
    """Return the grid, layers, decoder entries and the source's reading out of
    `metadata.ntile`."""
    from neural.methods import METHODS

    try:
        grid = Grid.from_json(table["grid"])
        entries = md.entries_of(table)
        bits = md.slot_bits(len(table["layers"]) + len(entries))
        layers = tuple(
            Layer.from_json(e, k, md.slot_of(k, bits)) for k, e in enumerate(table["layers"])
        )
        if (grid.levels, bits) != (table["levels"], table["slot_bits"]):
            raise ValueError("levels or slots do not match the grid and the layers")
        for layer in layers:
            if layer.method not in METHODS:
                raise ContainerError(
                    f"has a layer of the unknown method {layer.method!r}; update the program"
                )
            METHODS[layer.method](**layer.config)
            if layer.decoder is not None and layer.decoder not in table["decoders"]:
                raise ContainerError(f"lacks an entry for the decoder {layer.decoder[:12]}…")
        reading = md.reading_of(table, grid)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContainerError(f"has malformed metadata ({error})") from error
    return grid, layers, tuple(entries), reading
