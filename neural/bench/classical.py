"""Rate and distortion of one codec on one place, every tile at the setting that a common slope
gives it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from neural.bench.accounting import Accounting, TileBytes, in_envelope
from neural.bench.allocate import operating_points
from neural.bench.codec import Codec, Stream
from neural.container.envelope import Envelope, pack_envelope, pack_mask, unpack_envelope
from neural.container.pmtiles import pack_directories
from neural.encode import stored_mask
from neural.encoding.pyramid import PyramidTile, build, count_tiles
from neural.grid import Grid
from neural.measure.metrics import ErrorSummary, central_differences
from neural.progress import Report, no_report
from neural.raster.dem import Dem
from neural.raster.samples import HIGHEST_M
from neural.tiles import TILE, Tile, tile_id

# bounds of child records, which take the same bytes whatever the bounds
_RANGE_M = (-HIGHEST_M, HIGHEST_M)
_NEIGHBORS = (
    (0, -1, np.s_[0, 1:-1], -1),
    (0, 1, np.s_[-1, 1:-1], 0),
    (-1, 0, np.s_[1:-1, 0], -1),
    (1, 0, np.s_[1:-1, -1], 0),
)
"""Neighbors (east, south), the destination of their samples in a padded tile, and the row or column
copied from them."""


@dataclass(eq=False)
class _Trials:
    """Errors, sizes and streams of every tile at every setting, and the edges of decoded tiles,
    which neighbors are padded with."""

    tiles: list[Tile]
    sse: np.ndarray  # [tiles, settings] m² over valid samples
    sizes: np.ndarray  # [accountings, tiles, settings] bytes as each accounting counts them
    lengths: np.ndarray  # [tiles, settings] bytes of its payload in the file
    starts: np.ndarray  # [tiles, settings] byte offset of its payload in the file
    # finest tiles: [settings, 2, 2, 256]: first and last row, first and last column
    edges: dict[Tile, np.ndarray]


def measure(
    dem: Dem,
    codec: Codec,
    settings: Sequence[Any] | None = None,
    report: Report = no_report,
) -> list[dict[str, Any]]:
    """Return operating points of a codec in the project's envelope; see `measure_all`."""
    counted = Accounting(codec.title, type(codec), in_envelope, pyramid=True)
    return measure_all(dem, codec, {codec.name: counted}, settings, report)[codec.name]


def measure_all(
    dem: Dem,
    codec: Codec,
    accountings: Mapping[str, Accounting],
    settings: Sequence[Any] | None = None,
    report: Report = no_report,
) -> dict[str, list[dict[str, Any]]]:
    """Return operating points of a codec on a DEM by accounting, fewest bytes first: values of
    `ErrorSummary.report`, rates and slope.

    Heights are compared over all valid samples of the finest level, slopes and Laplacian as central
    differences of the decoded mosaic against those of the source (`sampled_gradient_rmse`: inside
    each tile, as `evaluate` does). `stack_bits_per_sample` adds the coarser levels, each tile of
    which takes its setting by the same slope, and a directory, where the accounting has them.
    `settings` replaces the codec's own sweep. Memory grows by 8 kB per finest tile and
    setting.
    """
    counts = [accounting.count for accounting in accountings.values()]
    with tempfile.TemporaryFile() as file:
        trials = _encode_all(dem, codec, settings or codec.settings, counts, file, report)
        finest = np.array([tile.z == dem.grid.levels - 1 for tile in trials.tiles])
        points = [operating_points(trials.sse, sizes, finest) for sizes in trials.sizes]
        choices = [
            dict(zip(trials.tiles, chosen, strict=True)) for curve in points for _, chosen in curve
        ]
        summaries = iter(_summarize(dem, codec, file, trials, choices))
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in accountings}
    for (name, accounting), sizes, curve in zip(
        accountings.items(), trials.sizes, points, strict=True
    ):
        for slope, chosen in curve:
            summary = next(summaries)
            rates = _rates(
                trials.tiles,
                sizes[np.arange(len(sizes)), chosen],
                finest,
                accounting,
                summary.samples,
            )
            rows[name].append({"slope_m2_per_byte": slope, **summary.report(), **rates})
    return rows


def _rates(
    tiles: list[Tile], sizes: np.ndarray, finest: np.ndarray, accounting: Accounting, samples: int
) -> dict[str, float]:
    """Return bits per valid sample of the finest level and of the whole store; `sizes` [tiles] in
    bytes."""
    single = int(sizes[finest].sum())
    stack = int(sizes.sum()) + _directory_bytes(tiles, sizes) if accounting.pyramid else single
    return {
        "bits_per_sample": 8 * single / max(samples, 1),
        "stack_bits_per_sample": 8 * stack / max(samples, 1),
    }


def payload(codec: Codec, tile: PyramidTile, setting: Any, grid: Grid) -> bytes:
    """Return a tile at one setting in the project's envelope, with the same side information as any
    layer's tile."""
    return _pack(codec.encode(tile.heights, tile.valid, setting), tile, stored_mask(tile, grid))


