"""Warm start of HUVR: its network begins as a decoder of the principal-component code of the
patches.

The patch head is taken as linear in the code and trained together with the network on patches,
while the convolution (its middle column only) is solved inside the loss (variable projection; Golub
& Pereyra 1973). The LayerNorms and the hyper-decoder then pass the code on, and the head is solved
for the fitted gates.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from neural.methods.array_api import like
from neural.methods.huvr import GRID, position_features, unit_columns
from neural.models.linear_code import LinearCode, regress, ridge, standardize

_BATCH = 512  # patches per step of the fit
_RATE = 5e-3
# of the solved convolution: the mean of three columns of norm 1 cannot exceed 1
_LARGEST_NORM = 0.8
# of the second and the third layer, so that most units begin in their linear part
_BIASES = 0.5, 1.0


@torch.no_grad()
def warm_start(model: Any, tiles: Tensor, fit_steps: int) -> None:
    """Initialize a HuvrModel from normalized training tiles [n, 256, 256]."""
    _Start(model, tiles).run(fit_steps)


class _Start(LinearCode):
    def run(self, fit_steps: int) -> None:
        w = self.weights
        self.embed()
        for name, bias in zip(("mlp1", "mlp2"), _BIASES, strict=True):
            w[f"{name}_bias"].add_(bias)
        gates = self._fit_network(fit_steps)
        hidden = self.hyper_decoder(self.bottleneck())
        x = standardize(w["patch_norm_scale"], w["patch_norm_bias"], hidden)
        w["patch_weight"].copy_(regress(x, self.codes @ gates[:-1] + gates[-1], w["patch_bias"]))
        w["global_weight"].zero_()
        w["global_bias"].fill_(1.0)

    def _features(self, codes: Tensor, gates: Tensor) -> Tensor:
        """Return the network's last layer for codes [n, kept], gates [kept + 1, width]: [n · GRID²,
        width]."""
        w = self.weights
        method = self.method
        positions = like(position_features(method.features, method.sigma), codes)
        x = torch.relu(positions @ unit_columns(w["mlp0_weight"]) + w["mlp0_bias"])
        p = codes @ gates[:-1] + gates[-1]
        norms = (p.square() @ w["mlp1_weight"].square()).sqrt().clamp(min=1e-12)
        x = torch.relu((x * p[:, None]) @ w["mlp1_weight"] / norms[:, None] + w["mlp1_bias"])
        return torch.relu(x @ unit_columns(w["mlp2_weight"]) + w["mlp2_bias"]).flatten(0, 1)

    def _fit_network(self, steps: int) -> Tensor:
        """Fit network and gates to the patches, then set the convolution; return the gates [kept +
        1, width]."""
        stride = self.method.patch_stride
        cells = (
            self.patches.reshape(-1, GRID, stride, GRID, stride)
            .transpose(2, 3)
            .reshape(-1, GRID**2, stride**2)
        )
        gates = 0.3 * torch.randn(self.kept + 1, self.method.mlp_width)
        gates[-1] = 1.0
        fitted = [
            gates.requires_grad_(),
            *(p for n, p in self.weights.items() if n.startswith("mlp")),
        ]
        optimizer = torch.optim.Adam(fitted, lr=_RATE)
        for step in range(steps):
            batch = torch.randint(len(cells), (_BATCH,))
            for group in optimizer.param_groups:
                group["lr"] = (
                    _RATE
                    * min(1.0, (step + 1) / 50)
                    * (0.01 + 0.5 * (1 + math.cos(math.pi * step / steps)))
                )
            with torch.enable_grad():
                solved, residual = self._solve(
                    self._features(self.codes[batch], gates), cells[batch].flatten(0, 1)
                )
                excess = torch.relu(solved[:-1].norm(dim=0) - _LARGEST_NORM)
                loss = residual.square().mean() + 1e-3 * excess.square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        batch = torch.randint(len(cells), (8 * _BATCH,))
        solved, _ = self._solve(
            self._features(self.codes[batch], gates), cells[batch].flatten(0, 1)
        )
        self._set_convolution(solved)
        return gates.detach()

    @staticmethod
    def _solve(features: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Solve a convolution [width + 1, cells] (the last row is the bias) by least squares;
        return it and its residual."""
        features = torch.cat((features, torch.ones(len(features), 1)), dim=1)
        solved = ridge(features, target, 1e-5)
        return solved, target - features @ solved

    def _set_convolution(self, solved: Tensor) -> None:
        """Set the convolution: three columns of norm 1 whose mean is each solved column, evenly
        around it."""
        width = len(solved) - 1
        cells = solved.shape[1]
        column = torch.zeros(9, width, cells)
        column[4] = solved[:-1]
        column = column.flatten(0, 1)
        column = column / column.norm(dim=0).clamp(min=1.0)
        normals, _ = torch.linalg.qr(
            torch.stack((column, *torch.randn(2, *column.shape)), dim=-1).transpose(0, 1)
        )
        length = (1.0 - column.square().sum(dim=0)).clamp(min=0.0).sqrt()
        turns = 2.0 * math.pi / self.method.channels * torch.arange(self.method.channels)
        offsets = [
            math.cos(t) * normals[..., 1].T + math.sin(t) * normals[..., 2].T
            for t in turns.tolist()
        ]
        self.weights["conv_weight"].copy_(
            torch.cat([column + length * direction for direction in offsets], dim=1)
        )
        self.weights["conv_bias"].copy_(solved[-1].repeat(self.method.channels))
