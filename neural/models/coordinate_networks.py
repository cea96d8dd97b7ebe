"""Networks from a place to its height, over a whole area: SIREN and ReLU with positional encoding.

They are the global baselines of ACORN (arXiv 2105.02788): one network without blocks, of as many
parameters, trained on random samples of the area.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neural.encoding.acorn.area import Area
from neural.errors import ModelError, UsageError

KINDS = ("siren", "relu_pe")
"""Names of the networks."""

HIDDEN_LAYERS = 4
"""Hidden-to-hidden layers of the published networks; their width is 1536."""

_EVALUATED_POINTS = 4096  # at a time, so that activations stay in the cache
_MEASURED = 1 << 13  # samples of the progress figures
_AVERAGE = 0.99


@dataclass(frozen=True)
class CoordinateSettings:
    """A network and its training."""

    kind: str
    width: int
    layers: int = HIDDEN_LAYERS
    outputs: int = 1
    frequencies: int = 0
    """Frequencies of the positional encoding; 0: the place itself."""
    omega_0: float = 50.0
    """Factor in front of the sine's argument."""
    points: int = 1024
    """Samples a step."""
    rate: float = 1e-4
    """Learning rate of Adam."""

    @property
    def inputs(self) -> int:
        """Number of values that the first layer sees."""
        return 2 + 4 * self.frequencies

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        first = (self.inputs + 1) * self.width
        hidden = self.layers * (self.width + 1) * self.width
        return first + hidden + (self.width + 1) * self.outputs


TUNED: dict[str, dict[str, Any]] = {
    "siren": {"rate": 3e-5, "points": 1024, "omega_0": 50.0},
    "relu_pe": {"rate": 1e-3, "points": 256},
}
"""Settings with the highest PSNR of those tried on a window that no table reports, columns 6000 to
8048 and rows 1600 to 3648 of California–Nevada, with the parameters of ACORN's preset `small`
(`neural/BENCHMARK.md` has the trials)."""


def settings_for(kind: str, width: int, height: int, parameters: int) -> CoordinateSettings:
    """Return the tuned settings of a network for an area of width × height cells, as near to the
    number of parameters as its width can be chosen."""
    frequencies = published_frequencies(max(width, height)) if kind == "relu_pe" else 0
    settings = CoordinateSettings(kind, 1, frequencies=frequencies, **TUNED[kind])
    linear = settings.inputs + 1 + settings.layers + settings.outputs
    root = math.sqrt(linear**2 + 4 * settings.layers * (parameters - settings.outputs))
    nearest = max(round((root - linear) / (2 * settings.layers)), 1)
    return replace(settings, width=nearest)


def published_frequencies(side: int) -> int:
    """Return log2(side / 4), rounded down: the frequencies of the published ReLU network for an
    image of that side."""
    return max(int(math.log2(max(side, 4) / 4)), 1)


