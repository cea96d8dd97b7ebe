"""Base of every classical codec of the comparison: a whole tile of heights in, the body of an
ordinary envelope out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neural.bench.environment import require
from neural.tiles import TILE


class Stream(NamedTuple):
    """Content of a raster tile's envelope: meters = offset_m + scale_m · decoded values."""

    offset_m: float  # exact in float32, as the envelope stores it
    scale_m: float
    body: bytes


class Codec(ABC):
    """One codec with its sweep of settings, finest first."""

    name: ClassVar[str]
    title: ClassVar[str]
    settings: ClassVar[tuple[Any, ...]]

    @abstractmethod
    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: Any) -> Stream:
        """Encode heights [256, 256] float32 meters, smooth where not `valid`, to a stream."""

    @abstractmethod
    def decode(self, stream: Stream) -> np.ndarray:
        """Decode a stream to heights [256, 256] float64 meters."""


class RasterCodec(Codec):
    """A codec whose body holds one sample per cell."""

    def decode(self, stream: Stream) -> np.ndarray:
        """See `Codec`."""
        return stream.offset_m + stream.scale_m * self._unpack(stream.body).astype(
            np.float64
        ).reshape(TILE, TILE)

    @abstractmethod
    def _unpack(self, body: bytes) -> np.ndarray: ...


def imagecodecs() -> Any:
    """Return the package `imagecodecs`. Raises UsageError naming the extra when it is not
    installed."""
    return require("imagecodecs", "comparing codecs", "bench")


def geometric_steps(first: float, last: float, count: int) -> tuple[float, ...]:
    """Return settings evenly spaced in the logarithm, three digits each."""
    return tuple(float(f"{value:.3g}") for value in np.geomspace(first, last, count))


def middle(heights: np.ndarray) -> float:
    """Return the middle of the heights' range, exact in float32."""
    return float(np.float32((float(heights.min()) + float(heights.max())) / 2))


def to_codes(heights: np.ndarray, step_m: float, bits: int = 16) -> tuple[float, float, np.ndarray]:
    """Quantize heights to offset_m, scale_m and codes of `bits` bits, 2^(bits − 1) in the middle of
    the heights' range.

    The step is the same for all tiles, doubled until the range fits. Codes are uint16,
    above 16 bits uint32.
    """
    center = middle(heights)
    half = 1 << (bits - 1)
    half_range = max(float(heights.max()) - center, center - float(heights.min()))
    while half_range / step_m > half - 1:
        step_m *= 2
    scale = float(np.float32(step_m))
    offset = float(np.float32(center - half * scale))
    codes = np.rint((heights.astype(np.float64) - offset) / scale)
    return (
        offset,
        scale,
        np.clip(codes, 0, 2 * half - 1).astype(np.uint16 if bits <= 16 else np.uint32),
    )
