"""Linear warm start of the per-patch methods: training begins from a linear autoencoder of the
patches.

The published initialization starts from a constant surface and needs tens of thousands of GPU steps
to pass the patch means. Here the same architecture starts as a principal-component code of 16×16
patches:

1. the patch embedding projects onto the leading principal components of training patches, whitened;
2. the bottleneck is solved by least squares, so that tokens are these codes;
3. the hyper-decoder passes them on, and each method fits its modulation heads to
   them (`huvr_siren_start`, `huvr_start`).

Tokens and hidden states carry a pair of large constants, so that a LayerNorm acts almost linearly
on the rest; it has two degrees of freedom fewer than inputs anyway. The gains of each LayerNorm
bring its outputs back to unit variance, which keeps the following layer well conditioned.
Everything trains on afterwards.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neural.methods.array_api import gelu, layer_norm

CONSTANT = 100.0
"""Size of the constant pairs, in standard deviations of the rest."""

RESIDUAL = 0.01
"""Factor on the residual branches at the start, so that they do not disturb the code."""

_FLOOR = 0.002  # LayerNorm outputs that vary less than this are constants, not signals


class LinearCode:
    """Principal components of the patches of normalized training tiles [n, 256, 256], and layers
    that carry them."""

    def __init__(self, model: Any, images: Tensor) -> None:
        self.model = model
        self.method = model.method
        self.weights = model.decoder
        self.images = images
        self.size = images.shape[-1] // self.method.patches
        patches = images.unfold(1, self.size, self.size).unfold(2, self.size, self.size)
        self.patches = patches.reshape(-1, self.size**2)
        self.mean = self.patches.mean(dim=0)
        values, vectors = torch.linalg.eigh(torch.cov(self.patches.T))
        self.components = vectors.T.flip(0)
        self.deviation = values.flip(0).clamp(min=1e-12).sqrt()
        self.kept = self.method.dim - 2
        self.codes = (
            (self.patches - self.mean)
            @ self.components[: self.kept].T
            / self.deviation[: self.kept]
        )

    def embed(self) -> None:
        """Set the patch embedding: as many whitened components as it is wide, and the constant
        pair."""
        encoder = self.model.encoder
        channel = self.model.channel_gains
        embed = encoder.patch_embed
        count = min(embed.out_channels - 2, len(self.components))
        rows = torch.zeros(embed.out_channels, self.size**2)
        bias = torch.zeros(embed.out_channels)
        rows[:count] = self.components[:count] / self.deviation[:count, None].clamp(min=1e-3)
        bias[:count] = -rows[:count] @ self.mean
        bias[-2:] = torch.tensor([CONSTANT, -CONSTANT])
        spread = (channel / channel.square().sum())[None, :, None] * rows[:, None]
        embed.weight.copy_(spread.reshape(embed.weight.shape))
        embed.bias.copy_(bias)
        for block in encoder.blocks:
            block.attention.proj.weight.mul_(RESIDUAL)
            block.mlp.out.weight.mul_(RESIDUAL)

    def bottleneck(self) -> Tensor:
        """Solve the bottleneck for the codes and the constant pair; return tokens [n, dim]."""
        norm, linear = self.model.bottleneck
        parts = [self.model.features(part)[:, 1:] for part in self.images.split(8)]
        encoded = standardize(norm.weight, norm.bias, torch.cat(parts).flatten(0, 1))
        constant = torch.tensor([[CONSTANT, -CONSTANT]]).expand(len(self.codes), 2)
        linear.weight.copy_(
            regress(encoded, torch.cat((self.codes, constant), dim=1), linear.bias).T
        )
        return linear(encoded)

    def hyper_decoder(self, tokens: Tensor) -> Tensor:
        """Spread tokens over the hidden state, with a constant pair; return hidden states [n,
        hyper_width]."""
        w = self.weights
        width = self.method.hyper_width
        x = standardize(w["up_norm_scale"], w["up_norm_bias"], tokens)
        weight = torch.zeros_like(w["up_weight"])
        weight[:-2, :-2] = nn.init.orthogonal_(torch.empty(len(weight) - 2, width - 2))
        w["up_weight"].copy_(weight)
        w["up_bias"].zero_()
        w["up_bias"][-2:] = torch.tensor([CONSTANT, -CONSTANT])
        h = x @ w["up_weight"] + w["up_bias"]
        for i in range(self.method.hyper_depth):
            x = standardize(w[f"ff{i}_norm_scale"], w[f"ff{i}_norm_bias"], h)
            w[f"ff{i}_out_weight"].mul_(RESIDUAL)
            w[f"ff{i}_out_bias"].zero_()
            h = h + gelu(x @ w[f"ff{i}_in_weight"] + w[f"ff{i}_in_bias"]) @ w[f"ff{i}_out_weight"]
        return h


def standardize(scale: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """Set a LayerNorm's gains so that its outputs on x [n, d] have mean 0 and variance 1; return
    them."""
    plain = layer_norm(x, torch.ones_like(scale), torch.zeros_like(bias))
    deviation = plain.std(dim=0)
    scale.copy_(
        torch.where(deviation > _FLOOR, 1 / deviation.clamp(min=_FLOOR), torch.ones_like(deviation))
    )
    bias.copy_(-plain.mean(dim=0) * scale)
    return layer_norm(x, scale, bias)


def ridge(a: Tensor, b: Tensor, strength: float) -> Tensor:
    """Solve argmin |a x − b|² + strength·mean(diag aᵀa)·|x|², in double precision."""
    a = a.double()
    b = b.double()
    gram = a.T @ a
    gram = gram + strength * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram, a.T @ b).float()


def regress(x: Tensor, target: Tensor, bias: Tensor) -> Tensor:
    """Return the least-squares weight [d, k] from x [n, d] to target [n, k]; its intercept goes to
    `bias`."""
    center = x.mean(dim=0)
    middle = target.mean(dim=0)
    weight = ridge(x - center, target - middle, 1e-8)
    bias.copy_(middle - center @ weight)
    return weight
