"""`terrain-viewer --headless --profile … --measure … --out FILE`: numbers and figures without a
window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from neural.errors import UsageError
from neural.raster import raster_name
from neural.system import output
from viewer import measuring
from viewer.measuring.tables import profile_json, to_csv
from viewer.measuring.terrain import REFERENCE
from viewer.model import layers
from viewer.pictures import profile_figure
from viewer.pictures.png import write_png
from viewer.session.launch import Launch

SUFFIXES = {"profile": (".csv", ".png", ".json"), "measure": (".csv", ".json")}
"""Suffixes of `--out`."""


def run(launch: Launch) -> None:
    """Make what `launch.profile` or `launch.measure` asks for; without `launch.out` it goes to
    standard output."""
    assert launch.path is not None
    kind = "profile" if launch.profile else "measure"
    out = None if launch.out is None else Path(launch.out)
    if out is not None and out.suffix.lower() not in SUFFIXES[kind]:
        choices = ", ".join(SUFFIXES[kind])
        raise UsageError(
            f"{out}: --{kind} writes files whose names end in {choices}; choose one of these."
        )
    options: dict[str, Any] = {
        "methods": launch.methods,
        "bits": launch.bits,
        "reference": launch.reference,
    }
    if launch.profile:
        made = measuring.profile(launch.path, launch.profile, **options)
        if out is not None and out.suffix.lower() == ".png":
            write_png(
                out, profile_figure.draw(made, Path(launch.path).name, titles(launch), launch.size)
            )
            click.echo(f"{out}: {launch.size[0]}×{launch.size[1]} pixels.", err=True)
            return
        as_json = out is not None and out.suffix.lower() == ".json"
        text = json.dumps(profile_json(made), indent=1) + "\n" if as_json else made.to_csv()
        _write(out, text, f"{len(made.distance_m)} samples")
        return
    assert launch.measure is not None
    found = measuring.measure(launch.path, *launch.measure, **options)
    as_csv = out is not None and out.suffix.lower() == ".csv"
    _write(
        out, to_csv([found]) if as_csv else json.dumps(found.to_json(), indent=1) + "\n", found.kind
    )


def titles(launch: Launch) -> dict[str, str]:
    """Return the titles of the surfaces of a launch, for the figure's legend."""
    from neural.container.reader import open_reader

    assert launch.path is not None
    with open_reader(launch.path) as reader:
        slots = layers.choose(reader, launch.methods, launch.bits)
        named = {
            slot: layers.label(reader.layers[choice.index], choice)
            for slot, choice in slots.items()
        }
        own = next((layer for layer in reader.layers if layer.is_reference), None)
        if launch.reference is not None:
            named[REFERENCE] = raster_name.label(launch.reference.name)
        elif own is not None and own.tolerance_m is not None:
            named[REFERENCE] = f"± {own.tolerance_m:g} m"
        return named


def _write(out: Path | None, text: str, what: str) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    output.write_text(out, text)
    click.echo(f"{out}: {what}.", err=True)