class CoordinateNetwork(nn.Module):
    """Places [n, 2] in [−1, 1] → normalized heights [n, outputs]."""

    def __init__(self, settings: CoordinateSettings) -> None:
        super().__init__()
        self.settings = settings
        sides = [settings.inputs, *[settings.width] * (settings.layers + 1), settings.outputs]
        self.layers = nn.ModuleList(nn.Linear(*fans) for fans in pairwise(sides))
        if settings.kind == "siren":
            self._initialize_sines()
        else:
            self._initialize_relus()

    @torch.no_grad()
    def _initialize_sines(self) -> None:
        """Initialize as arXiv 2006.09661: the first layer with 1 / fan-in, others so that arguments
        keep their spread."""
        for index, layer in enumerate(self.linear):
            fan_in = layer.in_features
            bound = math.sqrt(6 / fan_in) / self.settings.omega_0 if index else 1 / fan_in
            layer.weight.uniform_(-bound, bound)

    @torch.no_grad()
    def _initialize_relus(self) -> None:
        for layer in self.linear:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    @property
    def linear(self) -> list[nn.Linear]:
        """Linear layers, in their order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, places: Tensor) -> Tensor:
        """Return normalized heights [n, outputs]."""
        values = places
        if self.settings.frequencies:
            values = encode_places(places, self.settings.frequencies)
        for layer in self.layers[:-1]:
            values = layer(values)
            if self.settings.kind == "siren":
                values = torch.sin(self.settings.omega_0 * values)
            else:
                values = torch.relu(values)
        heights: Tensor = self.layers[-1](values)
        return heights


def encode_places(places: Tensor, frequencies: int) -> Tensor:
    """Return places [n, 2], then sines and cosines of 2^k times them: [n, 2 + 4 frequencies]."""
    scales = 2.0 ** torch.arange(frequencies, dtype=places.dtype, device=places.device)
    angles = (places[:, None, :] * scales[:, None]).flatten(1)
    return torch.cat((places, torch.sin(angles), torch.cos(angles)), dim=1)


class CoordinateFit:
    """A network under training on an area, its optimizer, average and random state.

    It has the interface of `neural.models.acorn_training.AcornFit`: the same seed and steps give
    the same network.
    """

    def __init__(self, area: Area, settings: CoordinateSettings, seed: int = 0) -> None:
        if not area.samples:
            raise UsageError("every sample is missing (nodata): there is nothing to train on.")
        self.area = area
        self.settings = settings
        self.seed = seed
        self.step = 0
        self.cpu_seconds = 0.0
        """CPU time of all threads that the steps have taken."""
        self.history: list[dict[str, float]] = []
        """Rows of `measure`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = CoordinateNetwork(settings)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.network.parameters(), settings.rate, fused=True)

    def advance(self, rate_factor: float = 1.0) -> float:
        """Take one step at a share of the constant learning rate; return the loss, in normalized
        heights squared. Raises ModelError where it is not finite."""
        began = time.process_time()
        columns, rows = self._draw()
        meters, valid = self.area.targets(columns, rows)
        normalized = (meters - np.float32(self.area.offset_m)) / np.float32(self.area.scale_m)
        error = self.network(self._places(columns, rows))[:, 0] - torch.from_numpy(normalized)
        weight = torch.from_numpy(valid.astype(np.float32))
        loss = (error * error * weight).sum() / weight.sum().clamp(min=1)
        if not math.isfinite(loss.item()):
            raise ModelError(f"training diverged at step {self.step}: lower the learning rate.")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate * rate_factor
        self.optimizer.step()
        self.step += 1
        self._update_average()
        self.cpu_seconds += time.process_time() - began
        return loss.item()

    def _draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the cell centers of the present step."""
        random = np.random.default_rng((self.seed, self.step))
        columns = random.integers(0, self.area.width, self.settings.points)
        rows = random.integers(0, self.area.height, self.settings.points)
        return columns + 0.5, rows + 0.5

    @torch.no_grad()
    def _update_average(self) -> None:
        # the first steps would otherwise keep the start for long
        share = min(_AVERAGE, self.step / (self.step + 9))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - share)

    def _places(self, columns: np.ndarray, rows: np.ndarray) -> Tensor:
        """Return places in cells [n] as network input [n, 2]: the longer side is −1…1."""
        half = max(self.area.width, self.area.height) / 2
        x = (columns - self.area.width / 2) / half
        y = (rows - self.area.height / 2) / half
        return torch.from_numpy(np.stack((x, y), axis=-1).astype(np.float32))

    def predict(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return heights float32 in meters at places in finest cells, which broadcast."""
        return self._predicted(self.network, columns, rows)

    def predict_window(self, row: int, col: int, rows: int, cols: int) -> np.ndarray:
        """Return heights float32 [rows, cols] in meters at cell centers."""
        return self.predict(
            (col + np.arange(cols) + 0.5)[None, :], (row + np.arange(rows) + 0.5)[:, None]
        )

    @torch.no_grad()
    def _predicted(
        self, network: CoordinateNetwork, columns: np.ndarray, rows: np.ndarray
    ) -> np.ndarray:
        columns, rows = np.broadcast_arrays(columns, rows)
        places = self._places(columns.ravel(), rows.ravel())
        parts = [network(part)[:, 0].numpy() for part in places.split(_EVALUATED_POINTS)]
        heights = np.concatenate(parts).reshape(columns.shape)
        meters: np.ndarray = heights * np.float32(self.area.scale_m) + np.float32(
            self.area.offset_m
        )
        return meters

    def measure(self) -> dict[str, float]:
        """Append a row to `history`: step, CPU-seconds, and of the average of the weights PSNR
        over the relief and RMSE in meters."""
        rmse = self._rmse_m(self.average)
        row = {
            "step": self.step,
            "cpu_seconds": self.cpu_seconds,
            "psnr_db": 20 * math.log10(2 * self.area.scale_m / max(rmse, 1e-9)),
            "rmse_m": rmse,
        }
        self.history.append(row)
        return row

    def settle(self) -> None:
        """Take the average as the weights where that is nearer to the heights."""
        if self._rmse_m(self.average) < self._rmse_m(self.network):
            self.network.load_state_dict(self.average.state_dict())

    def _rmse_m(self, network: CoordinateNetwork) -> float:
        """Return the RMSE at fixed random cells, meters."""
        random = np.random.default_rng(0)
        columns = random.integers(0, self.area.width, _MEASURED) + 0.5
        rows = random.integers(0, self.area.height, _MEASURED) + 0.5
        meters, valid = self.area.targets(columns, rows)
        errors = (self._predicted(network, columns, rows) - meters)[valid].astype(np.float64)
        return math.sqrt(float(errors @ errors) / max(len(errors), 1))

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, copied."""
        return deepcopy(
            {
                "identity": {"settings": str(self.settings), "seed": str(self.seed)},
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "cpu_seconds": self.cpu_seconds,
                "history": self.history,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises UsageError where it is of another run."""
        if state["identity"] != self.state()["identity"]:
            raise UsageError("holds the training of other settings or another seed")
        state = deepcopy(state)
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("step", "cpu_seconds", "history"):
            setattr(self, name, state[name])
