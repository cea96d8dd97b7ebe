"""Messages to the user while the program runs: kept for the log panel, shown for a while as
toasts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from neural.errors import NtileError
from neural.system import output

LEVELS = ("info", "warning", "error")
"""Levels of a message, mildest first."""

TOAST_SECONDS = {"info": 4.0, "warning": 8.0, "error": 12.0}
"""How long a toast stays, by level."""

KEPT = 500
"""Messages the log holds; older ones are dropped."""


@dataclass
class Message:
    """Sentence to the user; repeating the latest one only raises `count`."""

    level: str
    text: str
    when: float  # time.time() of the latest occurrence
    since: float  # time.monotonic() of the latest occurrence
    count: int = 1
    dismissed: bool = False
    echoed: bool = False  # went to `Messages.echo`, too
    command: str = ""
    """Id of the command that answers it; its toast stays until it is dismissed."""

    @property
    def line(self) -> str:
        """Time, level, text and number of repetitions."""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.when))
        return f"{when} {self.level}: {self.counted}"

    @property
    def counted(self) -> str:
        """Text with the number of repetitions."""
        return self.text + (f"  (×{self.count})" if self.count > 1 else "")


@dataclass
class Messages:
    """The log, newest last."""

    entries: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT))
    echo: Callable[[str], object] | None = None
    """Function that gets warnings which have to reach the user without a window, too."""
    _warned: set[str] = field(default_factory=set)

    def add(self, level: str, text: str, command: str = "") -> None:
        """Add a message; `level` is one of LEVELS, `command` answers it."""
        if level not in LEVELS:
            raise ValueError(f"no message level {level!r}")
        text = text.encode(errors="backslashreplace").decode()  # a window shows no other bytes
        last = self.entries[-1] if self.entries else None
        if last is not None and (last.level, last.text) == (level, text):
            last.count = last.count + 1
            last.dismissed = False
            last.when = time.time()
            last.since = time.monotonic()
        else:
            message = Message(level, text, time.time(), time.monotonic(), command=command)
            self.entries.append(message)

    def info(self, text: str) -> None:
        """Add a message worth knowing."""
        self.add("info", text)

    def warning(self, text: str, command: str = "") -> None:
        """Add a message about something that is not quite as asked for, perhaps with the command
        that answers it."""
        self.add("warning", text, command)

    def dismiss(self, command: str) -> None:
        """Take away the toasts that a command answers."""
        for message in self.entries:
            message.dismissed = message.dismissed or message.command == command

    def warn_once(self, text: str) -> None:
        """Add a warning about what is not kept, and echo it, unless it was given before."""
        if text in self._warned:
            return
        self._warned.add(text)
        self.warning(text)
        if self.echo is not None:
            self.entries[-1].echoed = True
            self.echo(text)

    def error(self, text: str) -> None:
        """Add a failure; the sentence says how to resolve it."""
        self.add("error", text)

    def report_errors(self, action: Callable[[], object], success: str = "") -> bool:
        """Run an action; add its NtileError or OSError as an error, or `success` as an info.

        Return True if it succeeded.
        """
        try:
            action()
        except (NtileError, OSError) as error:
            self.error(str(error))
            return False
        if success:
            self.info(success)
        return True

    def count(self, level: str) -> int:
        """Return the number of messages of a level, repetitions included."""
        return sum(message.count for message in self.entries if message.level == level)

    def at_least(self, level: str) -> list[Message]:
        """Return the messages of a level and of those above it, oldest first."""
        levels = LEVELS[LEVELS.index(level) :]
        return [message for message in self.entries if message.level in levels]

    def export(self, path: str | Path, level: str = "info") -> None:
        """Write the messages of a level and above, a line each. Raises NtileError."""
        lines = [message.line for message in self.at_least(level)]
        output.write_text(path, "".join(f"{line}\n" for line in lines))

    def young(self) -> list[Message]:
        """Return the messages young enough to be shown over the scene, oldest first."""
        now = time.monotonic()
        shown = [message for message in self.entries if not message.dismissed]
        return [m for m in shown if m.command or now - m.since < TOAST_SECONDS[m.level]]

    def toasts(self, at_most: int = 4) -> list[Message]:
        """Return the newest young messages, `at_most` of them, oldest first."""
        return self.young()[-at_most:]
