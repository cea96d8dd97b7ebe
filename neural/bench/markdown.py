"""Markdown from numbers: tables, cells, percentages with their bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, numbers aligned right."""
    rule = [":--", *("--:" for _ in header[1:])]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]


def cell(value: Any, spec: str) -> str:
    """Format a number, or a dash for None."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value / 1000:.0f}" if spec == "kB" else format(value, spec)


def percent(value: float) -> str:
    """Format a change in percent with its sign: −38.2 %."""
    return f"{value:+.1f} %".replace("-", "−")


def setting(point: Mapping[str, Any]) -> str:
    """Format the rate setting of a learned layer's point: its step or bit depth."""
    return f"step {point['step_m']:g} m" if "step_m" in point else f"{point['bits']} bits"
