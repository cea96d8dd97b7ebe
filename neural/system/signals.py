"""Ending in good order when the system or the user asks for it: nothing half is left, and the exit
status says why."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from neural.system import output

GRACE_S = 3.0
"""Time for the main thread to end by itself; a call of GDAL, say, may keep it from that for
minutes."""

_NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
)


class Ended(SystemExit):
    """A signal ended the command; `code` is 128 + its number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


def _raise(ended: Ended) -> None:
    raise ended


@contextmanager
def ended_by_signals(
    end: Callable[[Ended], None] = _raise, grace_s: float = GRACE_S
) -> Iterator[None]:
    """Have SIGTERM, SIGHUP and SIGINT raise `Ended` in the main thread (or call `end` there) while
    the block runs.

    Where that does not end the process within `grace_s`, or at a second signal, what it is writing
    is removed and it ends at once. Signals that were ignored before, as by nohup, stay so. Outside
    the main thread nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = False

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal received
        if not received:
            received = True
            end(Ended(number))

    handled = [number for number in _NUMBERS if signal.getsignal(number) is not signal.SIG_IGN]
    watch = _Watch(handled, grace_s)
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if not received:
            watch.close()  # else it stays, until the process has ended


class _Watch:
    """A thread that hears of signals when they come, also while the main thread is in a long
    call."""

    def __init__(self, numbers: list[int], grace_s: float) -> None:
        self._numbers = numbers
        self._grace_s = grace_s
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)  # the thread reads to the end of the pipe

    def _run(self) -> None:
        heard = False
        while number := os.read(self._reading, 1):
            if number[0] not in self._numbers:
                continue  # some other handler's
            if heard:
                _end_now(number[0])
            heard = True
            timer = threading.Timer(self._grace_s, _end_now, [number[0]])
            timer.daemon = True
            timer.start()
        os.close(self._reading)


def _end_now(number: int) -> None:
    output.discard_all()
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(OSError):
            os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # progress bars hide the cursor
    os._exit(128 + number)
