"""Vision transformer encoder of HUVR (arXiv 2601.14256): EVA-02 style blocks (arXiv 2303.11331).

SwiGLU feed-forward with sub-LayerNorm, two-dimensional rotary positions, one global token, no
absolute positions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class VitConfig:
    """Sizes of the encoder; the defaults are ViT-B/16, the published one."""

    channels: int = 3
    patch: int = 16  # samples per patch side
    grid: int = 16  # patches per tile side
    width: int = 768
    depth: int = 12
    heads: int = 16
    mlp_ratio: float = 8 / 3


def rotary_tables(grid: int, head_dim: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [grid², head_dim] of 2-D rotary positions (arXiv 2104.09864), θ =
    10000, pairs interleaved."""
    half = head_dim // 2
    frequencies = 10000.0 ** (-torch.arange(0, half, 2, dtype=torch.float32) / half)
    angles = (torch.arange(grid, dtype=torch.float32)[:, None] * frequencies).repeat_interleave(
        2, dim=-1
    )
    rows = angles[:, None, :].expand(grid, grid, half)
    columns = angles[None, :, :].expand(grid, grid, half)
    table = torch.cat((rows, columns), dim=-1).reshape(grid * grid, head_dim)
    return table.cos(), table.sin()


class Attention(nn.Module):
    """Self-attention with rotary positions on the patch tokens (the first, global token has
    none)."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map tokens [B, 1 + P, width] to the same shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = (self._rotate(t, cos, sin).type_as(v) for t in (q, k))
        return self.proj(
            functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )

    @staticmethod
    def _rotate(t: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        patches = t[:, :, 1:]
        even = patches[..., 0::2]
        odd = patches[..., 1::2]
        turned = torch.stack((-odd, even), dim=-1).flatten(-2)
        return torch.cat((t[:, :, :1], patches * cos + turned * sin), dim=2)


class SwiGLU(nn.Module):
    """Gated feed-forward (arXiv 2002.05202) with a LayerNorm before the last projection."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        hidden = int(config.width * config.mlp_ratio)
        self.gate = nn.Linear(config.width, hidden)
        self.value = nn.Linear(config.width, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the feed-forward layers to tokens [B, T, width]; keeps their shape."""
        return self.out(self.norm(functional.silu(self.gate(x)) * self.value(x)))


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.width)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.width)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map tokens [B, 1 + P, width] to the same shape."""
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.mlp(self.mlp_norm(x))


class VisionTransformer(nn.Module):
    """Image [B, channels, S, S] → tokens [B, 1 + P, width], the global token first."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(
            config.channels, config.width, config.patch, stride=config.patch
        )
        self.global_token = nn.Parameter(torch.zeros(1, 1, config.width))
        blocks = [Block(config) for _ in range(config.depth)]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(config.width)
        cos, sin = rotary_tables(config.grid, config.width // config.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._initialize)
        nn.init.trunc_normal_(self.global_token, std=0.02)
        nn.init.xavier_uniform_(self.patch_embed.weight.view(config.width, -1))
        with torch.no_grad():  # residual branches shrink with depth
            for i, block in enumerate(blocks, start=1):
                block.attention.proj.weight.div_(math.sqrt(2.0 * i))
                block.mlp.out.weight.div_(math.sqrt(2.0 * i))

    @staticmethod
    def _initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Map image [B, channels, S, S] to tokens [B, 1 + P, width]."""
        patches = self.patch_embed(image).flatten(2).transpose(1, 2)
        x = torch.cat((self.global_token.expand(len(patches), -1, -1), patches), dim=1)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return self.norm(x)
