"""`ntile bench --global`: networks of whole areas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from neural.cli import options
from neural.raster.reading import ReadOptions

METHODS = (
    *("acorn", "acorn_uniform", "acorn_paper", "acorn_cut", "acorn_adaptive"),
    *("acorn_uniform_pruned", "siren", "relu_pe"),
)
"""Names that `--methods` takes with `--global`, as in `neural.models.whole_area`, which needs
torch."""


@dataclass(frozen=True)
class GlobalOptions:
    """Options of `--global`, as given."""

    whole_areas: bool = False
    seconds: float | None = None
    preset: str = "small"
    blocks: tuple[int, ...] = ()
    seeds: int = 1
    flatten_below: float | None = None


def _budgets(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[int, ...]:
    try:
        budgets = tuple(int(name) for value in values for name in value.replace(",", " ").split())
    except ValueError as error:
        raise click.BadParameter("numbers, e.g. 256 or 64,256,1024.") from error
    if any(budget < 1 for budget in budgets):
        raise click.BadParameter("a budget has 1 block or more.")
    return tuple(dict.fromkeys(budgets))


def whole_area_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the options of `GlobalOptions`, as its one keyword `whole`."""

    @click.option(
        "--global",
        "whole_areas",
        is_flag=True,
        help="Fit whole areas by one network each instead; --methods are then "
        f"{', '.join(METHODS)}.",
    )
    @click.option(
        "--seconds",
        type=click.FloatRange(0, min_open=True),
        default=None,
        help="--global: CPU-seconds of every run.",
    )
    @click.option(
        "--preset", default="small", show_default=True, help="--global: network of ACORN."
    )
    @click.option(
        "--blocks",
        multiple=True,
        callback=_budgets,
        metavar="N",
        help="--global: budgets of blocks, a list (default: the preset's).",
    )
    @click.option(
        "--seeds",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="--global: runs of every network, from seed 0 on.",
    )
    @click.option(
        "--flatten-below",
        type=click.FloatRange(0, 100),
        default=None,
        metavar="PERCENT",
        help="--global: raise all heights below this percentile to it, as a sea.",
    )
    @wraps(command)
    def with_options(*args: Any, **keywords: Any) -> Any:
        values = {field.name: keywords.pop(field.name) for field in fields(GlobalOptions)}
        return command(*args, whole=GlobalOptions(**values), **keywords)

    return with_options


def run(
    areas: tuple[str, ...],
    methods: tuple[str, ...] | None,
    steps: int | None,
    whole: GlobalOptions,
    reading: ReadOptions,
    jobs: int,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Fit all areas by all methods, write OUT/global.json, global.md and plots, and return the
    result. Raises UsageError for options that do not fit together."""
    from neural.bench import report
    from neural.bench.whole import execution, table
    from neural.bench.whole.areas import find_areas
    from neural.bench.whole.runs import Goal
    from neural.encoding.acorn.settings import AUTO, PRESETS

    methods = METHODS if methods is None else methods
    if unknown := [name for name in methods if name not in METHODS]:
        raise click.UsageError(
            f"'{unknown[0]}' is no network of a whole area; choose from {', '.join(METHODS)}."
        )
    if (steps is None) == (whole.seconds is None):
        raise click.UsageError("--global needs one of --steps and --seconds.")
    if steps is not None and not any(name.startswith("acorn") for name in methods):
        raise click.UsageError(
            "with --steps, siren and relu_pe get the CPU time of an acorn, which is missing; give "
            "--seconds or add acorn."
        )
    if whole.preset not in (*PRESETS, AUTO):
        raise click.UsageError(f"--preset {whole.preset} is none of {', '.join((*PRESETS, AUTO))}.")
    report.folder(out)
    result: dict[str, Any] = options.finite(
        execution.run(
            find_areas(areas, reading, whole.flatten_below),
            methods,
            whole.seeds,
            whole.preset,
            whole.blocks or (None,),
            Goal(steps, whole.seconds),
            jobs,
            out,
            say,
        )
    )
    report.write(out, "global", result, table.markdown(result))
    return result
