"""What the program tells the user while it runs: kept for the log panel, shown for a while as toasts."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

LEVELS = ("info", "warning", "error")
"""Levels of a message, mildest first."""

TOAST_SECONDS = {"info": 4.0, "warning": 8.0, "error": 12.0}
"""How long a toast stays, by level."""

KEPT = 500
"""Messages the log holds; older ones are dropped."""


@dataclass
class Message:
    """One sentence to the user; the same sentence said again in a row only raises `count`."""

    level: str
    text: str
    when: float  # time.time() of the latest occurrence
    shown: float  # time.monotonic() of the latest occurrence
    count: int = 1
    dismissed: bool = False


@dataclass
class Messages:
    """The log, newest last."""

    entries: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, level: str, text: str) -> None:
        """Say something; `level` is one of LEVELS."""
        if level not in LEVELS:
            raise ValueError(f"no message level {level!r}")
        last = self.entries[-1] if self.entries else None
        if last is not None and (last.level, last.text) == (level, text):
            last.count, last.dismissed = last.count + 1, False
            last.when, last.shown = time.time(), time.monotonic()
        else:
            self.entries.append(Message(level, text, time.time(), time.monotonic()))

    def info(self, text: str) -> None:
        """Something worth knowing."""
        self.add("info", text)

    def error(self, text: str) -> None:
        """Something that did not work; the sentence says what to do."""
        self.add("error", text)

    def toasts(self, at_most: int = 4) -> list[Message]:
        """Messages young enough to be shown over the scene, oldest first."""
        now = time.monotonic()
        young = [m for m in self.entries if not m.dismissed and now - m.shown < TOAST_SECONDS[m.level]]
        return young[-at_most:]
