"""Ways to count a codec's bytes: in the project's envelope, or as the files and images that people
would store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from neural.bench.codec import Codec
from neural.bench.codecs import CODECS
from neural.bench.jpeg2000 import Jpeg2000, strip_headers


class TileBytes(NamedTuple):
    """One tile at one setting."""

    # bytes in the project's envelope: offset, scale, children, mask, checksum and body
    payload: int
    body: bytes
    mask: int  # bytes of its deflated mask, 0 where the grid's extent says which cells are valid


@dataclass(frozen=True)
class Accounting:
    """One way to count the bytes of a codec's tiles.

    `pyramid`: coarser levels and a directory belong to the store; what needs neither holds finest
    tiles alone.
    """

    title: str
    codec: type[Codec]
    count: Callable[[TileBytes], int]
    pyramid: bool


def in_envelope(tile: TileBytes) -> int:
    """Return all side information counted, as of a neural layer."""
    return tile.payload


def as_file(tile: TileBytes) -> int:
    """Return the stream alone, with the mask that it cannot hold; where the tile lies and its
    height offset cost nothing."""
    return len(tile.body) + tile.mask


def as_packets(tile: TileBytes) -> int:
    """Return a JPEG 2000 stream less all that is the same for every tile."""
    return len(strip_headers(tile.body)) + tile.mask


ACCOUNTINGS: dict[str, Accounting] = {
    **{
        name: Accounting(codec.title, codec, in_envelope, pyramid=True)
        for name, codec in CODECS.items()
    },
    "jpeg2k_files": Accounting("JPEG 2000 files", Jpeg2000, as_file, pyramid=False),
    "jpeg2k_headerless": Accounting(
        "JPEG 2000 without headers", Jpeg2000, as_packets, pyramid=False
    ),
}

IMAGE = "jpeg2k_image"
IMAGE_TITLE = "JPEG 2000, one image"
"""A place as one codestream with one mask (`neural.bench.image`)."""

CODEC_NAMES = (*ACCOUNTINGS, IMAGE)
