"""All runs of a global benchmark, several at once, then the codecs at their errors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import workers
from neural.bench.environment import machine, require, versions
from neural.bench.report import folder
from neural.bench.whole import codecs, plots
from neural.bench.whole.areas import WholeArea, area_of, place_of
from neural.bench.whole.errors import Extent
from neural.bench.whole.runs import Goal, Results, Run, StagedArea, plan
from neural.bench.whole.training import Say, train_and_measure
from neural.errors import NtileError
from neural.raster.dem import open_dem

SPREAD = (
    *("steps", "seconds", "psnr_db", "rmse_m", "mae_m", "max_error_m", "ssim", "gradient_rmse"),
    *("loss_8bit_db", "peak_memory_mb"),
)
"""Figures of a run of which tables show the mean and the standard deviation over seeds."""

NOT_IN_ROWS = ("identity", "history", "retilings")


def run(
    areas: Sequence[WholeArea],
    methods: Sequence[str],
    seeds: int,
    preset: str,
    budgets: Sequence[int | None],
    goal: Goal,
    jobs: int,
    out: Path,
    say: Say,
) -> dict[str, Any]:
    """Return rows of all runs, their means over seeds and the codecs' rows, as plain JSON values.

    What was done before in `out` with the same settings is not done again. Raises NtileError where
    a run fails, after all others.
    """
    require("torch", "training", "encode")
    require("imagecodecs", "comparing codecs", "bench")
    require("matplotlib", "plotting", "bench")
    staged = [stage(area, preset, budgets, folder(out / "areas"), say) for area in areas]
    runs = plan(staged, methods, seeds, preset, budgets, goal)
    results = Results(folder(out / "runs"))
    execute(runs, results, jobs, say)
    plots.write(runs, results, out)
    rows = [results.result(one) for one in runs]
    done = [row for row in rows if row is not None]
    means = averages(done)
    return {
        "machine": machine(),
        "versions": versions(codecs=True),
        "options": {
            "methods": list(methods),
            "seeds": seeds,
            "preset": preset,
            "blocks": [budget for budget in budgets if budget is not None],
            "steps": goal.steps,
            "seconds": goal.seconds,
        },
        "areas": [_about(one) for one in staged],
        "rows": [
            {name: value for name, value in row.items() if name not in NOT_IN_ROWS} for row in done
        ],
        "means": means,
        "codecs": [
            row
            for one in staged
            for row in codecs.rows(
                one,
                [mean for mean in means if mean["area"] == one.area.name],
                folder(out / "codecs"),
                say,
            )
        ],
    }


def stage(
    area: WholeArea, preset: str, budgets: Sequence[int | None], where: Path, say: Say
) -> StagedArea:
    """Return an area with its raster and its heights in files of the folder `where`."""
    from neural.models.whole_area import default_method

    place = place_of(area, where)
    path = where / f"{area.slug}.heights"
    if not path.is_file():
        say(f"{area.name}: reading")
    heights = area_of(place, path)
    with open_dem(place.path, place.reading) as dem:
        cell = dem.grid.cell_x_m, dem.grid.cell_y_m
    extent = Extent(heights.width, heights.height, cell, heights.low_m, heights.high_m)
    default = default_method(heights, preset, budgets)
    return StagedArea(area, place, path, extent, heights.samples, default)


def execute(runs: Sequence[Run], results: Results, jobs: int, say: Say) -> None:
    """Do all runs that have no result, each in a process of its own, so that its peak of memory is
    its own; those are first that come first, as far as what they wait for is done.

    Raises NtileError where runs failed, after all others.
    """
    different = {run.stem: run for run in reversed(runs)}
    pending = [run for run in reversed(different.values()) if results.result(run) is None]
    if not pending:
        return
    say(f"{len(pending)} of {len(different)} runs to do")
    failures: list[str] = []
    with workers.pool(jobs, tasks_each=1) as pool:
        working: dict[Future[None], Run] = {}
        while pending or working:
            while len(working) < jobs and (run := _first_ready(pending, results)) is not None:
                pending.remove(run)
                future = pool.submit(train_and_measure, run, results.folder, say)
                working[future] = run
            if not working:  # what the others wait for has failed
                break
            for future in wait(working, return_when=FIRST_COMPLETED).done:
                run = working.pop(future)
                error = future.exception()
                if error is not None and not isinstance(error, NtileError):
                    raise error
                if error is not None:
                    say(f"{run.title}: {error}")
                    failures.append(f"{run.title}: {error}")
    if failures:
        raise NtileError(f"{len(failures)} runs failed, the first: {failures[0]}")


def _first_ready(pending: Sequence[Run], results: Results) -> Run | None:
    return next(
        (run for run in pending if run.time_of is None or results.result(run.time_of) is not None),
        None,
    )


def averages(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per area, method and budget: means over seeds, and standard deviations in
    `spread`."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["area"], row["method"], row["budget"]), []).append(row)
    means = []
    for group in groups.values():
        values = {name: [row[name] for row in group if row[name] is not None] for name in SPREAD}
        mean = {
            name: float(np.mean(numbers)) if numbers else None for name, numbers in values.items()
        }
        spread = {
            name: float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
            for name, numbers in values.items()
        }
        reached = _mean_seconds(group)
        fixed = {
            name: value
            for name, value in group[0].items()
            if name not in (*SPREAD, *NOT_IN_ROWS, "seed", "seconds_to_db")
        }
        means.append(
            fixed | mean | {"seeds": len(group), "spread": spread, "seconds_to_db": reached}
        )
    return means


def _mean_seconds(group: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Return mean CPU-seconds to each PSNR; None where a seed did not get there."""
    means: dict[str, float | None] = {}
    for db in group[0]["seconds_to_db"]:
        seconds = [row["seconds_to_db"][db] for row in group]
        means[db] = None if None in seconds else float(np.mean(seconds))
    return means


def _about(staged: StagedArea) -> dict[str, Any]:
    extent = staged.extent
    return {
        "name": staged.area.name,
        "width": extent.width,
        "height": extent.height,
        "cell_m": list(extent.cell_m),
        "low_m": extent.low_m,
        "high_m": extent.high_m,
        "samples": staged.samples,
    }
