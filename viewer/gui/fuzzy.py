"""Fuzzy search: a query matches a text that has its characters in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

WORD_START = 8.0
"""Bonus of a character that begins a word."""

RUN = 6.0
"""Bonus of a character that follows the one matched before."""

GAP = 0.5
"""Penalty of a character skipped between two matches."""

LATE = 0.1
"""Penalty of a character before the first match, and of one of the text beyond the query."""


class Match(NamedTuple):
    """A score, higher is better, and the indices of the matched characters."""

    score: float
    positions: tuple[int, ...]


def match(query: str, text: str) -> Match | None:
    """Match a query with a text, ignoring case and the query's spaces; None where a character is
    missing.

    Of several ways to match, the best one by dynamic programming: O(len(query) · len(text)²).
    """
    characters = [char for char in query.lower() if not char.isspace()]
    if not characters:
        return Match(0.0, ())
    low = text.lower()
    best: dict[int, tuple[float, tuple[int, ...]]] = {}  # by index of the latest match
    for order, char in enumerate(characters):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        for index in range(order, len(low)):
            if low[index] != char:
                continue
            bonus = WORD_START if _begins_word(text, index) else 0.0
            if order == 0:
                following[index] = (bonus - LATE * index, (index,))
                continue
            ways = [
                (score + (RUN if before == index - 1 else -GAP * (index - before - 1)), places)
                for before, (score, places) in best.items()
                if before < index
            ]
            if ways:
                score, places = max(ways)
                following[index] = (score + bonus, (*places, index))
        best = following
    if not best:
        return None
    score, positions = max(best.values())
    return Match(score - LATE * (len(text) - len(characters)), positions)


def _begins_word(text: str, index: int) -> bool:
    before = text[index - 1] if index else " "
    return not before.isalnum() or (before.islower() and text[index].isupper())


def search(
    query: str, items: Sequence[tuple[Item, Sequence[str]]]
) -> list[tuple[Item, tuple[int, ...]]]:
    """Return the items of which a text matches, best first, with the matched indices of the first
    text.

    Each item comes with its texts; the first one, its title, counts a little more than the others.
    Equal scores keep the order of `items`.
    """
    ranked = []
    for item, texts in items:
        matches = [match(query, text) for text in texts]
        scores = [
            hit.score + (1.0 if number == 0 else 0.0)
            for number, hit in enumerate(matches)
            if hit is not None
        ]
        if scores:
            first = matches[0]
            ranked.append((max(scores), item, () if first is None else first.positions))
    ranked.sort(key=lambda row: -row[0])  # stable
    return [(item, positions) for _, item, positions in ranked]
