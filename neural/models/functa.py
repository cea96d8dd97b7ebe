"""Functa as a training module: a decoder meta-learned so that three gradient steps fit a tile's
latent (2201.12204).

There is no encoder network. Encoding starts at the zero latent and takes `inner_steps` steps of
Meta-SGD (arXiv 1707.09835): gradient descent on the tile's mean squared error with a learned rate
per latent dimension. Training differentiates the error after these steps, through all of them, with
respect to decoder and rates. The decode itself is `neural.methods.functa`, called here with torch
tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neural.methods.functa import Functa
from neural.models.base import (
    Augment,
    Preset,
    TerrainModel,
    TileErrors,
    TrainConfig,
    mean_per_tile,
)
from neural.tiles import TILE

# samples at a time where no second derivative is wanted: bounds memory, stays near the cache
_CHUNK = 4096


@dataclass(frozen=True)
class InnerLoop:
    """Encoder settings; the defaults are those of the released code (google-deepmind/functa)."""

    inner_steps: int = 3
    stride: int = 1  # encoding looks at every stride-th sample along both sides
    lowest_rate: float = 0.005  # learned rates start uniform between these two
    highest_rate: float = 0.1
    rate_limit: float = 1.0  # rates are clipped to [0, rate_limit] where they are used


PRESETS: dict[str, Preset] = {
    # Released image configuration: Adam at a constant 3e-6, 16 images per device, 500,000 steps,
    # latents from 0; 512 latent dimensions as in the terrain benchmark (arXiv 2606.00404). Those
    # images have 64 × 64 samples; as many are drawn here, since all 65,536 of 16 tiles do not fit a
    # GPU.
    "paper": Preset(
        Functa(),
        InnerLoop(),
        TrainConfig(
            steps=500_000,
            batch=16,
            learning_rate=3e-6,
            warmup=0,
            points=64 * 64,
            final_share=1.0,
            weight_decay=0.0,
            clip_norm=math.inf,
        ),
    ),
    # Model below 0.5 M parameters. 128 × 5 shifts, so that no latent dimension repeats another; ω0
    # below the published 30 and a rate below 1e-3 (where the inner loop diverges) learn the most in
    # few steps.
    "small": Preset(
        Functa(width=128, depth=6, omega_0=15.0),
        InnerLoop(stride=2),
        TrainConfig(
            steps=80_000,
            batch=4,
            learning_rate=3e-4,
            warmup=50,
            points=1024,
            weight_decay=0.0,
            log_loss=True,
            cool_down=0.2,
            average=0.999,
            augment=Augment(turned=0.25, mixed=0.1),
        ),
    ),
}


class FunctaModel(TerrainModel):
    """Tile [B, 256, 256] in [−1, 1] → latent [B, 1, dim]; `decoder` holds the weights of
    `method.weight_shapes()`."""

    Encoder = InnerLoop

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        method: Functa = preset.method
        self.method = method
        self.inner: InnerLoop = preset.encoder
        self.inner_rates = nn.Parameter(torch.empty(method.dim))
        self.decoder = nn.ParameterDict(
            {
                name: nn.Parameter(torch.empty(shape))
                for name, shape in method.weight_shapes().items()
            }
        )
        nn.init.uniform_(self.inner_rates, self.inner.lowest_rate, self.inner.highest_rate)
        self._initialize_decoder()

    def _initialize_decoder(self) -> None:
        """Initialize biases with 0, SIREN weights as arXiv 2006.09661, its output too, the shift
        map normal, cut at two deviations."""
        for name, parameter in self.decoder.items():
            if name.endswith("_bias"):
                nn.init.zeros_(parameter)
            elif name == "shift_weight":
                spread = 1.0 / math.sqrt(len(parameter))
                nn.init.trunc_normal_(parameter, std=spread, a=-2.0 * spread, b=2.0 * spread)
            else:
                fan_in = len(parameter)
                bound = (
                    1.0 / fan_in
                    if name == "siren0_weight"
                    else math.sqrt(6.0 / fan_in) / self.method.omega_0
                )
                nn.init.uniform_(parameter, -bound, bound)

    def decode_points(self, weights: Any, latents: Tensor, points: Tensor) -> Tensor:
        """Return heights [B, n] at points [n, 2] = (u, v) ∈ [0, 1]² of every tile; latents [B, 1,
        dim]."""
        shifts = self.method.shifts(weights, latents)
        return self.method.siren(weights, shifts, points[:, :1], points[:, 1:], order=0).h

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents [B, 1, dim] to normalized heights [B, 256, 256] at the sample centers;
        differentiable."""
        points = sample_points(torch.arange(TILE * TILE, device=latents.device))
        return self.decode_points(self.decoder, latents, points).reshape(-1, TILE, TILE)

    def fit(self, weights: Any, heights: Tensor, points: Tensor, *, differentiable: bool) -> Tensor:
        """Run the inner loop: fit latents [B, 1, dim] of tiles with `heights` [B, n] at `points`
        [n, 2].

        Every tile descends its own mean squared error, so tiles do not influence each other. The
        result is differentiable with respect to weights and rates only where asked for.
        """
        rates = self.inner_rates.clamp(0.0, self.inner.rate_limit)
        chunk = len(points) if differentiable else _CHUNK
        latents = torch.zeros(
            len(heights), 1, self.method.dim, device=heights.device, requires_grad=True
        )
        for _ in range(self.inner.inner_steps):
            slope = torch.zeros_like(latents)
            for chunk_points, want in zip(
                points.split(chunk), heights.split(chunk, dim=1), strict=True
            ):
                error = self.decode_points(weights, latents, chunk_points) - want
                loss = (error * error).sum() / len(points)
                slope = slope + torch.autograd.grad(loss, latents, create_graph=differentiable)[0]
            latents = latents - rates * slope
            if not differentiable:
                latents = latents.detach().requires_grad_()
        return latents

    def encode(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] in [−1, 1] to latents [B, 1, dim]: the inner loop on a
        grid of samples."""
        # Gradients are needed here even when the caller switched them off, and inference tensors
        # have none.
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(tiles.device.type, enabled=False),
        ):
            step = self.inner.stride
            line = torch.arange(step // 2, TILE, step, device=tiles.device)
            index = (line[:, None] * TILE + line).flatten()
            weights = {name: weight.detach() for name, weight in self.decoder.items()}
            heights = tiles.clone().float().flatten(1)[:, index]
            return self.fit(weights, heights, sample_points(index), differentiable=False).detach()

    def loss(
        self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None
    ) -> TileErrors:
        """Return the mean squared errors after the inner loop over valid samples, on
        `config.points` samples shared by all.

        tiles [B, 256, 256] normalized, valid the same, float 0/1. As when encoding, the inner loop
        sees the filled tile. Both losses use the same samples, as published.
        """
        index = torch.randperm(TILE * TILE, generator=generator)[: config.points].to(tiles.device)
        points = sample_points(index)
        heights = tiles.float().flatten(1)[:, index]
        weight = valid.flatten(1)[:, index]
        # ω0 would amplify half-precision phases
        with torch.autocast(tiles.device.type, enabled=False):
            latents = self.fit(self.decoder, heights, points, differentiable=True)
            error = self.decode_points(self.decoder, latents, points) - heights
        return TileErrors(mean_per_tile(error * error, weight))


def sample_points(index: Tensor) -> Tensor:
    """Map sample numbers [n] in row-major order to their centers (u, v) ∈ [0, 1]² [n, 2]
    (cell-centered, as published)."""
    return (torch.stack((index % TILE, index // TILE), dim=-1) + 0.5) / TILE
