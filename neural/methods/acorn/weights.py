"""Weights of an ACORN layer: quantized as stored, floating-point as used, with the features of the
blocks used last.

The encoder's matrices are quantized symmetrically per output channel j (a column):

    t = 2^(bits − 1) − 1
    code = round(t · w[i, j] / max_abs[j]) + t
    w[i, j] = (code − t) · max_abs[j] / t

`encoder<k>_codes` holds the codes of `encoder<k>_weight`, row by row, `bits` bits each, most
significant first, without gaps, the last byte filled with zeros; `encoder<k>_max_abs` [fan_out] the
scales. The width of the codes follows from their number. Biases and the decoder are floats (single
or half): it has a two-hundredth of the weights and, quantized, most of the loss.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from neural.methods.base import Arrays
from neural.methods.quantize import packed_bytes
from neural.system.forks import ForkLock

BITS = (32, 8, 6, 5)
"""Bits of a weight of the encoder; 32: IEEE single floats."""

CACHE_BYTES = 128 << 20
"""Features that an open layer keeps: of 8,192 blocks of the `small` preset, 2,048 of `pluto`."""

_GROUP = 8  # codes that fill whole bytes at every width
_BATCH = 256  # blocks whose features are computed at once


class FeatureCache:
    """Features of blocks by (scale, x, y), the latest ones; threads may share it."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self.limit = limit
        self.bytes = 0
        self._blocks: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()
        self._lock = ForkLock()

    def take(
        self, rows: np.ndarray, compute: Callable[[np.ndarray], np.ndarray]
    ) -> list[np.ndarray]:
        """Return the features of blocks [n, ≥ 3], computing those not kept with `compute(rows)`."""
        keys = [tuple(row) for row in rows[:, :3].astype(int).tolist()]
        with self._lock:
            kept = {key: self._blocks[key] for key in keys if key in self._blocks}
            for key in kept:
                self._blocks.move_to_end(key)
        missing = [k for k, key in enumerate(keys) if key not in kept]
        # two threads may compute a block at once; neither waits for the other
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            computed = compute(rows[part])
            # an array of its own, or one block would keep all of its batch alive
            kept |= {keys[k]: values.copy() for k, values in zip(part, computed, strict=True)}
        with self._lock:
            for k in missing:
                self._keep(keys[k], kept[keys[k]])
        return [kept[key] for key in keys]

    def _keep(self, key: tuple[int, ...], values: np.ndarray) -> None:
        if key in self._blocks:
            return
        self._blocks[key] = values
        self.bytes += values.nbytes
        while self.bytes > self.limit and len(self._blocks) > 1:
            _, oldest = self._blocks.popitem(last=False)
            self.bytes -= oldest.nbytes


