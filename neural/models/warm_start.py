"""Linear warm start of HUVR+SIREN: begin training where a linear autoencoder of the patches already is.

The published initialisation starts from a constant surface and needs tens of thousands of GPU steps to pass the
patch means. Here the same architecture starts as a principal-component code of 16×16 patches:

1. the patch embedding projects onto the leading principal components of training patches, whitened;
2. the SIREN's hidden layers are fitted so that their outputs span those components, and what the terrain does on
   the patch's outline with each (variable projection: the linear last layer is solved inside the loss; Golub &
   Pereyra 1973);
3. bottleneck and last amplitude head are solved by least squares.

Tokens and hidden states carry a pair of large constants, so that a LayerNorm acts almost linearly on the rest;
it has two degrees of freedom fewer than inputs anyway. The gains of each LayerNorm bring its outputs back to
unit variance, which keeps the following layer well conditioned. Everything trains on afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neural.methods.array_api import gelu, layer_norm
from neural.methods.huvr_siren import SINE_LAYERS
from neural.models.huvr_siren import corners, outline, windows

CONSTANT = 100.0
"""Size of the constant pairs, in standard deviations of the rest."""

RESIDUAL = 0.01
"""Factor on the residual branches at the start, so that they do not disturb the code."""

_FLOOR = 0.002  # LayerNorm outputs that vary less than this are constants, not signals


@torch.no_grad()
def warm_start(model: Any, tiles: np.ndarray, fit_steps: int = 4000) -> None:
    """Initialise a HuvrSirenModel from normalised training tiles [n, 256, 256]."""
    _WarmStart(model, torch.from_numpy(tiles)).run(fit_steps)


class _WarmStart:
    def __init__(self, model: Any, images: Tensor) -> None:
        self.model, self.method, self.weights, self.images = model, model.method, model.decoder, images
        self.size = images.shape[-1] // self.method.patches
        patches = images.unfold(1, self.size, self.size).unfold(2, self.size, self.size)
        self.patches = patches.reshape(-1, self.size**2)
        self.mean = self.patches.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov(self.patches.T))
        self.components, self.deviation = vectors.T.flip(0), values.flip(0).clamp(min=1e-12).sqrt()
        border = outline(self.size)
        corner = border[:, 1] * (self.size + 1) + border[:, 0]
        self.outlines = windows(corners(images), self.size + 1, self.size).flatten(0, 1)[:, corner]
        centre = (torch.arange(self.size) + 0.5) * (2.0 / self.size) - 1.0
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        self.points = torch.cat((torch.stack((x.flatten(), y.flatten()), dim=-1), border * (2.0 / self.size) - 1.0))

    def run(self, fit_steps: int) -> None:
        self._embed()
        kept = self.method.dim - 2
        codes = (self.patches - self.mean) @ self.components[:kept].T / self.deviation[:kept]
        middle = self.outlines.mean(dim=0)
        inside = torch.cat((self.components[:kept] * self.deviation[:kept, None], self.mean[None]))
        border = torch.cat((codes.T @ (self.outlines - middle) / len(codes), middle[None]))
        basis = self._fit_siren(torch.cat((inside, border), dim=1), fit_steps)
        hidden = self._hyper_decoder(self._bottleneck(codes))
        self._heads(hidden, codes @ basis[:-1] + basis[-1])

    def _embed(self) -> None:
        """Patch embedding: as many whitened components as it is wide, and the constant pair."""
        encoder, channel = self.model.encoder, self.model.input_proj.weight.flatten()
        embed = encoder.patch_embed
        count = min(embed.out_channels - 2, len(self.components))
        rows, bias = torch.zeros(embed.out_channels, self.size**2), torch.zeros(embed.out_channels)
        rows[:count] = self.components[:count] / self.deviation[:count, None].clamp(min=1e-3)
        bias[:count] = -rows[:count] @ self.mean
        bias[-2:] = torch.tensor([CONSTANT, -CONSTANT])
        spread = (channel / channel.square().sum())[None, :, None] * rows[:, None]
        embed.weight.copy_(spread.reshape(embed.weight.shape))
        embed.bias.copy_(bias)
        for block in encoder.blocks:
            block.attention.proj.weight.mul_(RESIDUAL)
            block.mlp.out.weight.mul_(RESIDUAL)

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
                residual = targets.T - features @ _ridge(features, targets.T, 1e-6)
                # Weak components count as much as strong ones: the strong ones are fitted first in any case.
                loss = (residual.square().sum(dim=0) / targets.square().sum(dim=1).sqrt()).sum()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return _ridge(self._features(), targets.T, 1e-6).T

    def _bottleneck(self, codes: Tensor) -> Tensor:
        """Solve the bottleneck for the codes and the constant pair; returns tokens [n, dim]."""
        encoder, (norm, linear) = self.model.encoder, self.model.bottleneck
        parts = [encoder(self.model.input_proj(part[:, None]))[:, 1:] for part in self.images.split(8)]
        encoded = _standardise(norm.weight, norm.bias, torch.cat(parts).flatten(0, 1))
        constant = torch.tensor([[CONSTANT, -CONSTANT]]).expand(len(codes), 2)
        linear.weight.copy_(_regress(encoded, torch.cat((codes, constant), dim=1), linear.bias).T)
        return linear(encoded)

    def _hyper_decoder(self, tokens: Tensor) -> Tensor:
        """Spread tokens over the hidden state, with a constant pair; returns hidden states [n, hyper_width]."""
        w, width = self.weights, self.method.hyper_width
        x = _standardise(w["up_norm_scale"], w["up_norm_bias"], tokens)
        weight = torch.zeros_like(w["up_weight"])
        weight[:-2, :-2] = nn.init.orthogonal_(torch.empty(len(weight) - 2, width - 2))
        w["up_weight"].copy_(weight)
        w["up_bias"].zero_()
        w["up_bias"][-2:] = torch.tensor([CONSTANT, -CONSTANT])
        h = x @ w["up_weight"] + w["up_bias"]
        for i in range(self.method.hyper_depth):
            x = _standardise(w[f"ff{i}_norm_scale"], w[f"ff{i}_norm_bias"], h)
            w[f"ff{i}_out_weight"].mul_(RESIDUAL)
            w[f"ff{i}_out_bias"].zero_()
            h = h + gelu(x @ w[f"ff{i}_in_weight"] + w[f"ff{i}_in_bias"]) @ w[f"ff{i}_out_weight"]
        return h

    def _heads(self, hidden: Tensor, coefficients: Tensor) -> None:
        """The last amplitudes carry the code; all other modulations start constant, as published."""
        w, last, width = self.weights, SINE_LAYERS - 1, self.method.siren_width
        for layer in range(SINE_LAYERS):
            for head in (f"alpha{layer}", f"phi{layer}"):
                x = _standardise(w[f"{head}_norm_scale"], w[f"{head}_norm_bias"], hidden)
                if head == f"alpha{last}":
                    target = coefficients * width**0.5
                    w[f"{head}_weight"].copy_(_regress(x, target, w[f"{head}_bias"]))
        w[f"siren{SINE_LAYERS}_weight"].fill_(width**-0.5)
        w[f"siren{SINE_LAYERS}_bias"].zero_()


def _standardise(scale: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Set a LayerNorm's gains so that its outputs on x [n, d] have mean 0 and variance 1; returns them."""
    plain = layer_norm(x, torch.ones_like(scale), torch.zeros_like(bias))
    deviation = plain.std(dim=0)
    scale.copy_(torch.where(deviation > _FLOOR, 1 / deviation.clamp(min=_FLOOR), torch.ones_like(deviation)))
    bias.copy_(-plain.mean(dim=0) * scale)
    return layer_norm(x, scale, bias)


def _ridge(a: Tensor, b: Tensor, strength: float) -> Tensor:
    """argmin |a x − b|² + strength·mean(diag aᵀa)·|x|², in double precision."""
    a, b = a.double(), b.double()
    gram = a.T @ a
    gram = gram + strength * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram, a.T @ b).float()


def _regress(x: Tensor, target: Tensor, bias: Tensor) -> Tensor:
    """Least-squares weight [d, k] from x [n, d] to target [n, k]; its intercept goes to `bias`."""
    centre, middle = x.mean(dim=0), target.mean(dim=0)
    weight = _ridge(x - centre, target - middle, 1e-8)
    bias.copy_(middle - centre @ weight)
    return weight
