"""Options of the command that set how the surface is lit and colored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from viewer.cli.options import option
from viewer.model.settings import HILLSHADES, SHADING_MODES, Settings


class Sun(click.ParamType):
    """Parameter type of the sun's azimuth and altitude, degrees."""

    name = "AZ,ALT"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the metavar, not capitalized."""
        return self.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Parse `"315,45"`; azimuth 0 to 360 clockwise from north, altitude 1 to 90, degrees."""
        if isinstance(value, tuple):
            return value
        try:
            azimuth, altitude = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(
                f"{value!r} is not a sun; write azimuth,altitude in degrees, such as 315,45.",
                param,
                ctx,
            )
        if not (0 <= azimuth <= 360 and 1 <= altitude <= 90):
            self.fail(
                f"{value!r} is out of range; azimuth is 0 to 360°, altitude 1 to 90°.", param, ctx
            )
        return azimuth, altitude


INSPECT = {"tint": "lod_tint", "wireframe": "wireframe", "boxes": "bounds"}
"""Choices of --inspect and the fields of `Settings.debug` that they set."""


class Inspect(click.ParamType):
    """Parameter type of debug views: names of INSPECT."""

    name = "LIST"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Parse `"tint,boxes"`."""
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in str(value).split(","))
        for part in names:
            if part not in INSPECT:
                self.fail(
                    f"{part!r} cannot be inspected; choose from {', '.join(INSPECT)}.", param, ctx
                )
        return names


_OPTIONS = (
    option(
        "Look",
        "--shading",
        type=click.Choice(SHADING_MODES),
        help="Relief, colors by height, or both (default).",
    ),
    option("Look", "--hillshade", type=click.Choice(HILLSHADES), help="How relief is shaded."),
    option(
        "Look",
        "--sun",
        type=Sun(),
        help="Azimuth (from north) and altitude of the sun, degrees (315,45).",
    ),
    option("Look", "--shadows", is_flag=True, help="Shadows that the terrain casts."),
    option("Look", "--edl", is_flag=True, help="Eye-dome lighting: creases and edges stand out."),
    option(
        "Look",
        "--fog",
        type=click.FloatRange(0, 1),
        metavar="X",
        help="Haze towards the horizon, 0 to 1.",
    ),
    option(
        "Look",
        "--exaggeration",
        type=click.FloatRange(0.1, 100),
        metavar="X",
        help="Heights drawn times X.",
    ),
    option(
        "Look",
        "--inspect",
        type=Inspect(),
        default=(),
        help="Show some of tint,wireframe,boxes of tiles.",
    ),
    option(
        "Look",
        "--set",
        "named",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any setting, such as shading_colormap=grey, reach=30; a wrong name lists them all.",
    ),
)


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return command


def take(settings: Settings, values: dict[str, Any]) -> None:
    """Move the options' values, as click parses them, out of `values` into settings; options not
    given leave their settings."""
    shading = settings.shading
    given = {
        name: values.pop(name) for name in ("shading", "hillshade", "sun", "fog", "exaggeration")
    }
    shading.shadows |= values.pop("shadows")
    shading.edl |= values.pop("edl")
    for part in values.pop("inspect"):
        setattr(settings.debug, INSPECT[part], True)
    if given["shading"] is not None:
        shading.mode = given["shading"]
    if given["hillshade"] is not None:
        shading.hillshade = given["hillshade"]
    if given["sun"] is not None:
        shading.sun_azimuth_deg, shading.sun_altitude_deg = given["sun"]
    if given["fog"] is not None:
        shading.fog = given["fog"]
    if given["exaggeration"] is not None:
        settings.view.exaggeration = given["exaggeration"]
