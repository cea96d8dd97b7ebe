"""One training loop for every model: AdamW, warm-up and cosine decay, checkpoints, validation in
meters."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from neural.errors import ModelError, UsageError
from neural.measure import metrics
from neural.models import MODELS, PRESETS
from neural.models.base import Preset, TrainConfig, pick_device, save_model
from neural.models.optimizers import OPTIMIZERS, Optimizers
from neural.models.sensitivity import sensitivity
from neural.models.train_data import Crops, Raster, fixed_tiles, load_split, normalize
from neural.system import output
from neural.tiles import centers

LOG_FIELDS = ("step", "seconds", "learning_rate", "train_mse", "psnr_db", "rmse_m", "gradient_rmse")

LOG_FLOOR = 1e-6
"""Mean squared error that counts as none in the logarithmic loss: 66 dB."""

SENSITIVITY_TILES = 8
"""Training tiles on which the sensitivity is measured."""


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
    checkpoint_minutes: float = 4.0
    validate_every: int = 250  # steps


def schedule(step: int, config: TrainConfig) -> float:
    """Return the share of the peak learning rate: linear warm-up, then cosine decay."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    t = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.final_share + (1 - config.final_share) * 0.5 * (
        1 + math.cos(math.pi * min(1.0, t))
    )


@torch.no_grad()
def validate(model: Any, rasters: list[Raster], device: torch.device) -> dict[str, float]:
    """Return psnr_db, rmse_m and gradient_rmse as means over the fixed tiles of the rasters (arXiv
    2606.00404, metrics)."""
    model.eval()
    weights = {name: p.detach().float().cpu().numpy() for name, p in model.decoder.items()}
    lattice = centers()
    rows = []
    for raster, heights, valid in fixed_tiles(rasters):
        tile, offset, scale = normalize(heights, valid)
        latents = model.encode(torch.from_numpy(tile)[None].to(device))[0]
        prepared = model.method.prepare(weights, latents.float().cpu().numpy())
        surface = model.method.evaluate(weights, prepared, lattice, lattice, order=2)
        h, east, south, bend_x, bend_y = (np.asarray(part, np.float64) for part in surface)
        cell = (raster.cell_m, raster.cell_m)
        step = len(lattice) * raster.cell_m
        inner = np.s_[1:-1, 1:-1]
        summary = metrics.ErrorSummary()
        summary.add_heights(offset + scale * h, heights, valid)
        summary.add_derivatives(
            (east[inner] * (scale / step), south[inner] * (-scale / step)),
            (bend_x + bend_y)[inner] * (scale / step**2),
            heights,
            valid,
            cell,
        )
        rows.append(summary.report())
    model.train()
    means = {}
    for name in LOG_FIELDS[-3:]:
        means[name] = float(np.mean([row[name] for row in rows]))
    return means


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
    <method>-<preset>.*.safetensors}.

    Returns the last validation row. Raises ModelError when the loss stops being finite or a
    checkpoint to resume from does not fit.
    """
    preset: Preset = PRESETS[run.method][run.preset]
    config = preset.train if run.steps is None else replace(preset.train, steps=run.steps)
    device = pick_device(run.device)
    torch.manual_seed(run.seed)
    crops = Crops(load_split(run.data, "train"), run.seed)
    held_out = load_split(run.data, "val")
    model = MODELS[run.method](preset)
    if config.warm_start_tiles and not run.resume:
        model.warm_start(
            torch.from_numpy(crops.batch(config.warm_start_tiles)[0]), config.fit_steps
        )
    model.to(device)
    optimizers = OPTIMIZERS[config.optimizer](model, config)
    peaks = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    output.make_folder(run.out)
    state = _State(run, model, optimizers, crops)
    if run.resume:
        state.restore()
    generator = torch.Generator()
    saved = time.monotonic()
    began = time.monotonic() - state.seconds
    losses = []
    with _progress(config.steps, state.step) as (progress, task):
        while state.step < config.steps:
            rate = schedule(state.step, config)
            # a resumed run draws what a whole one would
            generator.manual_seed(run.seed * 1_000_003 + state.step)
            for group, peak in zip(
                (g for o in optimizers for g in o.param_groups), peaks, strict=True
            ):
                group["lr"] = peak * rate
            tiles, valid = (torch.from_numpy(a).to(device) for a in crops.batch(config.batch))
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
                errors = model.loss(tiles, valid, config, generator)
            loss = (errors + LOG_FLOOR).log().mean() if config.log_loss else errors.mean()
            model.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            for optimizer in optimizers:
                optimizer.step()
            losses.append(errors.mean().item())
            if not math.isfinite(losses[-1]):
                raise ModelError(
                    f"training diverged at step {state.step}; resume from {state.path} at a "
                    "lower rate."
                )
            state.step = state.step + 1
            state.seconds = time.monotonic() - began
            progress.update(task, advance=1, description=f"mse {np.mean(losses[-50:]):.5f}")
            last = state.step == config.steps
            if last or state.step % run.validate_every == 0:
                row = {
                    "step": state.step,
                    "seconds": round(state.seconds),
                    "train_mse": np.mean(losses),
                }
                row |= {
                    "learning_rate": rate * config.learning_rate,
                    **validate(model, held_out, device),
                }
                state.log.append(row)
                losses.clear()
                progress.console.print(
                    f"step {state.step}: {row['psnr_db']:.2f} dB, {row['rmse_m']:.3f} m"
                )
                _write_log(run.out, state.log)
            if last or time.monotonic() - saved > 60 * run.checkpoint_minutes:
                state.save()
                _publish(run, preset, model, crops, state.step)
                saved = time.monotonic()
    entry: dict[str, float] = state.log[-1]
    return entry


def _publish(run: Run, preset: Preset, model: Any, crops: Crops, step: int) -> None:
    """Write the weights as they ship, with the sensitivity that divides a payload's bits."""
    model.eval()
    draws = crops.rng.bit_generator.state
    tiles = torch.from_numpy(crops.batch(SENSITIVITY_TILES)[0]).to(next(model.parameters()).device)
    crops.rng.bit_generator.state = draws  # the run goes on with the crops it would have drawn
    method = replace(preset.method, sensitivity=sensitivity(model, tiles))
    model.train()
    save_model(
        model,
        run.out / f"{run.method}-{run.preset}",
        replace(preset, method=method),
        {"steps": str(step)},
    )


