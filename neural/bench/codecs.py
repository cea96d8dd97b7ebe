"""The classical codecs that a DEM would otherwise be stored with, through imagecodecs, one tile at a time.

Every codec takes a whole tile [256, 256] (filled where no sample is) and gives the body of an ordinary envelope;
offset and scale stand in the envelope, so they cost what they cost a neural layer. What the settings do was measured
on validation tiles; choices that matter are noted with their gain.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from neural.bench.environment import require
from neural.tiles import TILE

_MIDDLE = 32768
_TOP = 65535


class Stream(NamedTuple):
    """What an envelope holds of a raster tile: metres = offset_m + scale_m · decoded values."""

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
        """Heights [256, 256] float32 metres, smooth where not `valid` → stream."""

    @abstractmethod
    def decode(self, stream: Stream) -> np.ndarray:
        """Stream → heights [256, 256] float64 metres."""


def _steps(first: float, last: float, count: int) -> tuple[float, ...]:
    return tuple(float(f"{value:.3g}") for value in np.geomspace(first, last, count))


def _imagecodecs() -> Any:
    return require("imagecodecs", "comparing codecs", "bench")


def _middle(heights: np.ndarray) -> float:
    return float(np.float32((float(heights.min()) + float(heights.max())) / 2))


def to_codes(heights: np.ndarray, step_m: float) -> tuple[float, float, np.ndarray]:
    """Heights → offset_m, scale_m and uint16 codes, 32768 in the middle of the tile's range.

    The step is the same for all tiles, doubled as often as the range asks for.
    """
    middle = _middle(heights)
    reach = max(float(heights.max()) - middle, middle - float(heights.min()))
    while reach / step_m > _MIDDLE - 1:
        step_m *= 2
    scale = float(np.float32(step_m))
    offset = float(np.float32(middle - _MIDDLE * scale))
    codes = np.rint((heights.astype(np.float64) - offset) / scale)
    return offset, scale, np.clip(codes, 0, _TOP).astype(np.uint16)


class _Bounded(Codec):
    """A codec of float samples whose setting is the largest error, metres."""

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: float) -> Stream:
        """See `Codec`; samples are stored relative to the middle of the tile's range."""
        middle = _middle(heights)
        samples = (heights.astype(np.float64) - middle).astype(np.float32)
        return Stream(middle, 1.0, bytes(self._pack(samples, setting)))

    def decode(self, stream: Stream) -> np.ndarray:
        """See `Codec`."""
        return stream.offset_m + stream.scale_m * self._unpack(stream.body).astype(np.float64).reshape(TILE, TILE)

    @abstractmethod
    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes: ...

    @abstractmethod
    def _unpack(self, body: bytes) -> np.ndarray: ...


class Lerc(_Bounded):
    """LERC 2 with Zstandard at its strongest: 20 to 60 % smaller than LERC alone, 5 % than with deflate."""

    name, title = "lerc", "LERC"
    settings = _steps(0.006, 12, 16)

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        options = {"compression": "zstd", "compressionargs": {"level": 19}}
        return _imagecodecs().lerc_encode(samples, level=tolerance_m, **options)

    def _unpack(self, body: bytes) -> np.ndarray:
        return _imagecodecs().lerc_decode(body)


class Sz3(_Bounded):
    """SZ3 with an absolute bound (its default interpolation predictor)."""

    name, title = "sz3", "SZ3"
    settings = _steps(0.006, 12, 16)

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        return _imagecodecs().sz3_encode(samples, mode="abs", abs=tolerance_m)

    def _unpack(self, body: bytes) -> np.ndarray:
        return _imagecodecs().sz3_decode(body, (TILE, TILE), np.float32)


class Zfp(_Bounded):
    """zfp in its fixed-accuracy mode, where the tolerance acts in powers of two and is kept with room to spare.

    Fixed rate takes 1.4 to 4 times the bytes at equal RMSE. The header carries the mode, so it is counted.
    """

    name, title = "zfp", "zfp"
    settings = tuple(2.0**k for k in range(-4, 9))

    def _pack(self, samples: np.ndarray, tolerance_m: float) -> bytes:
        return _imagecodecs().zfp_encode(samples, level=tolerance_m, mode="a")

    def _unpack(self, body: bytes) -> np.ndarray:
        return _imagecodecs().zfp_decode(body)


class _Coded(Codec):
    """A codec of 16-bit images."""

    def decode(self, stream: Stream) -> np.ndarray:
        """See `Codec`."""
        return stream.offset_m + stream.scale_m * self._unpack(stream.body).astype(np.float64).reshape(TILE, TILE)

    @abstractmethod
    def _unpack(self, body: bytes) -> np.ndarray: ...


class Jpeg2000(_Coded):
    """JPEG 2000 (OpenJPEG), 9/7 wavelet, bare codestream without comments (124 bytes a tile less than JP2).

    The setting is the RMSE aimed at, metres, given to the encoder as the PSNR of 16-bit samples. Finer height
    steps than 1 mm change nothing.
    """

    name, title = "jpeg2k", "JPEG 2000"
    settings = _steps(0.004, 4, 16)

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: float) -> Stream:
        """See `Codec`."""
        offset, scale, codes = to_codes(heights, 0.001)
        psnr = 20 * np.log10(_TOP * scale / setting)
        options = {"codecformat": "j2k", "reversible": False, "numthreads": 1}
        return Stream(offset, scale, _uncommented(_imagecodecs().jpeg2k_encode(codes, level=float(psnr), **options)))

    def _unpack(self, body: bytes) -> np.ndarray:
        return _imagecodecs().jpeg2k_decode(body, numthreads=1)


def _uncommented(stream: bytes) -> bytes:
    """A codestream without the comments in its main header, which hold the encoder's name (ISO/IEC 15444-1, A.9.2)."""
    stream = bytes(stream)
    kept, at = [stream[:2]], 2
    while (marker := stream[at : at + 2]) != b"\xff\x90":  # start of the first tile part
        end = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if marker != b"\xff\x64":
            kept.append(stream[at:end])
        at = end
    return b"".join([*kept, stream[at:]])


class JpegXl(_Coded):
    """JPEG XL (libjxl), lossy VarDCT at effort 8, 13 % smaller than the default effort.

    The setting is (height step in metres, distance). The codec's error follows a tone curve, which is gentle around
    the middle: codes centred there take 10 % fewer bytes. Float samples give the same sizes as integers. Where the
    largest distances are still too fine, a coarser height step takes over.
    """

    name, title = "jpegxl", "JPEG XL"
    settings = (
        *((0.001, d) for d in (0.01, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 1.6, 2.5, 4.0, 6.0, 10.0, 25.0)),
        *((0.008, d) for d in (1.0, 3.0, 12.0)),
    )

    def encode(self, heights: np.ndarray, valid: np.ndarray, setting: tuple[float, float]) -> Stream:
        """See `Codec`."""
        step_m, distance = setting
        offset, scale, codes = to_codes(heights, step_m)
        options = {"effort": 8, "usecontainer": False, "numthreads": 1}
        return Stream(offset, scale, bytes(_imagecodecs().jpegxl_encode(codes, distance=distance, **options)))

    def _unpack(self, body: bytes) -> np.ndarray:
        return _imagecodecs().jpegxl_decode(body, numthreads=1)


CODECS: dict[str, type[Codec]] = {
    "jpeg2k": Jpeg2000,
    "jpegxl": JpegXl,
    "lerc": Lerc,
    "sz3": Sz3,
    "zfp": Zfp,
}
