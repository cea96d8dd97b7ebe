"""bench.json as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neural.bench import bd_table, bounded
from neural.bench.markdown import cell, setting, table

COLUMNS = (
    ("rmse_m", "RMSE m", ".4f"),
    ("mae_m", "MAE m", ".4f"),
    ("le90_m", "LE90 m", ".4f"),
    ("max_error_m", "max m", ".3f"),
    ("psnr_db", "PSNR dB", ".2f"),
    ("gradient_rmse", "∇ RMSE m/m", ".4f"),
    ("sampled_gradient_rmse", "∇ in samples", ".4f"),
    ("laplacian_rmse", "∇² RMSE m/m²", ".4f"),
    ("bits_per_sample", "bits/sample", ".4f"),
    ("stack_bits_per_sample", "all levels", ".4f"),
)
_MEAN_ONLY = (
    ("rmse_mean_m", "RMSE m, arithmetic", ".4f"),
    ("macs_per_sample", "MAC/sample", ",.0f"),
    ("decoder_bytes", "decoder kB", "kB"),
)


def markdown(result: Mapping[str, Any]) -> str:
    """Return every table of a result, in the order: BD-rates, bounded error, means, ratios, each
    place."""
    names = result["titles"]
    places = result["places"]
    count = len(places)
    lines = [
        f"# Rate and distortion over {count} place{'s' if count > 1 else ''}",
        "",
        result["protocol"],
        "",
    ]
    lines += [
        f"Machine: {result['machine']}. "
        + ", ".join(f"{k} {v}" for k, v in result["versions"].items())
        + ".",
        "",
    ]
    lines += [*bd_table.lines(result), *bounded.lines(result)]
    lines += ["## Mean over places", "", *_mean_table(result), ""]
    lines += _sweep_lines(result)
    lines.append("")
    if result["ratios"]:
        lines += _ratio_tables(result)
    for place in places:
        lines += [
            f"## {place['name']}",
            "",
            *_place_header(place),
            "",
            *_place_table(place, names),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _cells(point: Mapping[str, Any], columns: Sequence[tuple[str, str, str]]) -> list[str]:
    return [cell(point.get(key), spec) for key, _, spec in columns]


def _mean_table(result: Mapping[str, Any]) -> list[str]:
    columns = (*COLUMNS, *_MEAN_ONLY)
    mean = result["mean"]
    names = result["titles"]
    count = len(result["places"])
    rows = []
    for name, point in mean["baselines"].items():
        rows.append([names[name], *_cells(point, columns)])
    for name, points in mean["learned"].items():
        for point in points:
            rows.append([f"{names[name]}, {setting(point)}", *_cells(point, columns)])
    for name, points in mean["codecs"].items():
        for point in points:
            if point["places"] == count:
                rows.append([names[name], *_cells(point, columns)])
    return table(["", *(title for _, title, _ in columns)], rows)


def _sweep_lines(result: Mapping[str, Any]) -> list[str]:
    """Describe the rates that each codec's sweep reaches, and the table's rates that only part of
    the places reach."""
    lines = []
    count = len(result["places"])
    for name, points in result["mean"]["codecs"].items():
        rates = [
            point["bits_per_sample"]
            for place in result["places"]
            for point in place["codecs"][name]
        ]
        series = [
            f"{p['bits_per_sample']:g} ({p['places']} of {count})"
            for p in points
            if 0 < p["places"] < count
        ]
        missing = (
            f"; no mean where only some places are reached: {', '.join(series)}" if series else ""
        )
        lines.append(
            f"- {result['titles'][name]}: swept over {min(rates):.3f}–{max(rates):.3f} "
            f"bits/sample{missing}"
        )
    return lines


def _ratio_tables(result: Mapping[str, Any]) -> list[str]:
    names = result["titles"]
    lines = [
        "## Bytes of learned layers over the best codec at equal error",
        "",
        "Codecs in the same envelope. Bytes of the finest level; of methods with a step, of all "
        "levels. "
        "Below 1 the learned layer is smaller. ≥: the best codec's fewest bytes give less error "
        "already (its true need "
        "is smaller still); ≤: no codec of the sweep gets as exact; ? in a mean: both occur.",
        "",
    ]
    for key, title in (("rmse_m", "Equal height RMSE"), ("gradient_rmse", "Equal gradient RMSE")):
        rows = []
        for row in result["ratios"]:
            if row["error"] == key:
                per_place = [
                    f"{r['bound']}{r['value']:.2f} {names[r['codec']]}" for r in row["places"]
                ]
                rows.append(
                    [
                        f"{names[row['series']]}, {setting(row)}",
                        f"{row['bound']}{row['mean']:.2f}",
                        *per_place,
                    ]
                )
        if rows:
            lines += [f"### {title}", ""]
            lines += [
                *table(["", "geometric mean", *(p["name"] for p in result["places"])], rows),
                "",
            ]
    return lines


def _place_header(place: Mapping[str, Any]) -> list[str]:
    size = (
        f"{place['width']}×{place['height']} cells of "
        f"{place['cell_m'][0]:g}×{place['cell_m'][1]:g} m"
    )
    tags = "".join(f", {place[key]}" for key in ("split", "data_class") if place[key])
    return [f"{place['file']}: {size}, {place['samples']} valid samples{tags}."]


def _place_table(place: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    rows = [[names[name], *_cells(point, COLUMNS)] for name, point in place["baselines"].items()]
    for name, points in place["learned"].items():
        rows += [[f"{names[name]}, {setting(point)}", *_cells(point, COLUMNS)] for point in points]
    for name, points in place["codecs"].items():
        step = max(1, round(len(points) / 8))  # JSON has them all
        rows += [[names[name], *_cells(point, COLUMNS)] for point in points[::step]]
    return table(["", *(title for _, title, _ in COLUMNS)], rows)
