"""Three-way merges of settings: read at first, as changed here, as another window wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MISSING = object()


def changes(base: Mapping[str, Any], mine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ from those read at first."""
    return {key: value for key, value in mine.items() if base.get(key, MISSING) != value}


def recent(base: Sequence[str], mine: Sequence[str], theirs: Sequence[Any], most: int) -> list[Any]:
    """Merge lists of recent files, newest first: files used here, then the other window's.

    Files that were taken out here are taken out. At most `most` remain; items that are no texts, of
    a newer version, stay and do not count.
    """
    used = mine[: len(mine) - _rest(base, mine)]
    dropped = set() if len(mine) >= most else set(base) - set(mine)
    merged = [*used, *(item for item in theirs if not _is_among(item, used, dropped))]
    while sum(isinstance(item, str) for item in merged) > most:
        del merged[max(k for k, item in enumerate(merged) if isinstance(item, str))]
    return merged


def _rest(base: Sequence[str], mine: Sequence[str]) -> int:
    """Return the number of last items that are still in their first order."""
    position = len(base)
    for count, item in enumerate(reversed(mine)):
        earlier = base[:position]
        if item not in earlier:
            return count
        position = earlier.index(item)
    return len(mine)


def _is_among(item: Any, *collections: Iterable[str]) -> bool:
    return isinstance(item, str) and any(item in collection for collection in collections)


def entries(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    another: Callable[[str, Iterable[str]], str],
) -> tuple[dict[str, Any], list[str], list[str]]:
    """Merge entries by key, in their order; return them and the keys of two kinds of conflict.

    An entry that was changed here and differently there takes the key, and the other one gets the
    key `another(key, keys)`: the first list has the keys that it got. The second list has the keys
    of entries that were deleted here, changed there and so kept.
    """
    merged: dict[str, Any] = {}
    renamed: list[str] = []
    kept: list[str] = []
    keys = set(mine) | set(theirs)
    for key in _ordered(list(mine), list(theirs)):
        one = mine.get(key, MISSING)
        other = theirs.get(key, MISSING)
        first = base.get(key, MISSING)
        if one is MISSING and first is not MISSING and other != first:
            kept.append(key)
            merged[key] = other
        elif one is MISSING and first is MISSING:
            merged[key] = other
        elif one is not MISSING and (one != first or other is not MISSING):
            merged[key] = other if one == first else one
            if one != first and other not in (MISSING, first, one):
                new = another(key, keys)
                keys.add(new)
                merged[new] = other
                renamed.append(new)
    return merged, renamed, kept


def _ordered(mine: list[str], theirs: list[str]) -> list[str]:
    """Return all keys: mine, and each of theirs after the one it follows there."""
    ordered = list(mine)
    place = 0
    for key in theirs:
        if key in ordered:
            place = ordered.index(key) + 1
        else:
            ordered.insert(place, key)
            place = place + 1
    return ordered


def canonical(value: Any) -> str:
    """Return a JSON text that equal values share."""
    return json.dumps(value, sort_keys=True)