class _State:
    """State for a resumed run: weights, optimizer, crop draws, log."""

    def __init__(self, run: Run, model: Any, optimizers: Optimizers, crops: Crops) -> None:
        self.path = run.out / "checkpoint.pt"
        self.model = model
        self.optimizers = optimizers
        self.crops = crops
        self.step = 0
        self.seconds = 0.0
        self.log = []  # type: ignore[var-annotated]

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "draws": self.crops.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
        }
        with output.binary(self.path) as file:
            torch.save(state, file)

    def restore(self) -> None:
        if not self.path.is_file():
            raise UsageError(f"{self.path} does not exist: run once without --resume.")
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=False)
            self.model.load_state_dict(saved["model"])
            for optimizer, values in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(values)
        except (RuntimeError, KeyError, ValueError, EOFError, UnpicklingError) as error:
            raise ModelError(f"{self.path} is not a checkpoint of this preset: {error}.") from error
        self.crops.rng.bit_generator.state = saved["draws"]
        torch.set_rng_state(saved["torch"])
        self.step = saved["step"]
        self.seconds = saved["seconds"]
        self.log = saved["log"]


def _write_log(out: Path, log: list[dict[str, float]]) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, LOG_FIELDS)
    writer.writeheader()
    writer.writerows(log)
    output.write_text(out / "log.csv", table.getvalue())
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    for axis, (name, label) in zip(
        axes,
        [("psnr_db", "PSNR, dB"), ("rmse_m", "RMSE, m"), ("gradient_rmse", "gradient RMSE, m/m")],
        strict=True,
    ):
        axis.plot([row["step"] for row in log], [row[name] for row in log], marker=".")
        axis.set(xlabel="step", title=f"validation {label}")
        axis.grid(alpha=0.3)
    with output.binary(out / "log.png") as picture:
        figure.savefig(picture, format="png", dpi=110)
    plt.close(figure)
