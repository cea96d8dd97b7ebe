"""Size and error of a layer at a quantization step: measured by coding it, or some tiles all over
it."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Sequence

import numpy as np

from neural.container.pmtiles import pack_directories
from neural.container.staging import valid_cells
from neural.container.writer import payload
from neural.encoding.lapped.staged_layer import LayerCoder, StagedLayer
from neural.progress import Report
from neural.tiles import Tile, tile_id

SUBSET_FROM_TILES = 64
"""Number of finest tiles from which a subset of them is measured first."""

SUBSET_TILES = 16
"""Number of tiles of that subset."""

_MARGIN = 32  # samples at a tile's rim whose neighbors would have to be coded as well

_DECODER_ENTRY_BYTES = 12
"""Bytes that a decoder's entry takes in the directory, at most."""

MakeCoder = Callable[[float], LayerCoder]
"""Quantization step in meters → coder."""


class Trials:
    """Measurements of a staged layer, each cached in the work file."""

    def __init__(self, layer: StagedLayer, make_coder: MakeCoder, report: Report) -> None:
        self._layer = layer
        self._make = make_coder
        self._report = report
        self._last: LayerCoder | None = None
        self.tiles = layer.tiles()
        """All tiles in order of id."""
        self._finest = [tile for tile in self.tiles if tile.z == layer.grid.levels - 1]
        count = len(self._finest)
        self.subset = (
            [self._finest[k * count // SUBSET_TILES] for k in range(SUBSET_TILES)]
            if count >= SUBSET_FROM_TILES
            else []
        )
        """Finest tiles across the area that represent the others; empty for small areas."""

    def coder(self, step_m: float) -> LayerCoder:
        """Return a coder with this step; the one before is given up."""
        if self._last is None or self._last.step_m != step_m:
            self._last = None
            gc.collect()  # a coder and its assembly hold one another, and some dozens of tiles
            self._last = self._make(step_m)
        return self._last

    def rmse_m(self, step_m: float, subset: Sequence[Tile] = ()) -> float:
        """Return the root mean square error in meters of the valid samples, or of those in the
        middle of some tiles."""

        def find() -> float:
            squares = 0.0
            count = 0
            tiles = subset or self._finest
            for done, tile in enumerate(tiles, start=1):
                errors = self.coder(step_m).errors(tile, _MARGIN if subset else 0)
                squares = squares + float(errors @ errors)
                count = count + errors.size
                self._report(done, len(tiles))
            return math.sqrt(squares / max(count, 1))

        return self._fact("rmse", step_m, subset, find)

    def bits_per_sample(self, step_m: float, subset: Sequence[Tile] = ()) -> float:
        """Return bits of all payloads and their directory over the valid samples; as some tiles and
        those above them tell."""

        def find() -> float:
            layer = self._layer
            coder = self.coder(step_m)
            tiles = (
                sorted({above for tile in subset for above in _line(tile)}, key=tile_id)
                or self.tiles
            )
            bounds = layer.stage.height_range(layer.index)
            lengths, samples = np.zeros((2, len(tiles)), np.int64)
            for k, tile in enumerate(tiles):
                row = layer.row(tile)
                assert row is not None  # a staged tile
                lengths[k] = len(payload(row, coder.final_body(tile), bounds, linked=True))
                samples[k] = (
                    valid_cells(row, layer.grid).sum() if tile.z == layer.grid.levels - 1 else 0
                )
                self._report(k + 1, len(tiles))
            levels = np.array([tile.z for tile in tiles])
            stands_for = (np.bincount([tile.z for tile in self.tiles]) / np.bincount(levels))[
                levels
            ]
            ids = np.array([tile_id(tile) for tile in tiles], np.int64)
            directory = (
                sum(map(len, pack_directories(ids, lengths))) * stands_for.sum() / len(tiles)
            )
            stack = lengths @ stands_for + directory + _DECODER_ENTRY_BYTES
            return float(8 * stack / (samples @ stands_for))

        return self._fact("bits", step_m, subset, find)

    def _fact(
        self, quantity: str, step_m: float, subset: Sequence[Tile], find: Callable[[], float]
    ) -> float:
        name = f"{self._layer.index} {quantity} {self.coder(step_m).settings} {len(subset)}"
        return self._layer.stage.fact(name, find)


def _line(tile: Tile) -> list[Tile]:
    """Return a tile and all above it."""
    return [tile] if tile.z == 0 else [tile, *_line(tile.parent)]
