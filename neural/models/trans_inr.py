"""TransINR as a training module: tokenizer, transformer encoder and the decoder's weights (arXiv
2208.02801).

A tile's patches and one learned token per weight group go through the transformer together; what
comes out at the weight tokens is the payload. The decode itself is `neural.methods.trans_inr`,
called here with torch tensors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from neural.methods.trans_inr import TransInr
from neural.models.base import (
    Augment,
    Preset,
    TerrainModel,
    TileErrors,
    TrainConfig,
    mean_per_tile,
)
from neural.tiles import TILE, centers


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of tokenizer and encoder; the defaults are the published ones."""

    patch: int = 9  # samples per patch side
    padding: int = 1  # zeros before the first row and column
    depth: int = 6
    heads: int = 12
    head_dim: int = 64
    hidden: int = 3072
    # standard deviation of the learned positions at the start of training
    position_spread: float = 1.0

    @property
    def grid(self) -> int:
        """Patches per tile side, the last padded with zeros; the published model drops a partial
        patch."""
        return math.ceil((TILE + self.padding) / self.patch)


PRESETS: dict[str, Preset] = {
    # Released image configuration: Adam at a constant 1e-4, batch 16, all samples, 400 epochs of
    # 9469 images of 178 × 178 samples; as many samples are drawn of a tile.
    "paper": Preset(
        TransInr(),
        TransformerConfig(),
        TrainConfig(
            steps=236_400,
            batch=16,
            learning_rate=1e-4,
            warmup=0,
            points=178 * 178,
            final_share=1.0,
            weight_decay=0.0,
            clip_norm=math.inf,
        ),
    ),
    # The published kind of payload, one token for every few columns of weights: 65,792 numbers,
    # eight times that of the other small presets.
    "large_payload": Preset(
        TransInr(dim=256, groups=64, width=128, encoding=32, sigma=32.0),
        TransformerConfig(
            patch=16, padding=0, depth=4, heads=4, head_dim=64, hidden=1024, position_spread=0.02
        ),
        TrainConfig(
            steps=20_000,
            batch=4,
            learning_rate=1e-3,
            warmup=50,
            points=2048,
            optimizer="muon",
            other_learning_rate=5e-4,
            log_loss=True,
            cool_down=0.2,
            average=0.999,
            augment=Augment(turned=0.25, mixed=0.1),
        ),
    ),
    # The payload of the other small presets, 65 × 128 numbers, and frequencies that a tile's
    # samples resolve. Muon and quiet positions, because AdamW alone still predicts one surface for
    # all tiles after hundreds of tiles.
    "small": Preset(
        TransInr(dim=128, groups=16, width=128, encoding=32, sigma=32.0),
        TransformerConfig(
            patch=16, padding=0, depth=4, heads=4, head_dim=32, hidden=512, position_spread=0.02
        ),
        TrainConfig(
            steps=100_000,
            batch=4,
            learning_rate=1e-3,
            warmup=50,
            points=2048,
            optimizer="muon",
            other_learning_rate=5e-4,
            log_loss=True,
            cool_down=0.2,
            average=0.999,
            augment=Augment(turned=0.25, mixed=0.1),
        ),
    ),
}


