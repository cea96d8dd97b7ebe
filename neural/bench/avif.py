"""AVIF still pictures: AV1 intra coding of 12-bit gray tiles (libaom)."""

from __future__ import annotations

from functools import cache

import numpy as np

from neural.bench.codec import RasterCodec, Stream, imagecodecs
from neural.tiles import TILE

_TOP = 4095
_SPEED = 4
"""0 (slowest) to 10; 2 takes three times as long for 1 % fewer bytes at equal RMSE."""


class Avif(RasterCodec):
    """The AV1 stream of each tile; the boxes around it, 269 bytes that are alike for all tiles, are
    not counted.

    The setting is (height step in meters, quality). The step grows with a tile's range, so that 12
    bits hold it; finer first steps than 12 mm take 3 to 5 % more bytes at equal RMSE. The finest
    lossy quality has an RMSE of 1.3 steps: no less than 0.04 m on a tile that spans more than 125
    m.
    """

    name = "avif"
    title = "AVIF"
    settings = (
        *((0.004, q) for q in (99, 95)),
        *(
            (0.012, q)
            for q in (99, 97, 95, 92, 88, 84, 80, 76, 72, 68, 64, 58, 52, 45, 36, 25, 12, 0)
        ),
        *((0.03, q) for q in (12, 0)),
    )

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: tuple[float, int]) -> Stream:
        """See `Codec`."""
        step_m, quality = setting
        offset = float(np.float32(heights.min()))
        scale = float(np.float32(max(step_m, (float(heights.max()) - offset) / _TOP)))
        codes = (
            np.rint((heights.astype(np.float64) - offset) / scale).clip(0, _TOP).astype(np.uint16)
        )
        picture = _picture(codes, quality)
        body = picture[picture.index(b"mdat") + 4 :]
        if _boxed(body) != picture:
            raise ValueError("AVIF boxes differ between tiles")
        return Stream(offset, scale, body)

    def _unpack(self, body: bytes) -> np.ndarray:
        codes: np.ndarray = imagecodecs().avif_decode(_boxed(body), numthreads=1)
        return codes


def _picture(codes: np.ndarray, quality: int) -> bytes:
    """Return codes [256, 256] uint16 below 4096 as an AVIF file.

    Passed as equal red, green and blue, because imagecodecs would code gray input losslessly.
    """
    options = {
        "bitspersample": 12,
        "pixelformat": "yuv400",
        "codec": "aom",
        "speed": _SPEED,
        "numthreads": 1,
    }
    return bytes(
        imagecodecs().avif_encode(np.repeat(codes[..., None], 3, axis=2), level=quality, **options)
    )


@cache
def _boxes() -> bytes:
    """Return an AVIF file's boxes before its data."""
    picture = _picture(np.zeros((TILE, TILE), np.uint16), 50)
    return picture[: picture.index(b"mdat") - 4]


def _boxed(body: bytes) -> bytes:
    """Return the AVIF file of an AV1 stream: the length of the data is written in the item's
    location and before the data."""
    boxes = _boxes()
    # version and flags, sizes, count, item 1: id, reference, one extent: offset, length
    position = boxes.index(b"iloc") + 22
    length = len(body).to_bytes(4, "big")
    return (
        boxes[:position]
        + length
        + boxes[position + 4 :]
        + (len(body) + 8).to_bytes(4, "big")
        + b"mdat"
        + body
    )
