"""Rate and distortion of one codec on one place, every tile at the setting that a common slope gives it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from neural.bench.allocate import operating_points
from neural.bench.codecs import Codec, Stream
from neural.dem import HIGHEST_M, Dem
from neural.encode import stored_mask
from neural.envelope import Envelope, pack_envelope, unpack_envelope
from neural.grid import Grid
from neural.metrics import ErrorSummary, central_differences
from neural.pmtiles import HEADER_BYTES, pack_directories
from neural.pyramid import PyramidTile, build, count_tiles
from neural.tiles import TILE, Tile, tile_id

Report = Callable[[int, int], None]
_RANGE_M = (-HIGHEST_M, HIGHEST_M)  # bounds of child records, which take the same bytes whatever the bounds
_RIM = (
    (0, -1, np.s_[0, 1:-1], -1),
    (0, 1, np.s_[-1, 1:-1], 0),
    (-1, 0, np.s_[1:-1, 0], -1),
    (1, 0, np.s_[1:-1, -1], 0),
)
"""Neighbours (east, south), where their samples go in a tile with a rim, and which of their lines it is."""


@dataclass(eq=False)
class _Trials:
    """Every tile at every setting: errors, sizes and streams; the edges of decoded tiles, which neighbours need."""

    tiles: list[Tile]
    sse: np.ndarray  # [tiles, settings] m² over valid samples
    sizes: np.ndarray  # [tiles, settings] bytes of the whole payload
    starts: np.ndarray  # [tiles, settings] where its payload is in the file
    edges: dict[Tile, np.ndarray]  # finest tiles: [settings, 2, 2, 256]: first and last row, first and last column


def measure(dem: Dem, codec: Codec, report: Report = lambda done, total: None) -> list[dict[str, Any]]:
    """Operating points of a codec on a DEM, few bytes first: `ErrorSummary.report` with rates and the slope.

    Heights are compared over all valid samples of the finest level, slopes and Laplacian as central differences of
    the decoded mosaic against those of the source. `stack_bits_per_sample` adds the coarser levels, each tile of
    which takes its setting by the same slope, and a directory. Memory grows by about 0.1 MB per finest tile.
    """
    with tempfile.TemporaryFile() as file:
        trials = _try_all(dem, codec, file, report)
        finest = np.array([tile.z == dem.grid.levels - 1 for tile in trials.tiles])
        points = operating_points(trials.sse, trials.sizes, finest)
        summaries = _summarise(dem, codec, file, trials, [dict(zip(trials.tiles, c, strict=True)) for _, c in points])
    every = np.arange(len(trials.tiles))
    rows = []
    for (slope, chosen), summary in zip(points, summaries, strict=True):
        sizes = trials.sizes[every, chosen]
        samples = max(summary.samples, 1)
        rates = {
            "bits_per_sample": 8 * int(sizes[finest].sum()) / samples,
            "stack_bits_per_sample": 8 * (int(sizes.sum()) + _directory_bytes(trials.tiles, sizes)) / samples,
        }
        rows.append({"slope_m2_per_byte": slope, **summary.report(), **rates})
    return rows


def payload(codec: Codec, tile: PyramidTile, setting: Any, grid: Grid) -> bytes:
    """A tile at one setting in the project's envelope, with the same side information as any layer's tile."""
    stream = codec.encode(tile.heights, tile.valid, setting)
    envelope = Envelope(stream.offset_m, stream.scale_m, tile.children, stored_mask(tile, grid), stream.body)
    return pack_envelope(envelope, tile_id=tile_id(tile.tile), layer=0, height_range=_RANGE_M)


def decode_payload(codec: Codec, data: bytes, tile: Tile) -> np.ndarray:
    """Heights [256, 256] metres from what `payload` wrote and nothing else."""
    envelope = unpack_envelope(data, tile_id=tile_id(tile), layer=0, height_range=_RANGE_M)
    return codec.decode(Stream(envelope.offset_m, envelope.scale_m, envelope.body))


def _try_all(dem: Dem, codec: Codec, file: IO[bytes], report: Report) -> _Trials:
    tiles: list[Tile] = []
    sse: list[list[float]] = []
    sizes: list[list[int]] = []
    edges: dict[Tile, np.ndarray] = {}
    total = count_tiles(dem.grid)
    for tile in build(dem):
        heights = tile.heights[tile.valid].astype(np.float64)
        errors, lengths, lines = [], [], []
        for setting in codec.settings:
            data = payload(codec, tile, setting, dem.grid)
            decoded = decode_payload(codec, data, tile.tile)
            error = decoded[tile.valid] - heights
            errors.append(float(error @ error))
            lengths.append(file.write(data))
            lines.append([[decoded[0], decoded[-1]], [decoded[:, 0], decoded[:, -1]]])
        if tile.tile.z == dem.grid.levels - 1:
            edges[tile.tile] = np.array(lines)
        tiles.append(tile.tile)
        sse.append(errors)
        sizes.append(lengths)
        report(len(tiles), total)
    table = np.array(sizes)
    starts = (np.cumsum(table) - table.ravel()).reshape(table.shape)
    return _Trials(tiles, np.array(sse), table, starts, edges)


def _summarise(
    dem: Dem, codec: Codec, file: IO[bytes], trials: _Trials, choices: list[dict[Tile, int]]
) -> list[ErrorSummary]:
    """Errors of each choice of settings, every needed stream decoded once."""
    summaries = [ErrorSummary() for _ in choices]
    cell = dem.grid.cell_x_m, dem.grid.cell_y_m
    everywhere = np.ones((TILE + 2, TILE + 2), bool)
    for index, tile in enumerate(trials.tiles):
        if tile not in trials.edges:
            continue
        heights, valid = dem.read(tile.y * TILE - 1, tile.x * TILE - 1, TILE + 2, TILE + 2)
        inner = np.s_[1:-1, 1:-1]
        decoded: dict[int, np.ndarray] = {}
        for summary, choice in zip(summaries, choices, strict=True):
            setting = choice[tile]
            if setting not in decoded:
                file.seek(int(trials.starts[index, setting]))
                decoded[setting] = decode_payload(codec, file.read(int(trials.sizes[index, setting])), tile)
            surface = _with_rim(decoded[setting], tile, choice, trials.edges)
            summary.add_heights(decoded[setting], heights[inner], valid[inner])
            east, north, bend, _ = central_differences(surface, everywhere, cell)
            summary.add_derivatives((east, north), bend, heights, valid, cell)
    return summaries


def _with_rim(decoded: np.ndarray, tile: Tile, choice: dict[Tile, int], edges: dict[Tile, np.ndarray]) -> np.ndarray:
    """A decoded tile with one line of each neighbour around it [258, 258]; 0 where there is none (never valid)."""
    surface = np.zeros((TILE + 2, TILE + 2))
    surface[1:-1, 1:-1] = decoded
    for east, south, place, line in _RIM:
        beside = Tile(tile.z, tile.x + east, tile.y + south)
        if beside in edges:
            surface[place] = edges[beside][choice[beside], 0 if south else 1, line]
    return surface


def _directory_bytes(tiles: list[Tile], sizes: np.ndarray) -> int:
    ids = np.array([tile_id(tile) for tile in tiles], np.int64)
    order = np.argsort(ids)
    return HEADER_BYTES + sum(map(len, pack_directories(ids[order], sizes[order].astype(np.int64))))
