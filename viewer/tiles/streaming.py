"""Worker threads: a job queue in, a result queue out. Workers never touch GL."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from neural.system.blas import single_threaded


class LoadJob(NamedTuple):
    """Job for a worker thread. Equal keys mean equal work."""

    key: Any  # hashable
    run: Callable[[], Any]


class Done(NamedTuple):
    """A finished job: its value, or the exception it raised."""

    key: Any
    value: Any
    error: Exception | None
    seconds: float


def default_threads() -> int:
    """Return the default number of workers: one per processor, less one for drawing; 2 to 4."""
    return max(2, min(4, (os.cpu_count() or 2) - 1))


class Queues(NamedTuple):
    """Numbers of jobs by state."""

    waiting: int
    running: int
    finished: int  # not yet taken


class Streamer:
    """Thread pool for the jobs last submitted, most urgent first.

    Each `submit` replaces the waiting jobs, so outdated work is dropped; running jobs are finished,
    and not started twice.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[LoadJob] = deque()
        self._running: set[Hashable] = set()
        self._done: deque[Done] = deque()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"tile-worker-{k}", daemon=True)
            for k in range(threads or default_threads())
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pending(self) -> int:
        """Number of jobs waiting, running, or finished but not yet taken."""
        return sum(self.queues)

    @property
    def queues(self) -> Queues:
        """Numbers of jobs by state."""
        with self._condition:
            return Queues(len(self._waiting), len(self._running), len(self._done))

    def submit(self, jobs: Sequence[LoadJob]) -> None:
        """Replace the waiting jobs by these, most urgent first."""
        with self._condition:
            taken = self._running | {done.key for done in self._done}
            self._waiting = deque(job for job in jobs if job.key not in taken)
            self._condition.notify_all()

    def take(self) -> Done | None:
        """Pop the oldest finished job, or None."""
        with self._condition:
            return self._done.popleft() if self._done else None

    def peek(self) -> Done | None:
        """Return the oldest finished job without removing it, or None."""
        with self._condition:
            return self._done[0] if self._done else None

    def wait(self, timeout_s: float) -> bool:
        """Wait until a finished job is available; return False after a timeout."""
        with self._condition:
            return self._condition.wait_for(lambda: bool(self._done), timeout_s)

    def settle(self) -> None:
        """Wait until the running jobs are finished."""
        with self._condition:
            begun = set(self._running)
            self._condition.wait_for(lambda: not begun & self._running)

    def stop(self) -> None:
        """Drop the waiting jobs; threads end after their running job."""
        with self._condition:
            self._closed = True
            self._waiting.clear()
            self._condition.notify_all()

    def close(self) -> None:
        """Drop the waiting jobs and wait for the threads to end."""
        self.stop()
        for thread in self._threads:
            thread.join()

    @single_threaded()
    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                job = self._waiting.popleft()
                self._running.add(job.key)
            start = time.perf_counter()
            value = None
            failure = None
            try:
                value = job.run()
            except Exception as error:  # reported by the main thread
                failure = error
            with self._condition:
                self._running.discard(job.key)
                self._done.append(Done(job.key, value, failure, time.perf_counter() - start))
                self._condition.notify_all()
