"""Symmetric per-dimension post-training quantization of latents, and bit packing.

As published for HUVR+SIREN (arXiv 2606.00404): each latent dimension has one scale, its largest magnitude;
`bits` in 2…8 or 16 gives integers in ±(2^(bits−1)−1). 32 bits are IEEE single floats, without scales.
"""

from __future__ import annotations

import numpy as np

BIT_CHOICES = (32, 16, 8, 7, 6, 5, 4, 3, 2)
"""Bits per latent value, finest first."""


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` values take at `bits` each."""
    return (count * bits + 7) // 8


def _largest_code(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def quantize(values: np.ndarray, max_abs: np.ndarray, bits: int) -> np.ndarray:
    """Values [..., d] → integer codes [..., d] in ±(2^(bits−1)−1); a dimension with max_abs 0 gives code 0."""
    top = _largest_code(bits)
    inverse_step = np.divide(top, max_abs, out=np.zeros(max_abs.shape, np.float64), where=max_abs > 0)
    return np.clip(np.rint(values * inverse_step), -top, top).astype(np.int32)


def dequantize(codes: np.ndarray, max_abs: np.ndarray, bits: int) -> np.ndarray:
    """Integer codes [..., d] → float32 values [..., d]."""
    return (codes * (max_abs.astype(np.float64) / _largest_code(bits))).astype(np.float32)


def pack(values: np.ndarray, max_abs: np.ndarray, bits: int) -> bytes:
    """Latents [n, d] float32 → packed bytes: codes most significant bit first, or little-endian floats at 32 bits.

    Raises ValueError when the values are not finite.
    """
    if bits not in BIT_CHOICES:
        raise ValueError(f"bits must be one of {BIT_CHOICES}, not {bits}")
    if not np.isfinite(values).all():
        raise ValueError("latents are not finite")
    if bits == 32:
        return np.asarray(values, "<f4").tobytes()
    unsigned = quantize(values, max_abs, bits) + _largest_code(bits)
    if bits == 16:
        return unsigned.astype(">u2").tobytes()
    planes = np.unpackbits(unsigned.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits :]
    return np.packbits(planes).tobytes()


def unpack(body: bytes, shape: tuple[int, int], max_abs: np.ndarray, bits: int) -> np.ndarray:
    """Packed bytes → latents [n, d] float32. Raises ValueError when length or codes cannot be ours."""
    count = shape[0] * shape[1]
    if len(body) != packed_bytes(count, bits):
        raise ValueError(f"body has {len(body)} bytes, {packed_bytes(count, bits)} expected")
    if bits == 32:
        return np.frombuffer(body, "<f4").astype(np.float32).reshape(shape)
    if bits == 16:
        unsigned = np.frombuffer(body, ">u2")
    else:
        planes = np.unpackbits(np.frombuffer(body, np.uint8), count=count * bits).reshape(count, bits)
        unsigned = np.packbits(np.pad(planes, ((0, 0), (8 - bits, 0))), axis=1)[:, 0]
    if unsigned.max(initial=0) > 2 * _largest_code(bits):
        raise ValueError("body has a code outside the quantizer's range")
    codes = unsigned.astype(np.int32) - _largest_code(bits)
    return dequantize(codes.reshape(shape), max_abs, bits)


def requantize(values: np.ndarray, max_abs: np.ndarray, bits: int) -> np.ndarray:
    """What `values` [n, d] become when stored at `bits`: the live quality reduction of the viewer."""
    if bits == 32:
        return np.asarray(values, np.float32)
    return dequantize(quantize(values, max_abs, bits), max_abs, bits)
