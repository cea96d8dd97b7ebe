"""Cache of values by tile, the latest ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from neural.tiles import Tile

KEEP_TILES = 64
_T = TypeVar("_T")


class Recent(Generic[_T]):
    """The latest results of a function of tiles; threads may ask for the same one at once.

    It does not keep the function: a method's object has these results, and the cycle would outlive
    its last user until garbage is collected.
    """

    def __init__(self, keep: int = KEEP_TILES) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self._found: OrderedDict[Tile, _T] = OrderedDict()

    def of(self, tile: Tile, make: Callable[[Tile], _T]) -> _T:
        """The result for a tile, kept or made now."""
        with self._lock:
            if tile in self._found:
                self._found.move_to_end(tile)
                return self._found[tile]
        made = make(tile)
        self.put(tile, made)
        return made

    def put(self, tile: Tile, made: _T) -> None:
        """Keep the result for a tile, found elsewhere."""
        with self._lock:
            self._found[tile] = made
            while len(self._found) > self._keep:
                self._found.popitem(last=False)

    def kept(self) -> list[_T]:
        """All that is kept."""
        with self._lock:
            return list(self._found.values())
