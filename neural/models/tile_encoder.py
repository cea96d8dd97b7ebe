"""Tile encoder of the trained models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from neural.encoding.pyramid import PyramidTile
from neural.encoding.tile_encoders import Encoded, SingleTileEncoder
from neural.errors import ModelError
from neural.models.base import pick_device
from neural.models.loading import load_model
from neural.models.refine import refine


class ModelEncoder(SingleTileEncoder):
    """A trained model: normalizes a tile to [−1, 1] by its valid range and predicts its latents in
    one pass.

    With `refine` steps, the latents are then optimized against the tile (`neural.models.refine`).
    """

    def __init__(self, stem: Path, bits: int, device: str, refine: int) -> None:
        model, encoder, self.decoder = load_model(stem)
        self.device = pick_device(device)
        self.model = model.to(self.device).eval()
        self.method = model.method
        self.bits = bits
        self.refine = refine
        self.identity = hashlib.sha256(encoder + self.decoder).hexdigest()

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Encode the batch in one forward pass. A flat tile gets scale 0, so its heights are
        exact."""
        low = np.array([float(t.heights[t.valid].min()) for t in tiles])
        high = np.array([float(t.heights[t.valid].max()) for t in tiles])
        # as the envelope stores it
        offset = ((low + high) / 2).astype(np.float32).astype(np.float64)
        scale = ((high - low) / 2).astype(np.float32).astype(np.float64)
        heights = np.stack([t.heights for t in tiles]).astype(np.float64)
        divisor = np.where(scale > 0, scale, 1.0)[:, None, None]
        batch = torch.from_numpy(
            ((heights - offset[:, None, None]) / divisor).astype(np.float32)
        ).to(self.device)
        with torch.no_grad():
            latents = self.model.encode(batch)
        if self.refine:
            valid = torch.from_numpy(np.stack([t.valid for t in tiles]).astype(np.float32)).to(
                self.device
            )
            latents = refine(self.model, batch, valid, latents, self.refine)
        values = latents.cpu().numpy()
        if not np.isfinite(values).all():
            raise ModelError(
                f"the model of {self.identity} gave NaN latents; use an undamaged model file."
            )
        return [
            Encoded(float(o), float(s), z) for o, s, z in zip(offset, scale, values, strict=True)
        ]
