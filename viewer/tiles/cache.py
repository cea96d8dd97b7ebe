"""LRU cache of decoded tiles in texture memory, within a budget of allocated texture bytes.

Textures come in pages of equal layers, so the cache grows and shrinks without copying. The
bookkeeping is free of GL: a caller's function makes the pages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar


class Page(Protocol):
    """A block of equal texture layers."""

    @property
    def layers(self) -> int:
        """Number of layers."""

    @property
    def bytes(self) -> int:
        """Allocated texture bytes; may grow (optional textures)."""

    def release(self) -> None:
        """Free the textures."""


PageT = TypeVar("PageT", bound=Page)
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Slot(NamedTuple, Generic[PageT]):
    """One layer of a page."""

    page: PageT
    layer: int


class TileCache(Generic[PageT, Key, Value]):
    """LRU map of keys to (slot, value). Pinned keys are never evicted, even over budget."""

    def __init__(
        self,
        make_page: Callable[[], PageT],
        budget_bytes: int,
        on_discard: Callable[[Key], None] = lambda key: None,
    ) -> None:
        self._make_page = make_page
        self._on_discard = on_discard
        self.budget_bytes = budget_bytes
        self._entries: OrderedDict[Key, tuple[Slot[PageT], Value]] = OrderedDict()
        self._pages: list[PageT] = []
        self._free: list[Slot[PageT]] = []
        self._pinned: frozenset[Key] = frozenset()
        self.evicted = 0
        """Number of evicted tiles."""

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._entries)

    @property
    def bytes(self) -> int:
        """Allocated texture bytes, used layers or not."""
        return sum(page.bytes for page in self._pages)

    @property
    def slot_bytes(self) -> float:
        """Texture bytes of one slot; 0 before the first page."""
        return self._pages[-1].bytes / self._pages[-1].layers if self._pages else 0.0

    def slot(self, key: Key) -> Slot[PageT]:
        """Return the slot of a cached tile."""
        return self._entries[key][0]

    def value(self, key: Key) -> Value:
        """Return the value stored with a cached tile."""
        return self._entries[key][1]

    def pin(self, keys: Collection[Key]) -> None:
        """Replace the pinned keys by this frame's and mark them as the latest used."""
        self._pinned = frozenset(keys)
        for key in self._pinned:
            if key in self._entries:
                self._entries.move_to_end(key)

    def insert(self, key: Key, value: Value) -> Slot[PageT]:
        """Assign a slot to a key, evicting others or adding a page as the budget allows."""
        if key in self._entries:
            self.discard(key)
        slot = self._find()
        self._entries[key] = slot, value
        return slot

    def discard(self, key: Key) -> None:
        """Remove a key, if cached, and free its slot."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._free.append(entry[0])
            self._on_discard(key)

    def trim(self) -> None:
        """Free whole pages until the cache is within its budget."""
        while self.bytes > self.budget_bytes:
            used: dict[int, list[Key]] = {id(page): [] for page in self._pages}
            for key, (slot, _) in self._entries.items():
                used[id(slot.page)].append(key)
            freeable = [
                page for page in self._pages if not self._pinned.intersection(used[id(page)])
            ]
            if not freeable:
                return
            page = min(freeable, key=lambda page: len(used[id(page)]))
            for key in used[id(page)]:
                self.discard(key)
            self.evicted += len(used[id(page)])
            self._drop(page)

    def clear(self) -> None:
        """Remove all keys and free all pages."""
        for key in list(self._entries):
            self.discard(key)
        self._pinned = frozenset()
        for page in list(self._pages):
            self._drop(page)

    def _drop(self, page: PageT) -> None:
        self._pages.remove(page)
        self._free = [slot for slot in self._free if slot.page is not page]
        page.release()

    def _find(self) -> Slot[PageT]:
        if self._free:
            return self._free.pop()
        page_bytes = self._pages[-1].bytes if self._pages else 0
        if self._pages and self.bytes + page_bytes > self.budget_bytes:
            oldest = next((key for key in self._entries if key not in self._pinned), None)
            if oldest is not None:
                self.discard(oldest)
                self.evicted += 1
                return self._free.pop()
        page = self._make_page()
        self._pages.append(page)
        self._free += [Slot(page, layer) for layer in reversed(range(page.layers))]
        return self._free.pop()
