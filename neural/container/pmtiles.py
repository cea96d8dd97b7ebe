"""PMTiles v3 in the one form that FORMAT.md allows: header, gzip members, directories. Pure
functions on bytes.

Every function raises ContainerError for bytes that this form does not allow; the message says what
is wrong with the file, without naming it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import google_crc32c
import numpy as np

from neural.errors import ContainerError

HEADER_BYTES = 127
ROOT_LIMIT = 16384
"""Header and root directory together fit here (PMTiles v3)."""

_HEADER = struct.Struct("<8s11Q6B4iB2i")
_MAGIC = b"PMTiles\x03"
_WORLD = (-1_800_000_000, -900_000_000, 1_800_000_000, 900_000_000)

_GZIP_HEAD = bytes.fromhex("1f8b0804 00000000 02ff 0800") + b"NT\x04\x00"
_GZIP_CRC_END = len(_GZIP_HEAD) + 4
_INFLATED_LIMIT = 1 << 30

_LEAF_ENTRIES = 4096


@dataclass(frozen=True)
class Header:
    """The seven free numbers of the 127 bytes; lengths in bytes."""

    root_length: int
    metadata_length: int
    leaf_length: int
    data_length: int
    tiles: int
    min_zoom: int
    max_zoom: int

    @property
    def data_offset(self) -> int:
        """Offset of the first payload in bytes."""
        return HEADER_BYTES + self.root_length + self.metadata_length + self.leaf_length

    @property
    def file_length(self) -> int:
        """Bytes of the whole file."""
        return self.data_offset + self.data_length

    def pack(self) -> bytes:
        """Return the header as stored."""
        metadata_offset = HEADER_BYTES + self.root_length
        return _HEADER.pack(
            _MAGIC,
            *(HEADER_BYTES, self.root_length),
            *(metadata_offset, self.metadata_length),
            *(metadata_offset + self.metadata_length, self.leaf_length),
            *(self.data_offset, self.data_length),
            *(self.tiles, self.tiles, self.tiles),
            *(1, 2, 1, 0),  # clustered, internal gzip, tiles uncompressed, tile type other
            *(self.min_zoom, self.max_zoom),
            *_WORLD,
            *(self.min_zoom, 0, 0),
        )

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Read the free numbers and require every other byte to follow from them."""
        if not data:
            raise ContainerError("is empty")
        if data[:7] != _MAGIC[:7]:
            raise ContainerError("is not a .ntile file; give one that `ntile encode` wrote")
        if len(data) < HEADER_BYTES:
            raise ContainerError("is cut short")
        if data[7] != _MAGIC[7]:
            raise ContainerError(
                f"has PMTiles version {data[7]}, this program reads version {_MAGIC[7]}"
            )
        field = _HEADER.unpack(data[:HEADER_BYTES])
        header = cls(field[2], field[4], field[6], field[8], field[9], field[16], field[17])
        try:
            canonical = header.pack()
        except struct.error:  # the sums do not fit 64 bits
            canonical = b""
        if canonical != data[:HEADER_BYTES] or HEADER_BYTES + header.root_length > ROOT_LIMIT:
            raise ContainerError(
                "is a PMTiles archive, but not one that ntile wrote, or its header is damaged"
            )
        return header


