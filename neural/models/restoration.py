"""Training of `neural.methods.lapped.restoration`: `python -m neural.models.restoration DECODER
DATA… [--steps N]`.

The command adds the network to the weights of a lapped_siren decoder, whose context model must be
final, and keeps all else.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from neural.encoding.lapped.encoder import LAGRANGE
from neural.methods.lapped import restoration
from neural.methods.lapped.boundary import LINEAR
from neural.methods.lapped.levels import level_steps
from neural.methods.lapped.model import Model
from neural.models.context_data import decode, middle, raster_levels
from neural.models.decoder_file import add_weights
from neural.models.train_data import Raster, load_split

_BATCH = 12
_WINDOW = 64  # details
_PEAK_RATE = 2e-3
_FLOOR = 0.005  # squared steps below which a window's loss is flat
_LARGEST_SIDE = 1024  # side in samples of the central part of a raster that is used
_FINEST = 0.05
_COARSEST = 4.0  # quantization steps in meters
_QUANTIZATIONS = 6
_HIGHEST_LEVEL = 5  # levels above it have few details


class TrainingLevel(NamedTuple):
    """One level at one quantization step, all in steps; details are [3, n, m]."""

    # float32 [n + 2 · SAMPLE_REACH, m + 2 · SAMPLE_REACH], without what is constant or linear
    samples: np.ndarray
    decoded: np.ndarray  # float32
    target: np.ndarray  # float32
    coded: np.ndarray  # bool


class Network(nn.Module):
    """`neural.methods.lapped.restoration` for training: features [B, 7, n, m] → [B, 3, n − 4, m −
    4]."""

    def __init__(self) -> None:
        super().__init__()
        one, two = restoration.HIDDEN
        self.first = nn.Conv2d(7, one, 3, bias=False)
        self.second = nn.Conv2d(one, two, 3, bias=False)
        self.third = nn.Conv2d(two, 3, 1, bias=False)
        nn.init.zeros_(self.third.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction of details."""
        corrections: Tensor = self.third(torch.tanh(self.second(torch.tanh(self.first(x)))))
        return corrections

    def weights(self) -> dict[str, np.ndarray]:
        """Return the decoder's weights (`restoration.shapes`), as float16 rounds them."""
        tensors = {}
        for number, layer in enumerate((self.first, self.second, self.third), start=1):
            weight = layer.weight.detach().cpu().numpy()  # [out, in, 3, 3]
            tensors[f"restore_{number}"] = weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))
        return {
            name: values.astype(np.float16).astype(np.float32) for name, values in tensors.items()
        }


