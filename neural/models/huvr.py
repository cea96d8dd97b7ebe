"""HUVR as a training module (arXiv 2601.14256, terrain settings of arXiv 2606.00404)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from neural.methods.huvr import Huvr
from neural.models.base import (
    Augment,
    Preset,
    TerrainModel,
    TileErrors,
    TrainConfig,
    mean_per_tile,
)
from neural.models.huvr_start import warm_start
from neural.models.vit import VisionTransformer, VitConfig

PRESETS: dict[str, Preset] = {
    # As HUVR+SIREN (arXiv 2606.00404): 4 GPUs × 8 tiles, 200 epochs of 3338 tiles.
    "paper": Preset(
        Huvr(),
        VitConfig(),
        TrainConfig(steps=20_900, batch=32, learning_rate=6.25e-5, warmup=520, points=256),
    ),
    # Between the two, for minutes of one large GPU (`tests.bench.gpu`), in bfloat16.
    "base": Preset(
        Huvr(hyper_width=512, hyper_hidden=2048, mlp_width=128, features=32, sigma=128.0),
        VitConfig(width=384, depth=8, heads=6),
        TrainConfig(
            steps=20_000,
            batch=32,
            learning_rate=5e-4,
            warmup=200,
            points=256,
            optimizer="muon",
            other_learning_rate=5e-4,
            log_loss=True,
            cool_down=0.2,
            slope_weight=0.05,
            average=0.995,
            augment=Augment(turned=0.25, mixed=0.25),
        ),
    ),
    # The sizes and the training of HUVR+SIREN's `small`.
    "small": Preset(
        Huvr(hyper_width=168, hyper_hidden=672, mlp_width=44, features=14, sigma=64.0),
        VitConfig(width=128, depth=4, heads=4),
        TrainConfig(
            steps=90_000,
            batch=4,
            learning_rate=2e-4,
            warmup=30,
            points=256,
            warm_start_tiles=96,
            fit_steps=2000,
            optimizer="muon",
            other_learning_rate=2e-5,
            log_loss=True,
            cool_down=0.2,
            slope_weight=0.05,
            average=0.999,
            augment=Augment(turned=0.25, mixed=0.1),
        ),
    ),
}


class HuvrModel(TerrainModel):
    """The tile enters as three equal channels; the decoder's heights are the mean of three."""

    Encoder = VitConfig

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.method: Huvr = preset.method
        vit: VitConfig = preset.encoder
        self.channels = vit.channels
        self.encoder = VisionTransformer(vit)
        self.bottleneck = nn.Sequential(
            nn.LayerNorm(vit.width), nn.Linear(vit.width, self.method.dim)
        )
        shapes = self.method.weight_shapes()
        self.decoder = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()}
        )
        for name, parameter in self.decoder.items():
            if name.endswith("_norm_scale"):
                nn.init.ones_(parameter)
            elif name.endswith("_norm_bias"):
                nn.init.zeros_(parameter)
            else:
                bound = 1.0 / math.sqrt(shapes[f"{name.rsplit('_', 1)[0]}_weight"][0])
                nn.init.uniform_(parameter, -bound, bound)

    def warm_start(self, tiles: Tensor, fit_steps: int) -> None:
        """Begin as a linear code of the patches of normalized tiles [n, 256, 256]."""
        warm_start(self, tiles, fit_steps)

    def features(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] to encoder outputs [B, 257, width], the global one
        first."""
        return self.encoder(tiles[:, None].expand(-1, self.channels, -1, -1))

    @property
    def channel_gains(self) -> Tensor:
        """Gain of each channel of the encoder's input, [channels]."""
        return torch.ones(self.channels)

    def encode(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] in [−1, 1] to tokens [B, 257, dim]."""
        return self.bottleneck(self.features(tiles))

    def decode(self, latents: Tensor) -> Tensor:
        """Map tokens [B, 257, dim] to normalized heights [B, 256, 256]."""
        weights: Any = self.decoder
        return self.method.raster(weights, latents)

    def loss(
        self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None
    ) -> TileErrors:
        """Return the mean squared errors over all valid samples of each tile: the convolution gives
        them all at once. Slopes are central differences."""
        error = self.decode(self.encode(tiles)) - tiles
        heights = mean_per_tile(error.square(), valid)
        if not config.slope_weight:
            return TileErrors(heights)
        east = (error[:, 1:-1, 2:] - error[:, 1:-1, :-2]) / 2
        south = (error[:, 2:, 1:-1] - error[:, :-2, 1:-1]) / 2
        around = valid[:, 1:-1, 2:] * valid[:, 1:-1, :-2] * valid[:, 2:, 1:-1] * valid[:, :-2, 1:-1]
        return TileErrors(heights, mean_per_tile(east.square() + south.square(), around))
