"""Training of a context model (`ntile train lapped_siren`), with checkpoints; on a CPU or a GPU
alike."""

from __future__ import annotations

import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from neural.encoding.lapped.encoder import LAGRANGE
from neural.errors import ModelError, UsageError
from neural.methods.lapped.context import CLASSES
from neural.methods.lapped.mask_coder import fit_mask
from neural.methods.lapped.model import Model
from neural.models.base import pick_device
from neural.models.context_data import Windows, centroids
from neural.models.decoder_file import save_weights
from neural.models.lapped_siren import PRESETS, ContextConfig, LappedSirenModel, codes
from neural.models.residual_tables import fit_residual_tables
from neural.models.restoration import fit_restoration
from neural.models.train_data import Raster, load_split
from neural.system import output

_WARM_UP = 50
_LEAST_RATE = 0.01  # share of the peak learning rate
# bits per detail below which a window's loss is flat: nearly empty ones must not rule
_FLOOR = 0.02
_VALIDATION_WINDOWS = 48
_CENTROID_STEPS = (0.15, 0.4, 1.0)


class Progress:
    """Everything that a resumed training needs."""

    def __init__(self, out: Path, model: LappedSirenModel, config: ContextConfig) -> None:
        self.path = out / "checkpoint.pt"
        self.model = model
        self.config = config
        self.optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
        self.round = 0
        self.step = 0
        self.seconds = 0.0
        self.log = []  # type: ignore[var-annotated]
        self.chooser: dict[str, np.ndarray] | None = None

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        names = ("round", "step", "seconds", "log", "chooser")
        with output.binary(self.path) as file:
            torch.save(state | {name: getattr(self, name) for name in names}, file)

    def restore(self) -> None:
        """Read the checkpoint. Raises UsageError for a missing one, ModelError for one that does
        not fit."""
        if not self.path.is_file():
            raise UsageError(f"{self.path} does not exist: run once without --resume.")
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=False)
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            for name in ("round", "step", "seconds", "log", "chooser"):
                setattr(self, name, saved[name])
        except (RuntimeError, KeyError, ValueError, EOFError, UnpicklingError) as error:
            raise ModelError(f"{self.path} is not a checkpoint of this preset: {error}.") from error


def train(
    preset_name: str,
    data: tuple[Path, ...],
    out: Path,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    resume: bool = False,
    checkpoint_minutes: float = 4.0,
    validate_every: int = 250,
) -> dict[str, float]:
    """Train a preset; write OUT/{checkpoint.pt, log.json,
    lapped_siren-<preset>.decoder.safetensors}.

    Returns the last row of the log: round, step, seconds, bits per detail on training and
    validation windows.
    """
    preset = PRESETS[preset_name]
    config = preset.train if steps is None else replace(preset.train, steps=steps)
    torch.manual_seed(seed)
    used = pick_device(device)
    rasters = load_split(data, "train")
    held_out = load_split(data, "val")
    model = LappedSirenModel(preset)
    output.make_folder(out)
    progress = Progress(out, model, config)
    if resume:
        progress.restore()
    model.to(used)
    for state in progress.optimizer.state.values():
        state.update(
            {name: value.to(used) for name, value in state.items() if torch.is_tensor(value)}
        )
    validation = Windows(held_out, 4, None, LAGRANGE, seed).batch(_VALIDATION_WINDOWS)
    while progress.round < config.rounds:
        chooser = None if progress.chooser is None else Model(progress.chooser)
        windows = Windows(
            rasters, config.quantizations, chooser, LAGRANGE, seed + 1000 * progress.round
        )
        _one_round(progress, windows, validation, used, seed, checkpoint_minutes, validate_every)
        last = progress.round == config.rounds - 1
        steps_then = config.restoration_steps if last else config.restoration_steps // 10
        progress.chooser = finished(model, rasters, held_out, steps_then, used)
        publish(progress.chooser, preset, out / f"lapped_siren-{preset_name}", progress.log[-1])
        progress.round = progress.round + 1
        progress.step = 0
        progress.save()
        output.write_text(out / "log.json", json.dumps(progress.log, indent=1))
    return dict(progress.log[-1])


