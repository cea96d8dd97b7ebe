"""Bytes under a bound on every sample's error: learned methods that keep one, against SZ3, LERC and
zfp."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neural.bench import classical, learned
from neural.bench.codecs import CODECS
from neural.bench.curves import geometric
from neural.bench.learned import Series
from neural.bench.markdown import cell, percent, table
from neural.bench.places import Place
from neural.raster.dem import Dem

BOUNDED_CODECS = ("sz3", "lerc", "zfp")
_RATES = ("bits_per_sample", "stack_bits_per_sample")
SLACK_M = 5e-5
"""Excess over a bound that decoded samples may have: codecs compute in float32 around the middle of
a tile's range."""


def measure(
    place: Place,
    dem: Dem,
    all_series: Sequence[Series],
    bounds: Sequence[float],
    threads: int | None,
    device: str,
) -> list[dict[str, Any]]:
    """Return per bound in meters, by series and codec: rates, the largest error of a decoded valid
    sample, and `kept`.

    Codecs take the bound as their setting on every tile and level, in the project's envelope.
    """

    def quiet(done: int, total: int) -> None:
        pass

    rows = []
    for bound in bounds:
        row: dict[str, Any] = {"max_error_m": bound}
        for series in all_series:
            (point,) = learned.measure_file(
                place, series, {"max_error_m": bound}, (None,), threads, device, quiet
            )
            row[series.name] = _facts(point, bound)
        for name in BOUNDED_CODECS:
            (point,) = classical.measure(dem, CODECS[name](), (bound,))
            row[name] = _facts(point, bound)
        rows.append(row)
    return rows


def _facts(point: Mapping[str, Any], bound: float) -> dict[str, Any]:
    numbers = {key: point[key] for key in (*_RATES, "max_error_m", "rmse_m")}
    return {**numbers, "kept": bool(point["max_error_m"] <= bound + SLACK_M)}


def lines(result: Mapping[str, Any]) -> list[str]:
    """Return a table per bound: bits per sample of every place, their geometric mean, and the
    change against each codec."""
    places = result["places"]
    titles = result["titles"]
    bounds = [row["max_error_m"] for row in places[0].get("bounded", ())]
    if not bounds:
        return []
    names = [name for name in places[0]["bounded"][0] if name in places[0]["learned"]]
    text = [
        "## Bounded error",
        "",
        "Bits per sample under a bound on every decoded valid sample: learned methods with all "
        "levels and directory, "
        "codecs with the finest level alone. A dash: the bound is not kept.",
        "",
    ]
    for k, bound in enumerate(bounds):
        header = ["", "class", *(f"{titles[name]}, all levels" for name in names)]
        header += [CODECS[name].title for name in BOUNDED_CODECS]
        header += [
            f"{titles[name]} / {CODECS[other].title}" for name in names for other in BOUNDED_CODECS
        ]
        rows = [
            [place["name"], place["data_class"] or "–", *_cells(place["bounded"][k], names)]
            for place in places
        ]
        rows.append(
            [
                "mean (geometric)",
                "",
                *_cells(_mean([place["bounded"][k] for place in places]), names),
            ]
        )
        text += [f"### {bound:g} m", "", *table(header, rows), ""]
    return text


def _rate(row: Mapping[str, Any], name: str) -> float | None:
    """Return the compared rate in bits per sample: the finest level of codecs, all levels of
    learned methods; None where the bound is not kept."""
    key = "bits_per_sample" if name in BOUNDED_CODECS else "stack_bits_per_sample"
    return row[name][key] if row[name]["kept"] else None


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    rates = {name: _rate(row, name) for name in (*names, *BOUNDED_CODECS)}
    pairs = [(rates[name], rates[codec_rate]) for name in names for codec_rate in BOUNDED_CODECS]
    ratios = [
        percent(100 * (layer_rate / codec_rate - 1)) if layer_rate and codec_rate else "–"
        for layer_rate, codec_rate in pairs
    ]
    return [*(cell(rate, ".4f") for rate in rates.values()), *ratios]


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rates of several places as those of one; a bound is kept where every place keeps
    it."""
    return {
        name: {
            **{rate: geometric([row[name][rate] for row in rows]) for rate in _RATES},
            "kept": all(row[name]["kept"] for row in rows),
        }
        for name in rows[0]
        if name != "max_error_m"
    }
