"""Errors and sizes of a layer at one bit depth: what `ntile evaluate` prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from neural.container.reader import Layer, Reader
from neural.errors import ContainerError, UsageError
from neural.grid import Grid
from neural.measure.metrics import ErrorSummary
from neural.measure.rim_errors import RimErrors
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.surface.tile_surface import SurfaceDecoder, TileSurface
from neural.system.blas import single_threaded
from neural.tiles import TILE, Tile, centers, vertices

Report = Callable[[int, int], None]


class Reference(Protocol):
    """Heights to compare with, by window of the finest grid: `ReferenceHeights`, a `Dem` or a
    `SurfaceDecoder`."""

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Heights [rows, cols] in meters and their validity."""


@single_threaded()
def evaluate(
    reader: Reader,
    layer: Layer,
    reference: Reference,
    keep_bits: int | None = None,
    report: Report = lambda done, total: None,
) -> dict[str, float | int | str | None]:
    """All measures of one layer at `keep_bits` (None: as stored), over the samples of the finest
    level.

    Errors are over the `samples` where both have heights, sizes over the layer's own,
    `layer_samples`. Raises UsageError where the reference has none of these.
    """
    decoder = SurfaceDecoder(reader, layer, keep_bits)
    grid = reader.grid
    top = grid.levels - 1
    tiles = [tile for tile in reader.tiles(layer) if tile.z == top]
    summary = ErrorSummary()
    seams = _Seams()
    rim = RimErrors(grid, reference)
    samples = 0
    for done, tile in enumerate(tiles, start=1):
        surface = decoder.open_tile(tile)
        assert surface is not None  # listed by the directory
        _add_tile(summary, surface, tile, reference, grid)
        samples += int(surface.valid.sum())
        seams.add(tile, surface)
        rim.add(tile, surface)
        report(done, len(tiles))
    if samples and not summary.samples:
        name = getattr(reference, "name", "the reference")
        raise UsageError(
            f"{name} has no height where {reader.path} has any; give the DEM that the file was "
            "encoded from."
        )
    return {
        "layer": layer.index,
        "method": layer.method,
        "bits": keep_bits or layer.bits,
        **summary.report(),
        **rim.report(),
        "layer_samples": samples,
        "edge_gap_m": seams.largest,
        "edge_gap_rms_m": seams.rms,
        **rates(reader, layer, samples, keep_bits),
        "macs_per_sample": decoder.method.macs_per_sample(),
    }


def _add_tile(
    summary: ErrorSummary, surface: TileSurface, tile: Tile, reference: Reference, grid: Grid
) -> None:
    lattice = centers()
    decoded = surface.heights(lattice, lattice, order=2)
    heights, valid = reference.read(tile.y * TILE - 1, tile.x * TILE - 1, TILE + 2, TILE + 2)
    inner = np.s_[1:-1, 1:-1]
    valid[inner] &= surface.valid
    summary.add_heights(decoded.meters, heights[inner], valid[inner])
    gradient = (decoded.east, decoded.north)
    cell = (grid.cell_x_m, grid.cell_y_m)
    summary.add_derivatives(gradient, decoded.laplacian, heights, valid, cell)
    summary.add_sampled_slopes(decoded.meters, heights[inner], valid[inner], cell)


class _Seams:
    """Height differences along edges that two tiles share; keeps one side until the other comes."""

    def __init__(self) -> None:
        self.largest = 0.0
        self._squares = 0.0
        self._count = 0
        self._waiting: dict[tuple[Tile, bool], tuple[np.ndarray, np.ndarray]] = {}

    @property
    def rms(self) -> float:
        """Root mean square gap in meters."""
        return (self._squares / max(self._count, 1)) ** 0.5

    def add(self, tile: Tile, surface: TileSurface) -> None:
        """Compare the tile's four edges with those of neighbors already seen."""
        line = vertices()
        ends = np.array([0.0, 1.0])
        down = surface.heights(ends, line).meters  # [257, 2] west and east edge
        across = surface.heights(line, ends).meters  # [2, 257] north and south edge
        z, x, y = tile
        sides = [
            ((Tile(z, x, y), True), down[:, 0], surface.valid[:, 0]),
            ((Tile(z, x + 1, y), True), down[:, 1], surface.valid[:, -1]),
            ((Tile(z, x, y), False), across[0], surface.valid[0]),
            ((Tile(z, x, y + 1), False), across[1], surface.valid[-1]),
        ]
        for key, edge, cells in sides:
            # A vertex is part of the surface where a cell beside it is.
            present = np.append(cells, False) | np.insert(cells, 0, False)
            other = self._waiting.pop(key, None)
            if other is None:
                self._waiting[key] = edge, present
                continue
            gap = (edge - other[0])[present & other[1]]
            self.largest = max(self.largest, float(np.abs(gap).max(initial=0.0)))
            self._squares += float(gap @ gap)
            self._count += gap.size


def rates(
    reader: Reader, layer: Layer, samples: int, keep_bits: int | None = None
) -> dict[str, float]:
    """Bits per valid sample: the finest level's payloads, and all levels with the layer's share of
    the directory.

    At fewer bits than stored the body of each payload is counted at the size it would have. Raises
    ContainerError for a payload that this needs and that is damaged.
    """
    sizes = reader.sizes()
    payload = sizes["payload_bytes"][layer.index]
    tiles = sizes["tiles"][layer.index]
    above = finest = 0.0  # bytes saved
    if keep_bits is not None and keep_bits < layer.bits:
        if issubclass(METHODS[layer.method], LinkedMethod):
            above, finest = _saved_bytes(SurfaceDecoder(reader, layer, keep_bits))
        else:
            saved = body_bytes(layer, layer.bits) - body_bytes(layer, keep_bits)
            above = saved * sum(tiles[:-1])
            finest = saved * tiles[-1]
    directory = sizes["directory_bytes"] * sum(tiles) / max(sum(map(sum, sizes["tiles"])), 1)
    stack = sum(payload) - above - finest + directory
    per_sample = 8 / max(samples, 1)
    return {
        "bits_per_sample": per_sample * (payload[-1] - finest),
        "stack_bits_per_sample": per_sample * stack,
    }


def _saved_bytes(decoder: SurfaceDecoder) -> tuple[int, int]:
    """Bytes by which the coarser levels and the finest of a linked layer would be smaller at the
    decoder's bits."""
    from neural.methods.lapped.assembly import Assembly
    from neural.methods.lapped.requantize import saved_bytes

    reader = decoder.reader
    layer = decoder.layer
    assembly = decoder.linked
    saved = [0, 0]
    assert isinstance(assembly, Assembly)  # there is one such method
    for tile in reader.tiles(layer):
        try:
            saved[tile.z == reader.grid.levels - 1] += saved_bytes(assembly, tile)
        except ValueError as error:
            raise ContainerError(
                f"{reader.path}: tile {tuple(tile)} is damaged ({error})."
            ) from error
    return saved[0], saved[1]


def body_bytes(layer: Layer, bits: int) -> int:
    """Bytes of one tile's body at `bits`, for methods that store a fixed count of values per
    tile."""
    from neural.methods.quantize import packed_bytes

    tokens, dim = METHODS[layer.method](**layer.config).latent_shape
    return packed_bytes(tokens * dim, bits)
