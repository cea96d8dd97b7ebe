"""Option types of click that the commands of both packages share."""

from __future__ import annotations

import math
import re
from typing import Any

import click


class Nodata(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.4
    """A value of missing samples, as stored. NaN and infinities may be named, though no reading
    takes them for heights.

    A number that no raster can hold is refused: it would be read as infinity.
    """

    name = "value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """See `click.ParamType`."""
        try:
            number = float(value)
        except ValueError:
            self.fail(
                f"{value!r} is no number; give the value as the raster stores it.", param, ctx
            )
        if math.isinf(number) and "inf" not in str(value).lower():
            self.fail(
                f"{value} is beyond the numbers that rasters hold; give the value as it is stored.",
                param,
                ctx,
            )
        return number


_SECONDS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.4
    """A time as "90", "90s", "10min" or "2h", in seconds."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """See `click.ParamType`."""
        match = re.fullmatch(r"([0-9]*\.?[0-9]+) *([a-z]*)", str(value).strip())
        if match is None or match[2] not in _SECONDS:
            self.fail(f"{value!r} is no time; give it as 90s, 10min or 2h.", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]
