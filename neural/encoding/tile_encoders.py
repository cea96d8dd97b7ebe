"""Tile encoders: one per method, from pyramid tiles to latents and from latents to a layer."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from neural.container.metadata import LayerDraft
from neural.container.staging import Stage, StagedTile, valid_cells
from neural.encoding.pyramid import PyramidTile
from neural.measure.metrics import Errors
from neural.methods.base import Arrays, LinkedMethod, Method, TileMethod
from neural.methods.decoder_weights import load_decoder
from neural.methods.reference import Reference, encode_raster
from neural.progress import Report
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, centers, tile_from_id

if TYPE_CHECKING:
    from neural.encoding.lapped.rate import Rate
    from neural.raster.dem import Dem


MEASURED_TILES = 64
"""Finest tiles of a learned method that are decoded to know its errors, at most: they take long."""


class Encoded(NamedTuple):
    """One tile's latents with the offset and scale that turn decoded heights into meters."""

    offset_m: float
    scale_m: float
    latents: np.ndarray


class FinishedLayer(NamedTuple):
    """A layer whose tiles are all staged: its draft for the metadata, and the bits of each tile."""

    draft: LayerDraft
    body_of: Callable[[StagedTile], bytes]
    errors: Errors  # of its finest tiles, or of many of them, against the source's samples
    quantum_m: float = 0.0  # of the source's heights, where the quantization step follows from it


