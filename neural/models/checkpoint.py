"""State of a training run on disk, from which it resumes to the bit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from neural.errors import ModelError, UsageError
from neural.models.base import Preset, TrainConfig
from neural.models.optimizers import Optimizers, cooling_start
from neural.models.train_data import Raster
from neural.system import output


def identity(preset: Preset, rasters: Sequence[Raster], seed: int) -> dict[str, str]:
    """Return the parts of a run that a resumed one must share, as texts."""
    settings = asdict(preset.train)
    del settings["steps"]  # a run may be made longer
    places = [f"{raster.name} {raster.heights.shape} {raster.cell_m}" for raster in rasters]
    return {
        "method": preset.method.name,
        "sizes": f"{preset.method} {preset.encoder}",
        "training settings": str(settings),
        "training data": str(places),
        "seed": str(seed),
    }


class Checkpoint:
    """Weights, their average, optimizers, random state and log of a run."""

    def __init__(
        self,
        folder: Path,
        model: Any,
        optimizers: Optimizers,
        identity: dict[str, str],
    ) -> None:
        self.path = folder / "checkpoint.pt"
        self.before_cool_down = folder / "before_cool_down.pt"
        self.model = model
        self.optimizers = optimizers
        self.identity = identity
        self.step = 0
        self.steps = 0
        """Length of the run whose schedule is followed."""
        self.rate = 1.0
        """Factor on the learning rate, halved after each divergence."""
        self.losses: list[float] = []
        """Mean squared errors since the last row of the log."""
        self.log: list[dict[str, float]] = []
        self.average: dict[str, Tensor] = {}
        """Moving average of the weights; empty where none is kept."""
        self._began = time.process_time()

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all threads that the run has taken so far, seconds."""
        return time.process_time() - self._began

    def save(self, path: Path | None = None) -> None:
        """Write the state to a file, whole or not at all; `checkpoint.pt` by default."""
        state = {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "torch": torch.get_rng_state(),
            "cpu_seconds": self.cpu_seconds,
        }
        state |= {name: getattr(self, name) for name in ("step", "steps", "rate", "losses", "log")}
        with output.binary(path or self.path) as file:
            torch.save(state, file)

    def resume(self, config: TrainConfig) -> None:
        """Go on from the last state; from the one before its cool-down if the run becomes longer.

        Raises UsageError without a checkpoint, ModelError if it is of another run or unreadable.
        """
        if not self.path.is_file():
            raise UsageError(f"{self.path} does not exist: run once without --resume.")
        self.restore(self.path)
        former = replace(config, steps=self.steps)
        if self.steps != config.steps and self.step > cooling_start(former):
            self.restore(self.before_cool_down)

    def restore(self, path: Path) -> None:
        """Read the state of a file. Raises ModelError if it is of another run or unreadable."""
        try:
            saved = torch.load(path, map_location="cpu", weights_only=False)
            for name, value in self.identity.items():
                if saved["identity"][name] != value:
                    raise ModelError(
                        f"{path} is of a run with other {name}; resume with those or choose "
                        "another --out."
                    )
            self.model.load_state_dict(saved["model"])
            for optimizer, values in zip(self.optimizers, saved["optimizers"], strict=True):
                optimizer.load_state_dict(values)
            torch.set_rng_state(saved["torch"])
            for name in ("step", "steps", "rate", "losses", "log"):
                setattr(self, name, saved[name])
            device = next(self.model.parameters()).device
            self.average = {name: value.to(device) for name, value in saved["average"].items()}
            self._began = time.process_time() - saved["cpu_seconds"]
        except (RuntimeError, KeyError, TypeError, ValueError, EOFError, UnpicklingError) as error:
            raise ModelError(f"{path} is not a checkpoint of this preset: {error}.") from error

    def finite(self) -> bool:
        """Return True if all weights are finite numbers."""
        return all(bool(p.isfinite().all()) for p in self.model.parameters())
