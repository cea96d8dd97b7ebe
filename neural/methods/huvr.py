"""HUVR: per-patch ReLU networks on a coarse grid and a shared convolution (arXiv 2601.14256), as
run on terrain in arXiv 2606.00404: three output channels, averaged.

    h = hyper-decoder(token);  g = head(LN(h of the global token));  p = head(LN(h of the patch))
    W1' = columns of W1 ∘ (p ⊗ g), normalized;  all other weights: columns normalized, shared
    x0 = relu(W0 PE(grid)), x1 = relu(W1' x0 + b1), x2 = relu(W2 x1 + b2)  (4×4 positions per patch)
    heights = mean over channels of PixelShuffle(conv 3×3(x2 of the whole tile))

The network knows one value per cell of the tile; between cell centers `neural.methods.hermite`
interpolates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.methods import hermite
from neural.methods.array_api import like, namespace
from neural.methods.base import Arrays, Pass, Surface
from neural.methods.hyper_decoder import HEAD_SAMPLERS, HyperDecoder, head, linear, normed_linear
from neural.tiles import TILE

GRID = 4
"""Positions per patch side at which the network is evaluated."""

_EPS = 1e-12  # of the norms, as published


def position_features(features: int, sigma: float) -> np.ndarray:
    """Return encoded grid positions of a patch [GRID², 2·features]: all cosines of π f x, π f y,
    then all sines.

    f runs from 1 to `sigma` in features/2 equal ratios (arXiv 2208.02801, code).
    """
    center = (np.arange(GRID) + 0.5) * (2.0 / GRID) - 1.0
    y, x = np.meshgrid(center, center, indexing="ij")
    frequencies = np.exp(np.linspace(0.0, np.log(sigma), features // 2))
    angles = np.pi * np.stack([x.ravel(), y.ravel()], axis=1)[:, :, None] * frequencies
    flat = angles.reshape(GRID**2, -1)
    return np.concatenate([np.cos(flat), np.sin(flat)], axis=1)


def unit_columns(weight: Any) -> Any:
    """Return columns of a weight [fan_in, fan_out] scaled to norm 1."""
    xp = namespace(weight)
    norms = xp.sqrt((weight * weight).sum(axis=0))
    return weight / xp.clip(norms, _EPS, None)


@dataclass(frozen=True)
class Huvr(HyperDecoder):
    """Sizes of the published decoder; the defaults are the `paper` preset."""

    name: ClassVar[str] = "huvr"
    title: ClassVar[str] = "HUVR"

    mlp_width: int = 256
    features: int = 64  # of the position encoding, per coordinate
    sigma: float = 1024.0  # its highest frequency
    channels: int = 3

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return hyper-decoder, heads, network, convolution [row · column · feature, channel · row
        · column]."""
        wide = self.hyper_width
        width = self.mlp_width
        shapes = (
            self.hyper_shapes()
            | normed_linear("global", wide, width)
            | normed_linear("patch", wide, width)
        )
        shapes |= (
            linear("mlp0", 2 * self.features, width)
            | linear("mlp1", width, width)
            | linear("mlp2", width, width)
        )
        return shapes | linear("conv", 9 * width, self.channels * self.patch_stride**2)

    @property
    def patch_stride(self) -> int:
        """Cells per grid position and axis."""
        return TILE // (self.patches * GRID)

    def fold(self, weights: Arrays) -> dict[str, Any]:
        """Return the token-independent part: x0 as `positions` [GRID², width], unit columns,
        channels averaged."""
        features = like(position_features(self.features, self.sigma), weights["mlp0_weight"])
        first = features @ unit_columns(weights["mlp0_weight"]) + weights["mlp0_bias"]
        conv = unit_columns(weights["conv_weight"])
        bias = weights["conv_bias"]
        folded = {
            name: value for name, value in weights.items() if not name.startswith(("mlp0", "conv"))
        }
        return folded | {
            "positions": namespace(first).clip(first, 0.0, None),
            "mlp2_weight": unit_columns(weights["mlp2_weight"]),
            "conv_weight": conv.reshape(len(conv), self.channels, -1).mean(axis=1),
            "conv_bias": bias.reshape(self.channels, -1).mean(axis=0),
        }

    def raster(self, weights: Arrays, latents: Any) -> Any:
        """Map tokens [..., tokens, dim] to normalized heights at the sample centers [..., 256,
        256]."""
        w = self.fold(weights)
        xp = namespace(latents)
        side = self.patches
        h = self.hidden_states(w, latents)
        g = head(w, "global", h[..., :1, :])
        p = head(w, "patch", h[..., 1:, :])
        # of the columns of W1 ∘ (p ⊗ g)
        norms = xp.sqrt((p * p) @ (w["mlp1_weight"] * w["mlp1_weight"])) * abs(g)
        scale = g / xp.clip(norms, _EPS, None)
        x = (w["positions"] * p[..., None, :]) @ w["mlp1_weight"] * scale[..., None, :] + w[
            "mlp1_bias"
        ]
        x = xp.clip(x, 0.0, None) @ w["mlp2_weight"] + w["mlp2_bias"]
        x = xp.clip(x, 0.0, None)  # [..., patches², GRID², width]
        lead = x.shape[:-3]
        width = x.shape[-1]
        x = x.reshape(*lead, side, side, GRID, GRID, width)
        x = xp.moveaxis(x, -3, -4).reshape(*lead, side * GRID, side * GRID, width)
        return self._convolve(w, x)

    def _convolve(self, w: Arrays, x: Any) -> Any:
        """Apply the 3×3 convolution (zeros around the tile) and PixelShuffle: [..., n, n, width] →
        [..., 256, 256]."""
        xp = namespace(x)
        n = x.shape[-2]
        lead = x.shape[:-3]
        for axis in (-3, -2):
            edge = xp.zeros_like(x[..., :1, :, :] if axis == -3 else x[..., :1, :])
            x = xp.concatenate([edge, x, edge], axis=axis)
        around = [x[..., i : i + n, j : j + n, :] for i in range(3) for j in range(3)]
        out = xp.concatenate(around, axis=-1) @ w["conv_weight"] + w["conv_bias"]
        stride = self.patch_stride
        out = xp.moveaxis(out.reshape(*lead, n, n, stride, stride), -2, -3)
        return out.reshape(*lead, n * stride, n * stride)

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Map tokens [tokens, dim] to {"samples": [260, 65, 4]}, the decoded raster as
        `hermite.texels`; numpy only."""
        return {"samples": hermite.texels(self.raster(weights, latents))}

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Return interpolated raster and its derivatives, float64 [nv, nu]; numpy only."""
        return hermite.interpolate(prepared["samples"], u, v, order)

    def prepare_passes(self) -> tuple[Pass, ...]:
        """Return hidden states, heads, column scales, the network's two layers, convolution, padded
        raster."""
        tokens = self.latent_shape[0]
        positions = (self.patches * GRID) ** 2
        width = -(-self.mlp_width // 4)
        return (
            *self.hyper_passes(0),
            Pass("heads", tokens, width, ("h", "h_stats"), samplers=HEAD_SAMPLERS),
            Pass("scales", self.patches**2, width, ("heads",)),
            Pass("x1", positions, width, ("heads", "scales")),
            Pass("x2", positions, width, ("x1",)),
            Pass("cells", positions, -(-(self.patch_stride**2) // 4), ("x2",)),
            Pass("samples", TILE + 2 * hermite.PAD, (TILE + 2 * hermite.PAD) // 4, ("cells",)),
        )

    def defines(self) -> dict[str, int | float]:
        """Return PATCHES and GRID positions per side, STRIDE cells per position; HYPER_WIDTH,
        WIDTH; SAMPLES, PAD."""
        return {
            "PATCHES": self.patches,
            "GRID": GRID,
            "STRIDE": self.patch_stride,
            "HYPER_WIDTH": self.hyper_width,
            "WIDTH": self.mlp_width,
            "SAMPLES": TILE,
            "PAD": hermite.PAD,
        }

    def macs_per_sample(self) -> float:
        """Return hyper-decoder and patch head, network and convolution at GRID² positions per
        patch, interpolation."""
        width = self.mlp_width
        positions = (self.patches * GRID / TILE) ** 2
        network = 2 * width**2 + 9 * width * self.patch_stride**2
        return self.hyper_macs(width) + network * positions + hermite.MACS_PER_SAMPLE
