"""Description of a panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from viewer.session.protocols import PanelView


class Panel(NamedTuple):
    """A panel; `draw` takes the narrowest protocol of `viewer.session.protocols` that it needs."""

    title: str
    """Title of its tab."""
    dock: str
    """Dock of `viewer.panels.SPLITS` that it begins in."""
    needs_document: bool
    """True if `draw` is called only while a file is open."""
    draw: Callable[[PanelView], None]
    shown: bool = True
    """False for a panel that only a command opens."""
