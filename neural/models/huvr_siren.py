"""HUVR+SIREN as a training module: encoder, bottleneck and the decoder's weights (arXiv
2606.00404).

The decode itself is `neural.methods.huvr_siren`, called here with torch tensors.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from neural.methods.base import Surface
from neural.methods.huvr_siren import HuvrSiren
from neural.models.base import (
    Augment,
    Preset,
    TerrainModel,
    TileErrors,
    TrainConfig,
    mean_per_tile,
)
from neural.models.huvr_siren_start import warm_start
from neural.models.patches import interpolate, interpolate_slopes, measured, random_points
from neural.models.vit import VisionTransformer, VitConfig
from neural.tiles import TILE

PRESETS: dict[str, Preset] = {
    # Configuration published with arXiv 2606.00404: 4 GPUs × 8 tiles, 200 epochs of 3338 tiles.
    "paper": Preset(
        HuvrSiren(),
        VitConfig(),
        TrainConfig(steps=20_900, batch=32, learning_rate=6.25e-5, warmup=520, points=256),
    ),
    # Between the two, for minutes of one large GPU (`tests.bench.gpu`), in bfloat16.
    "base": Preset(
        HuvrSiren(hyper_width=512, hyper_hidden=2048, siren_width=128, global_token=False),
        VitConfig(width=384, depth=8, heads=6),
        TrainConfig(
            steps=20_000,
            batch=32,
            learning_rate=5e-4,
            warmup=200,
            points=24,
            off_grid_points=24,
            optimizer="muon",
            other_learning_rate=5e-4,
            log_loss=True,
            cool_down=0.2,
            slope_weight=0.05,
            halo=1.0,
            average=0.995,
            augment=Augment(turned=0.25, mixed=0.25),
        ),
    ),
    # The proportions of the paper at a hundredth of its size: 1.76 × HUVR's MAC per sample on a
    # raster, a fifth less per coordinate. Trains on a CPU core, thanks to the warm start.
    "small": Preset(
        HuvrSiren(hyper_width=168, hyper_hidden=672, siren_width=44, global_token=False),
        VitConfig(width=128, depth=4, heads=4),
        TrainConfig(
            steps=60_000,
            batch=4,
            learning_rate=1e-4,
            warmup=30,
            points=20,
            off_grid_points=20,
            warm_start_tiles=96,
            optimizer="muon",
            other_learning_rate=1e-5,
            log_loss=True,
            cool_down=0.2,
            slope_weight=0.05,
            halo=1.0,
            average=0.999,
            augment=Augment(turned=0.25, mixed=0.1),
        ),
    ),
}

_SMALL = PRESETS["small"]
PRESETS["small_published_start"] = replace(
    _SMALL,
    train=replace(
        _SMALL.train,
        learning_rate=4e-4,
        other_learning_rate=4e-4,
        warmup=50,
        warm_start_tiles=0,
    ),
)
"""`small` from the published initialization."""


class HuvrSirenModel(TerrainModel):
    """Tile [B, 1, 256, 256] in [−1, 1] → tokens; `decoder` holds the weights of
    `method.weight_shapes()`."""

    Encoder = VitConfig

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        method: HuvrSiren = preset.method
        vit = preset.encoder
        self.method = method
        self.input_proj = nn.Conv2d(1, vit.channels, kernel_size=1)
        self.encoder = VisionTransformer(vit)
        self.bottleneck = nn.Sequential(nn.LayerNorm(vit.width), nn.Linear(vit.width, method.dim))
        self.decoder = nn.ParameterDict(
            {
                name: nn.Parameter(torch.empty(shape))
                for name, shape in method.weight_shapes().items()
            }
        )
        nn.init.kaiming_normal_(self.input_proj.weight)
        nn.init.zeros_(self.input_proj.bias)  # type: ignore[arg-type]
        self._initialize_decoder()

    def _initialize_decoder(self) -> None:
        """Initialize LayerNorms with 1 and 0, linears as torch's default, heads constant (α = 1, φ
        = 0), the SIREN as arXiv 2006.09661."""
        shapes = self.method.weight_shapes()
        for name, parameter in self.decoder.items():
            fan_in = shapes[f"{name.rsplit('_', 1)[0]}_weight"][0] if "norm" not in name else 0
            if name.endswith("_norm_scale"):
                nn.init.ones_(parameter)
            elif name.endswith("_norm_bias"):
                nn.init.zeros_(parameter)
            elif name.startswith(("alpha", "phi")):
                nn.init.constant_(
                    parameter, 1.0 if name.startswith("alpha") and "bias" in name else 0.0
                )
            elif name.startswith("siren"):
                first = name.startswith("siren0")
                bound = 1.0 / fan_in if first else math.sqrt(6.0 / fan_in) / self.method.omega_0
                nn.init.uniform_(parameter, -bound, bound)
            else:
                nn.init.uniform_(parameter, -1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_in))

    def warm_start(self, tiles: Tensor, fit_steps: int) -> None:
        """Begin as a linear code of the patches of normalized tiles [n, 256, 256]."""
        warm_start(self, tiles, fit_steps)

    def features(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] to encoder outputs [B, 1 + patches², width], the
        global one first."""
        return self.encoder(self.input_proj(tiles[:, None]))

    @property
    def channel_gains(self) -> Tensor:
        """Gain of each channel of the encoder's input, [channels]."""
        return self.input_proj.weight.flatten()

    def encode(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] in [−1, 1] to the payload's latents [B, tokens,
        dim]."""
        tokens = self.bottleneck(self.features(tiles))
        return tokens if self.method.global_token else tokens[:, 1:]

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents [B, tokens, dim] to normalized heights [B, 256, 256] at the sample
        centers."""
        size = TILE // self.method.patches
        center = (torch.arange(size, device=latents.device) + 0.5) * (2.0 / size) - 1.0
        y, x = torch.meshgrid(center, center, indexing="ij")
        heights = self.decode_points(latents, torch.stack((x.flatten(), y.flatten()), dim=-1)).h
        grid = heights.unflatten(1, (self.method.patches, -1)).unflatten(-1, (size, size))
        return grid.transpose(2, 3).flatten(3).flatten(1, 2)

    def decode_points(self, latents: Tensor, points: Tensor, order: int = 0) -> Surface:
        """Return heights [B, patches², n], and derivatives up to `order`, at patch-local points
        [n, 2] = (x, y) of every patch, which spans [−1, 1]²."""
        weights: Any = self.decoder
        tokens = latents[:, 1:] if self.method.global_token else latents
        modulations = self.method.modulations(weights, tokens)[..., None, :]
        x = points[:, :1]
        y = points[:, 1:]
        return self.method.siren(weights, modulations, x, y, order=order)

    def loss(
        self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None
    ) -> TileErrors:
        """Return the mean squared errors over valid samples of each tile, on random points shared
        by all patches.

        tiles [B, S, S] normalized, valid [B, S, S] float 0/1. `config.points` are sample centers of
        each patch; `config.off_grid_points` (ours) lie between them, on its outline and
        `config.halo` cells beyond it, where the published loss leaves the surface, and so its
        analytic slopes, free. Slopes (ours) are compared at the same points.
        """
        size = tiles.shape[-1] // self.method.patches
        samples = torch.randperm(size * size, generator=generator)[: config.points]
        points = torch.stack((samples % size, samples // size), dim=-1) + 0.5
        between = random_points(config.off_grid_points, size, generator, config.halo)
        points = torch.cat((points, between)).to(tiles.device)
        latents = self.encode(tiles)
        # ω0 would amplify half-precision phases
        with torch.autocast(tiles.device.type, enabled=False):
            weight = measured(valid, points, size)
            per_cell = 2.0 / size
            surface = self.decode_points(
                latents.float(), points * per_cell - 1.0, order=int(config.slope_weight > 0)
            )
            error = surface.h - interpolate(tiles, points, size)
            heights = mean_per_tile(error * error, weight)
            if not config.slope_weight:
                return TileErrors(heights)
            east, south = interpolate_slopes(tiles, points, size)
            squares = (surface.dh_du * per_cell - east).square()
            squares = squares + (surface.dh_dv * per_cell - south).square()
        return TileErrors(heights, mean_per_tile(squares, weight))
