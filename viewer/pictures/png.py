"""PNG writer with nothing but zlib (PNG specification, 3rd edition: IHDR, IDAT, IEND)."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Generator, Iterable, Iterator

import numpy as np

from neural.system import output


def png_bytes(rgb: np.ndarray) -> bytes:
    """Encode a picture, uint8 [height, width, 3], as PNG."""
    _check(rgb)
    return b"".join(_png((rgb.shape[1], rgb.shape[0]), [rgb]))


def write_png(path: str | os.PathLike[str], rgb: np.ndarray) -> None:
    """Write a picture atomically. Raises NtileError."""
    _check(rgb)
    write_strips(path, (rgb.shape[1], rgb.shape[0]), [rgb])


def write_strips(
    path: str | os.PathLike[str], size_px: tuple[int, int], strips: Iterable[np.ndarray]
) -> None:
    """Write a picture from strips of rows, uint8 [rows, width, 3], from the top; only one is held
    at a time.

    The file gets its final name when it is whole (`neural.system.output`). Raises NtileError when
    it cannot be written, ValueError when the strips do not add up to that size; an error of the
    strips leaves no file behind either.
    """
    try:
        with output.binary(path) as file:
            for part in _png(size_px, strips):
                file.write(part)
    finally:
        if isinstance(strips, Generator):  # drawing ends before its OpenGL context
            strips.close()


def _png(size_px: tuple[int, int], strips: Iterable[np.ndarray]) -> Iterator[bytes]:
    width, height = size_px
    yield b"\x89PNG\r\n\x1a\n" + _chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    )
    packer = zlib.compressobj(6)
    above = np.zeros((1, 3 * width), np.uint8)
    done = 0
    for strip in strips:
        _check(strip)
        flat = strip.reshape(len(strip), 3 * width)
        # Every row is led by its filter; 2 stores the difference to the row above, which suits
        # smooth pictures.
        rows = np.empty((len(flat), 1 + 3 * width), np.uint8)
        rows[:, 0] = 2
        rows[:, 1:] = flat
        rows[0, 1:] -= above[0]
        rows[1:, 1:] -= flat[:-1]
        above = flat[-1:].copy()
        done += len(flat)
        yield _chunk(b"IDAT", packer.compress(rows.data))
    if done != height:
        raise ValueError(f"{done} rows came for a picture of {height}")
    yield _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")


def _check(rgb: np.ndarray) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"a picture is uint8 [height, width, 3], not {rgb.dtype} {rgb.shape}")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
