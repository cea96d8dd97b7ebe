"""The whole comparison: every place, method and codec; means over places and byte ratios at equal error."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from neural.bench import classical, curves, learned
from neural.bench.baselines import BASELINES
from neural.bench.codecs import CODECS, Codec
from neural.bench.environment import machine, require, versions
from neural.bench.learned import Series
from neural.bench.places import Place
from neural.dem import open_dem
from neural.errors import UsageError
from neural.methods import METHODS

Say = Callable[[str], None]

RATIO_ERRORS = ("rmse_m", "gradient_rmse")
PROTOCOL = (
    "Tiles of 256×256 samples of the finest level, errors over all valid samples. Every payload is counted in the same "
    "envelope (offset, scale, mask, checksum). Codecs: per tile the setting with the least SSE + slope · bytes, one "
    "slope for all tiles of a place; their slopes are central differences of the decoded mosaic, those of learned "
    "layers analytic. Means over places are geometric (PSNR: arithmetic; rmse_mean_m: arithmetic), of learned layers "
    "at equal bits per value, of codecs at equal bits per sample, interpolated in log–log."
)


@dataclass(frozen=True)
class Plan:
    """What is measured on every place."""

    series: tuple[Series, ...]
    codecs: tuple[str, ...]
    bits: tuple[int, ...] = learned.BITS
    threads: int | None = None
    device: str = "auto"


def check(plan: Plan) -> None:
    """Raise UsageError when the plan cannot be measured here: unknown names, bits, or a missing package."""
    if unknown := [name for name in plan.codecs if name not in CODECS]:
        raise UsageError(f"'{unknown[0]}' is no codec to compare; choose from {', '.join(CODECS)}.")
    for line in plan.series:
        choices = METHODS[line.method].bit_choices
        if wrong := [depth for depth in plan.bits if depth not in choices]:
            raise UsageError(f"--bits {wrong[0]} is not one of {', '.join(map(str, choices))}.")
    if plan.codecs:
        require("imagecodecs", "comparing codecs", "bench")
    require("matplotlib", "plotting", "bench")


def run(places: Sequence[Place], plan: Plan, jobs: int, say: Say) -> dict[str, Any]:
    """Everything as plain JSON values: places, means, ratios, machine, versions and options.

    `jobs` places are measured at once, each in its own process with one thread. Results do not depend on it
    beyond the rounding of sums.
    """
    check(plan)
    if jobs == 1 or len(places) == 1:
        measured = [measure_place(place, plan, say) for place in places]
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        single = replace(plan, threads=1)
        with ProcessPoolExecutor(min(jobs, len(places)), get_context("spawn")) as pool:
            futures = [pool.submit(measure_place, place, single, say) for place in places]
            measured = [future.result() for future in futures]
    return {
        "protocol": PROTOCOL,
        "machine": machine(),
        "versions": versions(bool(plan.codecs)),
        "options": {
            "series": [vars(line) | {"name": line.name} for line in plan.series],
            "codecs": {name: list(CODECS[name].settings) for name in plan.codecs},
            "bits": list(plan.bits),
        },
        "titles": titles(plan),
        "places": measured,
        "mean": means(measured, plan),
        "ratios": ratios(measured, plan),
    }


def titles(plan: Plan) -> dict[str, str]:
    """What tables call each series, codec and baseline."""
    rasters: dict[str, type[Codec]] = {**{name: CODECS[name] for name in plan.codecs}, **BASELINES}
    return {line.name: line.title for line in plan.series} | {name: codec.title for name, codec in rasters.items()}


def measure_place(place: Place, plan: Plan, say: Say) -> dict[str, Any]:
    """All curves of one place: {"learned": …, "codecs": …, "baselines": …} by name, each a list of points."""

    def timed(name: str, call: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        began = time.monotonic()
        rows = call()
        say(f"{place.name}: {name}, {len(rows)} points, {time.monotonic() - began:.1f} s")
        return rows

    def quiet(done: int, total: int) -> None:
        pass

    found: dict[str, Any] = {"name": place.name, "file": place.path.name}
    found["learned"] = {
        line.name: timed(line.name, partial(learned.measure, place, line, plan.bits, plan.threads, plan.device, quiet))
        for line in plan.series
    }
    with open_dem(place.path, crs=place.crs, unit=place.unit) as dem:
        grid = dem.grid
        found |= {"width": grid.width, "height": grid.height, "cell_m": [grid.cell_x_m, grid.cell_y_m]}
        found["assumed"] = list(grid.assumptions)
        found["codecs"] = {name: timed(name, partial(classical.measure, dem, CODECS[name]())) for name in plan.codecs}
        found["baselines"] = {name: classical.measure(dem, codec())[0] for name, codec in BASELINES.items()}
    found["samples"] = found["baselines"]["one_height"]["samples"]
    return found


def means(places: Sequence[dict[str, Any]], plan: Plan) -> dict[str, Any]:
    """Means over all places: learned series per bit depth, codecs per rate, baselines."""
    return {
        "learned": {
            line.name: [
                curves.mean_point(points) for points in zip(*(p["learned"][line.name] for p in places), strict=True)
            ]
            for line in plan.series
        },
        "codecs": {
            name: [curves.mean_at_rate([p["codecs"][name] for p in places], rate) for rate in curves.RATES]
            for name in plan.codecs
        },
        "codec_curves": {
            name: [
                curves.mean_at_rate([p["codecs"][name] for p in places], float(rate))
                for rate in curves.common_rates([p["codecs"][name] for p in places])
            ]
            for name in plan.codecs
        },
        "baselines": {name: curves.mean_point([p["baselines"][name] for p in places]) for name in BASELINES},
    }


def ratios(places: Sequence[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
    """Per learned point and error: bytes over those of the best codec at equal error, per place and as a mean."""
    rows: list[dict[str, Any]] = []
    if not plan.codecs:
        return rows
    for key in RATIO_ERRORS:
        for line in plan.series:
            for index, depth in enumerate(sorted(plan.bits, reverse=True)):
                found = [curves.ratio(place["learned"][line.name][index], place["codecs"], key) for place in places]
                value, bound = curves.mean_ratio(found)
                row = {"error": key, "series": line.name, "bits": depth, "mean": value, "bound": bound}
                rows.append({**row, "places": [r._asdict() for r in found]})
    return rows
