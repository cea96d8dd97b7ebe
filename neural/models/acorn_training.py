"""Training of ACORN's network on an area, step by step, resumable to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from neural.encoding.acorn import blocks as block_rows
from neural.encoding.acorn.area import Area
from neural.encoding.acorn.settings import AcornSettings, rate_share
from neural.errors import ModelError, UsageError
from neural.models.acorn import AcornNetwork, tensors_of
from neural.models.base import pick_device

_KEPT_EVERY = 100  # steps between the states that a divergence goes back to
_RECOVERIES = 5  # without a kept state between them
_INTERIOR_SHARE = 0.15  # of the blocks drawn per step, with trained interior nodes
_MEASURED = 1 << 16  # samples of the progress figures, at most
_BAND_SAMPLES = 1 << 21  # of a window that is predicted at once
_ERROR_MEMORY = 0.95  # per draw, of the moving average of a block's error


class Partition(NamedTuple):
    """Leaves of an area's block tree."""

    blocks: np.ndarray  # of the network: rows (scale, x, y), int64 [n, 3], sorted
    constants: np.ndarray  # rows (scale, x, y, meters), float64 [m, 4]


class Rule(Protocol):
    """Rule that moves blocks; with plain arrays and numbers in its state."""

    def start(self) -> Partition:
        """Return the partition that training begins with."""

    def record(self, step: int, blocks: np.ndarray, errors: np.ndarray) -> None:
        """Take note of the mean squared normalized errors [n] of the blocks [n, 3] of a step."""

    def retile(self, step: int, fit: AcornFit) -> Partition | None:
        """Return the partition to go on with; None where it stays."""

    def state(self) -> dict[str, Any]:
        """Return values that `restore` takes."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Uniform:
    """Blocks of one scale, which stay."""

    def __init__(self, area: Area, settings: AcornSettings) -> None:
        self.area = area
        self.settings = settings

    def start(self) -> Partition:
        """Return all blocks with data of the finest scale within the budget."""
        finest = block_rows.max_scale(self.area, self.settings.sizes.smallest_block)
        return Partition(
            block_rows.uniform(self.area, self.settings.blocks, finest), np.zeros((0, 4))
        )

    def record(self, step: int, blocks: np.ndarray, errors: np.ndarray) -> None:
        """Forget them."""

    def retile(self, step: int, fit: AcornFit) -> Partition | None:
        """Return None."""
        return None

    def state(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""


class Draw(NamedTuple):
    """Blocks of one step with their targets, the leaves first."""

    leaves: np.ndarray  # index of each leaf, int64 [m]
    blocks: np.ndarray  # [n, 3]
    places: np.ndarray  # (x, y) in [−1, 1] of the block, float32 [n, rows, columns, 2]
    targets: np.ndarray  # normalized heights, float32 [n, rows, columns]
    valid: np.ndarray  # bool [n, rows, columns]
    weights: np.ndarray  # of the blocks' errors in the loss, float32 [n]


class AcornFit:
    """A network under training, its optimizer, average, partition, random state and history.

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
        self.area = area
        self.settings = settings
        self.seed = seed
        self.device = pick_device(device)
        if not area.samples:
            raise UsageError("every sample is missing (nodata): there is nothing to train on.")
        self.offset_m = area.offset_m
        self.scale_m = area.scale_m
        self.finest_scale = block_rows.max_scale(area, settings.sizes.smallest_block)
        torch.manual_seed(seed)
        self.network = AcornNetwork(settings.sizes, self.finest_scale).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.rate, fused=True)
        self.average = tensors_of(self.network.state_dict())
        self.rule: Rule = rule or Uniform(area, settings)
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
        self.blocks = np.zeros((0, 3), np.int64)
        """Leaves of the network, as in `Partition`."""
        self.use(self.rule.start(), moved=0)
        self._kept = self.state()

    # --- partition

    def use(self, partition: Partition, moved: int | None = None) -> None:
        """Go on with another partition; `moved` counts its new blocks."""
        former = {tuple(row) for row in self.blocks.tolist()} if self.step else set()
        self.partition = partition
        self.blocks = partition.blocks
        rows = self.blocks.tolist()
        self.is_moved = np.array([tuple(row) not in former for row in rows], bool)
        if moved is None:
            moved = int(self.is_moved.sum())
        self.moved_at = self.step
        counts = np.bincount(self.blocks[:, 0], minlength=1).tolist() if len(rows) else []
        self.retilings.append({"step": self.step, "moved": moved, "blocks_per_scale": counts})
        self.errors = np.zeros(len(rows))
        """Moving average of each block's mean squared normalized error; 0 before its first
        draw."""
        self.draws = np.zeros(len(rows), np.int64)
        if self.settings.lod_nodes:
            leaves = np.concatenate([self.blocks, partition.constants[:, :3].astype(np.int64)])
            self.interior, self.generations = block_rows.interior(leaves)
        else:
            self.interior = np.zeros((0, 3), np.int64)
            self.generations = np.zeros(0, np.int64)
        self._owner: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    # --- steps

    def advance(self, rate_factor: float = 1.0) -> float:
        """Take one step at a share of the constant learning rate; return the loss, in normalized
        heights squared.

        A loss that is not finite goes back to the last kept state with half the rate. Raises
        ModelError where that does not help either.
        """
        began = time.process_time()
        if not len(self.blocks):  # all of the area is constant
            self.step += 1
            return 0.0
        draw = self._draw()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate * self.rate * rate_factor
        errors = self._backward(draw)
        loss = float((errors * draw.weights).sum())
        if not math.isfinite(loss):
            self._recover()
            return math.nan
        self.optimizer.step()
        self._update_average()
        self._note(draw, errors)
        self.step += 1
        leaves = len(draw.leaves)
        self.rule.record(self.step, draw.blocks[:leaves], errors[:leaves])
        if self.step % _KEPT_EVERY == 0:
            self._keep()
        self.cpu_seconds += time.process_time() - began
        return loss

    def retile(self) -> int:
        """Let the rule move blocks; return how many are new."""
        began = time.process_time()
        partition = self.rule.retile(self.step, self)
        moved = 0
        if partition is not None:
            self.use(partition)
            moved = int(self.is_moved.sum())
        self.cpu_seconds += time.process_time() - began
        return moved

    def resize(self, budget: int) -> None:
        """Go on with another number of blocks."""
        self.settings = replace(self.settings, blocks=budget)
        self.use(self.rule.start())

    def _draw(self) -> Draw:
        """Return the blocks of the present step with their samples."""
        settings = self.settings
        random = np.random.default_rng((self.seed, self.step))
        count = len(self.blocks)
        drawn = count if settings.per_step is None else min(settings.per_step, count)
        nodes = 0
        if len(self.interior):
            nodes = min(len(self.interior), max(1, round(_INTERIOR_SHARE * drawn)))
            drawn = max(1, drawn - nodes)
        chance = self._chances()
        chosen = random.choice(count, drawn, replace=False, p=chance)
        weights = np.full(drawn + nodes, 1.0 / (drawn + nodes), np.float32)
        if chance is not None:
            # the gradient's expectation stays that of equal chances, about
            weights[:drawn] *= (1 / (count * chance[chosen])).astype(np.float32)
            weights /= weights.sum()
        blocks = self.blocks[chosen]
        coarser = np.zeros(drawn, np.int64)
        if nodes:
            others = random.choice(len(self.interior), nodes, replace=False)
            blocks = np.concatenate([blocks, self.interior[others]])
            coarser = np.concatenate([coarser, self.generations[others]])
        rows, columns = settings.samples
        shape = (len(blocks), rows, columns)
        u = (np.arange(columns, dtype=np.float32) + random.random(shape, np.float32)) / columns
        v = np.arange(rows, dtype=np.float32)[:, None] + random.random(shape, np.float32)
        v /= rows
        heights, valid = self._targets(blocks, coarser, u, v)
        places = np.stack([2 * u - 1, 2 * v - 1], axis=-1)
        return Draw(chosen, blocks, places, heights, valid, weights)

    def _chances(self) -> np.ndarray | None:
        """Return each block's chance to be drawn; None where all are equal."""
        exponent = self.settings.by_error
        is_new = self.step - self.moved_at < self.settings.moved_steps and self.moved_at > 0
        if not exponent and not (is_new and self.is_moved.any()):
            return None
        weight = np.ones(len(self.blocks))
        if exponent and self.draws.any():
            drawn = self.draws > 0
            weight[drawn] = np.sqrt(self.errors[drawn] + 1e-12) ** exponent
            weight[~drawn] = weight[drawn].max()
            weight = np.maximum(weight, 0.1 * weight.mean())
        if is_new and self.is_moved.any() and not self.is_moved.all():
            moved = weight[self.is_moved].sum()
            rest = weight[~self.is_moved].sum()
            weight[self.is_moved] *= max(1.0, rest / moved)
        return weight / weight.sum()

    def _targets(
        self, blocks: np.ndarray, coarser: np.ndarray, u: np.ndarray, v: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return normalized heights at places of blocks, and the places that have one."""
        side = (self.area.root_cells >> blocks[:, 0]).astype(np.float64)[:, None, None]
        columns = (blocks[:, 1, None, None] + u.astype(np.float64)) * side
        rows = (blocks[:, 2, None, None] + v.astype(np.float64)) * side
        meters = np.zeros(u.shape, np.float32)
        valid = np.zeros(u.shape, bool)
        top = self.area.levels - 1
        for level in np.unique(coarser).tolist():
            chosen = coarser == level
            meters[chosen], valid[chosen] = self.area.targets(
                columns[chosen], rows[chosen], min(level, top)
            )
        heights = (meters - np.float32(self.offset_m)) * np.float32(1 / self.scale_m)
        return heights, valid

    def _backward(self, draw: Draw) -> np.ndarray:
        """Accumulate the gradient of the weighted sum of the blocks' mean squared errors; return
        those, float32 [n]."""
        self.optimizer.zero_grad(set_to_none=True)
        rows, columns = self.settings.samples
        size = max(1, self.settings.chunk // (rows * columns))
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            size = max(size, len(draw.blocks))
        inputs = self.network.inputs(draw.blocks)
        places, targets, valid, weights = (
            torch.from_numpy(values).to(self.device)
            for values in (draw.places, draw.targets, draw.valid, draw.weights)
        )
        errors = []
        for first in range(0, len(draw.blocks), size):
            part = slice(first, first + size)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
                features = self.network.features(inputs[part])
            # heights need more than the eight bits of bfloat16
            heights = self.network.heights(features.float(), places[part])
            error = _block_errors(heights, targets[part], valid[part])
            (error * weights[part]).sum().backward()
            errors.append(error.detach())
        return torch.cat(errors).cpu().numpy()

    def _update_average(self) -> None:
        # the first steps would otherwise keep the start for long
        share = min(self.settings.average, (self.step + 1) / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - share)

    def _note(self, draw: Draw, errors: np.ndarray) -> None:
        """Update the moving averages of the leaves' errors."""
        chosen = draw.leaves
        memory = np.minimum(_ERROR_MEMORY, self.draws[chosen] / (self.draws[chosen] + 1))
        latest = errors[: len(chosen)]
        self.errors[chosen] = memory * self.errors[chosen] + (1 - memory) * latest
        self.draws[chosen] += 1

    # --- divergence

    def _keep(self) -> None:
        if all(bool(p.isfinite().all()) for p in self.network.parameters()):
            self._kept = self.state()
            self._recoveries = 0
        else:
            self._recover()

    def _recover(self) -> None:
        """Return to the last kept state with half the learning rate."""
        self._recoveries += 1
        step = self.step
        rate = self.rate
        recoveries = self._recoveries
        seconds = self.cpu_seconds
        self.restore(self._kept)
        self.cpu_seconds = seconds
        if recoveries > _RECOVERIES:
            raise ModelError(
                f"training diverged at step {step}, at {rate:g} times the preset's rate too: the "
                f"state of step {self.step} is the last good one."
            )
        self._recoveries = recoveries
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
        if not len(self.blocks):
            return
        present = self.mean_square(averaged=False)
        if self.mean_square(averaged=True) < present:
            self.network.load_state_dict(self.average)

    def mean_square(self, averaged: bool = True) -> float:
        """Return the mean squared normalized error at fixed random cells, of the average of the
        weights or of themselves."""
        columns, rows, heights = self._measured_places()
        if averaged:
            with self.averaged():
                predicted = self.predict(columns, rows)
        else:
            predicted = self.predict(columns, rows)
        difference = (predicted - heights) / self.scale_m
        return float(np.nanmean(difference.astype(np.float64) ** 2))

    def measure(self) -> dict[str, float]:
        """Append a row to `history`: step, CPU-seconds, and of the average of the weights PSNR
        over the relief and RMSE in meters."""
        square = self.mean_square()
        row = {
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            # the relief is 2 in normalized heights
            "psnr_db": 10 * math.log10(4 / max(square, 1e-20)),
            "rmse_m": self.scale_m * math.sqrt(square),
        }
        self.history.append(row)
        return row

    def predict(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return heights float32 in meters at places in finest cells, each by the block that holds
        it; NaN where none does."""
        shape = np.broadcast_shapes(np.shape(columns), np.shape(rows))
        x = np.broadcast_to(columns, shape).ravel().astype(np.float64)
        y = np.broadcast_to(rows, shape).ravel().astype(np.float64)
        meters = np.full(len(x), np.nan, np.float32)
        if len(self.blocks):
            self._predict_blocks(x, y, meters)
        self._predict_constants(x, y, meters)
        return meters.reshape(shape)

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

    def block_errors(self, blocks: np.ndarray, seed: int = 0) -> np.ndarray:
        """Return mean squared normalized errors [n] of any blocks, active or not, from stratified
        samples; 0 for those without data."""
        errors = []
        rows, columns = self.settings.samples
        size = max(1, self.settings.chunk // (rows * columns))
        random = np.random.default_rng((self.seed, self.step, seed))
        for first in range(0, len(blocks), size):
            part = blocks[first : first + size]
            shape = (len(part), rows, columns)
            u = (np.arange(columns, dtype=np.float32) + random.random(shape, np.float32)) / columns
            v = np.arange(rows, dtype=np.float32)[:, None] + random.random(shape, np.float32)
            v /= rows
            targets, valid = self._targets(part, np.zeros(len(part), np.int64), u, v)
            with torch.no_grad():
                features = self.network.features(self.network.inputs(part))
                places = torch.from_numpy(np.stack([2 * u - 1, 2 * v - 1], axis=-1))
                heights = self.network.heights(features, places.to(self.device)).cpu()
            errors.append(
                _block_errors(heights, torch.from_numpy(targets), torch.from_numpy(valid)).numpy()
            )
        return np.concatenate(errors) if errors else np.zeros(0, np.float32)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights as `neural.methods.acorn` has them."""
        return self.network.export()

    def _predict_blocks(self, x: np.ndarray, y: np.ndarray, meters: np.ndarray) -> None:
        if self._owner is None:
            self._owner = block_rows.owner_of(self.blocks, self.finest_scale, self.area.root_cells)
        owner = self._owner(x, y)
        order = np.argsort(owner, kind="stable")
        order = order[np.searchsorted(owner[order], 0) :]
        used, starts, counts = np.unique(owner[order], return_index=True, return_counts=True)
        # blocks of about as many places together: the others of a batch are padded
        by_count = np.argsort(counts, kind="stable")
        first = 0
        while first < len(used):
            part = by_count[first : first + 64]
            while len(part) > 1 and len(part) * counts[part[-1]] > 4 * self.settings.chunk:
                part = part[: len(part) // 2]
            first += len(part)
            self._predict_batch(used[part], starts[part], counts[part], order, x, y, meters)

    def _predict_batch(
        self,
        used: np.ndarray,
        starts: np.ndarray,
        counts: np.ndarray,
        order: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        meters: np.ndarray,
    ) -> None:
        """Predict the places order[start : start + count] of each block."""
        blocks = self.blocks[used]
        slots = np.arange(counts.max())
        inside = slots < counts[:, None]
        index = order[np.minimum(starts[:, None] + slots, len(order) - 1)]
        side = (self.area.root_cells >> blocks[:, :1]).astype(np.float64)
        u = 2 * (x[index] / side - blocks[:, 1:2]) - 1
        v = 2 * (y[index] / side - blocks[:, 2:3]) - 1
        places = np.stack([u, v], axis=-1).astype(np.float32)[:, None]
        with torch.no_grad():
            features = self.network.features(self.network.inputs(blocks))
            h = self.network.heights(features, torch.from_numpy(places).to(self.device))
        values = h[:, 0].cpu().numpy() * np.float32(self.scale_m) + np.float32(self.offset_m)
        meters[index[inside]] = values[inside]

    def _predict_constants(self, x: np.ndarray, y: np.ndarray, meters: np.ndarray) -> None:
        for scale, column, row, value in self.partition.constants.tolist():
            side = self.area.root_cells >> int(scale)
            inside = (x // side == column) & (y // side == row)
            meters[inside] = value

    def _measured_places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return columns, rows and heights of fixed random cells, NaN where there is none."""
        if not hasattr(self, "_places"):
            random = np.random.default_rng(0)
            area = self.area
            count = min(_MEASURED, area.width * area.height)
            at = np.unique(random.integers(0, area.width * area.height, 2 * count))
            at = np.sort(random.permutation(at)[:count])
            heights = area.heights.reshape(-1)[at]
            at = at[np.isfinite(heights)]
            self._places = (
                at % area.width + 0.5,
                at // area.width + 0.5,
                area.heights.reshape(-1)[at],
            )
        return self._places

    # --- state

    def identity(self) -> dict[str, str]:
        """Return the parts of a run that a resumed one must share, as texts."""
        settings = asdict(self.settings)
        for name in ("blocks", "chunk"):
            del settings[name]  # a resumed run may have more blocks
        shape = f"{self.area.heights.shape} {self.area.low_m} {self.area.high_m}"
        return {"preset or partition": str(settings), "raster": shape, "seed": str(self.seed)}

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, copied."""
        optimizer = self.optimizer.state_dict()
        moments = {
            key: {name: value.detach().clone() for name, value in entry.items()}
            for key, entry in optimizer["state"].items()
        }
        return {
            "identity": self.identity(),
            "network": tensors_of(self.network.state_dict()),
            "average": tensors_of(self.average),
            "moments": moments,
            "rule": self.rule.state(),
            "partition": [np.array(part) for part in self.partition],
            "is_moved": self.is_moved.copy(),
            "moved_at": self.moved_at,
            "errors": self.errors.copy(),
            "draws": self.draws.copy(),
            "history": [dict(row) for row in self.history],
            "retilings": [dict(row) for row in self.retilings],
            **{name: getattr(self, name) for name in ("step", "rate", "cpu_seconds")},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises UsageError where it is of another run."""
        for name, value in self.identity().items():
            if state["identity"][name] != value:
                raise UsageError(f"holds the training of another {name}")
        self.network.load_state_dict(state["network"])
        self.average = {k: v.clone().to(self.device) for k, v in state["average"].items()}
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {
            key: {name: value.clone() for name, value in entry.items()}
            for key, entry in state["moments"].items()
        }
        self.optimizer.load_state_dict(optimizer)
        for name in ("step", "rate", "cpu_seconds"):
            setattr(self, name, state[name])
        self.use(Partition(*state["partition"]))
        self.rule.restore(state["rule"])
        for name in ("is_moved", "errors", "draws"):
            setattr(self, name, state[name].copy())
        self.moved_at = state["moved_at"]
        self.history = [dict(row) for row in state["history"]]
        self.retilings = [dict(row) for row in state["retilings"]]


def fit_for(
    fit: AcornFit,
    steps: int | None = None,
    cpu_seconds: float | None = None,
    measure_every: int = 500,
) -> AcornFit:
    """Train to a number of steps or of CPU-seconds, cooled down at its end, and measure on the
    way; return the fit, settled."""
    while True:
        share = max(
            0.0 if steps is None else fit.step / steps,
            0.0 if cpu_seconds is None else fit.cpu_seconds / cpu_seconds,
        )
        if share >= 1:
            break
        if share < 1 - fit.settings.cool_down and retiling_is_due(fit):
            fit.retile()
        fit.advance(rate_share(share, fit.settings))
        if fit.step % measure_every == 0:
            fit.measure()
    fit.settle()
    return fit


def retiling_is_due(fit: AcornFit) -> bool:
    """Return True at the steps at which blocks may move: at equal intervals by the published rule,
    else at doubling ones."""
    settings = fit.settings
    if not fit.step or fit.retilings[-1]["step"] == fit.step:
        return False
    if settings.partition == "paper":
        return fit.step % settings.retile_every == 0
    if settings.partition != "adaptive":
        return False
    ratio, rest = divmod(fit.step, settings.first_retiling)
    return rest == 0 and (ratio + 1) & ratio == 0  # 1, 3, 7, … times the first


def _block_errors(heights: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Return the mean squared error [n] of each block over its valid samples; 0 without any."""
    weight = valid.to(heights.dtype)
    squares = ((heights - targets) ** 2 * weight).flatten(1).sum(1)
    return squares / weight.flatten(1).sum(1).clamp(min=1.0)
