"""Warm start of HUVR+SIREN: the SIREN's last layer spans the principal components of the patches.

Its hidden layers are fitted so that their outputs span the components, and what the terrain does on the patch's
outline with each (variable projection: the linear last layer is solved inside the loss; Golub & Pereyra 1973).
The last amplitudes then carry the code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from neural.methods.huvr_siren import SINE_LAYERS
from neural.models.linear_code import LinearCode, regress, ridge, standardise
from neural.models.patches import corners, outline, windows


@torch.no_grad()
def warm_start(model: Any, tiles: Tensor, fit_steps: int) -> None:
    """Initialise a HuvrSirenModel from normalised training tiles [n, 256, 256]."""
    _Start(model, tiles).run(fit_steps)


class _Start(LinearCode):
    def __init__(self, model: Any, images: Tensor) -> None:
        super().__init__(model, images)
        border = outline(self.size)
        corner = border[:, 1] * (self.size + 1) + border[:, 0]
        self.outlines = windows(corners(images), self.size + 1, self.size).flatten(0, 1)[:, corner]
        centre = (torch.arange(self.size) + 0.5) * (2.0 / self.size) - 1.0
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        self.points = torch.cat((torch.stack((x.flatten(), y.flatten()), dim=-1), border * (2.0 / self.size) - 1.0))

    def run(self, fit_steps: int) -> None:
        self.embed()
        codes, kept = self.codes, self.kept
        middle = self.outlines.mean(dim=0)
        inside = torch.cat((self.components[:kept] * self.deviation[:kept, None], self.mean[None]))
        border = torch.cat((codes.T @ (self.outlines - middle) / len(codes), middle[None]))
        basis = self._fit_siren(torch.cat((inside, border), dim=1), fit_steps)
        self._heads(self.hyper_decoder(self.bottleneck()), codes @ basis[:-1] + basis[-1])

    def _features(self) -> Tensor:
        """The SIREN's last sine layer, unmodulated, at a patch's sample centres and outline [points, width]."""
        h = self.points
        for layer in range(SINE_LAYERS):
            weight, bias = (self.weights[f"siren{layer}_{part}"] for part in ("weight", "bias"))
            h = torch.sin(self.method.omega_0 * (h @ weight + bias))
        return h

    def _fit_siren(self, targets: Tensor, steps: int) -> Tensor:
        """Fit hidden layers until their outputs span the targets [k, points]; returns coefficients [k, width]."""
        hidden = [p for n, p in self.weights.items() if n.startswith("siren") and n[5] != str(SINE_LAYERS)]
        optimiser = torch.optim.Adam(hidden, lr=1e-3)
        for _ in range(steps):
            with torch.enable_grad():
                features = self._features()
                residual = targets.T - features @ ridge(features, targets.T, 1e-6)
                # Weak components count as much as strong ones: the strong ones are fitted first in any case.
                loss = (residual.square().sum(dim=0) / targets.square().sum(dim=1).sqrt()).sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return ridge(self._features(), targets.T, 1e-6).T

    def _heads(self, hidden: Tensor, coefficients: Tensor) -> None:
        """The last amplitudes carry the code; all other modulations start constant, as published."""
        w, last, width = self.weights, SINE_LAYERS - 1, self.method.siren_width
        for layer in range(SINE_LAYERS):
            for head in (f"alpha{layer}", f"phi{layer}"):
                x = standardise(w[f"{head}_norm_scale"], w[f"{head}_norm_bias"], hidden)
                if head == f"alpha{last}":
                    target = coefficients * width**0.5
                    w[f"{head}_weight"].copy_(regress(x, target, w[f"{head}_bias"]))
        w[f"siren{SINE_LAYERS}_weight"].fill_(width**-0.5)
        w[f"siren{SINE_LAYERS}_bias"].zero_()
