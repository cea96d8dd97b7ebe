"""Frame timing: CPU milliseconds of each stage, GPU milliseconds of each pass.

`with timers.time("terrain"):` around a pass is all it takes. OpenGL counts GPU time between a
query's begin and end, and tells it later: results are read LATER pictures on, so nothing ever waits
for the GPU. Mesa's llvmpipe, which draws in bins, answers such queries with the time of the last
bin; there the pass is waited for and the clock read instead. All that happens only while `enabled`;
processor times cost two clock readings and are always there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import moderngl

from viewer.graphics import gl

LATER = 4
"""Pictures until a query's result is read: drivers keep no more than three in flight."""

SMOOTHING = 0.2
"""Weight of the latest value in the running means."""


class Timers:
    """Running means by stage in milliseconds, in the order of their first use."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self.enabled = False
        """True if GPU time is measured."""
        self.cpu_ms: dict[str, float] = {}
        self.gpu_ms: dict[str, float] = {}
        self._ctx = ctx
        self._software = gl.is_software(ctx)
        self._inside = False  # OpenGL's time queries do not nest
        self._idle: list[Any] = []
        self._flying: deque[list[tuple[str, Any]]] = deque()
        self._picture: list[tuple[str, Any]] = []

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Measure the time of a pass on the CPU and, while enabled, on the GPU (the outermost of
        nested ones)."""
        measured = self.enabled and not self._inside
        query = (_Finishing(self._ctx) if self._software else self._query()) if measured else None
        self._inside |= measured
        try:
            with query or nullcontext():
                start = time.perf_counter()
                yield
                _mean(self.cpu_ms, name, 1e3 * (time.perf_counter() - start))
        finally:
            self._inside = self._inside and not measured
            if query is not None:
                self._picture.append((name, query))

    @contextmanager
    def cpu(self, name: str) -> Iterator[None]:
        """Measure the time of a stage without GPU work."""
        start = time.perf_counter()
        try:
            yield
        finally:
            _mean(self.cpu_ms, name, 1e3 * (time.perf_counter() - start))

    def finish_picture(self) -> None:
        """Read the query results of an earlier picture, after this one's last pass."""
        if self._picture:
            self._flying.append(self._picture)
            self._picture = []
        while len(self._flying) > LATER:
            self._read(self._flying.popleft())

    def read_all(self) -> dict[str, float]:
        """Return GPU milliseconds by pass over all pictures; blocks (for benchmarks)."""
        while self._flying:
            self._read(self._flying.popleft())
        return dict(self.gpu_ms)

    def forget(self) -> None:
        """Reset the means, e.g. after the scene changed."""
        self.cpu_ms.clear()
        self.gpu_ms.clear()

    def _query(self) -> Any:
        return self._idle.pop() if self._idle else self._ctx.query(time=True)

    def _read(self, picture: list[tuple[str, Any]]) -> None:
        totals: dict[str, float] = {}
        for name, query in picture:  # a pass may run twice in a picture, once for each pane
            totals[name] = totals.get(name, 0.0) + query.elapsed / 1e6
            if not self._software:
                self._idle.append(query)
        for name, ms in totals.items():
            _mean(self.gpu_ms, name, ms)


class _Finishing:
    """Substitute of a time query for software renderers: waits for the pass and reads the clock."""

    def __init__(self, ctx: moderngl.Context) -> None:
        self._ctx = ctx
        self.elapsed = 0

    def __enter__(self) -> None:
        self._ctx.finish()
        self._begun = time.perf_counter_ns()

    def __exit__(self, *exc: object) -> None:
        self._ctx.finish()
        self.elapsed = time.perf_counter_ns() - self._begun


def _mean(means: dict[str, float], name: str, ms: float) -> None:
    before = means.get(name)
    means[name] = ms if before is None else (1 - SMOOTHING) * before + SMOOTHING * ms
