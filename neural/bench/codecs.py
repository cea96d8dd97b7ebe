"""The classical codecs that a DEM would otherwise be stored with, through imagecodecs, one tile at
a time.

Every codec takes a whole tile [256, 256] (filled where no sample is) and gives the body of an
ordinary envelope; offset and scale stand in the envelope, so they cost what they cost a neural
layer. What the settings do was measured on validation tiles; choices that matter are noted with
their gain.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from neural.bench.avif import Avif
from neural.bench.codec import (
    Codec,
    RasterCodec,
    Stream,
    geometric_steps,
    imagecodecs,
    middle,
    to_codes,
)
from neural.bench.jpeg2000 import Jpeg2000
from neural.tiles import TILE


class _Bounded(RasterCodec):
    """A codec of float samples whose setting is the largest error, meters."""

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: float) -> Stream:
        """See `Codec`; samples are stored relative to the middle of the tile's range."""
        center = middle(heights)
        samples = (heights.astype(np.float64) - center).astype(np.float32)
        return Stream(center, 1.0, bytes(self._pack(samples, setting)))

    @abstractmethod
    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes: ...


class Lerc(_Bounded):
    """LERC 2 with Zstandard at its strongest: 20 to 60 % smaller than LERC alone, 5 % than with
    deflate."""

    name = "lerc"
    title = "LERC"
    settings = geometric_steps(0.006, 12, 31)

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        options = {"compression": "zstd", "compressionargs": {"level": 19}}
        return imagecodecs().lerc_encode(samples, level=tolerance_m, **options)

    def _unpack(self, body: bytes) -> np.ndarray:
        return imagecodecs().lerc_decode(body)


class Sz3(_Bounded):
    """SZ3 with an absolute bound (its default interpolation predictor).

    With three times fewer settings a place takes 5 to 10 % more bytes at equal RMSE.
    """

    name = "sz3"
    title = "SZ3"
    settings = geometric_steps(0.006, 12, 46)

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        return imagecodecs().sz3_encode(samples, mode="abs", abs=tolerance_m)

    def _unpack(self, body: bytes) -> np.ndarray:
        return imagecodecs().sz3_decode(body, (TILE, TILE), np.float32)


class Zfp(_Bounded):
    """zfp in its fixed-accuracy mode, where the tolerance acts in powers of two and is kept with
    room to spare.

    Fixed rate takes 1.4 to 4 times the bytes at equal RMSE. The header carries the mode, so it is
    counted.
    """

    name = "zfp"
    title = "zfp"
    settings = tuple(2.0**k for k in range(-4, 9))

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        return imagecodecs().zfp_encode(samples, level=tolerance_m, mode="accuracy")

    def _unpack(self, body: bytes) -> np.ndarray:
        return imagecodecs().zfp_decode(body)


class JpegXl(RasterCodec):
    """JPEG XL (libjxl), lossy VarDCT at effort 8, 13 % smaller than the default effort.

    The setting is (height step in meters, distance). The codec's error follows a tone curve, which
    is gentle around the middle: codes centered there take 10 % fewer bytes. Float samples give the
    same sizes as integers. Where the largest distances are still too fine, a coarser height step
    takes over.
    """

    name = "jpegxl"
    title = "JPEG XL"
    settings = (
        *((0.001, d) for d in geometric_steps(0.01, 25, 24)),
        *((0.008, d) for d in (1.0, 2.0, 3.0, 6.0, 12.0)),
    )

    def encode(
        self, heights: np.ndarray, valid: np.ndarray, setting: tuple[float, float]
    ) -> Stream:
        """See `Codec`."""
        step_m, distance = setting
        offset, scale, codes = to_codes(heights, step_m)
        options = {"effort": 8, "usecontainer": False, "numthreads": 1}
        return Stream(
            offset, scale, bytes(imagecodecs().jpegxl_encode(codes, distance=distance, **options))
        )

    def _unpack(self, body: bytes) -> np.ndarray:
        return imagecodecs().jpegxl_decode(body, numthreads=1)


CODECS: dict[str, type[Codec]] = {
    "avif": Avif,
    "jpeg2k": Jpeg2000,
    "jpegxl": JpegXl,
    "lerc": Lerc,
    "sz3": Sz3,
    "zfp": Zfp,
}
