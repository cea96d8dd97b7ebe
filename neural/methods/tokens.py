"""Methods whose payload is an array of tokens: every learned method of the terrain benchmark (arXiv
2606.00404)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.methods import quantize
from neural.methods.base import Arrays, TileMethod


@dataclass(frozen=True)
class TokenMethod(TileMethod):
    """Payload [tokens, dim], one quantizer per dimension, group of tokens and layer (see
    `neural.methods.quantize`)."""

    bit_choices: ClassVar[tuple[int, ...]] = quantize.BIT_CHOICES

    sensitivity: tuple[float, ...] = ()
    """Change of the normalized surface (root mean square) per unit of each dimension, group by
    group, measured after training; the bits of a payload are divided by it. Empty: equal bits, the
    published quantization."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sensitivity", tuple(self.sensitivity))  # JSON gives a list

    @property
    def token_groups(self) -> tuple[slice, ...]:
        """Tokens that share scales, in order."""
        return (slice(None),)

    def fit_params(self, latents: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Return max_abs [groups, dim], and with a sensitivity also center [groups, dim], over the
        layer's latents."""
        shape = len(self.token_groups), self.latent_shape[1]
        low = np.full(shape, np.inf, np.float32)
        high = np.full(shape, -np.inf, np.float32)
        for tokens in latents:
            for group, members in enumerate(self.token_groups):
                np.minimum(low[group], tokens[members].min(axis=0), out=low[group])
                np.maximum(high[group], tokens[members].max(axis=0), out=high[group])
        if not self.sensitivity:
            return {"max_abs": np.maximum(np.abs(low), np.abs(high))}
        center = ((low.astype(np.float64) + high) / 2).astype(np.float32)
        return {"max_abs": np.maximum(high - center, center - low), "centre": center}

    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Map tokens [tokens, dim] to packed codes, each group from a new byte on."""
        return b"".join(
            quantizer.pack(latents[group], bits) for group, quantizer in self._quantizers(params)
        )

    def unpack(
        self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None
    ) -> np.ndarray:
        """Map packed codes to tokens [tokens, dim]."""
        tokens = np.empty(self.latent_shape, np.float32)
        start = 0
        for group, quantizer in self._quantizers(params):
            shape = tokens[group].shape
            size = quantize.packed_bytes(shape[0] * shape[1], bits)
            # The last group gets all that is left: a length that is wrong is its to refuse.
            part = body[start : start + size] if group.stop is not None else body[start:]
            tokens[group] = quantizer.unpack(part, shape, bits)
            if keep_bits is not None and keep_bits < bits:
                tokens[group] = quantizer.requantize(tokens[group], keep_bits)
            start += size
        return tokens

    def _quantizers(self, params: Arrays) -> list[tuple[slice, quantize.Quantizer]]:
        """Return each group with its quantizer; scales without groups, as files had them first, are
        those of all tokens."""
        scales = params["max_abs"]
        groups = self.token_groups if scales.ndim == 2 else (slice(None),)
        rows = np.atleast_2d(scales)
        centers = np.atleast_2d(params["centre"]) if "centre" in params else [None] * len(groups)
        shares: Any = [None] * len(groups)
        if self.sensitivity:
            shares = np.array(self.sensitivity).reshape(len(groups), -1)
        return [
            (group, quantize.Quantizer(row, center, share))
            for group, row, center, share in zip(groups, rows, centers, shares, strict=True)
        ]