def _pack(stream: Stream, tile: PyramidTile, mask: np.ndarray | None) -> bytes:
    envelope = Envelope(stream.offset_m, stream.scale_m, tile.children, mask, stream.body)
    return pack_envelope(envelope, tile_id=tile_id(tile.tile), layer=0, height_range=_RANGE_M)


def decode_payload(codec: Codec, data: bytes, tile: Tile) -> np.ndarray:
    """Decode the bytes of `payload` alone to heights [256, 256] in meters."""
    envelope = unpack_envelope(data, tile_id=tile_id(tile), layer=0, height_range=_RANGE_M)
    return codec.decode(Stream(envelope.offset_m, envelope.scale_m, envelope.body))


def _encode_all(
    dem: Dem,
    codec: Codec,
    settings: Sequence[Any],
    counts: Sequence[Callable[[TileBytes], int]],
    file: IO[bytes],
    report: Report,
) -> _Trials:
    """Encode every tile at every setting; payloads are written to `file`."""
    tiles: list[Tile] = []
    sse: list[list[float]] = []
    sizes: list[list[list[int]]] = []
    lengths: list[list[int]] = []
    edges: dict[Tile, np.ndarray] = {}
    total = count_tiles(dem.grid)
    for tile in build(dem):
        heights = tile.heights[tile.valid].astype(np.float64)
        mask = stored_mask(tile, dem.grid)
        mask_bytes = 0 if mask is None else len(pack_mask(mask))
        errors = []
        counted = []
        written = []
        tile_edges = []
        for setting in settings:
            stream = codec.encode(tile.heights, tile.valid, setting)
            data = _pack(stream, tile, mask)
            decoded = decode_payload(codec, data, tile.tile)
            error = decoded[tile.valid] - heights
            errors.append(float(error @ error))
            counted.append(
                [count(TileBytes(len(data), stream.body, mask_bytes)) for count in counts]
            )
            written.append(file.write(data))
            tile_edges.append([[decoded[0], decoded[-1]], [decoded[:, 0], decoded[:, -1]]])
        if tile.tile.z == dem.grid.levels - 1:
            edges[tile.tile] = np.array(tile_edges)
        tiles.append(tile.tile)
        sse.append(errors)
        sizes.append(counted)
        lengths.append(written)
        report(len(tiles), total)
    table = np.array(lengths)
    starts = (np.cumsum(table) - table.ravel()).reshape(table.shape)
    return _Trials(tiles, np.array(sse), np.moveaxis(np.array(sizes), 2, 0), table, starts, edges)


def _summarize(
    dem: Dem, codec: Codec, file: IO[bytes], trials: _Trials, choices: list[dict[Tile, int]]
) -> list[ErrorSummary]:
    """Return errors of each choice of settings, every needed stream decoded once."""
    summaries = [ErrorSummary() for _ in choices]
    cell = dem.grid.cell_x_m, dem.grid.cell_y_m
    for index, tile in enumerate(trials.tiles):
        if tile not in trials.edges:
            continue
        heights, valid = dem.read(tile.y * TILE - 1, tile.x * TILE - 1, TILE + 2, TILE + 2)
        decoded: dict[int, np.ndarray] = {}
        for summary, choice in zip(summaries, choices, strict=True):
            setting = choice[tile]
            if setting not in decoded:
                file.seek(int(trials.starts[index, setting]))
                decoded[setting] = decode_payload(
                    codec, file.read(int(trials.lengths[index, setting])), tile
                )
            add_raster(
                summary,
                _padded_with_neighbors(decoded[setting], tile, choice, trials.edges),
                heights,
                valid,
                cell,
            )
    return summaries


def add_raster(
    summary: ErrorSummary,
    decoded: np.ndarray,
    heights: np.ndarray,
    valid: np.ndarray,
    cell_m: tuple[float, float],
) -> None:
    """Add all measures of one tile of a decoded raster with a margin of one cell [n + 2, m + 2]."""
    inner = np.s_[1:-1, 1:-1]
    summary.add_heights(decoded[inner], heights[inner], valid[inner])
    east, north, bend, _ = central_differences(decoded, valid, cell_m)
    summary.add_derivatives((east, north), bend, heights, valid, cell_m)
    summary.add_sampled_slopes(decoded[inner], heights[inner], valid[inner], cell_m)


def _padded_with_neighbors(
    decoded: np.ndarray, tile: Tile, choice: dict[Tile, int], edges: dict[Tile, np.ndarray]
) -> np.ndarray:
    """Return a decoded tile padded with one row or column of each neighbor [258, 258]; 0 for absent
    neighbors (never valid)."""
    surface = np.zeros((TILE + 2, TILE + 2))
    surface[1:-1, 1:-1] = decoded
    for east, south, dst, line in _NEIGHBORS:
        neighbor = Tile(tile.z, tile.x + east, tile.y + south)
        if neighbor in edges:
            surface[dst] = edges[neighbor][choice[neighbor], 0 if south else 1, line]
    return surface


def _directory_bytes(tiles: list[Tile], sizes: np.ndarray) -> int:
    ids = np.array([tile_id(tile) for tile in tiles], np.int64)
    order = np.argsort(ids)
    return sum(map(len, pack_directories(ids[order], sizes[order].astype(np.int64))))
