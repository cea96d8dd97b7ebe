"""BD-rates as Markdown: a table per series, a row per place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neural.bench.bd_rate import BARE_EARTH, ERRORS, RANGE_ANCHOR, RANGE_M
from neural.bench.markdown import percent, table

_NOTE = (
    f"Mean over {ERRORS} errors, evenly spaced in the logarithm, of the bytes of a learned "
    "layer (all levels and "
    "directory) over those of a codec (finest level alone). First at equal height RMSE of "
    f"{RANGE_M[0]:g}–{RANGE_M[1]:g} m, then at equal gradient RMSE, central differences of "
    "decoded samples inside "
    "tiles on both sides, between the gradients of JPEG 2000 files at the ends of that range. "
    "Last column: analytic "
    "gradients of the learned surface, against those of the codec's mosaic. Means are of "
    "logarithms. fails: the "
    "series does not get down to the smallest error. ≥: the codec's fewest bytes give less "
    "error already (its true "
    "need is smaller still); ≤: its most bytes give more, or the series' fewest give less; ? "
    "both occur."
)
_BOTH = ("height", "gradient")


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return the tables of `bd_rates` of a result; none where nothing was compared."""
    entries = result["bd_rates"]
    if not entries:
        return []
    text = ["## Bytes at equal error, mean over a range of errors", "", _NOTE, ""]
    for series in dict.fromkeys(entry["series"] for entry in entries):
        series_entries = {
            (entry["anchor"], entry["measure"]): entry
            for entry in entries
            if entry["series"] == series
        }
        fails_everywhere = all(
            place_change["percent"] is None
            for entry in series_entries.values()
            for place_change in entry["places"]
        )
        body = (
            ["It fails on every place."]
            if fails_everywhere
            else _series_table(result, series_entries)
        )
        text += [f"### {result['titles'][series]}", "", *body, ""]
    return text


def _series_table(
    result: Mapping[str, Any], entries: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[str]:
    titles = result["titles"]
    places = result["places"]
    columns: list[Sequence[Mapping[str, Any]]] = []
    header = ["height / gradient against", "class"]
    for anchor in dict.fromkeys(anchor for anchor, _ in entries):
        columns.append(
            [entries[anchor, measure] for measure in _BOTH if (anchor, measure) in entries]
        )
        header.append(titles[anchor])
    if analytic := entries.get((RANGE_ANCHOR, "analytic_gradient")):
        columns.append([analytic])
        header.append(f"analytic gradient, {titles[RANGE_ANCHOR]}")
    rows = []
    for k, place in enumerate(places):
        cells = [" / ".join(value(entry["places"][k]) for entry in column) for column in columns]
        rows.append([f"{k + 1}. {place['name']}", place["data_class"] or "–", *cells])
    for key, label in (("mean_bare_earth", "mean, bare earth"), ("mean_all", "mean, all places")):
        if columns[0][0][key] is not None:
            cells = [" / ".join(value(entry[key]) for entry in column) for column in columns]
            rows.append([label, BARE_EARTH if key == "mean_bare_earth" else "", *cells])
    cells = [" / ".join(_worst(entry["worst"]) for entry in column) for column in columns]
    rows.append(["worst place (its number)", "", *cells])
    return table(header, rows)


def value(change: Mapping[str, Any]) -> str:
    """Format a change in percent with its bound, or "fails"."""
    return "fails" if change["percent"] is None else change["bound"] + percent(change["percent"])


def _worst(change: Mapping[str, Any]) -> str:
    return f"{value(change)} ({change['place'] + 1})"
