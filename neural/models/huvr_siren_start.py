"""Warm start of HUVR+SIREN: the SIREN's last layer spans the principal components of the patches.

Its hidden layers are fitted so that their outputs span the components, interpolated on a lattice of
half cells that includes the patch's outline (variable projection: the linear last layer is solved
inside the loss; Golub & Pereyra 1973). The last amplitudes then carry the code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neural.methods.huvr_siren import SINE_LAYERS
from neural.models.linear_code import LinearCode, regress, ridge, standardize
from neural.models.patches import interpolate


@torch.no_grad()
def warm_start(model: Any, tiles: Tensor, fit_steps: int) -> None:
    """Initialize a HuvrSirenModel from normalized training tiles [n, 256, 256]."""
    _Start(model, tiles).run(fit_steps)


class _Start(LinearCode):
    def __init__(self, model: Any, images: Tensor) -> None:
        super().__init__(model, images)
        positions = torch.arange(2 * self.size + 1) / 2.0
        y, x = torch.meshgrid(positions, positions, indexing="ij")
        cells = torch.stack((x.flatten(), y.flatten()), dim=-1)
        self.points = cells * (2.0 / self.size) - 1.0
        patches = interpolate(images, cells, self.size).flatten(0, 1)
        self.mean_patch = patches.mean(dim=0)
        self.basis = self.codes.T @ (patches - self.mean_patch) / len(self.codes)

    def run(self, fit_steps: int) -> None:
        self.embed()
        fitted = self._fit_siren(torch.cat((self.basis, self.mean_patch[None])), fit_steps)
        self._heads(self.hyper_decoder(self.bottleneck()), self.codes @ fitted[:-1] + fitted[-1])

    def _features(self) -> Tensor:
        """Return the SIREN's last sine layer, unmodulated, on the lattice of half cells [points,
        width]."""
        h = self.points
        for layer in range(SINE_LAYERS):
            weight, bias = (self.weights[f"siren{layer}_{part}"] for part in ("weight", "bias"))
            h = torch.sin(self.method.omega_0 * (h @ weight + bias))
        return h

    def _fit_siren(self, targets: Tensor, steps: int) -> Tensor:
        """Fit hidden layers until their outputs span the targets [k, points]; return coefficients
        [k, width]."""
        hidden = [
            p for n, p in self.weights.items() if n.startswith("siren") and n[5] != str(SINE_LAYERS)
        ]
        optimizer = torch.optim.Adam(hidden, lr=1e-3)
        for _ in range(steps):
            with torch.enable_grad():
                features = self._features()
                residual = targets.T - features @ ridge(features, targets.T, 1e-6)
                # Weak components count as much as strong ones: the strong ones are fitted first in
                # any case.
                loss = (residual.square().sum(dim=0) / targets.square().sum(dim=1).sqrt()).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return ridge(self._features(), targets.T, 1e-6).T

    def _heads(self, hidden: Tensor, coefficients: Tensor) -> None:
        """Set the heads: the last amplitudes carry the code; all other modulations start constant,
        as published."""
        w = self.weights
        last = SINE_LAYERS - 1
        width = self.method.siren_width
        for layer in range(SINE_LAYERS):
            for head in (f"alpha{layer}", f"phi{layer}"):
                x = standardize(w[f"{head}_norm_scale"], w[f"{head}_norm_bias"], hidden)
                if head == f"alpha{last}":
                    target = coefficients * width**0.5
                    w[f"{head}_weight"].copy_(regress(x, target, w[f"{head}_bias"]))
        w[f"siren{SINE_LAYERS}_weight"].fill_(width**-0.5)
        w[f"siren{SINE_LAYERS}_bias"].zero_()
