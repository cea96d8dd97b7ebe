"""The whole comparison: every place, method and codec; means over places and byte ratios at equal
error."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from neural.bench import bounded, classical, curves, image, learned, reuse, workers
from neural.bench.accounting import ACCOUNTINGS, CODEC_NAMES, IMAGE, IMAGE_TITLE
from neural.bench.baselines import BASELINES
from neural.bench.bd_rate import bd_rates
from neural.bench.codecs import CODECS
from neural.bench.environment import machine, require, versions
from neural.bench.learned import Series
from neural.bench.places import Place
from neural.errors import UsageError
from neural.methods import METHODS
from neural.raster import raster_name
from neural.raster.dem import Dem, open_dem
from neural.system.blas import single_threaded
from neural.tiles import TILE

Say = Callable[[str], None]

RATIO_ERRORS = ("rmse_m", "gradient_rmse")
PROTOCOL = (
    "Tiles of 256×256 samples of the finest level, errors over all valid samples. Every payload "
    "is counted in the same "
    "envelope (offset, scale, mask, checksum), except: JPEG 2000 files count the bare "
    "codestreams of the finest tiles "
    "and their masks; without headers, what is left of these when all that is the same for "
    "every tile goes; one image, "
    "a codestream of the whole place and its mask. Codecs: per tile the setting with the least "
    "SSE + slope · bytes, "
    "one slope for all tiles of a place; their slopes are central differences of the decoded "
    "mosaic, those of learned "
    "layers analytic; ∇ in samples: central differences of decoded samples inside tiles, of both. "
    "Means over places are geometric (PSNR: arithmetic; rmse_mean_m: arithmetic), of learned "
    "layers "
    "at equal bits per value or equal step, of codecs at equal bits per sample, interpolated in "
    "log–log."
)


@dataclass(frozen=True)
class Plan:
    """Measurements to make on every place."""

    series: tuple[Series, ...]
    codecs: tuple[str, ...]
    bits: tuple[int, ...] = learned.BITS
    max_errors_m: tuple[float, ...] = ()
    threads: int | None = None
    device: str = "auto"
    earlier: Mapping[str, Any] = field(default_factory=dict)
    """Codecs' curves that need no measuring: of `reuse.codecs`, by SHA-256 of the place's file."""


def check(plan: Plan) -> None:
    """Raise UsageError when the plan cannot be measured here: unknown names, bits, or a missing
    package."""
    if unknown := [name for name in plan.codecs if name not in CODEC_NAMES]:
        raise UsageError(
            f"'{unknown[0]}' is no codec to compare; choose from {', '.join(CODEC_NAMES)}."
        )
    if plan.max_errors_m and not any(line.stepped for line in plan.series):
        raise UsageError(
            f"--max-errors needs a method that keeps a bound: {', '.join(learned.STEP_SWEEPS)}."
        )
    for line in plan.series:
        if line.stepped:
            continue
        choices = METHODS[line.method].bit_choices
        if wrong := [depth for depth in plan.bits if depth not in choices]:
            raise UsageError(f"--bits {wrong[0]} is not one of {', '.join(map(str, choices))}.")
    if plan.codecs or plan.max_errors_m:
        require("imagecodecs", "comparing codecs", "bench")
    require("matplotlib", "plotting", "bench")


def run(places: Sequence[Place], plan: Plan, jobs: int, say: Say) -> dict[str, Any]:
    """Return everything as plain JSON values: places, means, ratios, machine, versions and options.

    `jobs` places are measured at once, each in its own process with one thread. Results do not
    depend on it beyond the rounding of sums.
    """
    check(plan)
    if jobs == 1 or len(places) == 1:
        measured = [measure_place(place, plan, say) for place in places]
    else:
        single = replace(plan, threads=1)
        with workers.pool(min(jobs, len(places))) as pool:
            futures = [pool.submit(measure_place, place, single, say) for place in places]
            measured = [future.result() for future in futures]
    return {
        "protocol": PROTOCOL,
        "machine": machine(),
        "versions": versions(bool(plan.codecs)),
        "reused": sorted(
            place["name"] for place in measured if place["file_sha256"] in plan.earlier
        ),
        "options": {
            "series": [vars(line) | {"name": line.name} for line in plan.series],
            "codecs": {name: list(settings(name)) for name in plan.codecs},
            "bits": list(plan.bits),
            "steps_m": {
                line.name: list(learned.STEP_SWEEPS[line.method])
                for line in plan.series
                if line.stepped
            },
            "max_errors_m": list(plan.max_errors_m),
        },
        "titles": titles(plan),
        "places": measured,
        "mean": means(measured, plan),
        "bd_rates": bd_rates(measured, [line.name for line in plan.series], plan.codecs),
        "ratios": ratios(measured, plan),
    }


def settings(name: str) -> Sequence[Any]:
    """Return the settings that a codec is swept over."""
    return image.SETTINGS if name == IMAGE else ACCOUNTINGS[name].codec.settings


def titles(plan: Plan) -> dict[str, str]:
    """Return the title of each series, codec and baseline in tables."""
    codecs = {name: accounting.title for name, accounting in ACCOUNTINGS.items()} | {
        IMAGE: IMAGE_TITLE
    }
    return {
        **{line.name: line.title for line in plan.series},
        **{name: codecs[name] for name in plan.codecs},
        **{name: codec.title for name, codec in BASELINES.items()},
    }


@single_threaded()
def measure_place(place: Place, plan: Plan, say: Say) -> dict[str, Any]:
    """Return all curves of one place: {"learned": …, "codecs": …, "baselines": …} by name, each a
    list of points.

    With bounds of the largest error also {"bounded": …}.
    """

    @contextmanager
    def timed(stage: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        say(f"{place.name}: {stage}, {time.monotonic() - began:.1f} s")

    def quiet(done: int, total: int) -> None:
        pass

    result: dict[str, Any] = {"name": place.name, "file": raster_name.label(place.path)}
    result["file_sha256"] = reuse.digest(place)
    earlier = plan.earlier.get(result["file_sha256"], {})
    result |= {"split": place.split, "data_class": place.data_class, "learned": {}}
    for line in plan.series:
        with timed(line.name):
            result["learned"][line.name] = learned.measure(
                place, line, plan.bits, plan.threads, plan.device, quiet
            )
    with open_dem(place.path, place.reading) as dem:
        grid = dem.grid
        result |= {
            "width": grid.width,
            "height": grid.height,
            "cell_m": [grid.cell_x_m, grid.cell_y_m],
        }
        result["assumed"] = [*grid.assumptions, *_undeclared(dem, say)]
        measured = _codecs(dem, [name for name in plan.codecs if name not in earlier], timed)
        result["codecs"] = {
            name: earlier[name] if name in earlier else measured[name] for name in plan.codecs
        }
        if plan.max_errors_m:
            with timed("bounded error"):
                lines = [line for line in plan.series if line.stepped]
                result["bounded"] = bounded.measure(
                    place, dem, lines, plan.max_errors_m, plan.threads, plan.device
                )
        result["baselines"] = {
            name: classical.measure(dem, codec())[0] for name, codec in BASELINES.items()
        }
    result["samples"] = result["baselines"]["one_height"]["samples"]
    return result


def _undeclared(dem: Dem, say: Say) -> tuple[str, ...]:
    """Read the whole raster once and say which fill values it does not declare."""
    dem.fills.restart()
    for row in range(0, dem.grid.height, TILE):
        dem.read(row, 0, TILE, dem.grid.width)
    for sentence in dem.fills.sentences():
        say(f"{dem.name}: {sentence}")
    return dem.fills.sentences()


def _codecs(
    dem: Dem, names: Sequence[str], timed: Callable[[str], AbstractContextManager[None]]
) -> dict[str, list[dict[str, Any]]]:
    """Return curves of the codecs asked for, in that order; a codec's streams are made once for all
    its accountings."""
    curves: dict[str, list[dict[str, Any]]] = {}
    tiled = {name: ACCOUNTINGS[name] for name in names if name in ACCOUNTINGS}
    for codec in dict.fromkeys(accounting.codec for accounting in tiled.values()):
        of_codec = {
            name: accounting for name, accounting in tiled.items() if accounting.codec is codec
        }
        with timed(", ".join(of_codec)):
            curves |= classical.measure_all(dem, codec(), of_codec)
    if IMAGE in names:
        with timed(IMAGE):
            curves[IMAGE] = image.measure(dem)
    return {name: curves[name] for name in names}


def means(places: Sequence[dict[str, Any]], plan: Plan) -> dict[str, Any]:
    """Return means over all places: learned series per bit depth, codecs per rate, baselines."""
    learned = {}
    for line in plan.series:
        sweeps = [place["learned"][line.name] for place in places]
        learned[line.name] = [curves.mean_point(points) for points in zip(*sweeps, strict=True)]
    at_rates = {}
    densely = {}
    for name in plan.codecs:
        sweeps = [place["codecs"][name] for place in places]
        rates = [float(rate) for rate in curves.common_rates(sweeps)]
        at_rates[name] = [curves.mean_at_rate(sweeps, rate) for rate in curves.RATES]
        densely[name] = [curves.mean_at_rate(sweeps, rate) for rate in rates]
    baselines = {}
    for name in BASELINES:
        baselines[name] = curves.mean_point([place["baselines"][name] for place in places])
    return {
        "learned": learned,
        "codecs": at_rates,
        "codec_curves": densely,
        "baselines": baselines,
    }


def ratios(places: Sequence[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
    """Return per learned point and error: bytes over those of the best codec at equal error, per
    place and as a mean.

    Codecs are those in the same envelope.
    """
    rows: list[dict[str, Any]] = []
    codecs = [name for name in plan.codecs if name in CODECS]
    if not codecs:
        return rows
    rivals = [{name: place["codecs"][name] for name in codecs} for place in places]
    for key in RATIO_ERRORS:
        for line in plan.series:
            for points in zip(*(place["learned"][line.name] for place in places), strict=True):
                place_ratios = [
                    curves.ratio(point, rival, key, line.rate)
                    for point, rival in zip(points, rivals, strict=True)
                ]
                value, bound = curves.mean_ratio(place_ratios)
                setting = {
                    name: points[0][name] for name in ("bits", "step_m") if name in points[0]
                }
                row = {"error": key, "series": line.name, **setting, "mean": value, "bound": bound}
                rows.append({**row, "places": [ratio._asdict() for ratio in place_ratios]})
    return rows