class TileEncoder(ABC):
    """Encoder from pyramid tiles to latents; `identity` is the SHA-256 of its weights, if any."""

    method: Method
    decoder: bytes | None  # safetensors a .ntile embeds, None for methods without weights
    identity: str

    @property
    @abstractmethod
    def latent_dtype(self) -> str:
        """Type of one latent value in the work file."""

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one tile's latents."""

    @property
    def latent_bytes(self) -> int:
        """Bytes of one tile's latents in the work file."""
        return np.dtype(self.latent_dtype).itemsize * math.prod(self.latent_shape)

    def begin(self, stage: Stage, dem: Dem) -> None:
        """Make ready what `encode` needs beside the tiles."""
        return

    @abstractmethod
    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Return latents of a batch; the same batch gives the same bytes."""

    @abstractmethod
    def finish(self, stage: Stage, index: int, dem: Dem, report: Report) -> FinishedLayer:
        """Finish the layer of this index once all tiles of `dem` are staged: fit its parameters and
        measure its errors."""

    def _draft(self, bits: int, params: Arrays, tolerance_m: float | None = None) -> LayerDraft:
        return LayerDraft(
            method=self.method.name,
            config=self.method.config(),
            bits=bits,
            decoder=None if self.decoder is None else hashlib.sha256(self.decoder).hexdigest(),
            params=dict(params),
            tolerance_m=tolerance_m,
            title=self.method.title,
        )


class SingleTileEncoder(TileEncoder):
    """For methods whose tiles decode one by one."""

    method: TileMethod
    bits: int
    tolerance_m: float | None = None

    @property
    def latent_dtype(self) -> str:
        """See `TileMethod.latent_dtype`."""
        return self.method.latent_dtype

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """See `TileMethod.latent_shape`."""
        return self.method.latent_shape

    def finish(self, stage: Stage, index: int, dem: Dem, report: Report) -> FinishedLayer:
        """Fit the parameters to the latents of all tiles; the bits follow from one tile's."""
        params = self.method.fit_params(map(self._latents, stage.rows(index)))

        def body_of(row: StagedTile) -> bytes:
            return self.method.pack(self._latents(row), self.bits, params)

        errors = self._measured(
            stage, index, dem, lambda row: self.method.unpack(body_of(row), self.bits, params)
        )
        return FinishedLayer(self._draft(self.bits, params, self.tolerance_m), body_of, errors)

    def _measured(
        self, stage: Stage, index: int, dem: Dem, latents_of: Callable[[StagedTile], np.ndarray]
    ) -> Errors:
        """Return errors of MEASURED_TILES finest tiles all over the area, or of all where they are
        fewer."""
        errors = Errors()
        top = dem.grid.levels - 1
        weights = (
            {} if self.decoder is None else load_decoder(self.decoder, self.method, self.identity)
        )
        finest = [id_ for id_ in stage.ids(index).tolist() if tile_from_id(id_).z == top]
        count = min(len(finest), MEASURED_TILES)
        for k in range(count):
            row = stage.get(index, finest[k * len(finest) // count])
            latents = latents_of(row)
            valid = valid_cells(row, dem.grid)
            surface = TileSurface(
                self.method, weights, latents, row.offset_m, row.scale_m, valid, (1.0, 1.0)
            )
            heights, _ = dem.read(row.tile.y * TILE, row.tile.x * TILE, TILE, TILE)
            errors.add((surface.heights(centers(), centers()).meters - heights)[valid])
        return errors

    def _latents(self, row: StagedTile) -> np.ndarray:
        return np.frombuffer(row.latents, self.method.latent_dtype).reshape(
            self.method.latent_shape
        )


class ReferenceEncoder(SingleTileEncoder):
    """Near-lossless raster: |decoded − source| ≤ tolerance_m on every valid cell."""

    method: Reference

    def __init__(self, tolerance_m: float) -> None:
        self.method = Reference(tolerance_m=tolerance_m)
        self.decoder = None
        self.tolerance_m = tolerance_m
        self.bits = self.method.bit_choices[0]
        self.identity = ""

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Return quantized integers of each tile."""
        return [Encoded(*encode_raster(t.heights, t.valid, self.method.tolerance_m)) for t in tiles]


class LappedEncoder(TileEncoder):
    """Encoder of lapped layers: stages heights unchanged, then splits, quantizes and codes all
    levels (`neural.encoding.lapped`)."""

    method: LinkedMethod

    def __init__(self, stem: Path, rate: Rate) -> None:
        from neural.methods.lapped.boundary import LINEAR
        from neural.methods.model_files import load_linked

        method, self._weights, self.decoder = load_linked(stem)
        self.method = type(method)(**{**method.config(), "boundary": LINEAR.name})
        self._rate = rate
        # Staged samples serve any rate.
        self.identity = f"{hashlib.sha256(self.decoder).hexdigest()} {LINEAR.name}"

    @property
    def latent_dtype(self) -> str:
        """Heights, not yet coefficients."""
        from neural.encoding.lapped.staged_layer import SAMPLE_DTYPE

        return SAMPLE_DTYPE

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Heights of all cells."""
        return TILE, TILE

    def encode(self, tiles: Sequence[PyramidTile]) -> list[Encoded]:
        """Return heights relative to a float32 offset near mid-range."""
        encoded = []
        for tile in tiles:
            valid = tile.heights[tile.valid]
            offset = float(np.float32((float(valid.min()) + float(valid.max())) / 2))
            encoded.append(Encoded(offset, 1.0, tile.heights.astype(np.float64) - offset))
        return encoded

    def finish(self, stage: Stage, index: int, dem: Dem, report: Report) -> FinishedLayer:
        """Lower the levels, find the quantization step, code all tiles. Raises UsageError for a
        rate out of reach."""
        from neural.encoding.lapped.rate import find_bound, find_step, resolved
        from neural.encoding.lapped.staged_layer import (
            LayerCoder,
            StagedLayer,
            base_height,
            lower_levels,
            surrounded_after,
        )
        from neural.encoding.lapped.trials import Trials
        from neural.methods.lapped.model import Model
        from neural.raster.quantum import find_quantum

        def quantum() -> float:
            return stage.fact("quantum", lambda: find_quantum(dem.own_samples(), dem.own_cells))

        rate, quantum_m = resolved(self._rate, quantum)
        model = Model(self._weights)
        layer = StagedLayer(stage, index, dem.grid)
        finest_m = stage.fact(f"{index} finest step", lambda: lower_levels(layer, report))
        base_m = base_height(layer)
        bound = find_bound(rate, layer)
        trials = Trials(
            layer, lambda step_m: LayerCoder(model, layer, step_m, base_m, bound), report
        )
        step_m = find_step(rate, finest_m, trials)
        coder = trials.coder(step_m)
        errors = Errors()
        for done, (tile, surrounded) in enumerate(surrounded_after(trials.tiles), start=1):
            coder.final_body(tile)
            for finest in surrounded:
                errors.add(coder.errors(finest))
            report(done, len(trials.tiles))
        numbers = {"step_m": step_m, "base_m": base_m} | (
            {} if bound is None else {"bound_m": bound.inner_m}
        )
        params = {name: np.array([value], np.float32) for name, value in numbers.items()}
        draft = self._draft(self.method.bit_choices[0], params, rate.max_error_m)
        return FinishedLayer(draft, lambda row: coder.final_body(row.tile), errors, quantum_m)