class Block(nn.Module):
    """Pre-norm transformer block; queries, keys and values have no bias (as in the released
    code)."""

    def __init__(self, dim: int, config: TransformerConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_dim
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(dim)
        self.mlp_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * inner, bias=False)
        self.proj = nn.Linear(inner, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, config.hidden), nn.GELU(), nn.Linear(config.hidden, dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to tokens [B, T, dim]; keeps their shape."""
        q, k, v = (
            self.qkv(self.attention_norm(x))
            .unflatten(-1, (3, self.heads, -1))
            .permute(2, 0, 3, 1, 4)
        )
        x = x + self.proj(
            functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return x + self.mlp(self.mlp_norm(x))


class TransInrModel(TerrainModel):
    """Tile [B, 256, 256] in [−1, 1] → weight tokens; `decoder` holds the weights of
    `method.weight_shapes()`."""

    Encoder = TransformerConfig

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        method: TransInr = preset.method
        config: TransformerConfig = preset.encoder
        self.method = method
        self.config = config
        self.tokenizer = nn.Linear(config.patch**2, method.dim)
        self.positions = nn.Parameter(
            torch.randn(config.grid**2, method.dim) * config.position_spread
        )
        self.weight_tokens = nn.Parameter(torch.randn(method.latent_shape))
        self.blocks = nn.Sequential(*(Block(method.dim, config) for _ in range(config.depth)))
        self.decoder = nn.ParameterDict(
            {
                name: nn.Parameter(torch.empty(shape))
                for name, shape in method.weight_shapes().items()
            }
        )
        self._initialize_decoder()

    def _initialize_decoder(self) -> None:
        """Initialize LayerNorms with 1 and 0; base weights, token maps and all biases
        U(±1/√fan_in), torch's default."""
        for name, parameter in self.decoder.items():
            if name.endswith("_norm_scale"):
                nn.init.ones_(parameter)
            elif name.endswith("_norm_bias"):
                nn.init.zeros_(parameter)
            else:
                bound = len(self.decoder[f"{name.rsplit('_', 1)[0]}_weight"]) ** -0.5
                nn.init.uniform_(parameter, -bound, bound)

    def encode(self, tiles: Tensor) -> Tensor:
        """Map normalized tiles [B, 256, 256] in [−1, 1] to the payload's latents [B, tokens,
        dim]."""
        size = self.config.patch
        before = self.config.padding
        after = self.config.grid * size - tiles.shape[-1] - before
        padded = functional.pad(tiles, (before, after, before, after))
        patches = padded.unfold(1, size, size).unfold(2, size, size).flatten(3).flatten(1, 2)
        data = self.tokenizer(patches) + self.positions
        tokens = torch.cat((data, self.weight_tokens.expand(len(tiles), -1, -1)), dim=1)
        return self.blocks(tokens)[:, data.shape[1] :]

    def decode_points(self, latents: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
        """Return heights [B, n] at the centers of cells (columns [n], rows [n]) of every tile;
        latents [B, tokens, dim]."""
        weights: Any = self.decoder
        layers = self.method.layer_weights(weights, latents)
        across, down = self.method.first_layer(weights, layers[0], centers(), centers(), order=0)
        z = across[0].index_select(1, columns) + down[0].index_select(1, rows)
        return self.method.network(weights, layers, z, slopes=False)[0]

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents [B, tokens, dim] to normalized heights [B, 256, 256] at the sample centers;
        differentiable."""
        # Activations of 65,536 samples are large: the backward pass computes one tile's again
        # instead of keeping all.
        tiles = [checkpoint(self._decode_tile, tile, use_reentrant=False) for tile in latents]
        return torch.stack(tiles)

    def _decode_tile(self, latents: Tensor) -> Tensor:
        weights: Any = self.decoder
        prepared = self.method.prepare(weights, latents)
        return self.method.evaluate(weights, prepared, centers(), centers(), order=0).h

    def loss(
        self, tiles: Tensor, valid: Tensor, config: TrainConfig, generator: torch.Generator | None
    ) -> TileErrors:
        """Return the mean squared errors over valid samples of each tile, on `config.points`
        random ones, the same in all.

        tiles [B, 256, 256] normalized, valid the same, float 0/1.
        """
        samples = torch.randperm(TILE * TILE, generator=generator)[: config.points].to(tiles.device)
        target, weight = (t.flatten(1)[:, samples] for t in (tiles, valid))
        latents = self.encode(tiles)
        # half precision would lose the high frequencies
        with torch.autocast(tiles.device.type, enabled=False):
            error = self.decode_points(latents.float(), samples % TILE, samples // TILE) - target
        return TileErrors(mean_per_tile(error * error, weight))
