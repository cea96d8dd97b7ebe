"""Processes that measure places at once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor


def pool(jobs: int, tasks_each: int | None = None) -> ProcessPoolExecutor:
    """Return a pool of spawned processes that end with this one, even if it is killed; after so
    many tasks a process makes room for a new one."""
    return ProcessPoolExecutor(
        jobs,
        multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
        max_tasks_per_child=tasks_each,
    )


def _end_with_parent() -> None:
    threading.Thread(target=_wait_for_parent, name="parent-watch", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # only workers come here
    parent.join()  # returns when the parent's end of a pipe closes, killed or not
    os._exit(1)
