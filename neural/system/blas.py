"""One BLAS thread while tiles are coded: their products are small, and further threads only
spin."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from neural.system.forks import ForkLock

VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "OMP_NUM_THREADS",
)
"""Environment variables by which a user says how many threads BLAS has; any of them is obeyed."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit numpy's BLAS to one thread, as a context manager or a decorator; nested or in several
    threads at once.

    Where the library's limit is the process's, the last to leave restores what was before. Where
    one of VARIABLES is set, nothing is changed. What else is loaded (torch brings a BLAS of its
    own) is left alone.
    """
    _mine.depth += 1
    if _mine.depth == 1:
        _enter()
    try:
        yield
    finally:
        _mine.depth -= 1
        if _mine.depth == 0:
            _leave()


class _Mine(threading.local):
    """Count of this thread's entries, and its limits before the first."""

    def __init__(self) -> None:
        self.depth = 0
        self.before: list[int] = []


_mine = _Mine()
_lock = ForkLock()
_inside = 0  # threads that have entered
_before: list[int] = []  # limits of the process before the first of them


def _enter() -> None:
    global _inside, _before
    per_thread, per_process = _libraries()
    _mine.before = _set(per_thread, [1] * len(per_thread))
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = _set(per_process, [1] * len(per_process))


def _leave() -> None:
    global _inside
    per_thread, per_process = _libraries()
    _set(per_thread, _mine.before)
    with _lock:
        _inside -= 1
        if _inside == 0:
            _set(per_process, _before)


def _set(libraries: list[Any], threads: list[int]) -> list[int]:
    """Set each library's threads; return the previous numbers."""
    before = [library.num_threads for library in libraries]
    for library, count in zip(libraries, threads, strict=True):
        # threadpoolctl lets only one thread change the process's limits until that says it is done;
        # here they are counted instead, and whoever comes first or last changes them.
        release = getattr(library, "clear_controlling_thread", lambda force: None)
        release(force=True)
        library.set_num_threads(count)
        release(force=True)
    return before


@cache
def _libraries() -> tuple[list[Any], list[Any]]:
    """Return numpy's libraries whose limit is a thread's, and those where it is the process's;
    found once."""
    if any(os.environ.get(name) for name in VARIABLES):
        return [], []
    import numpy as np
    from threadpoolctl import ThreadpoolController

    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    folder = Path(np.__file__).resolve().parent
    wheels = [
        library
        for library in loaded
        if _is_within(library.filepath, folder, Path(f"{folder}.libs"))
    ]
    # A distribution's numpy links the system's BLAS, beside which torch may have brought another.
    chosen = wheels or [
        library for library in loaded if "torch" not in Path(library.filepath).parts
    ]
    per_thread = [library for library in chosen if _is_per_thread(library)]
    return per_thread, [library for library in chosen if library not in per_thread]


def _is_per_thread(library: Any) -> bool:
    return library.internal_api == "mkl" or getattr(library, "threading_layer", None) == "openmp"


def _is_within(file: str, *folders: Path) -> bool:
    return any(Path(file).resolve().is_relative_to(folder) for folder in folders)
