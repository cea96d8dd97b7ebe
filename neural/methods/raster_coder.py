"""Lossless coding of one tile's integers with the standard library: prediction, byte planes, LZMA.

Two predictors, both invertible with whole-array operations; the encoder takes the one whose
residuals have fewer bits. Bits per sample at ±0.01 m, mean over the 15 full tiles of the validation
rasters: plane 4.41, halving 4.22, chosen per tile 4.21. Median edge detection (4.25) decodes cell
by cell, and deflate takes 4.44.

Body: u8 predictor (0 plane, 1 halving), u8 byte planes p (1…4), then raw LZMA1 (lc 4, lp 0, pb 0)
of p·65536 bytes: the zigzag residuals' bytes, the most significant plane first.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator

import numpy as np

from neural.tiles import TILE

_FORMAT = {"id": lzma.FILTER_LZMA1, "dict_size": 1 << 18, "lc": 4, "lp": 0, "pb": 0}
_ENCODER = [{**_FORMAT, "mode": lzma.MODE_NORMAL, "mf": lzma.MF_HC4, "depth": 4, "nice_len": 64}]
_DECODER = [_FORMAT]
_LARGEST = 1 << 26
"""Residuals stay below 2^31 for integers within ±2^26."""


def encode(values: np.ndarray) -> bytes:
    """Map integers [256, 256] within ±2^26 to body. Raises ValueError for others."""
    if values.shape != (TILE, TILE) or np.abs(values, dtype=np.int64).max() > _LARGEST:
        raise ValueError("a raster tile holds 256×256 integers within ±2^26")
    values = values.astype(np.int64)
    choices = [_plane(values), np.concatenate([r.ravel() for r in _halving(values)])]
    predictor = int(np.argmin([np.log2(1.0 + np.abs(r)).sum() for r in choices]))
    residuals = choices[predictor].ravel()
    zigzag = (residuals << 1) ^ (residuals >> 63)
    planes = max(1, -(-int(zigzag.max()).bit_length() // 8))
    data = b"".join((zigzag >> 8 * k).astype(np.uint8).tobytes() for k in reversed(range(planes)))
    return bytes((predictor, planes)) + lzma.compress(data, lzma.FORMAT_RAW, filters=_ENCODER)


def decode(body: bytes) -> np.ndarray:
    """Map body to integers [256, 256] int32. Raises ValueError when it cannot be one."""
    if len(body) < 3 or body[0] > 1 or not 1 <= body[1] <= 4:
        raise ValueError("the raster body has an unknown head")
    size = body[1] * TILE * TILE
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_DECODER)
    try:
        data = decompressor.decompress(body[2:], max_length=size + 1)
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"the raster body does not decompress: {error}") from error
    if len(data) != size or not decompressor.eof or decompressor.unused_data:
        raise ValueError("the raster body has the wrong length")
    zigzag = np.zeros(TILE * TILE, np.int64)
    for plane in np.frombuffer(data, np.uint8).reshape(body[1], -1):
        zigzag = zigzag << 8 | plane
    residuals = (zigzag >> 1) ^ -(zigzag & 1)
    values = _unhalving(residuals) if body[0] else residuals.reshape(TILE, TILE).cumsum(0).cumsum(1)
    if np.abs(values).max() > _LARGEST:
        raise ValueError("the raster body holds values out of range")
    return values.astype(np.int32)


def _plane(values: np.ndarray) -> np.ndarray:
    """Return residuals of left + up − upper left (0 outside)."""
    return np.diff(np.diff(values, axis=0, prepend=0), axis=1, prepend=0)


def _halving(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield residuals coarse to fine: the first sample, then per halving the new rows and the new
    columns."""
    yield values[:1, :1]
    for coarse, new in _lattices(values):
        yield new - _between(coarse, len(new))


def _unhalving(residuals: np.ndarray) -> np.ndarray:
    """Return the inverse of `_halving` from its concatenation."""
    values = np.zeros((TILE, TILE), np.int64)
    values[0, 0] = residuals[0]
    position = 1
    for coarse, new in _lattices(values):
        new[...] = residuals[position : position + new.size].reshape(new.shape) + _between(
            coarse, len(new)
        )
        position += new.size
    return values


def _lattices(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield views (known lines, new lines midway after each) for every halving, first of rows, then
    of columns."""
    step = TILE
    while step > 1:
        half = step // 2
        yield values[::step, ::step], values[half::step, ::step]
        yield values[::half, ::step].T, values[::half, half::step].T
        step = half


def _between(coarse: np.ndarray, count: int) -> np.ndarray:
    """Return rounded midpoints after each of `coarse`'s lines; the last is extended linearly."""
    if len(coarse) == 1:
        return coarse[:count]
    middle = (coarse[:-1] + coarse[1:] + 1) >> 1
    return np.concatenate([middle, (3 * coarse[-1:] - coarse[-2:-1] + 1) >> 1])