def _one_round(
    progress: Progress,
    windows: Windows,
    validation: tuple[np.ndarray, ...],
    device: torch.device,
    seed: int,
    checkpoint_minutes: float,
    validate_every: int,
) -> None:
    model = progress.model
    config = progress.config
    total = config.steps if progress.round == 0 else round(config.later_share * config.steps)
    peak = config.learning_rate if progress.round == 0 else config.learning_rate / 3
    saved = time.monotonic()
    began = time.monotonic() - progress.seconds
    losses = []
    while progress.step < total:
        # A resumed run draws what a whole one would.
        windows.rng = np.random.default_rng([seed, progress.round, progress.step])
        magnitudes, parent, coded, slope = (
            torch.from_numpy(a).to(device) for a in windows.batch(config.batch)
        )
        per_detail = _bits(model, magnitudes, parent, coded, slope)
        loss = torch.log(per_detail + _FLOOR).mean()
        share = min(1.0, (progress.step + 1) / _WARM_UP)
        share *= 0.5 * (1 + math.cos(math.pi * progress.step / total)) + _LEAST_RATE
        for group in progress.optimizer.param_groups:
            group["lr"] = peak * share
        progress.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        progress.optimizer.step()
        losses.append(float(per_detail.mean().detach()))
        if not math.isfinite(losses[-1]):
            raise ModelError(
                f"training diverged at step {progress.step}; resume from {progress.path}."
            )
        progress.step = progress.step + 1
        progress.seconds = time.monotonic() - began
        if progress.step == total or progress.step % validate_every == 0:
            row: dict[str, float] = {"round": progress.round, "step": progress.step}
            row |= {"seconds": round(progress.seconds), "train_bits": float(np.mean(losses))}
            row["val_bits"] = validate(model, validation, device)
            progress.log.append(row)
            losses.clear()
            print(json.dumps(row), file=sys.stderr, flush=True)
        if time.monotonic() - saved > 60 * checkpoint_minutes:
            progress.save()
            saved = time.monotonic()


def _bits(model: Any, magnitudes: Any, parent: Any, coded: Any, slope: Any) -> Any:
    """Return bits per coded detail of each window [B]."""
    bits = model.bits(model(codes(magnitudes), codes(parent), slope), magnitudes) * coded
    return bits.sum(dim=(1, 2, 3)) / (coded.sum(dim=(1, 2, 3)) + 1)


@torch.no_grad()
def validate(
    model: LappedSirenModel, windows: tuple[np.ndarray, ...], device: torch.device
) -> float:
    """Return the mean bits per detail over fixed windows."""
    losses = []
    for start in range(0, len(windows[0]), 8):
        losses.append(
            _bits(model, *(torch.from_numpy(a[start : start + 8]).to(device) for a in windows))
        )
    return float(torch.cat(losses).mean())


def finished(
    model: LappedSirenModel,
    rasters: list[Raster],
    held_out: list[Raster],
    restoration_steps: int,
    device: torch.device,
) -> dict[str, np.ndarray]:
    """Return a decoder's weights, with centroids of the encoder's choices, tables for masks and
    residuals, and the restoration."""
    weights = model.weights()
    centroid = centroids(rasters, Model(weights), LAGRANGE, _CENTROID_STEPS, CLASSES)
    masks = fit_mask([raster.valid for raster in rasters])
    weights |= {
        "centroid": np.round(centroid, 3).astype(np.float32),
        "mask_probability": masks.astype(np.float32),
    }
    weights |= fit_restoration(rasters, held_out, Model(weights), restoration_steps, device=device)
    return weights | fit_residual_tables(rasters, Model(weights))


def publish(
    weights: dict[str, np.ndarray], preset: Any, stem: Path, notes: dict[str, float]
) -> Path:
    """Write STEM.decoder.safetensors, integers as short as they fit."""
    header = {
        "method": preset.method.name,
        "config": json.dumps(preset.method.config(), sort_keys=True),
    }
    path = stem.with_name(f"{stem.name}.decoder.safetensors")
    save_weights(path, weights, header | {name: str(value) for name, value in notes.items()})
    return path
