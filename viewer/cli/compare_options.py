"""Options of the command that compare files and slots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from neural.errors import UsageError
from viewer.cli.options import option
from viewer.model.overlays import AGAINST, OVERLAYS
from viewer.model.settings import Settings

_OPTIONS = (
    option(
        "Compare",
        "--compare",
        metavar="FILE",
        help="Another .ntile file, for slot B; other cells are allowed.",
    ),
    option(
        "Compare",
        "--split",
        is_flag=True,
        help="Slot A on the left, slot B on the right of a divider.",
    ),
    option(
        "Compare",
        "--divider",
        type=click.FloatRange(0.02, 0.98),
        metavar="X",
        help="Divider position, 0 to 1 of the width.",
    ),
    option(
        "Compare",
        "--results",
        metavar="OUT",
        help="No window: errors and sizes of both slots, .csv or .json.",
    ),
    option(
        "Compare",
        "--against",
        type=click.Choice(AGAINST),
        help="Errors against the reference, or A − B.",
    ),
)


def compare_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def take(settings: Settings, values: dict[str, Any]) -> None:
    """Move the options' values, as click parses them, out of `values` into settings; `compare`, a
    file, stays.

    `--against` selects an error overlay if none is on.
    """
    if values["results"] and not values["results"].lower().endswith((".csv", ".json")):
        raise UsageError(
            f"{values['results']}: results are written as .csv or .json; give a name that ends so."
        )
    divider = values.pop("divider")
    against = values.pop("against")
    settings.compare.split |= values.pop("split") or divider is not None
    settings.compare.divider = divider or settings.compare.divider
    if against is not None:
        overlay = settings.overlay
        overlay.against = against
        if not (overlay.name in OVERLAYS and OVERLAYS[overlay.name].measures):
            overlay.name = "error"
