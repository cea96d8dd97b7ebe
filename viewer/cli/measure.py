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
from viewer.session.open_request import OpenRequest

SUFFIXES = {"profile": (".csv", ".png", ".json"), "measure": (".csv", ".json")}
"""Suffixes of `--out`."""


def run(launch: Launch) -> None:
    """Write the profile or measurement of a launch to `launch.out`, or to standard output."""
    request = launch.request
    kind = "profile" if launch.profile else "measure"
    out = None if launch.out is None else Path(launch.out)
    if out is not None and out.suffix.lower() not in SUFFIXES[kind]:
        choices = ", ".join(SUFFIXES[kind])
        raise UsageError(
            f"{out}: --{kind} writes files whose names end in {choices}; choose one of these."
        )
    if launch.measure is None or launch.profile:
        _profile(request, launch, out)
        return
    options = _options(request)
    measured = measuring.measure(request.path, *launch.measure, **options)
    as_csv = out is not None and out.suffix.lower() == ".csv"
    text = to_csv([measured]) if as_csv else json.dumps(measured.to_json(), indent=1) + "\n"
    _write(out, text, measured.kind)


def _profile(request: OpenRequest, launch: Launch, out: Path | None) -> None:
    suffix = "" if out is None else out.suffix.lower()
    profile = measuring.profile(request.path, launch.profile, **_options(request))
    if out is not None and suffix == ".png":
        name = Path(request.path).name
        write_png(out, profile_figure.draw(profile, name, titles(request), launch.size))
        click.echo(f"{out}: {launch.size[0]}×{launch.size[1]} pixels.", err=True)
        return
    as_json = suffix == ".json"
    text = json.dumps(profile_json(profile), indent=1) + "\n" if as_json else profile.to_csv()
    _write(out, text, f"{len(profile.distance_m)} samples")


def _options(request: OpenRequest) -> dict[str, Any]:
    return {
        "methods": request.methods,
        "bits": request.bits,
        "reference": request.reference,
        "pins": request.pins,
    }


def titles(request: OpenRequest) -> dict[str, str]:
    """Return the titles of the surfaces of a request, for the figure's legend."""
    with request.pins.open(request.path) as reader:
        slots = layers.choose(reader, request.methods, request.bits)
        names = {
            slot: layers.label(reader.layers[choice.index], choice)
            for slot, choice in slots.items()
        }
        reference = next((layer for layer in reader.layers if layer.is_reference), None)
        if request.reference is not None:
            names[REFERENCE] = raster_name.label(request.reference.name)
        elif reference is not None and reference.tolerance_m is not None:
            names[REFERENCE] = f"± {reference.tolerance_m:g} m"
        return names


def _write(out: Path | None, text: str, contents: str) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    output.write_text(out, text)
    click.echo(f"{out}: {contents}.", err=True)
