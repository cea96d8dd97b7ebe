"""Order and forms of letters, for painters that put one glyph after the other from the left.

Arabic letters take their joined forms, and runs from right to left are turned around (the Unicode
Bidirectional Algorithm without its marks and brackets, in lines that begin at the left). Scripts
whose letters change places or join otherwise, such as Devanagari, need more; they come unjoined.
"""

from __future__ import annotations

import unicodedata
from functools import cache

_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")
_LAM = "\u0644"


def visual(text: str) -> str:
    """Return the letters of a line from left to right, as they are seen.

    Bytes of names that are no text become escapes.
    """
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text.encode(errors="backslashreplace").decode())
    clusters = _clusters(text)
    levels = _levels(clusters)
    if not any(levels):
        return text
    clusters = _joined(clusters)
    clusters = [
        cluster.translate(_MIRRORED) if level == 1 else cluster
        for cluster, level in zip(clusters, levels, strict=True)
    ]
    for lowest in (2, 1):
        clusters = _turned(clusters, levels, lowest)
    return "".join(clusters)


def _clusters(text: str) -> list[str]:
    """Return the letters of a text, each with the marks that go with it."""
    clusters: list[str] = []
    for letter in text:
        if clusters and unicodedata.category(letter) in ("Mn", "Me", "Cf"):
            clusters[-1] += letter
        else:
            clusters.append(letter)
    return clusters


def _levels(clusters: list[str]) -> list[int]:
    """Return the direction of each cluster: 0 to the right, 1 to the left, 2 a number within 1."""
    kinds = [unicodedata.bidirectional(cluster[0]) for cluster in clusters]
    levels: list[int | None] = []
    before = 0
    for kind in kinds:
        if kind in ("R", "AL"):
            before = 1
        elif kind == "L":
            before = 0
        strong = kind in ("R", "AL", "L")
        level = before if strong else {"EN": 2 * before, "AN": 2}.get(kind)
        levels.append(level)
    result = [0] * len(levels)
    for place, level in enumerate(levels):
        if level is not None:
            result[place] = level
            continue
        left = next((known for known in reversed(levels[:place]) if known is not None), 0)
        right = next((known for known in levels[place + 1 :] if known is not None), 0)
        inside_number = left == right == 2 and kinds[place] in ("CS", "ES")
        result[place] = 2 if inside_number else min(left, right, 1)
    return result


def _turned(clusters: list[str], levels: list[int], lowest: int) -> list[str]:
    """Turn each run of clusters of level `lowest` or more around; the levels with them."""
    start = 0
    while start < len(levels):
        end = start + 1
        if levels[start] >= lowest:
            while end < len(levels) and levels[end] >= lowest:
                end += 1
            clusters[start:end] = clusters[start:end][::-1]
            levels[start:end] = levels[start:end][::-1]
        start = end
    return clusters


def _joined(clusters: list[str]) -> list[str]:
    """Return Arabic letters in the forms that they have beside their neighbors."""
    forms = _forms()
    result = list(clusters)
    for place, cluster in enumerate(clusters):
        own = forms.get(cluster[0])
        if own is None or not result[place]:
            continue
        before = forms.get(clusters[place - 1][0], {}) if place else {}
        after = clusters[place + 1] if place + 1 < len(clusters) else ""
        joins_before = "initial" in before and ("final" in own)
        ligature = forms.get(_LAM + after[:1]) if cluster[0] == _LAM and after else None
        if ligature:
            form = "final" if joins_before else "isolated"
            result[place] = ligature.get(form, cluster[0]) + cluster[1:] + after[1:]
            result[place + 1] = ""
            continue
        joins_after = "initial" in own and "final" in forms.get(after[:1], {})
        form = ("medial" if joins_after else "final") if joins_before else "isolated"
        if joins_after and not joins_before:
            form = "initial"
        result[place] = own.get(form, cluster[0]) + cluster[1:]
    return result


@cache
def _forms() -> dict[str, dict[str, str]]:
    """Return the presentation forms of Arabic letters, and of lam with alef, by form."""
    forms: dict[str, dict[str, str]] = {}
    for code in (*range(0xFE80, 0xFEFD), *range(0xFB50, 0xFBB2), *range(0xFBD3, 0xFC00)):
        kind, *codes = unicodedata.decomposition(chr(code)).split() or [""]
        letters = "".join(chr(int(number, 16)) for number in codes)
        if kind.strip("<>") in ("isolated", "initial", "medial", "final") and letters:
            forms.setdefault(letters, {}).setdefault(kind.strip("<>"), chr(code))
    return forms
