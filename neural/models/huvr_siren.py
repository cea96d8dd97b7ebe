"""HUVR+SIREN as a training module: encoder, bottleneck and the decoder's weights (arXiv 2606.00404).

The decode itself is `neural.methods.huvr_siren`, called here with torch tensors.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from neural.methods.huvr_siren import HuvrSiren
from neural.models.base import Preset, TrainConfig
from neural.models.vit import VisionTransformer, VitConfig

PRESETS: dict[str, Preset] = {
    # Configuration published with arXiv 2606.00404: 4 GPUs × 8 tiles, 200 epochs of 3338 tiles.
    "paper": Preset(
        HuvrSiren(),
        VitConfig(),
        TrainConfig(steps=20_900, batch=32, learning_rate=6.25e-5, warmup=520, points=256),
    ),
    # Decoder below 1 M parameters, all below 2 M; trainable on two CPU cores in about an hour.
    "small": Preset(
        HuvrSiren(hyper_width=160, hyper_hidden=640, siren_width=64, global_token=False),
        VitConfig(width=128, depth=4, heads=4),
        TrainConfig(
            steps=2_400,
            batch=4,
            learning_rate=1e-4,
            warmup=30,
            points=48,
            warm_start_tiles=96,
            optimiser="muon",
            other_learning_rate=1e-5,
        ),
    ),
}


class HuvrSirenModel(nn.Module):
    """Tile [B, 1, 256, 256] in [−1, 1] → tokens; `decoder` holds the weights of `method.weight_shapes()`."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        method: HuvrSiren = preset.method
        vit = preset.vit
        self.method = method
        self.input_proj = nn.Conv2d(1, vit.channels, kernel_size=1)
        self.encoder = VisionTransformer(vit)
        self.bottleneck = nn.Sequential(nn.LayerNorm(vit.width), nn.Linear(vit.width, method.dim))
        self.decoder = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(shape)) for name, shape in method.weight_shapes().items()}
        )
        nn.init.kaiming_normal_(self.input_proj.weight)
        nn.init.zeros_(self.input_proj.bias)  # type: ignore[arg-type]
        self._initialise_decoder()

    def _initialise_decoder(self) -> None:
        """LayerNorms 1 and 0; linears as torch's default; heads constant (α = 1, φ = 0); SIREN (arXiv 2006.09661)."""
        shapes = self.method.weight_shapes()
        for name, parameter in self.decoder.items():
            fan_in = shapes[f"{name.rsplit('_', 1)[0]}_weight"][0] if "norm" not in name else 0
            if name.endswith("_norm_scale"):
                nn.init.ones_(parameter)
            elif name.endswith("_norm_bias"):
                nn.init.zeros_(parameter)
            elif name.startswith(("alpha", "phi")):
                nn.init.constant_(parameter, 1.0 if name.startswith("alpha") and "bias" in name else 0.0)
            elif name.startswith("siren"):
                first = name.startswith("siren0")
                bound = 1.0 / fan_in if first else math.sqrt(6.0 / fan_in) / self.method.omega_0
                nn.init.uniform_(parameter, -bound, bound)
            else:
                nn.init.uniform_(parameter, -1.0 / math.sqrt(fan_in), 1.0 / math.sqrt(fan_in))

    def encode(self, tiles: Tensor) -> Tensor:
        """Normalised tiles [B, 256, 256] in [−1, 1] → the payload's latents [B, tokens, dim]."""
        tokens = self.bottleneck(self.encoder(self.input_proj(tiles[:, None])))
        return tokens if self.method.global_token else tokens[:, 1:]

    def decode_points(self, latents: Tensor, points: Tensor) -> Tensor:
        """Heights [B, patches², n] at patch-local points [n, 2] = (x, y) ∈ [−1, 1]² of every patch."""
        weights: Any = self.decoder
        tokens = latents[:, 1:] if self.method.global_token else latents
        modulations = self.method.modulations(weights, tokens)[..., None, :]
        x, y = points[:, :1], points[:, 1:]
        return self.method.siren(weights, modulations, x, y, order=0).h

    def loss(self, tiles: Tensor, valid: Tensor, points: int, generator: torch.Generator | None) -> Tensor:
        """Mean squared error over valid samples (the published loss), on `points` random samples of each patch.

        tiles [B, S, S] normalised, valid [B, S, S] float 0/1.
        """
        side = self.method.patches
        size = tiles.shape[-1] // side
        # All patches of a batch share the drawn positions, so the first SIREN layer is shared as well.
        drawn = torch.randperm(size * size, generator=generator)[:points].to(tiles.device)
        row, column = drawn // size, drawn % size
        local = (torch.stack((column, row), dim=-1) + 0.5) * (2.0 / size) - 1.0
        target, weight = (
            t.unfold(1, size, size).unfold(2, size, size).flatten(3).flatten(1, 2)[..., drawn] for t in (tiles, valid)
        )
        error = self.decode_points(self.encode(tiles), local) - target
        return (weight * error * error).sum() / weight.sum().clamp(min=1.0)
