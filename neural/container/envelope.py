"""The envelope around a tile's bits: offset, scale, mask, and facts of the four children (FORMAT.md
§6)."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import google_crc32c
import numpy as np

from neural.errors import ContainerError
from neural.tiles import TILE, tile_from_id

VERSION = 1
_HEAD = struct.Struct("<BBHffI")  # version, layer, flags, offset_m, scale_m, crc32c
_START = struct.Struct("<BBH")  # of both forms: version, layer, flags
_SHORT_HEAD = struct.Struct("<BBHHI")  # version, layer, flags, offset as a height code, crc32c
_CHILD = struct.Struct("<HHB")  # minimum, maximum, error code
_CRC_BYTES = 4
_HAS_MASK = 1 << 4
_IS_SHORT = 1 << 5
_TOP = 0xFFFF
_UNBOUNDED = 255


class ChildInfo(NamedTuple):
    """Bounds of one tile: its lowest and highest height and its geometric error, in meters."""

    min_m: float
    max_m: float
    geometric_error_m: float


Children = tuple[ChildInfo | None, ChildInfo | None, ChildInfo | None, ChildInfo | None]
"""Facts of the four children (NW, NE, SW, SE); None for absent ones."""


@dataclass(eq=False)
class Envelope:
    """One unpacked payload. Heights in meters are `offset_m + scale_m * h`, h being the method's
    decoded value of `body`.

    `mask` is bool [256, 256], True where a cell holds a height; None when all cells inside the grid
    do.
    """

    offset_m: float
    scale_m: float
    children: Children
    mask: np.ndarray | None
    body: bytes


def pack_envelope(
    env: Envelope, *, tile_id: int, layer: int, height_range: tuple[float, float]
) -> bytes:
    """Return the payload of the tile with this id within its layer.

    `height_range` (meters) bounds the heights of all the layer's tiles. An offset of `plain_offset`
    and a scale of 1 take the short form. Raises ValueError for a child outside the range and for an
    offset or scale that is not finite.
    """
    if not (math.isfinite(env.offset_m) and math.isfinite(env.scale_m)):
        raise ValueError(f"tile {tile_id} has offset {env.offset_m} and scale {env.scale_m}")
    flags = 0
    rest = []
    for k, child in enumerate(env.children):
        if child is not None:
            flags |= 1 << k
            rest.append(_pack_child(child, height_range))
    if env.mask is not None:
        flags |= _HAS_MASK
        stream = pack_mask(env.mask)
        rest += [struct.pack("<I", len(stream)), stream]
    tail = b"".join([*rest, env.body])
    code = _offset_code(env.offset_m, height_range)
    if env.scale_m == 1 and env.offset_m == _offset(code, height_range):
        head = _SHORT_HEAD.pack(VERSION, layer, flags | _IS_SHORT, code, 0)[:-_CRC_BYTES]
    else:
        head = _HEAD.pack(VERSION, layer, flags, env.offset_m, env.scale_m, 0)[:-_CRC_BYTES]
    return head + struct.pack("<I", _checksum(tile_id, head, tail)) + tail


def plain_offset(offset_m: float, height_range: tuple[float, float]) -> float:
    """Return the nearest offset, float32 meters, that the short form can hold: for methods that may
    choose theirs."""
    return _offset(_offset_code(offset_m, height_range), height_range)


def _offset(code: int, height_range: tuple[float, float]) -> float:
    return float(np.float32(_height(code, height_range)))


def _offset_code(offset_m: float, height_range: tuple[float, float]) -> int:
    low, high = height_range
    return min(max(round((offset_m - low) / (high - low) * _TOP), 0), _TOP) if high > low else 0


def unpack_envelope(
    data: bytes, *, tile_id: int, layer: int, height_range: tuple[float, float]
) -> Envelope:
    """Return the inverse of `pack_envelope`; raises ContainerError for any byte that is not as it
    was written."""
    if len(data) < _SHORT_HEAD.size:
        raise _bad(tile_id, layer, "it is cut short")
    version, own_layer, flags = _START.unpack_from(data)
    short = bool(flags & _IS_SHORT)
    head = _SHORT_HEAD if short else _HEAD
    if len(data) < head.size:
        raise _bad(tile_id, layer, "it is cut short")
    *_, crc = head.unpack_from(data)
    if crc != _checksum(tile_id, data[: head.size - _CRC_BYTES], data[head.size :]):
        raise _bad(tile_id, layer, "its checksum does not match")
    if version != VERSION:
        raise _bad(tile_id, layer, f"envelope version {version}, this program reads {VERSION}")
    fields = head.unpack_from(data)
    offset_m, scale_m = (_offset(fields[3], height_range), 1.0) if short else fields[3:5]
    if own_layer != layer or flags >> 6 or not (math.isfinite(offset_m) and math.isfinite(scale_m)):
        raise _bad(tile_id, layer, "malformed envelope")
    try:
        position = head.size
        children: list[ChildInfo | None] = [None] * 4
        for k in range(4):
            if flags >> k & 1:
                children[k] = _unpack_child(_CHILD.unpack_from(data, position), height_range)
                position += _CHILD.size
        mask = None
        if flags & _HAS_MASK:
            (length,) = struct.unpack_from("<I", data, position)
            position += 4 + length
            if position > len(data):
                raise ValueError("mask longer than the payload")
            mask = unpack_mask(data[position - length : position])
    except (struct.error, ValueError, zlib.error) as error:
        raise _bad(tile_id, layer, f"malformed envelope: {error}") from error
    return Envelope(
        offset_m,
        scale_m,
        (children[0], children[1], children[2], children[3]),
        mask,
        data[position:],
    )


def child_flags(payload: bytes) -> int:
    """Return the children that a payload announces: bit k for child k."""
    return payload[2] & 0xF


def pack_mask(mask: np.ndarray) -> bytes:
    """Pack a mask, bool [256, 256], into a zlib stream of its bits."""
    if mask.shape != (TILE, TILE):
        raise ValueError(f"a mask has {TILE}×{TILE} cells, not {mask.shape}")
    return zlib.compress(np.packbits(mask.astype(bool)).tobytes(), 9)


def unpack_mask(stream: bytes) -> np.ndarray:
    """Return the inverse of `pack_mask`; raises ValueError or zlib.error when the stream is not a
    mask."""
    inflater = zlib.decompressobj()
    bits = inflater.decompress(stream, TILE * TILE // 8 + 1)
    if len(bits) != TILE * TILE // 8 or not inflater.eof or inflater.unused_data:
        raise ValueError("the mask is not one bit for each cell")
    return np.unpackbits(np.frombuffer(bits, np.uint8)).astype(bool).reshape(TILE, TILE)


def _bad(tile_id: int, layer: int, reason: str) -> ContainerError:
    z, x, y = tile_from_id(tile_id)
    return ContainerError(f"has a damaged tile {z}/{x}/{y} in layer {layer} ({reason})")


def _checksum(tile_id: int, head: bytes, tail: bytes) -> int:
    checksum: int = google_crc32c.extend(
        google_crc32c.value(tile_id.to_bytes(8, "little") + head), tail
    )
    return checksum


def _height(code: int, height_range: tuple[float, float]) -> float:
    low, high = height_range
    return high if code == _TOP else low + (high - low) * code / _TOP


def _error(code: int) -> float:
    return 0.0 if code == 0 else math.inf if code == _UNBOUNDED else 2.0 ** ((code - 128) / 8)


def _pack_child(child: ChildInfo, height_range: tuple[float, float]) -> bytes:
    """Quantize outward: rounding may only widen the bounds, so the first guess is corrected against
    the decode."""
    low, high = height_range
    if not (low <= child.min_m <= child.max_m <= high and child.geometric_error_m >= 0):
        raise ValueError(f"{child} does not lie in the layer's height range {height_range}")
    step = (high - low) / _TOP
    lowest = min(_TOP, int((child.min_m - low) / step)) if step else 0
    highest = min(_TOP, math.ceil((child.max_m - low) / step)) if step else 0
    while _height(lowest, height_range) > child.min_m:
        lowest -= 1
    while _height(highest, height_range) < child.max_m:
        highest += 1
    error = child.geometric_error_m
    code = 0 if error == 0 else _UNBOUNDED
    if 0 < error <= _error(_UNBOUNDED - 1):
        code = max(1, math.ceil(128 + 8 * math.log2(error)))
        while _error(code) < error:
            code += 1
    return _CHILD.pack(lowest, highest, code)


def _unpack_child(record: tuple[int, int, int], height_range: tuple[float, float]) -> ChildInfo:
    lowest, highest, code = record
    return ChildInfo(_height(lowest, height_range), _height(highest, height_range), _error(code))
