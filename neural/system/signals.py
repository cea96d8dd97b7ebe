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

AGAIN_S = 0.05
"""Time after which a signal that came during an import is sent again."""

_NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
)


class Ended(SystemExit):
    """A signal ended the command; `code` is 128 + its number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name
        self.advice = "run the same command again"
        """End of the sentence that says so."""


def _raise(ended: Ended) -> None:
    raise ended


@contextmanager
def ended_by_signals(
    end: Callable[[Ended], None] = _raise, grace_s: float = GRACE_S
) -> Iterator[None]:
    """Have SIGTERM, SIGHUP and SIGINT raise `Ended` in the main thread (or call `end` there) while
    the block runs.

    Where that does not end the process within `grace_s`, or at a second signal, what it is writing
    is removed and it ends at once. Signals that were ignored before, as by nohup, stay so. Nothing
    is raised into an import: libraries in C++ that make their types then would abort. Outside the
    main thread nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal received
        if end is _raise and _is_importing(frame):
            watch.send_again(number)
        elif not received:
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
        self._repeats = 0
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def send_again(self, number: int) -> None:
        """Send a signal to the main thread again, soon."""
        timer = threading.Timer(AGAIN_S, self._send, [number])
        timer.daemon = True
        timer.start()

    def _send(self, number: int) -> None:
        self._repeats += 1
        if hasattr(signal, "pthread_kill") and (main := threading.main_thread().ident):
            signal.pthread_kill(main, number)
        else:
            signal.raise_signal(number)

    def close(self) -> None:
        """Stop listening."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)  # the thread reads to the end of the pipe

    def _run(self) -> None:
        heard = False
        while number := os.read(self._reading, 1):
            if number[0] not in self._numbers:
                continue  # some other handler's
            if self._repeats:
                self._repeats -= 1
                continue
            if heard:
                _end_now(number[0])
            heard = True
            timer = threading.Timer(self._grace_s, _end_now, [number[0]])
            timer.daemon = True
            timer.start()
        os.close(self._reading)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _end_now(number: int) -> None:
    output.discard_all()
    if sys.stderr is not None and sys.stderr.isatty():
        with suppress(OSError):
            os.write(sys.stderr.fileno(), b"\x1b[?25h\n")  # progress bars hide the cursor
    os._exit(128 + number)