class LayerWeights(dict[str, Any]):
    """Weights by name, and the features that were computed with them."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__(weights)
        self.features = FeatureCache()


def pack_weights(weights: Arrays, bits: int) -> dict[str, np.ndarray]:
    """Return the tensors that store float32 weights with an encoder of `bits` bits a weight.

    Raises ValueError for weights that are not finite, and for bits that are none of BITS.
    """
    if bits not in BITS:
        raise ValueError(f"bits must be one of {BITS}, not {bits}")
    stored = {}
    for name, value in weights.items():
        if not np.isfinite(value).all():
            raise ValueError(f"weight '{name}' is not finite")
        weight = np.ascontiguousarray(value, np.float32)
        if bits == 32 or not _is_quantized(name):
            stored[name] = weight
            continue
        largest = np.abs(weight).max(axis=0)
        part = name.removesuffix("_weight")
        stored[f"{part}_codes"] = pack_codes(_codes(weight, largest, bits), bits)
        stored[f"{part}_max_abs"] = largest
    return stored


def unpack_weights(
    stored: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    keep_bits: int | None = None,
) -> dict[str, np.ndarray]:
    """Return float32 weights from stored tensors; `keep_bits` re-quantizes the encoder to fewer
    bits.

    Tensors of unknown names pass unchanged. Raises ValueError for codes that are not of these
    shapes.
    """
    weights = {}
    for name, value in stored.items():
        part = name.removesuffix("_codes")
        if part == name:
            if not name.endswith("_max_abs"):
                weights[name] = np.asarray(value, np.float32)
            if keep_bits not in (None, 32) and _is_quantized(name):
                weights[name] = _requantized(weights[name], keep_bits)
            continue
        shape = shapes.get(f"{part}_weight", (0, 0))
        scales = stored.get(f"{part}_max_abs", np.zeros(0))
        if value.dtype != np.uint8 or not shape[0] or scales.shape != shape[1:]:
            raise ValueError(f"'{part}' has no codes and scales of {shape[0]}×{shape[1]} weights")
        bits = _width_of(len(value), shape)
        codes = unpack_codes(value, shape[0] * shape[1], bits).reshape(shape)
        weight = _values(codes, np.asarray(scales, np.float32), bits)
        if keep_bits is not None and keep_bits < bits:
            weight = _requantized(weight, keep_bits)
        weights[f"{part}_weight"] = weight
    return weights


def pack_codes(codes: np.ndarray, bits: int) -> np.ndarray:
    """Map unsigned codes below 2^bits to uint8 bytes, most significant bit first."""
    flat = codes.ravel()
    groups = np.pad(flat, (0, -len(flat) % _GROUP)).astype(np.uint64).reshape(-1, _GROUP)
    whole = np.zeros(len(groups), np.uint64)
    for k in range(_GROUP):
        whole |= groups[:, k] << np.uint64(bits * (_GROUP - 1 - k))
    packed = whole.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - bits :]
    return packed.ravel()[: packed_bytes(len(flat), bits)].copy()


def unpack_codes(packed: np.ndarray, count: int, bits: int) -> np.ndarray:
    """Return the inverse of `pack_codes`, int32 [count]. Raises ValueError for a code out of range
    and for bits after the last."""
    padded = np.pad(packed, (0, -len(packed) % bits)).reshape(-1, bits)
    whole = np.zeros((len(padded), 8), np.uint8)
    whole[:, 8 - bits :] = padded
    numbers = whole.view(">u8").ravel().astype(np.uint64)
    shifts = np.arange(_GROUP - 1, -1, -1, dtype=np.uint64) * np.uint64(bits)
    mask = np.uint64((1 << bits) - 1)
    codes = np.empty((len(numbers), _GROUP), np.int32)
    for k, shift in enumerate(shifts):
        codes[:, k] = (numbers >> shift) & mask
    flat = codes.ravel()
    if flat[count:].any() or (flat[:count] > 2 * _top(bits)).any():
        raise ValueError("has a code of a weight out of range")
    return flat[:count]


def _is_quantized(name: str) -> bool:
    return name.startswith("encoder") and name.endswith("_weight")


def _width_of(length: int, shape: tuple[int, ...]) -> int:
    for bits in BITS[1:]:
        if length == packed_bytes(shape[0] * shape[1], bits):
            return bits
    raise ValueError(f"has {length} bytes of codes for {shape[0]}×{shape[1]} weights")


def _requantized(weight: np.ndarray, bits: int) -> np.ndarray:
    """Quantize and dequantize a matrix [fan_in, fan_out]: the live quality reduction of the
    viewer."""
    largest = np.abs(weight).max(axis=0)
    return _values(_codes(weight, largest, bits), largest, bits)


def _codes(weight: np.ndarray, largest: np.ndarray, bits: int) -> np.ndarray:
    top = _top(bits)
    inverse = np.divide(top, largest, out=np.zeros(len(largest)), where=largest > 0)
    codes: np.ndarray = np.rint(weight * inverse).astype(np.int32) + top
    return codes


def _values(codes: np.ndarray, largest: np.ndarray, bits: int) -> np.ndarray:
    top = _top(bits)
    values: np.ndarray = ((codes - top) * (largest.astype(np.float64) / top)).astype(np.float32)
    return values


def _top(bits: int) -> int:
    return (1 << (bits - 1)) - 1
