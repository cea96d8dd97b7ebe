"""Errors of a decoded layer against a reference, tile by tile of the finest level."""

from __future__ import annotations

import numpy as np

from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.errors import UsageError
from neural.grid import Grid
from neural.measure.height_reader import HeightReader
from neural.measure.metrics import ErrorSummary
from neural.measure.rim_errors import RimErrors
from neural.measure.sizes import rates
from neural.progress import Report, no_report
from neural.surface.tile_surface import SurfaceDecoder, TileSurface
from neural.system.blas import single_threaded
from neural.tiles import TILE, Tile, centers, vertices


@single_threaded()
def measure_layer(
    reader: Reader,
    layer: Layer,
    reference: HeightReader,
    keep_bits: int | None = None,
    report: Report = no_report,
) -> dict[str, float | int | str | None]:
    """Return all measures of one layer at `keep_bits` (None: as stored), over the samples of the
    finest level.

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
    summary: ErrorSummary, surface: TileSurface, tile: Tile, reference: HeightReader, grid: Grid
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
        rms_m: float = (self._squares / max(self._count, 1)) ** 0.5
        return rms_m

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
