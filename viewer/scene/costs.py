"""Sizes of layers by bit depth, as text; counted on a thread, as it may need every payload."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple
from weakref import WeakKeyDictionary

from neural.container.reader import Reader
from neural.measure.sizes import rates
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from viewer.model import text
from viewer.model.settings import LayerChoice

RATE_TIP = (
    "Payload of the finest level divided by its samples (32-bit heights have 32); of Lapped "
    "SIREN that of all levels, "
    "which need one another; a network fitted to the area counts in full. "
    "≈ marks what encoding with so few bits would give."
)
SIZE_TIP = (
    "Bytes of all tiles of all levels, of their part of the directory, and of a network fitted to "
    "the area. "
    "≈ marks what encoding with so few bits would give."
)


class Cost(NamedTuple):
    """Size of a layer at a bit depth; ≈ marks an estimate for a depth that is not stored."""

    rate: str  # bits per sample of the finest level, or of all levels of a linked method
    size: str  # all levels


COUNTING = Cost("…", "…")
UNKNOWN = Cost(text.DASH, text.DASH)
"""Cost of an unreadable layer."""


class Costs:
    """Costs of the open files, each counted once; dropped with the file."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "costs")
        self._counted: WeakKeyDictionary[Reader, dict[tuple[int, int | None], Future[Cost]]] = (
            WeakKeyDictionary()
        )

    def of(self, reader: Reader, choice: LayerChoice) -> Cost:
        """Return the cost of a slot's layer; `COUNTING` until counted."""
        key = (choice.index, choice.keep_bits)
        futures = self._counted.setdefault(reader, {})
        if key not in futures:
            futures[key] = self._thread.submit(count, reader, *key)
        counted = futures[key]
        if not counted.done():
            return COUNTING
        return UNKNOWN if counted.exception() is not None else counted.result()

    def close(self) -> None:
        """Cancel all counts; a running one ends when its reader is closed."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def count(reader: Reader, index: int, keep_bits: int | None) -> Cost:
    """Count the cost of a layer at `keep_bits` (None: as stored). Raises NtileError for damaged
    payloads."""
    samples = reader.grid.width * reader.grid.height
    sizes = rates(reader, reader.layers[index], samples, keep_bits)
    about = "" if keep_bits is None else "≈ "
    size = text.data_size(samples * sizes["stack_bits_per_sample"] / 8)
    linked = issubclass(METHODS[reader.layers[index].method], LinkedMethod)
    rate = sizes["stack_bits_per_sample" if linked else "bits_per_sample"]
    return Cost(f"{about}{rate:.3f}", about + size)
