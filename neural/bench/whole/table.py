"""Markdown tables of the global benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from neural.bench.accounting import IMAGE
from neural.bench.markdown import cell, table
from neural.bench.whole.codecs import TITLES

NOTE = (
    "PSNR over the relief, highest minus lowest height. SSIM of heights mapped from the relief to "
    "0…1, Gaussian windows of 11 samples. ∇ RMSE: central differences of decoded and true samples. "
    "Every sample of ACORN is of the block that holds it: borders as published, not blended. "
    "Sizes: 32 bits, all floats; 8 bits, the weights of ACORN's encoder and of the baselines' "
    "hidden-to-hidden layers as codes of one byte with a scale per output channel, all else "
    "floats, with the partition; loss, the PSNR that this costs. × JPEG 2000: these bits over "
    "those of JPEG 2000 as one image at the network's RMSE. Seconds of CPU time on one thread, "
    "training alone; memory, the process's peak until training ends, with its libraries "
    "and the mapped heights that it has touched. Blocks per level: level 0 is the root square, "
    "each level halves the side. ±: standard deviation over seeds."
)

REPRESENTATION = (
    "ACORN is a functional representation of the area, not a compressor: a codec reaches its "
    "error with a small fraction of its bits."
)

_HEADER = (
    *("", "blocks", "seeds", "PSNR dB", "RMSE m", "SSIM", "∇ RMSE m/m", "parameters"),
    *("kB at 32 bits", "kB at 8 bits", "loss dB", "bits/sample", "× JPEG 2000", "memory MB"),
    *("steps", "CPU s", "s to 30 / 40 / 50 dB", "blocks per level"),
)


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables of a result, one per area."""
    options = result["options"]
    length = (
        f"{options['steps']:,} steps of each ACORN; the baselines the CPU time of the first of them"
        if options["steps"]
        else f"{options['seconds']:g} CPU-seconds each"
    )
    lines = [
        "# Networks of whole areas",
        "",
        f"{result['machine']}. Preset {options['preset']}, {length}, the last fifth cooled down.",
        "",
        NOTE,
        "",
        REPRESENTATION,
        "",
    ]
    for area in result["areas"]:
        lines += _of_area(area, result)
    return "\n".join(lines)


def _of_area(area: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    name = area["name"]
    means = [mean for mean in result["means"] if mean["area"] == name]
    codecs = [row for row in result["codecs"] if row["area"] == name]
    lines = [
        f"## {name}",
        "",
        f"{area['width']:,} × {area['height']:,} cells of {area['cell_m'][0]:.3g} × "
        f"{area['cell_m'][1]:.3g} m, {area['low_m']:,.0f} to {area['high_m']:,.0f} m.",
        "",
        *table(_HEADER, [_network(mean, codecs) for mean in means]),
        "",
    ]
    if at_first := _at(codecs, means[0]) if means else []:
        lines += [
            f"Codecs at the RMSE of `{means[0]['method']}`:",
            "",
            *table(
                ("", "PSNR dB", "RMSE m", "SSIM", "∇ RMSE m/m", "kB", "bits/sample", "CPU s"),
                [_codec(row) for row in at_first],
            ),
            "",
        ]
    if partly := [mean for mean in means if mean["measured_samples"] < area["samples"]]:
        names = ", ".join(f"`{mean['method']}`" for mean in partly)
        lines += [
            f"Errors of {names}: of {partly[0]['measured_samples']:,} samples in evenly spread "
            "windows; all others of all samples.",
            "",
        ]
    return lines


def _network(mean: Mapping[str, Any], codecs: Sequence[Mapping[str, Any]]) -> list[str]:
    spread = mean["spread"]
    jpeg = next((row for row in _at(codecs, mean) if row["method"] == IMAGE), None)
    times = None if jpeg is None else mean["bits_per_sample"] / jpeg["bits_per_sample"]
    levels = enumerate(mean["blocks_per_level"])
    reached = mean["seconds_to_db"]
    return [
        f"`{mean['method']}`",
        "–" if mean["blocks"] is None else f"{mean['blocks']:,}",
        f"{mean['seeds']}",
        _with_spread(mean["psnr_db"], spread["psnr_db"], ".2f"),
        _with_spread(mean["rmse_m"], spread["rmse_m"], ".3g"),
        cell(mean["ssim"], ".4f"),
        cell(mean["gradient_rmse"], ".4f"),
        f"{mean['parameters']:,}",
        cell(mean["bytes_32bit"], "kB"),
        cell(mean["bytes_8bit"], "kB"),
        cell(round(mean["loss_8bit_db"] or 0.0, 2) + 0.0, ".2f"),  # never −0.00
        cell(mean["bits_per_sample"], ".3f"),
        cell(times, ".3g"),
        cell(mean["peak_memory_mb"], ".0f"),
        cell(mean["steps"], ",.0f"),
        cell(mean["seconds"], ".0f"),
        " / ".join(cell(reached.get(db), ".0f") for db in ("30", "40", "50")),
        " ".join(f"{level}:{count}" for level, count in levels if count) or "–",
    ]


def _at(codecs: Sequence[Mapping[str, Any]], mean: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the codecs' rows at the RMSE of a network."""
    key = mean["method"], mean["budget"]
    return [row for row in codecs if (row["at"], row["budget"]) == key]


def _codec(row: Mapping[str, Any]) -> list[str]:
    return [
        TITLES[row["method"]],
        cell(row["psnr_db"], ".2f"),
        cell(row["rmse_m"], ".3g"),
        cell(row["ssim"], ".4f"),
        cell(row["gradient_rmse"], ".4f"),
        cell(row["bytes"] / 1000, ".1f"),
        cell(row["bits_per_sample"], ".4f"),
        cell(row["seconds"], ".0f"),
    ]


def _with_spread(mean: float | None, spread: float | None, spec: str) -> str:
    return cell(mean, spec) if spread is None else f"{cell(mean, spec)} ± {cell(spread, spec)}"
