"""Encoding under a bound: finest tiles with residuals after their details, every valid sample of
them checked.

Residuals correct the samples of the decoded wavelet, which depend on the details of the eight
neighbors but not on their residuals: tiles can be coded in any order once all details are.
"""

from __future__ import annotations

import numpy as np

from neural.encoding.lapped.encoder import SampleProvider, padded_samples
from neural.errors import NtileError
from neural.methods.lapped.assembly import RIM, Assembly, SampleWindow
from neural.methods.lapped.coder import RangeWriter
from neural.methods.lapped.levels import rewrite
from neural.methods.lapped.mask_coder import write_mask
from neural.methods.lapped.residuals import Bound
from neural.methods.lapped_siren import LappedSiren
from neural.surface.tile_surface import TileSurface
from neural.tiles import Tile, centers

BOUNDED_LAGRANGE = 0.06
"""Lagrange multiplier of bounded layers, in place of `neural.encoding.lapped.encoder.LAGRANGE`:
errors of details may cost residuals as well."""


class BoundedTiles:
    """Finest tiles of a layer under a bound."""

    def __init__(self, details: Assembly, heights: SampleProvider, bound: Bound) -> None:
        """Create from the assembly of the finest tiles' details and the source's heights."""
        self._details = details
        self._heights = heights
        self.bound = bound

    def body(self, tile: Tile, offset_m: float) -> bytes:
        """Return the method's bits of a finest tile, whose envelope will have this offset.

        Decoded at 8 bits and rounded to float32, no valid sample is further than the bound from its
        source. Raises NtileError if one would be.
        """
        details = self._details
        model = self._details.model
        stack = details.stack(tile)
        assert stack is not None  # only called for existing tiles
        corrected, residuals = self.corrected(tile)
        self._check(
            tile, details.analyzed(details.parent_window(tile), corrected, offset_m), offset_m
        )
        writer = RangeWriter(model.distributions)
        write_mask(stack.valid, *details.masks_above(tile), model.mask_chance, writer.put_bits)
        if tile.z == 0:
            writer.put_large(stack.lowest)
        for level, coded in zip(details.levels(tile, stack.valid), stack.details, strict=True):
            rewrite(writer, level.coded, coded)
        error_class = details.expected_error_class(stack.details[-1], self.bound.inner_m)
        model.residuals.write(writer, residuals[RIM:-RIM, RIM:-RIM], stack.valid, error_class)
        return writer.finish()

    def corrected(self, tile: Tile) -> tuple[SampleWindow, np.ndarray]:
        """Return a finest tile's corrected samples with a margin of RIM, and their residuals in
        quantization steps.

        Both are [256 + 2·RIM, the same].
        """
        samples = self._details.tile_window(tile)
        source = padded_samples(self._heights, tile, RIM)
        residuals = np.where(source.valid, self.bound.residuals(source.meters - samples.meters), 0)
        return SampleWindow(
            samples.meters + 2 * self.bound.inner_m * residuals, samples.present
        ), residuals

    def _check(self, tile: Tile, latents: np.ndarray, offset_m: float) -> None:
        """Raise NtileError if a valid sample decodes with an error above the bound."""
        source = self._heights.samples(tile)
        assert source is not None  # only called for existing tiles
        weights = self._details.model.weights
        surface = TileSurface(
            LappedSiren(), weights, latents, offset_m, 1.0, source.valid, (1.0, 1.0)
        )
        decoded = surface.heights(centers(), centers()).meters.astype(np.float32)
        worst = float(np.abs(decoded - source.meters).max(where=source.valid, initial=0.0))
        if worst > self.bound.checked_m:
            raise NtileError(
                f"tile {tuple(tile)} decodes with an error of {worst:g} m: 32-bit numbers do "
                "not keep to "
                f"{self.bound.promised_m:g} m on its relief; give a larger bound."
            )
