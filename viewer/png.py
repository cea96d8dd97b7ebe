"""Writing a picture as PNG with nothing but zlib (PNG specification, 3rd edition: IHDR, IDAT, IEND)."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np

from neural.errors import NtileError


def png_bytes(rgb: np.ndarray) -> bytes:
    """A uint8 [height, width, 3] picture as the bytes of a PNG file."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"a picture is uint8 [height, width, 3], not {rgb.dtype} {rgb.shape}")
    height, width, _ = rgb.shape
    # Every row is led by its filter; 2 stores the difference to the row above, which suits smooth pictures.
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = 2
    flat = rgb.reshape(height, 3 * width)
    rows[0, 1:] = flat[0]
    rows[1:, 1:] = flat[1:] - flat[:-1]
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def write_png(path: str | os.PathLike[str], rgb: np.ndarray) -> None:
    """Write a picture under its final name or not at all. Raises NtileError when that cannot be done."""
    out, temporary = Path(path), Path(f"{os.fspath(path)}.tmp")
    try:
        try:
            temporary.write_bytes(png_bytes(rgb))
            os.replace(temporary, out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise NtileError(f"{out} cannot be written ({reason}); choose another place.") from error


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
