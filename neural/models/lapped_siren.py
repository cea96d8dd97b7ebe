"""The context model of `lapped_siren` in floating point, for training; `weights` gives the integers
that decoders use.

Per band and phase one network of three layers looks at codes of known magnitudes
(`neural.methods.lapped.context` says which) and answers with a number between 0 and SCALES − 1, a
place on a learned row of SCALES distributions. Its loss is the code length itself: the bits that
the range coder will write.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neural.methods.lapped import context
from neural.methods.lapped.basis import cosine_transform
from neural.methods.lapped.coder import TOTAL
from neural.methods.lapped.context import BAND_COUNT, CLASSES, CODE_SCALE, NETWORKS, PHASES, SYMBOLS
from neural.methods.lapped_siren import LappedSiren

SCALES = CLASSES // 4 + 1
"""Learned distributions; classes lie at every quarter between them."""

_SPREAD = (12.0, 2.0)  # the last layer's answer in scales: slope, and start for an answer of 0
_LEAK = 1e-3  # slope beyond the first and the last scale, so that nothing is stuck there


@dataclass(frozen=True)
class ContextConfig:
    """Training settings of a context model (Adam, warm-up of 50 steps, cosine decay)."""

    steps: int
    batch: int  # windows of 128×128 details of three bands
    learning_rate: float
    quantizations: int  # steps that every raster is quantized with
    # trainings; from the second on, magnitudes are those that the encoder chose with the last
    # weights
    rounds: int = 2
    later_share: float = 0.35  # steps of a later round over those of the first
    restoration_steps: int = 6000


@dataclass(frozen=True)
class ContextPreset:
    """Sizes of a context model and its training."""

    method: LappedSiren
    train: ContextConfig


PRESETS = {
    "base": ContextPreset(
        LappedSiren(), ContextConfig(steps=5000, batch=4, learning_rate=3e-3, quantizations=8)
    ),
    "long": ContextPreset(  # the same decoder: 4 kMAC per sample are the most that it may take
        LappedSiren(),
        ContextConfig(
            steps=20000, batch=16, learning_rate=3e-3, quantizations=24, restoration_steps=40000
        ),
    ),
}


class LappedSirenModel(nn.Module):
    """Networks and distributions; symbols and codes are float or integer tensors [B, BAND_COUNT, n,
    n]."""

    decoded_places: Tensor  # [phases, 1, 5, 5]
    first: Tensor  # [SYMBOLS]
    further: Tensor  # [SYMBOLS]
    same: nn.ParameterList
    before: nn.ParameterList
    parent: nn.ParameterList
    far: nn.ParameterList
    weight2: nn.ParameterList
    weight3: nn.ParameterList

    def __init__(self, preset: ContextPreset) -> None:
        super().__init__()
        self.method = preset.method
        one = self.method.hidden1
        two = self.method.hidden2
        decoded_places = torch.from_numpy(
            np.stack([context.known_offsets(phase) for phase in range(len(PHASES))])
        )
        self.register_buffer(
            "decoded_places", decoded_places.reshape(-1, 1, 5, 5).float(), persistent=False
        )
        self.register_buffer("first", torch.from_numpy(context.FIRST).int(), persistent=False)
        self.register_buffer(
            "further", torch.from_numpy(context.FURTHER_BITS).float(), persistent=False
        )
        lists: dict[str, list[Tensor]] = {
            name: [] for name in ("same", "before", "parent", "far", "weight2", "weight3")
        }
        for network in range(NETWORKS):
            band, phase = divmod(network, len(PHASES))
            scale = 1 / math.sqrt(
                float(decoded_places[phase].sum()) + 9 * band + 9 * BAND_COUNT + 3
            )
            lists["same"].append(scale * torch.randn(one, 1, 5, 5))
            lists["before"].append(scale * torch.randn(one, max(band, 1), 3, 3))
            lists["parent"].append(scale * torch.randn(one, BAND_COUNT, 3, 3))
            lists["far"].append(scale * torch.randn(one, 3))
            lists["weight2"].append(torch.randn(two, one) / math.sqrt(one))
            lists["weight3"].append(torch.zeros(two))
        for name, values in lists.items():
            setattr(self, name, nn.ParameterList(values))
        self.bias1 = nn.Parameter(torch.zeros(NETWORKS, one))
        self.bias2 = nn.Parameter(torch.zeros(NETWORKS, two))
        self.bias3 = nn.Parameter(torch.full((NETWORKS,), 0.2))
        self.logits = nn.Parameter(torch.from_numpy(np.log(_laplace(SCALES))).float())

    def forward(self, codes: Tensor, parent: Tensor, slope: Tensor) -> Tensor:
        """Map codes [B, BAND_COUNT, n, n] in doublings, the parent's [B, BAND_COUNT, n/2, n/2],
        slope [B] to scales."""
        out = torch.zeros_like(codes)
        half = codes.shape[-1] // 2
        above = _reflected(parent, 1)
        above_far = functional.avg_pool2d(_reflected(parent.mean(dim=1, keepdim=True), 3), 7, 1)[
            :, 0
        ]
        for band in range(BAND_COUNT):
            decoded_codes = torch.zeros_like(codes[:, :1])
            before = codes[:, :band]
            for phase, (row, column) in enumerate(PHASES):
                network = band * len(PHASES) + phase
                phase_places = (..., slice(row, None, 2), slice(column, None, 2))
                summed = (before.sum(dim=1, keepdim=True) + decoded_codes) / BAND_COUNT
                far = functional.avg_pool2d(_reflected(summed, 4), 9, 1)[:, 0][phase_places]
                x = functional.conv2d(above, self.parent[network], self.bias1[network])
                if phase:
                    kernel = self.same[network] * self.decoded_places[phase]
                    x = (
                        x
                        + functional.conv2d(
                            _reflected(decoded_codes, 2)[..., row:, column:], kernel, stride=2
                        )[..., :half, :half]
                    )
                if band:
                    near = _reflected(before, 1)[..., row:, column:]
                    x = (
                        x
                        + functional.conv2d(near, self.before[network], stride=2)[..., :half, :half]
                    )
                wide = self.far[network]
                x = (
                    x
                    + wide[:, 0, None, None] * far[:, None]
                    + wide[:, 1, None, None] * above_far[:, None]
                )
                x = torch.relu(x + (wide[:, 2] * slope[:, None])[..., None, None])
                x = torch.relu(
                    functional.conv2d(
                        x, self.weight2[network][:, :, None, None], self.bias2[network]
                    )
                )
                x = functional.conv2d(
                    x, self.weight3[network][None, :, None, None], self.bias3[network, None]
                )[:, 0]
                x = _SPREAD[0] * x + _SPREAD[1]
                out[(slice(None), band, *phase_places[1:])] = x.clamp(0, SCALES - 1.001) + _LEAK * (
                    x - x.detach()
                )
                decoded_codes = decoded_codes.clone()
                decoded_codes[phase_places] = codes[:, band : band + 1][phase_places]
        return out

    def bits(self, scales: Tensor, magnitudes: Tensor) -> Tensor:
        """Return bits that the range coder takes for each magnitude, sign included; shaped as
        both."""
        share = torch.softmax(self.logits, dim=1).reshape(-1)
        lower = scales.detach().floor().long().clamp(0, SCALES - 2)
        part = scales - lower
        symbol = torch.bucketize(magnitudes.contiguous(), self.first[1:], right=True)
        chance = (
            share[lower * SYMBOLS + symbol] * (1 - part)
            + share[(lower + 1) * SYMBOLS + symbol] * part
        )
        large = (magnitudes - (self.first[-1] - 1)).clamp(min=1).float()
        escape = (symbol == SYMBOLS - 1).float() * (2 * torch.floor(torch.log2(large)) + 1)
        return (
            -torch.log2(chance.clamp(min=1e-7))
            + (magnitudes > 0).float()
            + self.further[symbol]
            + escape
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return the decoder's weights (`LappedSiren.weight_shapes`), as integers but for the
        basis; centroids still 0."""
        method = self.method
        weights = {
            name: np.zeros(shape)
            for name, shape in context.shapes(method.hidden1, method.hidden2).items()
        }
        near = context.NEAR_SCALE
        slope = _SPREAD[0] * context.SCALE
        for network in range(NETWORKS):
            band, phase = divmod(network, len(PHASES))
            same = self.same[network] * self.decoded_places[phase]
            weights["context_same"][network] = near * _numpy(same.flatten(1).T)
            if band:
                weights["context_before"][network][: 9 * band] = near * _numpy(
                    self.before[network].flatten(1).T
                )
            weights["context_parent"][network] = near * _numpy(self.parent[network].flatten(1).T)
            units = np.array([*context.WIDE, context.STEP_RATIO_SCALE])
            weights["context_wide"][network] = (
                context.SCALE / units[:, None] * _numpy(self.far[network].T)
            )
            weights["context_weight2"][network] = (
                context.SCALE / context.ACTIVATION * _numpy(self.weight2[network].T)
            )
            weights["context_weight3"][network] = (
                slope / context.ACTIVATION * _numpy(self.weight3[network])
            )
        weights["context_bias1"] = context.SCALE * _numpy(self.bias1)
        weights["context_bias2"] = context.SCALE * _numpy(self.bias2)
        weights["context_bias3"] = slope * _numpy(self.bias3) + _SPREAD[1] * context.SCALE
        weights["probability"] = self._probabilities()
        return {
            name: np.rint(values).astype(np.float32) for name, values in weights.items()
        } | cosine_transform()

    def _probabilities(self) -> np.ndarray:
        """Return integers [CLASSES, SYMBOLS] of sum TOTAL, none below 1."""
        share = _numpy(torch.softmax(self.logits, dim=1))
        position = np.arange(CLASSES) / 4
        lower = np.minimum(position.astype(int), SCALES - 2)
        part = (position - lower)[:, None]
        table = np.maximum(
            np.rint(TOTAL * (share[lower] * (1 - part) + share[lower + 1] * part)), 1
        )
        table[:, 0] = TOTAL - table[:, 1:].sum(axis=1)
        if table.min() < 1:
            raise ValueError("a distribution leaves nothing to zero: the training has gone astray")
        return table


def codes(magnitudes: Tensor) -> Tensor:
    """Return codes of `neural.methods.lapped.context.codes` in doublings."""
    values = torch.floor(CODE_SCALE * torch.log2(1 + magnitudes.float()) + 0.5)
    return values.clamp(max=context.HIGHEST_CODE) / CODE_SCALE


def _laplace(scales: int) -> np.ndarray:
    """Return magnitudes' probabilities [scales, SYMBOLS] of Laplace densities, narrow to broad,
    behind a dead zone."""
    ends = np.concatenate([[0.64], context.FIRST[2:] - 0.45])
    below = 1 - np.exp(-ends / np.geomspace(0.05, 3000, scales)[:, None])
    table = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return np.maximum(table, 1e-9)


def _reflected(x: Tensor, reach: int) -> Tensor:
    return functional.pad(x, (reach,) * 4, mode="reflect")


def _numpy(x: Tensor) -> Any:
    return x.detach().double().cpu().numpy()
