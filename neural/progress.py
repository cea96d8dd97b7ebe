"""Type of the callbacks that long work reports its progress to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

Report: TypeAlias = Callable[[int, int], None]
"""Called with (items done, all items); the second number may be an upper bound."""


def no_report(done: int, total: int) -> None:
    """Ignore progress."""


@runtime_checkable
class Noting(Protocol):
    """A `Report` that shows a line of text, too."""

    def note(self, text: str) -> None:
        """Show a text beside the counts from now on."""


def note(report: Report, text: str) -> None:
    """Show a text beside the counts, where the report has a place for it."""
    if isinstance(report, Noting):
        report.note(text)
