"""Range of a file's heights, with outliers told by the root and by the ranges of other tiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neural.container.envelope import ChildInfo
from neural.errors import NtileError
from neural.surface.tile_surface import TileSurface
from neural.tiles import TILE, Tile, tile_from_id
from viewer.model import height_range
from viewer.model.height_range import LEAST_M, HeightRange
from viewer.tiles.source import TileSource

SPACING = 4
"""Cells between samples of the root at first."""

SMALL = 64
"""Side of a small raster, cells."""

PARENTS = 64
"""Tiles whose children's ranges are read, where the root looks as if there were outliers."""

TILES = 4
"""Tiles that one outlier may lie in; of many, up to `height_range.SHARE` have outliers."""


def of_source(source: TileSource, root: TileSurface) -> HeightRange:
    """Return the range of the heights of all layers of a file, by a source and its root. Called on
    any thread."""
    lows, highs = zip(*(layer.heights_m for layer in source.reader.layers), strict=True)
    ends = min(lows), max(highs)
    if ends[1] - ends[0] < max(LEAST_M, source.step_m):
        return height_range.whole(*ends)
    for spacing in (SPACING, 1):  # between few samples a narrow ridge looks like a gap
        samples = _samples(root, spacing)
        gaps = height_range.gaps_of(*ends, samples)
        if not gaps:
            return height_range.whole(*ends)
    # the root's cells are means: summits and trees stand far above them, but in many tiles
    finest = [any(gap.parts(child.min_m, child.max_m) for gap in gaps) for child in _finest(source)]
    if sum(finest) > max(TILES, height_range.SHARE * len(finest)) or 2 * sum(finest) > len(finest):
        return height_range.whole(*ends)
    return height_range.trimmed(*ends, samples)


def _samples(surface: TileSurface, spacing: int) -> np.ndarray:
    """Return the heights of a tile, meters [n], `spacing` cells apart, valid ones only; of a small
    raster every cell's."""
    rows, columns = (np.flatnonzero(surface.valid.any(axis=axis)) for axis in (1, 0))
    if len(rows) * len(columns) > SMALL**2:
        rows, columns = rows[spacing // 2 :: spacing], columns[spacing // 2 :: spacing]
    decoded = surface.heights((columns + 0.5) / TILE, (rows + 0.5) / TILE)
    meters = np.asarray(decoded.meters, np.float64)
    samples: np.ndarray = meters[surface.valid[np.ix_(rows, columns)]]
    return samples


def _finest(source: TileSource) -> Iterator[ChildInfo]:
    """Iterate over the ranges of finest tiles, evenly spread ones of a large file."""
    reader = source.reader
    level = reader.grid.levels - 2
    if level < 0:
        return
    start, stop = reader.run(source.layer, level)
    picked = np.unique(np.linspace(start, stop - 1, min(PARENTS, stop - start)).astype(int))
    lx, ly = source.layer.slot
    for archive_id in reader.ids[picked].tolist():
        _, x, y = tile_from_id(archive_id)
        try:
            envelope = reader.read(source.layer, Tile(level, x - (lx << level), y - (ly << level)))
        except NtileError:  # said when it is drawn
            continue
        if envelope is not None:
            yield from (child for child in envelope.children if child is not None)