def fit_restoration(
    rasters: Sequence[Raster],
    held_out: Sequence[Raster],
    model: Model,
    steps: int,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> dict[str, np.ndarray]:
    """Return the weights that `restoration.shapes` lists, float32, for a context model; Adam,
    cosine decay."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    levels = [level for raster in rasters for level in _levels(raster, model, rng)]
    share = np.array([float(level.coded.sum()) ** 0.7 for level in levels])
    network = Network().to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=_PEAK_RATE)
    validation = [
        level
        for raster in held_out
        for level in _levels(raster, model, np.random.default_rng(seed))
    ]
    for step in range(steps):
        batch = [
            _window(levels[k], rng) for k in rng.choice(len(levels), _BATCH, p=share / share.sum())
        ]
        inputs, errors, coded = (
            torch.from_numpy(np.stack(column)).to(device) for column in zip(*batch, strict=True)
        )
        squares = ((errors - network(inputs)) ** 2 * coded).sum(dim=(1, 2, 3)) / (
            coded.sum(dim=(1, 2, 3)) + 1
        )
        for group in optimizer.param_groups:
            group["lr"] = _PEAK_RATE * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.005)
        optimizer.zero_grad()
        torch.log(squares + _FLOOR).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step == steps - 1 or step % 500 == 499:
            gain = 1 - _squares(network, validation)
            print(
                f"restoration: step {step + 1}, {100 * gain:.2f} % of the validation details' "
                "squared errors gone",
                file=sys.stderr,
                flush=True,
            )
    return network.weights()


def _levels(raster: Raster, model: Model, rng: np.random.Generator) -> Iterator[TrainingLevel]:
    cut = middle(raster, _LARGEST_SIDE)
    levels = raster_levels(cut)
    doublings = np.linspace(math.log2(_FINEST), math.log2(_COARSEST), _QUANTIZATIONS)
    for step_m in (2.0 ** (doublings + rng.uniform(-0.5, 0.5, _QUANTIZATIONS))).tolist():
        for above, samples, decoded, in_steps, *_ in decode(
            levels, cut, step_m, model, LAGRANGE, restored=False
        ):
            if above <= _HIGHEST_LEVEL:
                n, m = samples.shape
                padded = restoration.beyond(samples / level_steps(step_m, above)[0], LINEAR)
                # float32 would lose small differences next to large heights
                padded -= padded.mean()
                decoded32, steps32 = (a[:, :n, :m].astype(np.float32) for a in (decoded, in_steps))
                coded = levels[above].coded[:, :n, :m]
                yield TrainingLevel(padded.astype(np.float32), decoded32, steps32, coded)


def _inputs(level: TrainingLevel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features reaching DETAIL_REACH further than the target, the remaining errors, and the
    coded mask."""
    reach = restoration.DETAIL_REACH
    decoded = np.pad(level.decoded, [(0, 0), (reach, reach), (reach, reach)])
    return (
        restoration.features(level.samples, decoded),
        level.target - level.decoded,
        level.coded.astype(np.float32),
    )


def _window(level: TrainingLevel, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return a random window of `_inputs`; beyond the level zeros."""
    reach = restoration.DETAIL_REACH
    n, m = level.coded.shape[1:]
    y, x = (int(rng.integers(0, max(size - _WINDOW, 0) + 1)) for size in (n, m))
    part = TrainingLevel(
        level.samples[
            y : y + _WINDOW + 2 * restoration.SAMPLE_REACH,
            x : x + _WINDOW + 2 * restoration.SAMPLE_REACH,
        ],
        *(plane[:, y : y + _WINDOW, x : x + _WINDOW] for plane in level[1:]),
    )
    if rng.random() < 0.5:  # along x and along y change places
        part = TrainingLevel(
            part.samples.T, *(plane[[1, 0, 2]].swapaxes(1, 2) for plane in part[1:])
        )
    planes = []
    for values, size in zip(_inputs(part), (_WINDOW + 2 * reach, _WINDOW, _WINDOW), strict=True):
        padded_plane = np.zeros((len(values), size, size), np.float32)
        padded_plane[:, : values.shape[1], : values.shape[2]] = values
        planes.append(padded_plane)
    return tuple(planes)


@torch.no_grad()
def _squares(network: Network, levels: Sequence[TrainingLevel]) -> float:
    """Return the squared errors that are left over those without the network, geometric mean over
    levels that matter."""
    logs = []
    weights = []
    device = network.third.weight.device
    for level in levels:
        inputs, errors, coded = _inputs(level)
        added = network(torch.from_numpy(inputs)[None].to(device))[0].cpu().numpy()
        before = float((errors**2 * coded).sum())
        after = float(((errors - added) ** 2 * coded).sum())
        if before > 0:
            logs.append(math.log(after / before))
            weights.append(before)
    return math.exp(float(np.average(logs, weights=np.sqrt(weights))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Add the network to a decoder's weights, fitted to the `train` split of folders with a
    MANIFEST.csv."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("decoder", type=Path)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--steps", type=int, default=6000)
    options = parser.parse_args(arguments)
    add_weights(
        options.decoder,
        lambda model: fit_restoration(
            load_split(options.data, "train"), load_split(options.data, "val"), model, options.steps
        ),
    )


if __name__ == "__main__":
    main()
