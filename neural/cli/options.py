"""Options and helpers that several commands share: --json, --layer, --bits, --jobs; progress and
JSON output."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from neural.progress import Report
from neural.raster.reading import ReadOptions
from neural.system.option_types import Nodata
from neural.system.streams import printable

PATH = click.Path(path_type=Path)

RASTER = click.Path()
"""A path, a URL or a name of GDAL's, as a string: see `neural.raster.raster_name`."""
SAY_S = 10.0
"""Time between lines of progress where standard error is no terminal, seconds."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")
layer = click.option(
    "--layer", default=None, help="Layer: index, method or title (default: the first)."
)
bits = click.option(
    "--bits", type=int, default=None, help="Bit depth to decode at, lower than stored."
)
device = click.option(
    "--device", default="auto", show_default=True, help="Compute device: auto, cpu or cuda."
)


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the options of `ReadOptions`, as its one keyword `reading`."""

    @click.option(
        "--crs", default=None, help="Target CRS in meters (EPSG code or WKT), or 'local'."
    )
    @click.option("--src-crs", default=None, help="Source CRS, overriding the file's.")
    @click.option(
        "--unit",
        type=click.Choice(["m", "ft", "us-ft"]),
        default=None,
        help="Vertical unit, overriding the file's.",
    )
    @click.option(
        "--nodata",
        type=Nodata(),
        multiple=True,
        metavar="VALUE",
        help="Nodata value; repeatable.",
    )
    @click.option(
        "--encoding",
        type=click.Choice(["mapbox", "terrarium"]),
        help="RGB height encoding.",
    )
    @wraps(command)
    def with_reading(*args: Any, **keywords: Any) -> Any:
        values = {field.name: keywords.pop(field.name) for field in fields(ReadOptions)}
        return command(*args, reading=ReadOptions(**values), **keywords)

    return with_reading


def print_json(values: Any) -> None:
    """Print one JSON object; infinities become null."""
    click.echo(json.dumps(finite(values)))


def finite(value: Any) -> Any:
    """Return plain JSON values: infinities become null, array scalars numbers."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if hasattr(value, "item") else value


@contextmanager
def progress(description: str) -> Iterator[Report]:
    """Show a bar with the remaining time on standard error, or without a terminal a line every
    SAY_S seconds."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class NotedProgress(Progress):
        """Bars with a line of text below."""

        text = ""

        def get_renderables(self) -> Iterable[RenderableType]:
            """Yield the bars and the text."""
            yield from super().get_renderables()
            if self.text:
                yield Text(self.text, overflow="ellipsis", no_wrap=True)

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield ProgressLines(description)
        return
    with NotedProgress(*columns, console=console, transient=True) as bar:
        yield ProgressBar(bar, description)


class ProgressBar:
    """Progress as a bar with a text below it."""

    def __init__(self, bar: Any, description: str) -> None:
        self._bar = bar
        self._task = bar.add_task(description, total=None)

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total)

    def note(self, text: str) -> None:
        """Put a text below the bar, or none."""
        self._bar.text = text


class ProgressLines:
    """Progress as lines such as "ntile: encoding dem.tif: 30 of 720", the first after SAY_S
    seconds."""

    def __init__(self, description: str) -> None:
        self._description = description
        self._said_at = time.monotonic()
        self._text = ""

    def note(self, text: str) -> None:
        """Put a text behind the counts, or none."""
        self._text = f", {text}" if text else ""

    def __call__(self, done: int, total: int) -> None:
        """Print a line at most every SAY_S seconds."""
        now = time.monotonic()
        if now - self._said_at >= SAY_S:
            self._said_at = now
            click.echo(f"ntile: {self._description}: {done} of {total}{self._text}", err=True)


def human_seconds(seconds: float) -> str:
    """Format a duration in seconds: 4321 → '1 h 12 min'."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def human_bytes(count: float) -> str:
    """Format a number of bytes: 1234567 → '1.23 MB'."""
    for unit_name in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit_name == "GB":
            return f"{count:.0f} B" if unit_name == "B" else f"{count:.3g} {unit_name}"
        count /= 1000
    raise AssertionError


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a plain table, numbers right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE)
    for index, name in enumerate(columns):
        grid.add_column(name, justify="left" if index == 0 else "right")
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    for row in rows:  # replaced signs may be wider
        grid.add_row(*(printable(cell, encoding) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(grid)
