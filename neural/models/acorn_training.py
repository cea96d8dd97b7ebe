"""Training of ACORN's network on an area, step by step, resumable to the bit."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from neural.encoding.acorn.area import Area
from neural.encoding.acorn.moves import KEPT, Moves
from neural.encoding.acorn.rules import Rule, RuleSettings, make_rule
from neural.encoding.acorn.settings import AcornSettings
from neural.errors import ModelError, UsageError
from neural.methods.acorn.tree import Partition
from neural.models import acorn_draws
from neural.models.acorn import AcornNetwork, tensors_of
from neural.models.acorn_device import DeviceArea, DeviceSamples, fits
from neural.models.acorn_draws import GAP_WEIGHT, Draw
from neural.models.acorn_prediction import Prediction
from neural.models.base import pick_device

_KEPT_EVERY = 100  # steps between the states that a divergence goes back to
_RECOVERIES = 5  # without a kept state between them
_MEASURED = 1 << 16  # samples of the progress figures, at most
_BAND_SAMPLES = 1 << 21  # of a window that is predicted at once


class _Former(NamedTuple):
    """Network and partition before the last re-tiling."""

    network: AcornNetwork
    prediction: Prediction


class AcornFit:
    """A network under training, its optimizer, average, partition and history.

    `advance` takes one step. Random draws follow from the seed and the step's number alone.
    """

    def __init__(
        self,
        area: Area,
        settings: AcornSettings,
        seed: int = 0,
        device: str = "cpu",
        rule: Rule | None = None,
    ) -> None:
        """Start with the rule's first partition; without a rule with that of the settings."""
        if not area.samples:
            raise UsageError("every sample is missing (nodata): there is nothing to train on.")
        self.area = area
        self.settings = settings
        self.seed = seed
        self.device = pick_device(device)
        self.rule = rule or rule_for(area, settings)
        torch.manual_seed(seed)
        tree = self.rule.statistics.tree
        self.network = AcornNetwork(settings.sizes, tree.max_scale).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.rate, fused=True)
        self.average = tensors_of(self.network.state_dict())
        """Moving average of the weights."""
        self.step = 0
        self.rate = 1.0
        """Factor on the learning rate, halved after each divergence."""
        self.cpu_seconds = 0.0
        """CPU time of all threads that the steps have taken."""
        self.history: list[dict[str, float]] = []
        """Rows of `measure`."""
        self.retilings: list[dict[str, Any]] = []
        """Step, moves and blocks per scale of each partition."""
        self._recoveries = 0
        self._former: _Former | None = None
        self._on_device: DeviceArea | None = None
        if self.device.type == "cuda" and fits(area) and not settings.from_predecessor:
            self._on_device = DeviceArea(area, self.device)
        self._take(self.rule.partition)
        self._log_partition(0)
        self._kept = self.state()

    # --- partition

    @property
    def partition(self) -> Partition:
        """Blocks of the moment."""
        return self.rule.partition

    @property
    def blocks(self) -> np.ndarray:
        """Blocks of the network, rows (scale, x, y), int64 [n, 3]."""
        return self.partition.blocks

    def retile(self) -> int:
        """Let the rule move blocks; return how many are new."""
        began = time.process_time()
        before = self._prediction
        moves = self.rule.update(self.step)
        if self.settings.from_predecessor:
            former = copy.deepcopy(self.network)
            former.load_state_dict(self.average)
            self._former = _Former(former, before)
        self._take(self.rule.partition, moves)
        moved = int(self.is_moved.sum())
        self._log_partition(moved)
        self.cpu_seconds += time.process_time() - began
        return moved

    def resize(self, budget: int) -> None:
        """Go on with another number of blocks."""
        self.settings = replace(self.settings, blocks=budget)
        self.rule.resize(budget)
        if self.rule.due(self.step, 0.0):
            self.retile()

    def _take(self, partition: Partition, moves: Moves | None = None) -> None:
        self._prediction = Prediction(
            partition, self.area.root_cells, self.area.offset_m, self.area.scale_m
        )
        self.is_moved = np.zeros(len(partition), bool) if moves is None else moves.kinds != KEPT
        self.moved_at = self.step
        self.interior = np.zeros((0, 3), np.int64)
        self.generations = np.zeros(0, np.int64)
        if self.settings.lod_nodes:
            leaves = np.concatenate([partition.active, partition.constants])
            nodes, self.generations = partition.tree.interior(leaves)
            self.interior = partition.tree.blocks(nodes)

    def _log_partition(self, moved: int) -> None:
        counts = self.partition.per_scale()
        self.retilings.append({"step": self.step, "moved": moved, "blocks_per_scale": counts})

    # --- steps

    def advance(self, rate_factor: float = 1.0) -> float:
        """Take one step at a share of the constant learning rate; return the loss, in normalized
        heights squared.

        A loss that is not finite goes back to the last kept state with half the rate. Raises
        ModelError where that does not help either.
        """
        began = time.process_time()
        if not len(self.partition):  # all of the area is constant
            self.step += 1
            return 0.0
        drawn = self._draw()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate * self.rate * rate_factor
        errors = self._backward(drawn)
        loss = float((errors * drawn.weights).sum())
        if not math.isfinite(loss):
            self._recover()
            return math.nan
        self.optimizer.step()
        # the first steps would otherwise keep the start for long
        share = min(self.settings.average, (self.step + 1) / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - share)
        self.step += 1
        self.rule.observe(drawn.leaves, errors[: len(drawn.leaves)])
        if self.step % _KEPT_EVERY == 0:
            self._keep()
        self.cpu_seconds += time.process_time() - began
        return loss

    def _draw(self) -> Draw:
        """Return the blocks of the present step."""
        settings = self.settings
        return acorn_draws.draw(
            np.random.default_rng((self.seed, self.step)),
            self.blocks,
            self.interior,
            self.generations,
            settings.per_step,
            self._chances(),
        )

    def _chances(self) -> np.ndarray | None:
        """Return each leaf's chance to be drawn; None where all are equal."""
        settings = self.settings
        warms_up = self._warms_up and self.is_moved.any()
        if settings.per_step is None or not (settings.by_error or warms_up):
            return None
        chances = acorn_draws.chances_by(self.rule.errors, settings.by_error)
        return acorn_draws.raised_to_half(chances, self.is_moved) if warms_up else chances

    @property
    def _warms_up(self) -> bool:
        """True for some steps after blocks were moved."""
        return self.step - self.moved_at < self.settings.moved_steps and self.step > 0

    def _samples(self, drawn: Draw, u: np.ndarray, v: np.ndarray) -> acorn_draws.Samples:
        """Return the targets of a draw: the area's heights, of blocks just moved the former
        network's where the settings say so."""
        result = acorn_draws.samples(self.area, drawn.blocks, drawn.generations, u, v)
        if self._former is None or not self._warms_up:
            return result
        moved = np.flatnonzero(self.is_moved[drawn.leaves])
        if len(moved):
            columns, rows = acorn_draws.places(self.area, drawn.blocks[moved], u[moved], v[moved])
            meters = self._former.prediction.meters(self._former.network, columns, rows)
            former = self.area.normalized(meters)
            result.heights[moved] = np.where(np.isfinite(former), former, result.heights[moved])
        return result

    def _backward(self, drawn: Draw) -> np.ndarray:
        """Accumulate the gradient of the weighted sum of the blocks' mean squared errors; return
        those, float32 [n]."""
        self.optimizer.zero_grad(set_to_none=True)
        on_gpu = self.device.type == "cuda"
        size = len(drawn.blocks) if on_gpu else self._blocks_at_once
        inputs = self.network.inputs(drawn.blocks)
        weights = torch.from_numpy(drawn.weights).to(self.device)
        places, targets, present, filled = self._samples_on_device(drawn)
        errors = []
        for first in range(0, len(drawn.blocks), size):
            part = slice(first, first + size)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
                features = self.network.features(inputs[part])
            # heights need more than the eight bits of bfloat16
            output = self.network.heights(features, places[part])
            error = _block_errors(output, targets[part], present[part])
            loss = error
            if self.area.has_gaps:
                loss = error + GAP_WEIGHT * _gap_errors(output, targets[part], filled[part])
            (loss * weights[part]).sum().backward()
            errors.append(error.detach())
        return torch.cat(errors).cpu().numpy()

    def _samples_on_device(self, drawn: Draw) -> DeviceSamples:
        """Return places and targets of a draw as tensors."""
        if self._on_device is not None:
            levels = drawn.generations
            seed = self.seed, self.step
            return self._on_device.samples(drawn.blocks, levels, self.settings.samples, seed)
        u, v = acorn_draws.stratified(drawn.random, len(drawn.blocks), self.settings.samples)
        values = (_local(u, v), *self._samples(drawn, u, v))
        return DeviceSamples(*(torch.from_numpy(value).to(self.device) for value in values))

    @property
    def _blocks_at_once(self) -> int:
        return max(1, self.settings.chunk // math.prod(self.settings.samples))

    # --- divergence

    def _keep(self) -> None:
        if all(bool(p.isfinite().all()) for p in self.network.parameters()):
            self._kept = self.state()
            self._recoveries = 0
        else:
            self._recover()

    def _recover(self) -> None:
        """Return to the last kept state with half the learning rate."""
        step = self.step
        rate = self.rate
        seconds = self.cpu_seconds
        self.restore(self._kept)
        self.cpu_seconds = seconds
        self._recoveries += 1
        if self._recoveries > _RECOVERIES:
            raise ModelError(
                f"training diverged at step {step}, at {rate:g} times the preset's rate too: the "
                f"state of step {self.step} is the last good one."
            )
        self.rate = rate / 2

    # --- results

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the network the average of its weights for a while."""
        weights = tensors_of(self.network.state_dict())
        self.network.load_state_dict(self.average)
        try:
            yield
        finally:
            self.network.load_state_dict(weights)

    def settle(self) -> None:
        """Take the average as the weights where that is nearer to the heights: after a run that
        was not cooled down."""
        if len(self.partition) and self.mean_square() < self.mean_square(averaged=False):
            self.network.load_state_dict(self.average)

    def mean_square(self, averaged: bool = True) -> float:
        """Return the mean squared normalized error at fixed random cells, of the average of the
        weights or of themselves."""
        columns, rows, heights = self._measured_places
        if averaged:
            with self.averaged():
                predicted = self.predict(columns, rows)
        else:
            predicted = self.predict(columns, rows)
        unit_m = self.area.scale_m or 1.0
        difference = (predicted - heights).astype(np.float64) / unit_m
        return float(np.nanmean(difference**2))

    def measure(self) -> dict[str, float]:
        """Append a row to `history`: step, CPU-seconds, and of the average of the weights PSNR
        over the relief and RMSE in meters."""
        square = self.mean_square()
        row = {
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            # the relief is 2 in normalized heights
            "psnr_db": 10 * math.log10(4 / max(square, 1e-20)),
            "rmse_m": self.area.scale_m * math.sqrt(square),
        }
        self.history.append(row)
        return row

    def predict(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return heights float32 in meters at places in finest cells, each by the block that holds
        it; NaN where none does."""
        return self._prediction.meters(self.network, columns, rows)

    def predict_window(self, row: int, col: int, rows: int, cols: int) -> np.ndarray:
        """Return heights float32 [rows, cols] in meters at cell centers, as `predict`; memory is
        that of a band."""
        meters = np.empty((rows, cols), np.float32)
        x = col + np.arange(cols) + 0.5
        step = max(1, _BAND_SAMPLES // max(cols, 1))
        for first in range(0, rows, step):
            y = row + np.arange(first, min(first + step, rows)) + 0.5
            meters[first : first + step] = self.predict(x, y[:, None])
        return meters

    def block_errors(self, blocks: np.ndarray) -> np.ndarray:
        """Return mean squared normalized errors [n] of any blocks (scale, x, y) [n, 3], active or
        not, from one sample per stratum; 0 for those without data."""
        random = np.random.default_rng((self.seed, self.step, 1))
        errors = [np.zeros(0, np.float32)]
        for first in range(0, len(blocks), self._blocks_at_once):
            part = blocks[first : first + self._blocks_at_once]
            u, v = acorn_draws.stratified(random, len(part), self.settings.samples)
            heights, valid, _ = acorn_draws.samples(
                self.area, part, np.zeros(len(part), np.int64), u, v
            )
            with torch.no_grad():
                features = self.network.features(self.network.inputs(part))
                places = torch.from_numpy(_local(u, v)).to(self.device)
                output = self.network.heights(features, places).cpu()
            error = _block_errors(output, torch.from_numpy(heights), torch.from_numpy(valid))
            errors.append(error.numpy())
        return np.concatenate(errors)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights as `neural.methods.acorn` has them."""
        return self.network.export()

    @property
    def _measured_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Columns, rows and heights of fixed random valid cells."""
        if not hasattr(self, "_places"):
            cells = self.area.heights.reshape(-1)
            count = min(_MEASURED, cells.size)
            drawn = np.unique(np.random.default_rng(0).integers(0, cells.size, 2 * count))
            drawn = drawn[:: -(-len(drawn) // count)]
            drawn = drawn[np.isfinite(cells[drawn])]
            width = self.area.width
            self._places = drawn % width + 0.5, drawn // width + 0.5, cells[drawn]
        return self._places

    # --- state

    def identity(self) -> dict[str, str]:
        """Return the parts of a run that a resumed one must share, as texts."""
        settings = asdict(self.settings)
        for name in ("blocks", "chunk", "per_step"):
            del settings[name]  # a resumed run may have more blocks, or another device
        shape = f"{self.area.heights.shape} {self.area.low_m} {self.area.high_m}"
        return {"preset or partition": str(settings), "raster": shape, "seed": str(self.seed)}

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, copied."""
        moments = {
            key: tensors_of(entry) for key, entry in self.optimizer.state_dict()["state"].items()
        }
        former = self._former
        return {
            "identity": self.identity(),
            "network": tensors_of(self.network.state_dict()),
            "average": tensors_of(self.average),
            "moments": moments,
            "rule": copy.deepcopy(self.rule.state()),
            "former": former
            and (tensors_of(former.network.state_dict()), former.prediction.partition.active),
            "is_moved": self.is_moved.copy(),
            "history": [dict(row) for row in self.history],
            "retilings": [dict(row) for row in self.retilings],
            **{name: getattr(self, name) for name in ("step", "rate", "cpu_seconds", "moved_at")},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises UsageError where it is of another run."""
        for name, value in self.identity().items():
            if state["identity"][name] != value:
                raise UsageError(f"holds the training of another {name}")
        self.network.load_state_dict(state["network"])
        self.average = {k: v.clone().to(self.device) for k, v in state["average"].items()}
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {key: tensors_of(entry) for key, entry in state["moments"].items()}
        self.optimizer.load_state_dict(optimizer)
        self.rule.restore(copy.deepcopy(state["rule"]))
        self._take(self.rule.partition)
        self._former = None
        if state["former"]:
            weights, active = state["former"]
            network = copy.deepcopy(self.network)
            network.load_state_dict(weights)
            partition = Partition.of(self.rule.statistics.tree, active)
            prediction = Prediction(
                partition, self.area.root_cells, self.area.offset_m, self.area.scale_m
            )
            self._former = _Former(network, prediction)
        self.is_moved = state["is_moved"].copy()
        for name in ("step", "rate", "cpu_seconds", "moved_at"):
            setattr(self, name, state[name])
        self.history = [dict(row) for row in state["history"]]
        self.retilings = [dict(row) for row in state["retilings"]]


def rule_for(area: Area, settings: AcornSettings) -> Rule:
    """Return the settings' rule for an area, started. Raises UsageError for a budget below the
    smallest partition."""
    sizes = settings.sizes
    statistics = area.statistics(sizes.smallest_block, max(sizes.rows, sizes.columns))
    constants = RuleSettings(
        interval_steps=settings.retile_every,
        first_steps=settings.first_retiling,
        quiet_share=settings.cool_down,
    )
    return make_rule(settings.partition, statistics, settings.blocks, constants)


def retiling_is_due(fit: AcornFit, share: float) -> bool:
    """Return True where blocks are to move after a share (0 … 1) of the run, but in its
    cool-down."""
    return share < 1 - fit.settings.cool_down and fit.rule.due(fit.step, share)


def _local(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return places (x, y) in [−1, 1] of places in [0, 1]."""
    return np.stack([2 * u - 1, 2 * v - 1], axis=-1)


def _block_errors(heights: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Return the mean squared error [n] of each block over its valid samples; 0 without any."""
    weight = valid.to(heights.dtype)
    squares = ((heights - targets) ** 2 * weight).flatten(1).sum(1)
    return squares / weight.flatten(1).sum(1).clamp(min=1.0)


def _gap_errors(heights: Tensor, targets: Tensor, filled: Tensor) -> Tensor:
    """Return the mean over all samples [n] of each block of the squared errors in gaps."""
    return ((heights - targets) ** 2 * filled.to(heights.dtype)).flatten(1).mean(1)
