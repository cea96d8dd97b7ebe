"""`ntile bench`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neural.cli import bench_global, options
from neural.cli.bench_global import GlobalOptions
from neural.raster.reading import ReadOptions

if TYPE_CHECKING:
    from neural.bench.learned import Series
    from neural.bench.places import Place
    from neural.bench.run import Plan


def _names(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return repeated and comma-separated values as one tuple; None for `all` or when not given, ()
    for `none`."""
    names = tuple(
        dict.fromkeys(name for value in values for name in value.replace(",", " ").split())
    )
    if "all" in names:
        return None
    return () if names == ("none",) else names or None


def _numbers(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[int, ...] | None:
    try:
        return tuple(int(name) for name in _names(ctx, parameter, values) or ()) or None
    except ValueError as error:
        raise click.BadParameter("numbers, e.g. 8 or 8,4,2.") from error


def _meters(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[float, ...]:
    try:
        bounds = tuple(float(name) for name in _names(ctx, parameter, values) or ())
    except ValueError as error:
        raise click.BadParameter("meters, e.g. 0.2 or 0.1,0.2.") from error
    if not all(0 < bound < math.inf for bound in bounds):
        raise click.BadParameter("bounds are above 0 meters, e.g. 0.2 or 0.1,0.2.")
    return bounds


def _models(
    ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [
        value for value, (name, _, path) in zip(values, pairs, strict=True) if not (name and path)
    ]:
        raise click.BadParameter(f"'{wrong[0]}' is not METHOD=PATH.")
    return {name: path for name, _, path in pairs}


class _SpacedLists(click.Command):
    """A command whose `--methods a b` means `--methods a,b`, although further words would be
    DEMs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _joined(args))


def _joined(arguments: list[str]) -> list[str]:
    """Return words that follow a list option's value joined to it, as long as it knows them and
    they are no paths."""
    from neural.bench.accounting import CODEC_NAMES
    from neural.methods import METHODS

    choices = {
        "--methods": {*METHODS, *bench_global.METHODS, "all"},
        "--codecs": {*CODEC_NAMES, "all"},
    }
    joined: list[str] = []
    option = ""
    awaits_value = False
    for argument in arguments:
        if awaits_value:
            awaits_value = False
        elif (name := argument.partition("=")[0]) in choices:
            option = name
            awaits_value = "=" not in argument
        elif option and argument in choices[option] and not Path(argument).exists():
            joined[-1] += f",{argument}"
            continue
        else:
            option = ""
        joined.append(argument)
    return joined


@click.command("bench", cls=_SpacedLists)
@click.argument("dems", metavar="DEM...", type=options.RASTER, nargs=-1)
@click.option(
    "--split",
    "splits",
    multiple=True,
    callback=_names,
    default=("val",),
    show_default=True,
    help="Splits of a folder's MANIFEST.csv: a list or 'all'.",
)
@click.option(
    "--methods",
    multiple=True,
    callback=_names,
    help="Methods: a list, 'all' or 'none' (default: all).",
)
@click.option(
    "--codecs",
    multiple=True,
    callback=_names,
    help="Codecs: a list, 'all' or 'none' (default: all).",
)
@click.option(
    "--bits",
    multiple=True,
    callback=_numbers,
    help="Bit depths per value: a list (default: 32,16,8,6,5,4,3,2).",
)
@click.option(
    "--max-errors",
    "max_errors_m",
    multiple=True,
    callback=_meters,
    metavar="METERS",
    help="Also measure bytes under these max. absolute errors in meters: a list.",
)
@click.option(
    "--refine",
    type=click.IntRange(0),
    default=0,
    help="Also measure payloads refined by N steps.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    callback=_models,
    metavar="METHOD=PATH",
    help="Model to use instead of the shipped one; repeatable.",
)
@options.reading
@click.option(
    "--out",
    type=options.PATH,
    default=Path("bench"),
    show_default=True,
    help="Output folder.",
)
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Parallel processes."
)
@click.option(
    "--reuse",
    type=options.PATH,
    default=None,
    help="Reuse the codecs' curves of an earlier output folder.",
)
@options.device
@click.option(
    "--spectrum", is_flag=True, help="Compute principal components of the payloads instead."
)
@click.option(
    "--specialize",
    "--specialise",
    type=click.IntRange(1),
    metavar="N",
    help="Optimize single tiles for N steps instead.",
)
@click.option(
    "--ablation",
    type=click.Choice(["payload", "patch"]),
    help="Train variants of huvr_siren instead.",
)
@click.option(
    "--data",
    type=options.PATH,
    multiple=True,
    help="--ablation: training data, a folder with a MANIFEST.csv.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=None,
    help="--ablation, --global: training steps (default: by preset).",
)
@bench_global.whole_area_options
@options.as_json
def command(
    dems: tuple[str, ...],
    splits: tuple[str, ...] | None,
    methods: tuple[str, ...] | None,
    codecs: tuple[str, ...] | None,
    bits: tuple[int, ...] | None,
    max_errors_m: tuple[float, ...],
    refine: int,
    models: dict[str, str],
    reading: ReadOptions,
    out: Path,
    jobs: int,
    reuse: Path | None,
    device: str,
    spectrum: bool,
    specialize: int | None,
    ablation: str | None,
    data: tuple[Path, ...],
    steps: int | None,
    whole: GlobalOptions,
    as_json: bool,
) -> None:
    """Measure rate and distortion of learned layers against classical codecs, over DEMs or folders
    with a MANIFEST.csv.

    Writes OUT/bench.json, bench.md and three plots. --spectrum, --specialize and --ablation run
    that diagnostic instead and write its own JSON, Markdown and plot.

    --global trains networks of whole areas instead: DEMs, or windows DEM@COLUMN,ROW,WIDTH,HEIGHT of
    their own cells. Baselines without blocks have as many parameters, and with --steps the CPU time
    of the first acorn. Runs that OUT holds are not repeated, an interrupted one goes on.

    Lists have commas, or the option is repeated; names of methods and codecs may also be separated
    by spaces.

    Example: ntile bench folder --out results --split test --methods lapped_siren huvr_siren
    --codecs all
    """
    from neural.bench import learned, report, run
    from neural.bench.accounting import CODEC_NAMES
    from neural.bench.environment import versions
    from neural.bench.places import find_places
    from neural.bench.reuse import codecs as earlier_codecs
    from neural.encode import DEFAULT_MODELS

    say = partial(click.echo, err=True)
    results: dict[str, Any] = {}
    if whole.whole_areas:
        results["global"] = bench_global.run(dems, methods, steps, whole, reading, jobs, out, say)
        _print(results, out, as_json)
        return
    lines = learned.expand_series(
        tuple(DEFAULT_MODELS) if methods is None else methods, models, refine
    )
    if ablation:
        results[f"ablation_{ablation}"] = _ablation(ablation, data, steps, device, out, say)
    if spectrum or specialize or not ablation:
        places = find_places(dems, splits, reading)
        report.folder(out)
        if spectrum:
            results["spectrum"] = _spectrum(places, _token_series(lines, methods), device, out)
        if specialize:
            results["specialize"] = _specialize(
                places, _token_series(lines, methods), specialize, device, out, say
            )
        if not results:
            names = CODEC_NAMES if codecs is None else codecs
            plan = run.Plan(
                series=tuple(lines),
                codecs=names,
                earlier={}
                if reuse is None
                else earlier_codecs(reuse, versions(bool(names)), run.settings, names),
                bits=bits or learned.BITS,
                max_errors_m=max_errors_m,
                device=device,
            )
            results["bench"] = _bench(places, plan, jobs, out, say)
    _print(results, out, as_json)


def _print(results: dict[str, Any], out: Path, as_json: bool) -> None:
    if as_json:
        options.print_json(results.get("bench", results.get("global", results)))
    else:
        for name in results:
            click.echo((out / f"{name}.md").read_text(encoding="utf-8"))


def _token_series(lines: list[Series], methods: tuple[str, ...] | None) -> list[Series]:
    """Return the series whose payloads are tokens, which diagnostics look at. Raises UsageError for
    another one asked for."""
    if methods and (other := [line.method for line in lines if line.stepped]):
        raise click.UsageError(
            f"--spectrum and --specialize look at tokens, which {other[0]} does not have."
        )
    return [line for line in lines if not line.stepped]


def _bench(
    places: list[Place], plan: Plan, jobs: int, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    from neural.bench import plots, report, run, tables

    result: dict[str, Any] = options.finite(run.run(places, plan, jobs, say))
    report.write(out, "bench", result, tables.markdown(result))
    plots.rate_distortion(result, out)
    return result


def _spectrum(places: list[Place], lines: list[Series], device: str, out: Path) -> dict[str, Any]:
    from neural.bench import report, spectrum

    result: dict[str, Any] = options.finite(spectrum.run(places, lines, None, device))
    report.write(out, "spectrum", result, spectrum.markdown(result))
    spectrum.plot(result, out / "spectrum.png")
    return result


def _specialize(
    places: list[Place],
    lines: list[Series],
    steps: int,
    device: str,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from neural.bench import report, specialize

    result: dict[str, Any] = options.finite(specialize.run(places, lines, steps, device, say))
    report.write(out, "specialize", result, specialize.markdown(result))
    specialize.plot(result, out / "specialize.png")
    return result


def _ablation(
    kind: str,
    data: tuple[Path, ...],
    steps: int | None,
    device: str,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from neural.bench import ablation, report
    from neural.bench.environment import require

    if not data:
        raise click.UsageError("--ablation trains models: give --data FOLDER with a MANIFEST.csv.")
    require("torch", "training", "encode")
    report.folder(out)
    with redirect_stdout(sys.stderr):  # the training's own progress
        result: dict[str, Any] = options.finite(ablation.run(kind, data, steps, device, out, say))
    report.write(out, f"ablation_{kind}", result, ablation.markdown(result))
    ablation.plot(result, out / f"ablation_{kind}.png")
    return result
