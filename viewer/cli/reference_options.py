"""Options of the command for the reference raster and its reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from neural.errors import UsageError
from neural.raster.crs import UNITS
from neural.raster.reading import AS_STORED, ReadOptions, ReferenceRaster
from neural.system.option_types import Nodata
from viewer.cli.options import option
from viewer.storage.project import Project

_OPTIONS = (
    option(
        "Input",
        "--reference",
        metavar="DEM",
        help="Raster to measure errors against, instead of the file's own.",
    ),
    option(
        "Input", "--reference-unit", type=click.Choice(list(UNITS)), help="Unit of its heights."
    ),
    option(
        "Input",
        "--reference-src-crs",
        metavar="CRS",
        help="CRS of its coordinates, in place of its own.",
    ),
    option(
        "Input",
        "--reference-nodata",
        type=Nodata(),
        multiple=True,
        metavar="VALUE",
        help="Value of its missing samples; repeatable.",
    ),
    option(
        "Input",
        "--reference-encoding",
        type=click.Choice(["mapbox", "terrarium"]),
        help="Packing of its heights into RGB bands.",
    ),
)


def reference_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def take(values: dict[str, Any], opened: Project | None) -> ReferenceRaster | None:
    """Move the options' values, as click parses them, out of `values`; return the reference raster.

    Reading options alone apply to the raster of the project. Raises UsageError without one.
    """
    name = values.pop("reference")
    given = ReadOptions(
        src_crs=values.pop("reference_src_crs"),
        unit=values.pop("reference_unit"),
        nodata=values.pop("reference_nodata"),
        encoding=values.pop("reference_encoding"),
    )
    if name is not None:
        return ReferenceRaster(name, given)
    if given == AS_STORED:
        return None
    if opened is None or opened.reference is None:
        option_name = f"--reference-{next(iter(given.to_json())).replace('_', '-')}"
        raise UsageError(
            f"{option_name} says how a raster is read that errors are measured against; add "
            "--reference."
        )
    return replace(opened.reference, reading=given)
