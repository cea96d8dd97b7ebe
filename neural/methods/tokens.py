"""Methods whose payload is an array of tokens: every learned method of the terrain benchmark (arXiv 2606.00404)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from neural import quantize
from neural.methods.base import Arrays, Method


@dataclass(frozen=True)
class TokenMethod(Method):
    """Payload [tokens, dim], one quantizer per dimension and layer (see `neural.quantize`)."""

    bit_choices: ClassVar[tuple[int, ...]] = quantize.BIT_CHOICES

    sensitivity: tuple[float, ...] = ()
    """Change of the normalised surface (root mean square) per unit of each dimension, measured after training; the
    bits of a payload are divided by it. Empty: equal bits, the published quantization."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensitivity", tuple(self.sensitivity))  # JSON gives a list

    def fit_params(self, latents: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """max_abs [dim], and with a sensitivity also centre [dim], over the layer's latents."""
        dim = self.latent_shape[1]
        low, high = np.full(dim, np.inf, np.float32), np.full(dim, -np.inf, np.float32)
        for tokens in latents:
            np.minimum(low, tokens.min(axis=0), out=low)
            np.maximum(high, tokens.max(axis=0), out=high)
        if not self.sensitivity:
            return {"max_abs": np.maximum(np.abs(low), np.abs(high))}
        centre = ((low.astype(np.float64) + high) / 2).astype(np.float32)
        return {"max_abs": np.maximum(high - centre, centre - low), "centre": centre}

    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Tokens [tokens, dim] → packed codes."""
        return self._quantizer(params).pack(latents, bits)

    def unpack(self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None) -> np.ndarray:
        """Packed codes → tokens [tokens, dim]."""
        quantizer = self._quantizer(params)
        latents = quantizer.unpack(body, self.latent_shape, bits)
        if keep_bits is None or keep_bits >= bits:
            return latents
        return quantizer.requantize(latents, keep_bits)

    def _quantizer(self, params: Arrays) -> quantize.Quantizer:
        sensitivity = np.array(self.sensitivity) if self.sensitivity else None
        return quantize.Quantizer(params["max_abs"], params.get("centre"), sensitivity)
