"""One run: a network trained on an area, with its state kept on disk, then measured."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.whole import errors
from neural.bench.whole.areas import area_of
from neural.bench.whole.runs import BASELINES, Goal, Results, Run
from neural.encoding.acorn.area import Area
from neural.errors import NtileError

Say = Callable[[str], None]

_KEPT_EVERY_S = 60.0
_MEASURED_EVERY = 0.02  # of a run
_SAID_EVERY = 0.1
_BASELINE_SAMPLES = 1 << 22
"""Samples that errors of networks without blocks are measured on, about: each costs a million
multiplications."""

_ROUNDED_SAMPLES = 1 << 20
_ROUNDED_BASELINE_SAMPLES = 1 << 18
ROUNDED_BITS = 8
PROGRESS_DB = (30, 35, 40, 45, 50, 55)


def train_and_measure(run: Run, folder: Path, say: Say) -> None:
    """Train the network of a run from its kept state on, and write its result."""
    from neural.models import whole_area

    results = Results(folder)
    goal = run.goal
    if run.time_of is not None:
        timed = results.result(run.time_of)
        assert timed is not None  # `execute` waits for it
        goal = Goal(seconds=timed["seconds"])
    area = area_of(run.staged.place, run.staged.heights)
    if results.result(run) is not None:
        return
    fit = whole_area.make_fit(run.trained, area, run.seed, run.preset, run.blocks)
    state = results.state(run)
    if state.is_file():
        try:
            whole_area.load(fit, state)
        except NtileError as error:  # of another version of the program
            say(f"{run.title}: begins anew, {error}")
    _train(run, fit, goal, state, say)
    peak = _peak_memory_mb()
    fit.settle()
    result, arrays = _measured(run, fit, area)
    say(f"{run.title}: {result['psnr_db']:.2f} dB, RMSE {result['rmse_m']:.3g} m")
    results.write(run, result | {"peak_memory_mb": peak}, arrays)


def _train(run: Run, fit: Any, goal: Goal, state: Path, say: Say) -> None:
    """Train to the goal; the state is written every minute and when interrupted."""
    from neural.models import whole_area

    kept_at = time.monotonic()
    measured = said = _share(fit, goal)
    try:
        while (share := _share(fit, goal)) < 1:
            whole_area.advance(fit, share)
            if share - measured >= _MEASURED_EVERY:
                measured = share
                row = fit.measure()
                if share - said >= _SAID_EVERY:
                    said = share
                    step_ms = 1000 * fit.cpu_seconds / fit.step
                    say(
                        f"{run.title}: {share:.0%}, step {fit.step}, {row['psnr_db']:.1f} dB, "
                        f"{step_ms:.0f} ms a step"
                    )
            if time.monotonic() - kept_at > _KEPT_EVERY_S:
                whole_area.save(fit, state)
                kept_at = time.monotonic()
    except (KeyboardInterrupt, SystemExit):
        whole_area.save(fit, state)
        raise
    fit.measure()


def _share(fit: Any, goal: Goal) -> float:
    """Return the share of a run that is done."""
    if goal.steps is not None:
        return float(fit.step / goal.steps)
    assert goal.seconds is not None
    return float(fit.cpu_seconds / goal.seconds)


def _measured(run: Run, fit: Any, area: Area) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return all figures of a trained network, and its partition and error maps."""
    from neural.models import whole_area

    extent = run.staged.extent
    samples = run.staged.samples
    most = None
    few = _ROUNDED_SAMPLES
    if run.method in BASELINES:
        most = _BASELINE_SAMPLES
        few = _ROUNDED_BASELINE_SAMPLES
    began = time.process_time()
    measured = errors.measure(fit.predict_window, area, extent, most)
    decode_seconds = time.process_time() - began
    exact = errors.measure(fit.predict_window, area, extent, few).report()
    with whole_area.rounded(fit, ROUNDED_BITS):
        coarse = errors.measure(fit.predict_window, area, extent, few).report()
    report = measured.report()
    bytes_8bit = whole_area.stored_bytes(fit, ROUNDED_BITS)
    blocks = whole_area.blocks_of(fit)
    result = {
        "area": run.staged.area.name,
        "method": run.method,
        "seed": run.seed,
        "preset": run.preset,
        "blocks": None if blocks is None else len(blocks),
        "budget": run.settings.get("blocks"),
        "steps": fit.step,
        "seconds": fit.cpu_seconds,
        **report,
        "loss_8bit_db": exact["psnr_db"] - coarse["psnr_db"],
        "parameters": whole_area.parameters(fit),
        "bytes_32bit": whole_area.stored_bytes(fit, 32),
        "bytes_8bit": bytes_8bit,
        "bits_per_sample": 8 * bytes_8bit / samples,
        "blocks_per_level": [] if blocks is None else np.bincount(blocks[:, 0]).tolist(),
        "retilings": list(getattr(fit, "retilings", [])),
        "history": fit.history,
        "seconds_to_db": {str(db): seconds_to(fit.history, db) for db in PROGRESS_DB},
        "measuring_seconds": decode_seconds,
    }
    row, column = inset(area)
    arrays = {
        "error_map": measured.error_map(),
        "inset": fit.predict_window(row, column, INSET, INSET),
        "blocks": np.zeros((0, 3), np.int64) if blocks is None else blocks,
    }
    if blocks is not None:
        arrays["constants"] = fit.partition.constant_blocks
    return _plain(result), arrays


INSET = 256
"""Side of the window of which tables show the surface."""


def inset(area: Area) -> tuple[int, int]:
    """Return row and column of the window whose heights differ the most from those beside them."""
    best = (-1.0, 0, 0)
    for row in range(0, max(area.height - INSET, 0) + 1, INSET):
        for column in range(0, max(area.width - INSET, 0) + 1, INSET):
            heights = area.heights[row : row + INSET, column : column + INSET]
            steps = np.diff(heights.astype(np.float64), axis=1)
            known = np.isfinite(steps)
            if known.any():
                best = max(best, (float((steps[known] ** 2).sum()), row, column))
    return best[1], best[2]


def seconds_to(history: list[dict[str, float]], db: float) -> float | None:
    """Return the CPU-seconds after which a PSNR was reached first; None where it was not."""
    before = {"cpu_seconds": 0.0, "psnr_db": -math.inf}
    for row in history:
        if row["psnr_db"] >= db:
            if not math.isfinite(before["psnr_db"]):
                return row["cpu_seconds"]
            share = (db - before["psnr_db"]) / (row["psnr_db"] - before["psnr_db"])
            return before["cpu_seconds"] + share * (row["cpu_seconds"] - before["cpu_seconds"])
        before = row
    return None


def _plain(value: Any) -> Any:
    """Return plain JSON values; infinities become None."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _peak_memory_mb() -> float:
    """Return the most memory that this process has had, MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count the parent's before exec
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