def squeeze(data: bytes) -> bytes:
    """Return one gzip member, the same for the same data, with a checksum of its compressed
    bytes."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = deflate.compress(data) + deflate.flush()
    stream += struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    return _GZIP_HEAD + struct.pack("<I", google_crc32c.value(stream)) + stream


def unsqueeze(member: bytes, section: str) -> bytes:
    """Return the inverse of `squeeze`; `section` names the section in errors."""
    head = member[:_GZIP_CRC_END]
    stream = member[_GZIP_CRC_END:]
    if head != _GZIP_HEAD + struct.pack("<I", google_crc32c.value(stream)):
        raise ContainerError(f"has a damaged {section} (its checksum does not match)")
    inflater = zlib.decompressobj(31)
    try:
        data = inflater.decompress(member, _INFLATED_LIMIT)
    except zlib.error as error:
        raise ContainerError(f"has a damaged {section} ({error})") from error
    if not inflater.eof or inflater.unused_data:
        raise ContainerError(f"has a damaged {section} (it ends at the wrong place)")
    return data


@dataclass(frozen=True, eq=False)
class Directory:
    """Entries as columns, int64 [n]: ids rising; `runs` 0 marks a leaf directory; offsets and
    lengths in bytes."""

    ids: np.ndarray
    runs: np.ndarray
    lengths: np.ndarray
    offsets: np.ndarray

    def pack(self) -> bytes:
        """Return the directory as stored, a gzip member."""
        follows = np.zeros(len(self.ids), bool)
        follows[1:] = self.offsets[1:] == self.offsets[:-1] + self.lengths[:-1]
        columns = [
            np.diff(self.ids, prepend=0),
            self.runs,
            self.lengths,
            np.where(follows, 0, self.offsets + 1),
        ]
        return squeeze(encode_varints(np.concatenate([[len(self.ids)], *columns])))

    @classmethod
    def unpack(cls, member: bytes) -> Directory:
        """Return the inverse of `pack`."""
        numbers = decode_varints(unsqueeze(member, "tile directory"))
        count = len(numbers) // 4
        if count == 0 or len(numbers) != 4 * count + 1 or numbers[0] != count:
            raise ContainerError("has a malformed tile directory")
        steps, runs, lengths, stored = numbers[1:].reshape(4, count)
        ids = np.cumsum(steps)
        ends = np.cumsum(lengths)
        if (
            stored[0] == 0
            or (steps[1:] == 0).any()
            or (lengths == 0).any()
            or min(ids.min(), ends.min()) < 0
        ):
            raise ContainerError("has a malformed tile directory")
        # A stored 0 continues the entry before it: add the lengths since the last offset that was
        # written out.
        starts = ends - lengths
        written = np.maximum.accumulate(np.where(stored > 0, np.arange(count), 0))
        return cls(ids, runs, lengths, stored[written] - 1 + starts - starts[written])


def pack_directories(ids: np.ndarray, lengths: np.ndarray) -> tuple[bytes, bytes]:
    """Return the root directory and leaf section for payloads stored one after another in order of
    `ids` (int64 [n])."""
    offsets = np.cumsum(lengths) - lengths
    every = Directory(ids, np.ones_like(ids), lengths, offsets)
    root = every.pack()
    leaves: list[bytes] = []
    size = _LEAF_ENTRIES
    while HEADER_BYTES + len(root) > ROOT_LIMIT:
        parts = [slice(start, start + size) for start in range(0, len(ids), size)]
        leaves = [Directory(ids[p], every.runs[p], lengths[p], offsets[p]).pack() for p in parts]
        sizes = np.array([len(leaf) for leaf in leaves], np.int64)
        root = Directory(ids[::size], np.zeros_like(sizes), sizes, np.cumsum(sizes) - sizes).pack()
        size *= 2
    return root, b"".join(leaves)


def unpack_directories(root: bytes, leaf_section: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return ids [n] and payload boundaries [n + 1] (payload k is bytes bounds[k]:bounds[k + 1] of
    the data section)."""
    top = Directory.unpack(root)
    parts = [top]
    if (top.runs == 0).all() and _gapless(top, len(leaf_section)):
        parts = [
            Directory.unpack(leaf_section[o : o + n])
            for o, n in zip(top.offsets, top.lengths, strict=True)
        ]
        if any(part.ids[0] != first for part, first in zip(parts, top.ids, strict=True)):
            raise ContainerError("has leaf directories that do not belong to its root directory")
    elif leaf_section:
        raise ContainerError("has leaf directories that its root directory does not list")
    ids, runs, lengths, offsets = (
        np.concatenate([getattr(part, column) for part in parts])
        for column in ("ids", "runs", "lengths", "offsets")
    )
    whole = Directory(ids, runs, lengths, offsets)
    if (runs != 1).any() or (np.diff(ids) <= 0).any() or not _gapless(whole, int(lengths.sum())):
        raise ContainerError("has a tile directory out of order")
    return ids, np.append(offsets, offsets[-1] + lengths[-1])


def _gapless(directory: Directory, length: int) -> bool:
    ends = np.cumsum(directory.lengths)
    return bool((directory.offsets == ends - directory.lengths).all() and ends[-1] == length)


def encode_varints(values: np.ndarray) -> bytes:
    """Encode non-negative int64 [n] as varints, one after another."""
    values = np.asarray(values, np.int64)
    sizes = np.ones(len(values), np.int64)
    for k in range(1, 9):
        sizes += values >> (7 * k) > 0
    starts = np.cumsum(sizes) - sizes
    out = np.empty(int(sizes.sum()), np.uint8)
    for k in range(int(sizes.max(initial=0))):
        has = sizes > k
        more = (sizes[has] > k + 1).astype(np.int64) << 7
        out[starts[has] + k] = (values[has] >> (7 * k) & 0x7F) | more
    return out.tobytes()


def decode_varints(data: bytes) -> np.ndarray:
    """Decode all varints of `data` to int64. Raises ContainerError for a truncated one and for
    values of 2⁶³ and above."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    if not len(raw) or not len(ends) or ends[-1] != len(raw) - 1:
        raise ContainerError("has a malformed tile directory")
    sizes = np.diff(ends, prepend=-1)
    if sizes.max() > 9:
        raise ContainerError("has a malformed tile directory")
    low = raw & 0x7F
    values = low[ends].astype(np.int64)
    for k in range(1, int(sizes.max())):
        longer = np.flatnonzero(sizes > k)
        values[longer] = values[longer] << 7 | low[ends[longer] - k]
    return values
