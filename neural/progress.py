"""Type of the callbacks that long work reports its progress to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], None]
"""Called with (items done, all items); the second number may be an upper bound."""


def no_report(done: int, total: int) -> None:
    """Ignore progress."""
