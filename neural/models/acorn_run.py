"""A training of ACORN to a limit, kept on the disk as it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from neural.encoding.acorn.options import Limits
from neural.encoding.acorn.settings import rate_share
from neural.errors import NtileError, UsageError
from neural.models.acorn_training import AcornFit, retiling_is_due
from neural.progress import Report, no_report, note
from neural.system import output
from neural.system.signals import Ended, ended_by_signals

SAVE_S = 60.0
"""Time between states on the disk, seconds."""

_SAVE_GRACE_S = 60.0  # after a signal, for the step and the state of a large network
_MEASURE_S = 5.0  # between figures of the progress
_FIRST_S = 1.0  # before the first of them
_MEASURE_SHARE = 0.05  # of the time that they take, at most
_MEASURE_STEPS = 100  # between figures of a run that is limited by steps, or a multiple
_FIRST_STEP = 10
_MEASURES = 100  # of a run that is limited by steps, whose history depends on the steps alone
_COOLED_GAIN = 1.2
"""Error before the cool-down over that after it; 2 dB are 1.26."""
_LEAST_STEPS = 200  # before a target may end the constant rate
_LAST_GAIN = 0.98  # of the error, over half of all steps: less is none


# torch's reader of a cut file seeks before its start: OSError
_UNREADABLE = (
    *(OSError, RuntimeError, UnpicklingError, EOFError),
    *(LookupError, TypeError, ValueError, AttributeError, ImportError),
)
"""Errors of a state that is damaged, or of another version."""


class TrainingRun:
    """The steps of a fit, its schedule and its file."""

    def __init__(
        self,
        fit: AcornFit,
        limits: Limits,
        path: Path,
        report: Report = no_report,
        threads: int = 1,
    ) -> None:
        # with several threads every product waits for the slowest: two were 10 times slower than
        # one on two busy cores
        self.fit = fit
        self.limits = limits
        self.path = path
        self.report = report
        self.threads = threads
        self.seconds = 0.0
        """Time that the training has taken so far, of all runs."""
        self.cooling: tuple[int, int] | None = None
        """First and last step of a cool-down towards a target."""
        self.budget = fit.settings.blocks
        self._ended: Ended | None = None

    # --- the file

    def save(self) -> None:
        """Write the state, whole or not at all."""
        state = {
            "fit": self.fit.state(),
            **{name: getattr(self, name) for name in ("seconds", "cooling", "budget")},
        }
        with output.binary(self.path) as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:  # hides the system's
                raise NtileError(
                    f"{self.path} cannot be written ({output.explain(error, self.path)}); make "
                    f"room or {output.ADVICE} for the output."
                ) from error

    def resume(self, keep_budget: bool = False) -> bool:
        """Go on from the state of the file, with the budget of the settings unless its own is to be
        kept; return False where there is none.

        Raises NtileError for a damaged file, UsageError for one of another run, and for another
        budget after the last step: its blocks would have no training.
        """
        if not self.path.is_file():
            return False
        try:
            saved: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=False)
            self.fit.restore(saved["fit"])
            self.seconds = saved["seconds"]
            self.cooling = saved["cooling"]
            budget = saved["budget"]
        except UsageError as error:
            raise UsageError(
                f"{self.path} {error}: give the options it began with, or --restart to discard it."
            ) from error
        except _UNREADABLE as error:
            raise NtileError(
                f"{self.path} is damaged ({error}); add --restart to begin anew."
            ) from error
        if budget != self.budget and keep_budget:
            self.budget = budget
            self.fit.settings = replace(self.fit.settings, blocks=budget)
        if budget != self.budget:
            if self._share() >= 1:
                raise UsageError(
                    f"{self.path} holds {budget} blocks, and no training is left for "
                    f"{self.budget}: give a longer one, or leave out --blocks."
                )
            self.fit.resize(self.budget)
        return True

    # --- the run

    def run(self) -> None:
        """Train to the limit; a signal ends it after the present step, its state kept.

        Raises `neural.system.signals.Ended` then, UsageError where the time is shorter than one
        step or the target is out of reach, ModelError where it diverges.
        """
        began = self.fit.step
        if not self.path.is_file():
            self.save()  # a disk too small for it is known before the training
        with ended_by_signals(self._end, _SAVE_GRACE_S), _threads(self.threads):
            try:
                self._steps()
            except torch.cuda.OutOfMemoryError as error:
                self.save()
                raise NtileError(
                    f"the GPU has too little memory for {len(self.fit.blocks)} blocks a step; give "
                    "fewer --blocks, a smaller --preset or --device cpu: the training is kept in "
                    f"{self.path}."
                ) from error
            except NtileError:
                self.save()
                raise
            if self._ended is None and fit_is_unmeasured(self.fit):
                self.fit.measure()
            self.save()
        if self._ended is not None:
            raise self._ended
        time_s = self.limits.time_s
        if time_s is not None and time_s > 0 and self.fit.step - began < 2 and self.fit.step < 2:
            raise UsageError(
                f"--time {time_s:g}s is shorter than a step of training, which took "
                f"{self.seconds:.2g} s; give more: the area as read is kept in {self.path.parent}."
            )

    def _end(self, ended: Ended) -> None:
        ended.advice += " to go on, or with --time 0 --resume to write the network as it is"
        self._ended = ended

    def _steps(self) -> None:
        saved = time.monotonic()
        due = time.monotonic() + _FIRST_S
        while self._ended is None:
            share = self._share()
            if share >= 1:
                if self._is_reached():
                    break
                continue
            with self._timed():
                if retiling_is_due(self.fit, share):
                    self.fit.retile()
                self.fit.advance(rate_share(share, self.fit.settings))
                if self._is_due(due):
                    began = time.monotonic()
                    self._measure()
                    now = time.monotonic()
                    due = now + max(_MEASURE_S, (now - began) / _MEASURE_SHARE)
            self._show()
            if time.monotonic() - saved >= SAVE_S:
                self.save()
                saved = time.monotonic()

    def _is_due(self, due: float) -> bool:
        """Return True where the figures of the progress are to be found anew."""
        if self.limits.steps is None:
            return time.monotonic() >= due
        every = -(-self.limits.steps // (_MEASURES * _MEASURE_STEPS)) * _MEASURE_STEPS
        return self.fit.step % every == 0 or self.fit.step == _FIRST_STEP

    def _is_reached(self) -> bool:
        """Return True where a run may end; a target that was missed goes back to the constant
        rate."""
        target = self.limits.target_rmse_m
        if target is None:
            return True
        row = self.fit.measure() if fit_is_unmeasured(self.fit) else self.fit.history[-1]
        if row["rmse_m"] > target:
            self.cooling = None
        return self.cooling is not None

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds += time.monotonic() - began

    def _share(self) -> float:
        """Return the share of the run that is over, 1 at its end; a rate that cools down towards a
        target goes through the last part of it."""
        limits = self.limits
        if limits.steps is not None:
            return self.fit.step / limits.steps if limits.steps else 1.0
        if limits.time_s is not None:
            return self.seconds / limits.time_s if limits.time_s else 1.0
        if self.cooling is None:
            return 0.0
        first, last = self.cooling
        constant = 1 - self.fit.settings.cool_down
        return constant + (1 - constant) * (self.fit.step - first) / (last - first)

    def _measure(self) -> None:
        row = self.fit.measure()
        target = self.limits.target_rmse_m
        if target is None:
            return
        step = self.fit.step
        if self.cooling is not None:
            return
        if step >= _LEAST_STEPS and row["rmse_m"] <= target * _COOLED_GAIN:
            self.cooling = step, step + max(_LEAST_STEPS, step // 4)
            return
        half = [former for former in self.fit.history if former["step"] <= step / 2]
        if len(half) > 20 and row["rmse_m"] > _LAST_GAIN * half[-1]["rmse_m"]:
            raise UsageError(
                f"--target-rmse {target:g} is out of reach of {len(self.fit.blocks)} blocks: "
                f"{row['rmse_m']:.3g} m after {step} steps; resume with more --blocks, or write "
                f"that with --time 0 --resume: it is kept in {self.path}."
            )

    def _show(self) -> None:
        limits = self.limits
        if limits.steps is not None:
            self.report(self.fit.step, limits.steps)
        elif limits.time_s is not None:
            self.report(min(round(self.seconds), round(limits.time_s)), round(limits.time_s))
        else:
            self.report(self.fit.step, self.cooling[1] if self.cooling else 2 * self.fit.step)
        note(self.report, self.text())

    def text(self) -> str:
        """Return the figures of the progress in one line."""
        fit = self.fit
        parts = [f"step {fit.step}"]
        if fit.history:
            parts.append(f"{fit.history[-1]['psnr_db']:.2f} dB")
        last = fit.retilings[-1]
        counts = enumerate(last["blocks_per_scale"])
        parts.append("blocks by scale " + " ".join(f"{scale}:{n}" for scale, n in counts if n))
        if len(fit.retilings) > 1:
            parts.append(f"{last['moved']} moved")
        if self.seconds:
            parts.append(f"{fit.step / self.seconds:.3g} steps/s")
        share = self._share()
        if 0 < share < 1 and self.limits.target_rmse_m is None:
            parts.append(f"{self.seconds * (1 - share) / share:.0f} s left")
        return ", ".join(parts)


def fit_is_unmeasured(fit: AcornFit) -> bool:
    """Return True where the history lacks the present step."""
    return not fit.history or fit.history[-1]["step"] != fit.step


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Have torch use so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
