"""Limits of size of pictures, films and windows, from the memory they need and the memory
available."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from neural.errors import UsageError

MIN_SIDE = 16
MAX_SIDE = 100_000
"""Longest side of a picture, pixels."""


WHOLE_PX = 3840 * 2160
"""Pixel count above which a picture is drawn in pieces: larger than a film at 4K."""

PIECE_PX = 2048
"""Longest side of a piece, pixels."""

STRIP_BYTES = 64 << 20
"""Approximate size of a strip of a large picture, bytes."""

DRAWN_BYTES = 60
"""Bytes per pixel drawn at once: color and depth in four samples, and the resolved buffers."""


class Use(NamedTuple):
    """Purpose of a picture, and the bytes per pixel that it takes besides drawing."""

    name: str
    bytes_per_px: int
    advice: str = ""


STRIPS = Use("A picture", 0)
"""Written as it is drawn, a strip at a time."""

ARRAY = Use("A picture in memory", 3, " `Viewer.save` writes larger ones to a file.")

FRAMES = Use("A film of PNG files", 9)
"""The picture, its rows filtered for PNG, and the compressed rows."""

VIDEO = Use("A film", 90, " A folder of PNG files, instead of .mp4, may be larger.")
"""The picture, its copies for the encoder, and fifty buffered frames of 1.5 bytes a pixel."""

WINDOW = Use("A window", 12, " With --headless a picture may be larger.")
"""Two window buffers and the picture they are copied from; drawing is in one piece."""


def check(size_px: tuple[int, int], use: Use) -> None:
    """Raise UsageError for an invalid size, or one that needs more memory than available; names the
    limit."""
    width, height = size_px
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size_px):
        raise UsageError(
            f"{width}x{height} pixels are out of range; each side is {MIN_SIDE} to {MAX_SIDE}."
        )
    free = available_bytes()
    if free is None or needed_bytes(size_px, use) <= free:
        return
    largest = _largest(size_px, use, free)
    limit = (
        "free some"
        if largest is None
        else f"it takes {largest[0]}x{largest[1]} of that shape at most"
    )
    needed = f"{needed_bytes(size_px, use) / 1e9:.3g} GB"
    raise UsageError(
        f"{use.name} of {width}x{height} pixels takes {needed} of memory and {free / 1e9:.3g} "
        "GB are free: "
        f"{limit}.{use.advice}"
    )


def needed_bytes(size_px: tuple[int, int], use: Use) -> int:
    """Return the memory in bytes that a size needs beyond that of any picture."""
    pixels = size_px[0] * size_px[1]
    if pixels <= WHOLE_PX or use is WINDOW:
        return (DRAWN_BYTES + use.bytes_per_px) * pixels
    return DRAWN_BYTES * PIECE_PX**2 + 4 * STRIP_BYTES + use.bytes_per_px * pixels


def _largest(size_px: tuple[int, int], use: Use, free: int) -> tuple[int, int] | None:
    """Return the largest size of this aspect that fits into `free` bytes; None where hardly any
    does."""
    low = 0.0
    high = 1.0
    for _ in range(40):
        middle = (low + high) / 2
        fits = needed_bytes(_scaled(size_px, middle), use) <= free
        low, high = (middle, high) if fits else (low, middle)
    largest = _scaled(size_px, low)
    return largest if min(largest) >= MIN_SIDE else None


def _scaled(size_px: tuple[int, int], share: float) -> tuple[int, int]:
    return int(size_px[0] * share), int(size_px[1] * share)


def available_bytes() -> int | None:
    """Return the memory in bytes still available to this process; None where the system does not
    report it."""
    limits = [
        limit
        for limit in (_free_memory(), _cgroup_rest(), _address_space_rest())
        if limit is not None
    ]
    return max(min(limits), 0) if limits else None


def _free_memory() -> int | None:
    """Return free and reclaimable memory and swap in bytes."""
    kilobytes = {}
    for line in _text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        kilobytes[name] = int(rest.split()[0])
    if "MemAvailable" in kilobytes:
        return 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not every system has them
        return None


def _cgroup_rest() -> int | None:
    """Return the bytes left below the container's memory limit, reclaimable caches not counted."""
    for limit, used, reclaimable in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = (_text(f"/sys/fs/cgroup/{name}").strip() for name in (limit, used))
        if most.isdecimal() and now.isdecimal():
            counts = Path("/sys/fs/cgroup", limit).with_name("memory.stat")
            caches = {
                name: int(count) for name, count in map(str.split, _text(str(counts)).splitlines())
            }
            return int(most) - int(now) + caches.get(reclaimable, 0)
    return None


def _address_space_rest() -> int | None:
    """Return the bytes left below `ulimit -v`."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    pages = _text("/proc/self/statm").split()
    return limit - (int(pages[0]) * os.sysconf("SC_PAGE_SIZE") if pages else 0)


def _text(path: str) -> str:
    """Return the text of a kernel file; "" where it does not exist."""
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
