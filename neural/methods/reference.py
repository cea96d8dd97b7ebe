"""Near-lossless raster: the reference for other layers of the same file.

Heights are quantized to integers q, meters = offset_m + scale_m · q with scale_m a little below
twice the tolerance, and coded without loss (`neural.methods.raster_coder`); between sample centers
`neural.methods.hermite` interpolates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.errors import UsageError
from neural.methods import hermite, raster_coder
from neural.methods.base import Arrays, Surface, TileMethod
from neural.raster.fill import fill
from neural.tiles import TILE

_SOURCE_STEPS_M = (1.0, 0.5, 0.3048, 0.25, 0.2, 0.1, 0.05, 0.025, 0.02)
"""Height steps that sources are known to come in. Where one exceeds the step that the tolerance
allows and all samples lie on it, it is the better quantizer: whole-meter rasters take half the
bits, at no error."""


def encode_raster(
    heights: np.ndarray, valid: np.ndarray, tolerance_m: float
) -> tuple[float, float, np.ndarray]:
    """Map heights [256, 256] meters to offset_m, scale_m (both exact in float32) and int32 latents
    [256, 256].

    |float32(offset_m + scale_m · latents) − heights| ≤ tolerance_m on every valid cell. Raises
    UsageError when float32 heights of this size cannot be that exact.
    """
    heights = fill(np.asarray(heights), valid).astype(np.float64)
    low = float(heights.min())
    high = float(heights.max())
    # A decoded height is rounded to float32 once more: that part of the tolerance is spent
    # beforehand.
    rounding = float(np.spacing(np.float32(max(abs(low), abs(high)) + tolerance_m))) / 2
    step = 2 * (tolerance_m - 1.001 * rounding)
    if step < 2 * rounding:  # keeps latents below 2^24, exact in float32
        raise UsageError(
            f"a tolerance of {tolerance_m:g} m is finer than 32-bit heights near "
            f"{max(low, high, key=abs):.0f} m hold; "
            f"use at least {3 * rounding:.2g} m."
        )
    near = tolerance_m - 1.001 * rounding
    for own_step in _SOURCE_STEPS_M:
        if own_step > step:
            quantized = _quantize(heights, (low + high) / 2, own_step)
            if (
                np.abs(quantized[0] + quantized[1] * quantized[2] - heights).max(
                    where=valid, initial=0
                )
                <= near
            ):
                return quantized
    return _quantize(heights, (low + high) / 2, step)


def _quantize(heights: np.ndarray, center: float, step: float) -> tuple[float, float, np.ndarray]:
    """Return nearest multiples of a step (the float32 at or below it), counted from the multiple
    nearest to `center`."""
    scale = np.float32(step)
    if scale > step:
        scale = np.nextafter(scale, np.float32(0))
    offset = float(np.float32(round(center / float(scale)) * float(scale)))
    return offset, float(scale), np.rint((heights - offset) / float(scale)).astype(np.int32)


@dataclass(frozen=True)
class Reference(TileMethod):
    """The tolerance is the promise of its encoder; decoding does not depend on it."""

    name: ClassVar[str] = "reference"
    title: ClassVar[str] = "Reference raster"
    bit_choices: ClassVar[tuple[int, ...]] = (32,)
    latent_dtype: ClassVar[str] = "<i4"

    tolerance_m: float = 0.01

    @property
    def latent_shape(self) -> tuple[int, int]:
        """One integer per sample."""
        return TILE, TILE

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return no shapes: nothing is learned."""
        return {}

    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Map integers [256, 256] to body (see `neural.methods.raster_coder`)."""
        self._check(bits)
        return raster_coder.encode(latents)

    def unpack(
        self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None
    ) -> np.ndarray:
        """Map body to integers [256, 256], as float32 (exact: `encode_raster` keeps them below
        2^24)."""
        self._check(bits if keep_bits is None else keep_bits)
        return raster_coder.decode(body).astype(np.float32)

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Map integers [256, 256] to {"samples": [260, 65, 4]}: padded, four neighbors of a row per
        texel."""
        return {"samples": hermite.texels(latents)}

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Return interpolated integers and their derivatives, float64 [nv, nu]; numpy only."""
        return hermite.interpolate(prepared["samples"], u, v, order)

    def defines(self) -> dict[str, int | float]:
        """Return SAMPLES per side of a tile, PAD around them."""
        return {"SAMPLES": TILE, "PAD": hermite.PAD}

    def macs_per_sample(self) -> float:
        """Return the interpolation."""
        return hermite.MACS_PER_SAMPLE

    def _check(self, bits: int) -> None:
        if bits not in self.bit_choices:
            raise ValueError(f"a reference raster has 32 bits, not {bits}")
