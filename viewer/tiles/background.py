"""Slow work on threads of its own: the main thread polls for results and never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple


class Background:
    """Runs one function after the other on a thread; polled by the main thread."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, name)
        self._asked: dict[Hashable, Future[Any]] = {}

    def get(self, key: Hashable, work: Callable[[], Any]) -> Any:
        """Return the result of `work`, handed over once; None until it has finished, and for good
        where it failed."""
        future = self._asked.get(key)
        if future is None:
            self._asked[key] = self._thread.submit(work)
            return None
        if not future.done() or future.exception() is not None:
            return None
        del self._asked[key]
        return future.result()

    def close(self) -> None:
        """Drop waiting work and wait for the running one."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._asked.clear()


class Answer(NamedTuple):
    """Result for one key: a value, or an exception instead."""

    key: Hashable
    value: Any
    error: Exception | None = None


class Latest:
    """Computes results for a changing key: one at a time, and only the newest key waits."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._condition = threading.Condition()
        self._key: Hashable = None
        self._waiting: Callable[[Callable[[], bool]], Any] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self.answer: Answer | None = None
        """The newest result, with its key."""

    def ask(self, key: Hashable, work: Callable[[Callable[[], bool]], Any]) -> None:
        """Run `work(outdated)` on the thread unless this key is the newest already; `outdated()` is
        True once a newer key came."""
        with self._condition:
            if self._closed or key == self._key:
                return
            self._key = key
            self._waiting = work
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._condition.notify()

    def forget(self) -> None:
        """Drop the present key, and with it any result still being computed."""
        with self._condition:
            self._key = self._waiting = self.answer = None

    @property
    def busy(self) -> bool:
        """True if the newest key has no result yet."""
        return self._key is not None and (self.answer is None or self.answer.key != self._key)

    def close(self) -> None:
        """Cancel the running work and end the thread."""
        with self._condition:
            self._closed = True
            self._key = None
            self._waiting = None
            self._condition.notify()

    def _outdated(self, key: Hashable) -> bool:
        return self._key != key

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._waiting is not None)
                work = self._waiting
                if self._closed or work is None:
                    return
                key = self._key
                self._waiting = None
            try:
                answer = Answer(key, work(partial(self._outdated, key)))
            except Exception as error:  # reported by the main thread
                answer = Answer(key, None, error)
            with self._condition:
                if self._key is not None:
                    self.answer = answer
