"""`ntile bench`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neural.cli import options

if TYPE_CHECKING:
    from neural.bench.learned import Series
    from neural.bench.places import Place


def _names(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Repeated and comma-separated values as one tuple; None when not given, () for `none`."""
    names = tuple(dict.fromkeys(name for value in values for name in value.replace(",", " ").split()))
    return () if names == ("none",) else names or None


def _numbers(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...] | None:
    try:
        return tuple(int(name) for name in _names(ctx, parameter, values) or ()) or None
    except ValueError as error:
        raise click.BadParameter("numbers, e.g. 8 or 8,4,2.") from error


def _models(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [value for value, (name, _, path) in zip(values, pairs, strict=True) if not (name and path)]:
        raise click.BadParameter(f"'{wrong[0]}' is not METHOD=PATH.")
    return {name: path for name, _, path in pairs}


@click.command("bench")
@click.argument("dems", metavar="DEM...", type=options.PATH, nargs=-1)
@click.option("--split", default="val", show_default=True, help="Rows of a folder's MANIFEST.csv.")
@click.option("--methods", multiple=True, callback=_names, help="Learned methods; repeat, or 'none' (default: all).")
@click.option("--codecs", multiple=True, callback=_names, help="Codecs; repeat, or 'none' (default: all).")
@click.option("--bits", multiple=True, callback=_numbers, help="Bits per value; repeat (default: 32,16,8,6,5,4,3,2).")
@click.option("--refine", type=click.IntRange(0), default=0, help="Measure payloads refined by N steps as well.")
@click.option("--model", "models", multiple=True, callback=_models, metavar="METHOD=PATH", help="Instead of shipped.")
@options.crs
@options.unit
@click.option("--out", type=options.PATH, default=Path("bench"), show_default=True, help="Folder for the results.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Places measured at once.")
@options.device
@click.option("--spectrum", is_flag=True, help="Instead: principal components of the payloads.")
@click.option("--specialise", type=click.IntRange(1), metavar="N", help="Instead: optimise single tiles, N steps.")
@click.option("--ablation", type=click.Choice(["payload", "patch"]), help="Instead: train variants of huvr_siren.")
@click.option("--data", type=options.PATH, multiple=True, help="--ablation: folder of rasters with MANIFEST.csv.")
@click.option("--steps", type=click.IntRange(1), default=None, help="--ablation: steps (default: the preset's).")
@options.as_json
def command(
    dems: tuple[Path, ...],
    split: str,
    methods: tuple[str, ...] | None,
    codecs: tuple[str, ...] | None,
    bits: tuple[int, ...] | None,
    refine: int,
    models: dict[str, str],
    crs: str | None,
    unit: str | None,
    out: Path,
    jobs: int,
    device: str,
    spectrum: bool,
    specialise: int | None,
    ablation: str | None,
    data: tuple[Path, ...],
    steps: int | None,
    as_json: bool,
) -> None:
    """Rate and distortion of learned layers beside classical codecs, over DEMs or folders with a MANIFEST.csv.

    Writes OUT/bench.json, bench.md and three plots. --spectrum, --specialise and --ablation run that diagnostic
    instead and write its own JSON, Markdown and plot.

    Example: ntile bench folder --out results --codecs jpeg2k,lerc
    """
    from neural.bench import learned, report
    from neural.bench.places import find_places
    from neural.encode import DEFAULT_MODELS

    say = partial(click.echo, err=True)
    results: dict[str, Any] = {}
    lines = learned.series(tuple(DEFAULT_MODELS) if methods is None else methods, models, refine)
    if ablation:
        results[f"ablation_{ablation}"] = _ablation(ablation, data, steps, device, out, say)
    if spectrum or specialise or not ablation:
        places = find_places(dems, split, crs, unit)
        report.folder(out)
        if spectrum:
            results["spectrum"] = _spectrum(places, lines, device, out)
        if specialise:
            results["specialise"] = _specialise(places, lines, specialise, device, out, say)
        if not results:
            results["bench"] = _bench(places, lines, codecs, bits, jobs, device, out, say)
    if as_json:
        options.print_json(results.get("bench", results))
    else:
        for name in results:
            click.echo((out / f"{name}.md").read_text(encoding="utf-8"))


def _bench(
    places: list[Place],
    lines: list[Series],
    codecs: tuple[str, ...] | None,
    bits: tuple[int, ...] | None,
    jobs: int,
    device: str,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    from neural.bench import learned, plots, report, run, tables
    from neural.bench.codecs import CODECS

    plan = run.Plan(tuple(lines), tuple(CODECS) if codecs is None else codecs, bits or learned.BITS, None, device)
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


def _specialise(
    places: list[Place], lines: list[Series], steps: int, device: str, out: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    from neural.bench import report, specialise

    result: dict[str, Any] = options.finite(specialise.run(places, lines, steps, device, say))
    report.write(out, "specialise", result, specialise.markdown(result))
    specialise.plot(result, out / "specialise.png")
    return result


def _ablation(
    kind: str, data: tuple[Path, ...], steps: int | None, device: str, out: Path, say: Callable[[str], None]
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
