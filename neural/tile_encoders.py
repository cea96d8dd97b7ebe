"""How tiles become latents: one encoder per method, behind one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from neural.errors import ModelError
from neural.methods.base import Method
from neural.methods.reference import Reference, encode_raster
from neural.pyramid import PyramidTile


class Encoded(NamedTuple):
    """One tile's latents with the offset and scale that turn decoded heights into metres."""

    offset_m: float
    scale_m: float
    latents: np.ndarray


class TileEncoder(ABC):
    """Turns pyramid tiles into latents; `identity` names everything that decides the result."""

    method: Method
    decoder: bytes | None  # safetensors a .ntile embeds, None for methods without weights
    identity: str
    tolerance_m: float | None = None

    @abstractmethod
    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Latents of a batch; the same batch gives the same bytes."""


@dataclass
class ReferenceEncoder(TileEncoder):
    """Near-lossless raster: |decoded − source| ≤ tolerance_m on every valid cell."""

    tolerance_m: float

    def __post_init__(self) -> None:
        self.method = Reference(tolerance_m=self.tolerance_m)
        self.decoder = None
        self.identity = f"reference {self.tolerance_m!r}"

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Quantized integers of each tile."""
        return [Encoded(*encode_raster(t.heights, t.valid, self.tolerance_m)) for t in tiles]


class ModelEncoder(TileEncoder):
    """A trained model: normalises a tile to [−1, 1] by its valid range and predicts its latents in one pass.

    With `refine` steps, the latents are then optimised against the tile (`neural.models.refine`).
    """

    def __init__(self, model: Any, decoder: bytes, identity: str, device: str, refine: int = 0) -> None:
        from neural.models.base import pick_device

        self.device = pick_device(device)
        self.model, self.method = model.to(self.device).eval(), model.method
        self.decoder, self.identity, self.refine = decoder, f"{identity} refine {refine}", refine

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """One forward pass of the batch. A flat tile gets scale 0, so its heights are exact."""
        import torch

        from neural.models.refine import refine

        low = np.array([float(t.heights[t.valid].min()) for t in tiles])
        high = np.array([float(t.heights[t.valid].max()) for t in tiles])
        offset = ((low + high) / 2).astype(np.float32).astype(np.float64)  # as the envelope stores it
        scale = ((high - low) / 2).astype(np.float32).astype(np.float64)
        heights = np.stack([t.heights for t in tiles]).astype(np.float64)
        divisor = np.where(scale > 0, scale, 1.0)[:, None, None]
        batch = torch.from_numpy(((heights - offset[:, None, None]) / divisor).astype(np.float32)).to(self.device)
        with torch.no_grad():
            latents = self.model.encode(batch)
        if self.refine:
            valid = torch.from_numpy(np.stack([t.valid for t in tiles]).astype(np.float32)).to(self.device)
            latents = refine(self.model, batch, valid, latents, self.refine)
        found = latents.cpu().numpy()
        if not np.isfinite(found).all():
            raise ModelError(f"the model of {self.identity} gave NaN latents; use an undamaged model file.")
        return [Encoded(float(o), float(s), z) for o, s, z in zip(offset, scale, found, strict=True)]
