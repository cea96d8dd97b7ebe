"""One training loop for every model: warm-up, decay, checkpoints, validation in meters."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.data import DataLoader

from neural.errors import ModelError
from neural.models import MODELS, PRESETS, train_log
from neural.models.base import Preset, TileErrors, TrainConfig, pick_device, save_model
from neural.models.checkpoint import Checkpoint, identity
from neural.models.optimizers import OPTIMIZERS, cooling_start, schedule
from neural.models.sensitivity import sensitivity
from neural.models.train_data import Crops, load_split
from neural.models.validation import validate
from neural.system import output

LOG_FLOOR = 1e-6
"""Mean squared error of heights that counts as none in the logarithmic loss: 66 dB."""

SLOPE_FLOOR = 1e-8
"""The same of slopes per cell."""

SENSITIVITY_TILES = 8
"""Training tiles on which the sensitivity is measured."""

_RECOVERIES = 5  # without a validation between them


@dataclass(frozen=True)
class Run:
    """Settings of one training run."""

    method: str
    preset: str
    data: tuple[Path, ...]
    out: Path
    steps: int | None = None  # None: the preset's
    device: str = "auto"
    seed: int = 0
    resume: bool = False
    threads: int | None = None  # None: as torch chooses
    checkpoint_minutes: float = 4.0
    validate_every: int = 250  # steps


@contextmanager
def _progress(total: int, done: int) -> Iterator[Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=1, console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=total, completed=done)
        yield progress, task


def train(run: Run) -> dict[str, float]:
    """Train a preset; writes OUT/{checkpoint.pt, log.csv, log.png,
    <method>-<preset>.*.safetensors}, the weights being those of the best validation.

    A killed run resumes to the same bits with as many threads. Returns the last validation row.
    Raises ModelError when the loss stops being finite again and again or a checkpoint to resume
    from does not fit.
    """
    if run.threads:
        torch.set_num_threads(run.threads)
    training = Training(run)
    with _progress(training.config.steps, training.state.step) as (progress, task):
        while training.state.step < training.config.steps:
            training.advance()
            recent = np.mean(training.state.losses[-50:]) if training.state.losses else 0.0
            progress.update(task, completed=training.state.step, description=f"mse {recent:.5f}")
            if training.validation_is_due():
                row = training.validate()
                progress.console.print(
                    f"step {row['step']}: {row['psnr_db']:.2f} dB, {row['rmse_m']:.3f} m"
                )
            training.save_if_due()
    return training.state.log[-1]


class Training:
    """A model under training, with its data, optimizers and state."""

    def __init__(self, run: Run) -> None:
        preset: Preset = PRESETS[run.method][run.preset]
        config = preset.train if run.steps is None else replace(preset.train, steps=run.steps)
        self.run = run
        self.config: TrainConfig = config
        self.preset = replace(preset, train=config)
        self.device = pick_device(run.device)
        torch.manual_seed(run.seed)
        rasters = load_split(run.data, "train")
        self.crops = Crops(rasters, run.seed, config.batch, config.augment)
        self.held_out = load_split(run.data, "val")
        self.model = MODELS[run.method](preset)
        if config.warm_start_tiles and not run.resume:
            self.model.warm_start(
                torch.from_numpy(self.crops.extra(config.warm_start_tiles)), config.fit_steps
            )
        self.model.to(self.device)
        self.optimizers = OPTIMIZERS[config.optimizer](self.model, config)
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        self.peaks = [group["lr"] for group in groups]
        self.generator = torch.Generator()
        self.recoveries = 0
        self.saved = time.monotonic()
        output.make_folder(run.out)
        self.state = Checkpoint(
            run.out,
            self.model,
            self.optimizers,
            identity(self.preset, rasters, run.seed),
        )
        if run.resume:
            self.state.resume(config)
            self.state.steps = config.steps
        else:
            self.state.steps = config.steps
            self.state.average = self._weights() if config.average else {}
            self.state.save()  # a divergence goes back to it, and a warm start takes minutes
        self.batches = self._batches()

    def _batches(self) -> Iterator[Any]:
        """Return the batches from the present step on, drawn ahead by other processes where a GPU
        takes them faster than one process draws."""
        first, last = (n * self.config.accumulate for n in (self.state.step, self.config.steps))
        workers = max(1, (os.cpu_count() or 1) - 1) if self.device.type == "cuda" else 0
        return iter(
            DataLoader(
                self.crops,
                batch_size=None,
                sampler=range(first, last),
                num_workers=workers,
                pin_memory=workers > 0,
            )
        )

    def advance(self) -> None:
        """Take one optimization step, or go back to the last good state if the loss or its
        gradient is not finite."""
        state = self.state
        config = self.config
        if config.cool_down and state.step == cooling_start(config):
            state.save(state.before_cool_down)
        rate = schedule(state.step, config) * state.rate
        # a resumed run draws what a whole one would
        self.generator.manual_seed(self.run.seed * 1_000_003 + state.step)
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for group, peak in zip(groups, self.peaks, strict=True):
            group["lr"] = peak * rate
        self.model.zero_grad(set_to_none=True)
        squares = 0.0
        for _ in range(config.accumulate):
            tiles, valid = (part.to(self.device) for part in next(self.batches))
            with torch.autocast(
                self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"
            ):
                errors = self.model.loss(tiles, valid, config, self.generator)
            loss = objective(errors, config) / config.accumulate
            loss.backward()  # type: ignore[no-untyped-call]
            squares += errors.heights.mean().item() / config.accumulate
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        if not math.isfinite(squares + float(norm)):
            self._recover()
            return
        for optimizer in self.optimizers:
            optimizer.step()
        if config.average:
            # the first steps would otherwise keep the start for long
            share = min(config.average, (state.step + 1) / (state.step + 10))
            for name, value in self.model.state_dict().items():
                state.average[name].lerp_(value, 1 - share)
        state.losses.append(squares)
        state.step += 1

    def _recover(self) -> None:
        """Return to the last saved state with half the learning rate."""
        self.recoveries += 1
        step = self.state.step
        if self.recoveries > _RECOVERIES:
            raise ModelError(
                f"training diverged at step {step}, at {self.state.rate:g} times the preset's rate "
                f"too; {self.state.path} holds the last good state."
            )
        rate = self.state.rate
        self.state.restore(self.state.path)
        self.state.rate = rate / 2
        self.batches = self._batches()

    def validation_is_due(self) -> bool:
        """Return True after the last step and every `validate_every` steps."""
        step = self.state.step
        return step == self.config.steps or (step > 0 and step % self.run.validate_every == 0)

    def validate(self) -> dict[str, float]:
        """Log the errors on the held-out rasters; write the weights if they are the best so far."""
        state = self.state
        with self._averaged():
            measures = validate(self.model, self.held_out, self.device)
            row: dict[str, float] = {
                "step": state.step,
                "tiles": state.step * self.config.batch * self.config.accumulate,
                "cpu_seconds": round(state.cpu_seconds),
                "learning_rate": schedule(state.step, self.config)
                * state.rate
                * self.config.learning_rate,
                "train_mse": float(np.mean(state.losses)),
                **measures,
            }
            if all(row["psnr_db"] > former["psnr_db"] for former in state.log):
                self._publish()
        self.model.train()
        state.log.append(row)
        state.losses.clear()
        self.recoveries = 0
        train_log.write(self.run.out, state.log)
        return row

    def save_if_due(self) -> None:
        """Write the checkpoint after the last step and every few minutes."""
        minutes = (time.monotonic() - self.saved) / 60
        if self.state.step < self.config.steps and minutes < self.run.checkpoint_minutes:
            return
        if not self.state.finite():
            self._recover()
            return
        self.state.save()
        self.saved = time.monotonic()

    def _weights(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in self.model.state_dict().items()}

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Give the model the average of its weights for a while, where one is kept."""
        if not self.config.average:
            yield
            return
        weights = self._weights()
        self.model.load_state_dict(self.state.average)
        try:
            yield
        finally:
            self.model.load_state_dict(weights)

    def _publish(self) -> None:
        """Write the weights as they ship, with the sensitivity that divides a payload's bits."""
        self.model.eval()
        tiles = torch.from_numpy(self.crops.extra(SENSITIVITY_TILES, 2)).to(self.device)
        method = replace(self.preset.method, sensitivity=sensitivity(self.model, tiles))
        save_model(
            self.model,
            self.run.out / f"{self.run.method}-{self.run.preset}",
            replace(self.preset, method=method),
            {"steps": str(self.state.step)},
        )


def objective(errors: TileErrors, config: TrainConfig) -> torch.Tensor:
    """Return the loss of a batch: mean squared errors or their logarithms, slopes with their
    weight."""
    parts = [errors.heights] if errors.slopes is None else [errors.heights, errors.slopes]
    if config.log_loss:
        parts = [
            (part + floor).log()
            for part, floor in zip(parts, (LOG_FLOOR, SLOPE_FLOOR), strict=False)
        ]
    weights = (1.0, config.slope_weight)
    return sum(
        (weight * part.mean() for weight, part in zip(weights, parts, strict=False)),
        start=errors.heights.new_zeros(()),
    )
