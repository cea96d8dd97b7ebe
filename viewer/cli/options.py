"""Grouped options of the command, and their parameter types."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from neural.system.streams import standard_streams
from viewer.model.limits import MAX_SIDE, MIN_SIDE
from viewer.model.settings import DecorationSettings

GROUPS = ("Input", "Look", "Overlay", "Compare", "Measure", "Film and pictures", "System")
"""Headings of `--help`, in their order."""

MAX_WINDOW_SIDE = 16384
"""Longest side of a window, pixels."""


class GroupedOption(click.Option):
    """Option under one of GROUPS."""

    def __init__(self, *args: Any, group: str = GROUPS[-1], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """Command with a help section for each group; options without a group are under the last."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command on standard streams that take any text."""
        with standard_streams():
            return super().main(*args, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections with columns of equal width."""
        rows: dict[str, list[tuple[str, str]]] = {group: [] for group in GROUPS}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                rows[getattr(param, "group", GROUPS[-1])].append(record)
        width = min(max(len(name) for group in rows.values() for name, _ in group), 30)
        for group, records in rows.items():
            if records:
                with formatter.section(group):
                    formatter.write_dl(
                        [(name.ljust(width), text) for name, text in records], col_max=width
                    )


def option(group: str, *names: str, **kwargs: Any) -> Callable[[Any], Any]:
    """Make a `click.option` under a heading of GROUPS. Raises ValueError for another heading."""
    if group not in GROUPS:
        raise ValueError(f"no group of options {group!r}")
    return click.option(*names, cls=GroupedOption, group=group, **kwargs)


class Size(click.ParamType):
    """Parameter type of a picture size such as 1280x720."""

    name = "WxH"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the metavar, not capitalized."""
        return self.name

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Parse `"1280x720"`; both sides MIN_SIDE to MAX_SIDE pixels."""
        if isinstance(value, tuple):
            return value
        width, cross, height = str(value).lower().partition("x")
        if not (cross and width.isdecimal() and height.isdecimal()):
            self.fail(
                f"{value!r} is not a size; write width x height, such as 1280x720.", param, ctx
            )
        size = int(width), int(height)
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
            self.fail(
                f"{value!r} is out of range; each side is {MIN_SIDE} to {MAX_SIDE} pixels.",
                param,
                ctx,
            )
        return size


class Points(click.ParamType):
    """Parameter type of eastings and northings such as "241100,3908500 241900,3907200"."""

    name = '"E,N E,N …"'

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[float, float], ...]:
        """Parse `"1,2 3,4"`; points may be separated by semicolons, commas surrounded by blanks."""
        if isinstance(value, tuple):
            return value
        points = []
        for pair in re.sub(r"\s*,\s*", ",", str(value).replace(";", " ")).split():
            east, comma, north = pair.partition(",")
            try:
                point = float(east), float(north)
            except ValueError:
                point = math.nan, math.nan
            if not comma or not all(map(math.isfinite, point)):
                self.fail(
                    f"{pair!r} is no point; write easting,northing with a blank between points.",
                    param,
                    ctx,
                )
            points.append(point)
        if not points:
            self.fail(
                "there is no point; write easting,northing with a blank between points.", param, ctx
            )
        return tuple(points)


class Kinds(click.ParamType):
    """Parameter type of decorations: some fields of `settings.Decorations`, "all" or "none"."""

    name = "LIST"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> frozenset[str]:
        """Parse `"legend,scale"`, "all" or "none"."""
        if isinstance(value, frozenset):
            return value
        kinds = [kind.name for kind in fields(DecorationSettings)]
        listed = [name.strip() for name in value.split(",")]
        names = {"all": kinds, "none": []}.get(value, listed)
        for name in names:
            if name not in kinds:
                self.fail(
                    f"{name!r} is not known; choose from {', '.join(kinds)}, or all or none.",
                    param,
                    ctx,
                )
        return frozenset(names)


class Interval(click.ParamType):
    """Parameter type of the contour interval in meters, or "auto"."""

    name = "M"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse `"10"` or `"auto"` (0.0)."""
        if isinstance(value, float):
            return value
        if value == "auto":
            return 0.0
        try:
            meters = float(value)
        except ValueError:
            meters = math.nan
        if not 0.01 <= meters <= 10_000:
            self.fail(
                f"{value!r} is no interval; give meters from 0.01 to 10000, or auto.", param, ctx
            )
        return meters
