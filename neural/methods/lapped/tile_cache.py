"""LRU cache of values by tile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from neural.system.forks import ForkLock
from neural.tiles import Tile

KEEP_TILES = 64
_T = TypeVar("_T")


class TileCache(Generic[_T]):
    """LRU cache of a function of tiles; threads may ask for the same one at once.

    It does not keep the function: a method's object has these results, and the cycle would outlive
    its last user until garbage is collected.
    """

    def __init__(self, keep: int = KEEP_TILES) -> None:
        self._keep = keep
        self._lock = ForkLock()
        self._values: OrderedDict[Tile, _T] = OrderedDict()

    def of(self, tile: Tile, make: Callable[[Tile], _T]) -> _T:
        """Return the cached value of a tile, or compute it."""
        with self._lock:
            if tile in self._values:
                self._values.move_to_end(tile)
                return self._values[tile]
        value = make(tile)
        self.put(tile, value)
        return value

    def put(self, tile: Tile, value: _T) -> None:
        """Cache a value of a tile, computed elsewhere."""
        with self._lock:
            self._values[tile] = value
            while len(self._values) > self._keep:
                self._values.popitem(last=False)

    def kept(self) -> list[_T]:
        """Return all cached values."""
        with self._lock:
            return list(self._values.values())
