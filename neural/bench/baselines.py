"""Two surfaces anybody could store instead, as codecs with a single setting: below them nothing is
learned."""

from __future__ import annotations

import numpy as np

from neural.bench.codec import Codec, Stream
from neural.tiles import TILE

_COARSE = 16
_SHARPNESS = -0.75


class OneHeight(Codec):
    """One height per tile: the mean of its valid samples, in the envelope's offset."""

    name = "one_height"
    title = "one height per tile"
    settings = (None,)

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: None) -> Stream:
        """See `Codec`."""
        return Stream(float(np.float32(heights[valid].mean(dtype=np.float64))), 0.0, b"")

    def decode(self, stream: Stream) -> np.ndarray:
        """See `Codec`."""
        return np.full((TILE, TILE), stream.offset_m)


class Bicubic(Codec):
    """16×16 area averages, 16 bits each, interpolated bicubically: one value where a patch has a
    token."""

    name = "bicubic_16"
    title = "16×16 bicubic"
    settings = (None,)

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: None) -> Stream:
        """See `Codec`."""
        side = TILE // _COARSE
        means = heights.astype(np.float64).reshape(_COARSE, side, _COARSE, side).mean(axis=(1, 3))
        offset = float(np.float32(means.min()))
        scale = float(np.float32((means.max() - offset) / 65535))
        codes = np.rint((means - offset) / (scale or 1.0)).clip(0, 65535)
        return Stream(offset, scale, codes.astype("<u2").tobytes())

    def decode(self, stream: Stream) -> np.ndarray:
        """See `Codec`."""
        codes = np.frombuffer(stream.body, "<u2").reshape(_COARSE, _COARSE)
        weights = _cubic_weights()
        return stream.offset_m + stream.scale_m * (weights @ codes @ weights.T)


def _cubic_weights() -> np.ndarray:
    """Return the cubic convolution from 16 to 256 cell centers, clamped at the rim, as a matrix
    [256, 16] (R. Keys, IEEE TASSP 1981)."""
    position = (np.arange(TILE) + 0.5) * (_COARSE / TILE) - 0.5
    first = np.floor(position).astype(int)
    weights = np.zeros((TILE, _COARSE))
    a = _SHARPNESS
    for tap in range(-1, 3):
        distance = np.abs(position - (first + tap))
        near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
        far = a * (((distance - 5) * distance + 8) * distance - 4)
        np.add.at(
            weights,
            (np.arange(TILE), (first + tap).clip(0, _COARSE - 1)),
            np.where(distance <= 1, near, far),
        )
    return weights


BASELINES: dict[str, type[Codec]] = {"one_height": OneHeight, "bicubic_16": Bicubic}
