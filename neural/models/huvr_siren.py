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
    # Decoder below 1 M parameters, all below 2 M; trains on two CPU cores in minutes, thanks to the warm start.
    "small": Preset(
        HuvrSiren(hyper_width=160, hyper_hidden=640, siren_width=64, global_token=False),
        VitConfig(width=128, depth=4, heads=4),
        TrainConfig(
            steps=700,
            batch=4,
            learning_rate=2e-5,
            warmup=30,
            points=48,
            border_points=16,
            warm_start_tiles=96,
            optimiser="muon",
            other_learning_rate=2e-6,
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

    def loss(self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None) -> Tensor:
        """Mean squared error over valid samples (the published loss), on random points shared by all patches.

        tiles [B, S, S] normalised, valid [B, S, S] float 0/1. `config.points` are sample centres of each patch;
        `config.border_points` (ours) lie on its outline, where the target is the mean of the four cells around.
        """
        size = tiles.shape[-1] // self.method.patches
        drawn = torch.randperm(size * size, generator=generator)[: config.points].to(tiles.device)
        local = (torch.stack((drawn % size, drawn // size), dim=-1) + 0.5) * (2.0 / size) - 1.0
        target, weight = (windows(t, size, size)[..., drawn] for t in (tiles, valid))
        if config.border_points:
            edge = outline(size)
            border = edge[torch.randperm(len(edge), generator=generator)[: config.border_points]].to(tiles.device)
            local = torch.cat((local, border * (2.0 / size) - 1.0))
            corner = border[:, 1] * (size + 1) + border[:, 0]
            whole = (corners(valid) == 1).float()
            target = torch.cat((target, windows(corners(tiles), size + 1, size)[..., corner]), dim=-1)
            weight = torch.cat((weight, windows(whole, size + 1, size)[..., corner]), dim=-1)
        latents = self.encode(tiles)
        with torch.autocast(tiles.device.type, enabled=False):  # ω0 would amplify half-precision phases
            error = self.decode_points(latents.float(), local) - target
        return (weight * error * error).sum() / weight.sum().clamp(min=1.0)


def windows(t: Tensor, size: int, step: int) -> Tensor:
    """[B, S, S] → patches in row-major order, flattened: [B, patches², size²]."""
    return t.unfold(1, size, step).unfold(2, size, step).flatten(3).flatten(1, 2)


def corners(t: Tensor) -> Tensor:
    """Values at the corners of the cells [B, S + 1, S + 1]: the mean of the four cells around, linear at the rim."""
    for axis in (1, 2):
        first, second = t.narrow(axis, 0, 1), t.narrow(axis, 1, 1)
        last, before = t.narrow(axis, -1, 1), t.narrow(axis, -2, 1)
        t = torch.cat((2 * first - second, t, 2 * last - before), dim=axis)
        t = (t.narrow(axis, 0, t.shape[axis] - 1) + t.narrow(axis, 1, t.shape[axis] - 1)) / 2
    return t


def outline(size: int) -> Tensor:
    """Corner positions (column, row) on the outline of a patch of size × size cells [4·size, 2]."""
    column, row = torch.meshgrid(torch.arange(size + 1), torch.arange(size + 1), indexing="xy")
    on_edge = (column % size == 0) | (row % size == 0)
    return torch.stack((column[on_edge], row[on_edge]), dim=-1)
