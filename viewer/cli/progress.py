"""Progress of films and large pictures on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from neural.progress import Report

SAY_S = 1.0
"""Time between lines of progress if stderr is no terminal, seconds."""


@contextmanager
def progress(out: str, noun: str) -> Iterator[Report]:
    """Show a progress bar on a terminal, else print a line such as "picture 30 of 720" now and
    then."""
    if not sys.stderr.isatty():
        yield _Lines(noun)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(Path(out).name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Lines:
    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._printed_s = -SAY_S

    def __call__(self, done: int, total: int) -> None:
        """Print the progress if enough time has passed."""
        now = time.monotonic()
        if done == total or now - self._printed_s >= SAY_S:
            self._printed_s = now
            click.echo(f"{self._noun} {done} of {total}", err=True)
