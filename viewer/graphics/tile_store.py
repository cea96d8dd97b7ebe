"""Tiles on the GPU: requests to workers, uploads of finished tiles, eviction."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import moderngl
import numpy as np

from neural.errors import NtileError
from neural.methods.base import Blocks
from neural.surface.tile_surface import TileSurface
from neural.tiles import Tile
from viewer.graphics import gpu_decoder as decoding
from viewer.graphics.page import TilePage
from viewer.graphics.readback import HeightReader
from viewer.tiles import blocks, edge_gaps
from viewer.tiles.background import Background
from viewer.tiles.borders import Sides
from viewer.tiles.cache import TileCache
from viewer.tiles.edge_gaps import EdgeGaps
from viewer.tiles.quadtree import NodeTable
from viewer.tiles.source import DecodedTile, LoadedTile, SourceKey, TileProfile, TileSource
from viewer.tiles.streaming import Done, LoadJob, Streamer
from viewer.tiles.tile_errors import ErrorMeasure, TileErrors, measure, not_measured

MB = 1 << 20


class TileKey(NamedTuple):
    """Cache key of a decoded tile."""

    source: SourceKey
    tile: Tile


class DecodedPage(NamedTuple):
    """Decode counts and times of a layer, by workers or by the GPU."""

    tiles: int
    seconds: float


@dataclass
class Resident:
    """CPU-side data of a tile on the GPU."""

    offset_m: float
    holes: bool  # True if a cell has no data, or the raster ends inside the tile
    surface: TileSurface | None  # only while pinned; `TileStore.surface` restores it
    # prepared by the GPU, for picking; also only while pinned
    gpu_surface: TileSurface | None = None
    profile: TileProfile = field(init=False)
    sides: dict[int, Sides] = field(default_factory=dict)  # for numbers of quads
    errors: dict[ErrorMeasure, TileErrors] = field(default_factory=dict)
    # measure in the page's texture, by quantity
    painted: dict[str, ErrorMeasure] = field(default_factory=dict)
    gaps: EdgeGaps = field(init=False)
    blocks: Blocks | None = None
    block_scales: tuple[int, ...] = ()
    blocks_shown: bool = False  # True if they are in the page's texture

    def errors_of(self, spec: ErrorMeasure | None) -> TileErrors | None:
        """Return the errors of a measure, or None if not measured."""
        return None if spec is None else self.errors.get(spec)


class TileStore:
    """Decoded tiles of all open files. Everything but the jobs runs on the GL thread."""

    def __init__(
        self, ctx: moderngl.Context, decode_backend: str, threads: int | None = None
    ) -> None:
        self._ctx = ctx
        self.decode_backend = decode_backend
        """"numpy", "compute" or "fragment": see viewer.graphics.gpu_decoder."""
        tables: dict[SourceKey, NodeTable] = {}
        self._tables = tables  # node tables of loaded tiles
        # No method: cache and store would keep each other, and what was decoded, until garbage is
        # collected.
        self.cache: TileCache[TilePage, TileKey, Resident] = TileCache(
            lambda: TilePage(ctx), 512 * MB, lambda key: tables[key.source].mark(key.tile)
        )
        self.streamer = Streamer(threads)
        self.failed: dict[TileKey, str] = {}
        """Error sentences of tiles that cannot be read or decoded."""
        self.edge_gap_m: dict[SourceKey, float] = {}
        """Largest height step on an edge between two loaded tiles of one level, by source."""
        self.read_bytes = 0
        self.decode_ms = 0.0
        self.decoded: dict[TileSource, DecodedPage] = {}
        """Numbers and times of decoded tiles, by source."""
        self.upload_ms = 0.0
        self._forgotten: set[int] = set()  # serial numbers of files closed since
        self._programs: dict[tuple[Any, ...], decoding.TileDecoder] = {}
        self._reader: HeightReader | None = None
        self._reopening = Background("surfaces")

    def has(self, source: TileSource, tile: Tile, measure: ErrorMeasure | None = None) -> bool:
        """Return True if a tile is loaded, with the errors of the measure."""
        key = TileKey(source.key, tile)
        return key in self.cache and (
            measure is None or self.cache.value(key).errors_of(measure) is not None
        )

    def resident(self, source: TileSource, tile: Tile) -> Resident | None:
        """Return a loaded tile, or None."""
        key = TileKey(source.key, tile)
        return self.cache.value(key) if key in self.cache else None

    def loaded(self, source: TileSource, tile: Tile) -> Resident:
        """Return a loaded tile. Raises KeyError for others; drawn tiles are pinned."""
        return self.cache.value(TileKey(source.key, tile))

    def surface(self, source: TileSource, tile: Tile, *, wait: bool = True) -> TileSurface | None:
        """Return the continuous decode of a loaded tile; None when it is not loaded.

        A tile out of view has to be read again: without `wait` a thread does that, and None is
        returned until it has. With GPU preparation the first stage runs again here, much faster
        than numpy: its arrays differ by rounding. Callable in the middle of a frame: the
        framebuffer stays bound.
        """
        resident = self.resident(source, tile)
        if resident is None:
            return None
        if resident.gpu_surface is not None:
            return resident.gpu_surface
        if resident.surface is None:
            opening = partial(_open, source, tile, self.decode_backend == "numpy")
            resident.surface = (
                opening() if wait else self._reopening.get(TileKey(source.key, tile), opening)
            )
        if resident.surface is None or self.decode_backend == "numpy":
            return resident.surface
        bound = self._ctx.detect_framebuffer()
        prepared = self.program(source).prepared(resident.surface.latents)
        bound.use()
        if prepared is not None:
            resident.gpu_surface = resident.surface.with_prepared(prepared)
        return resident.gpu_surface or resident.surface

    def load_now(self, source: TileSource, tile: Tile) -> None:
        """Load one tile before returning. Raises NtileError."""
        start = time.perf_counter()
        loaded = source.load(tile)
        self.put(source, tile, loaded, time.perf_counter() - start)

    def put(self, source: TileSource, tile: Tile, loaded: LoadedTile, seconds: float) -> None:
        """Insert a tile loaded elsewhere, with its load time in seconds."""
        self._insert(source, tile, loaded)
        self._count(source, loaded, seconds)

    def request(self, wants: Iterable[tuple[TileSource, Tile, ErrorMeasure | None]]) -> None:
        """Submit tiles to the workers, most urgent first, with the errors of their measures.

        Replaces the previous request.
        """
        jobs = []
        for source, tile, spec in wants:
            resident = self.resident(source, tile)
            work = partial(
                _work, source, tile, resident.surface if resident else None, resident is None, spec
            )
            jobs.append(LoadJob((source, tile, spec), work))
        self.streamer.submit(jobs)

    def paint(self, source: TileSource, tile: Tile, spec: ErrorMeasure | None) -> bool:
        """Upload a loaded tile's errors of a measure; return True if it has any."""
        resident = self.resident(source, tile)
        errors = None if resident is None else resident.errors_of(spec)
        if resident is None or errors is None:
            return False
        if resident.painted.get(errors.measure.quantity) != errors.measure:
            page, layer = self.cache.slot(TileKey(source.key, tile))
            page.write_errors(layer, errors.measure.quantity, errors.values)
            resident.painted[errors.measure.quantity] = errors.measure
        return True

    def pin(self, keys: set[TileKey]) -> None:
        """Pin this frame's tiles; others may be evicted and lose their prepared arrays."""
        for key in self.cache:
            if key not in keys:
                resident = self.cache.value(key)
                resident.surface = resident.gpu_surface = None
        self.cache.pin(keys)
        self.cache.trim()

    def take_in(self, budget_ms: float) -> list[str]:
        """Upload finished tiles for about `budget_ms`; return error sentences."""
        start = time.perf_counter()
        complaints = []
        # at least one a frame, however small the budget
        while (done := self.streamer.peek()) is not None:
            if not self._compiled(done):
                break
            self.streamer.take()
            complaint = self._take(done)
            if complaint:
                complaints.append(complaint)
            if (time.perf_counter() - start) * 1e3 > budget_ms:
                break
        self.upload_ms = (time.perf_counter() - start) * 1e3
        return complaints

    def _compiled(self, done: Done) -> bool:
        """Return True if a tile's programs are ready; else compile one of them, so that no frame
        waits for all."""
        if self.decode_backend == "numpy" or done.error is not None or done.value[0] is None:
            return True
        program = self.program(done.key[0])
        if program.ready:
            return True
        program.advance()
        return False

    def _take(self, done: Done) -> str | None:
        source, tile, _ = done.key
        if source.key.file in self._forgotten:
            return None
        key = TileKey(source.key, tile)
        if done.error is not None:
            failure = self.failed.get(key)
            self.failed[key] = str(done.error)
            source.nodes.fail(tile)
            if failure is not None:
                return None
            if isinstance(done.error, NtileError):
                return str(done.error)
            return f"{source.reader.path}: tile {tuple(tile)} could not be loaded ({done.error!r})."
        loaded, errors, complaint = done.value
        if loaded is not None:
            start = time.perf_counter()
            if key not in self.cache:
                self._insert(source, tile, loaded)
            self._count(
                source,
                loaded,
                done.seconds
                + (0.0 if self.decode_backend == "numpy" else time.perf_counter() - start),
            )
        if errors is not None and key in self.cache:
            resident = self.cache.value(key)
            resident.errors[errors.measure] = errors
            resident.errors = {
                kind: measured
                for kind, measured in resident.errors.items()
                if source.nodes.knows(kind)
            }
            self.paint(source, tile, errors.measure)
            source.nodes.mark(tile, loaded=True, measured=resident.errors)
        return complaint

    def _count(self, source: TileSource, loaded: LoadedTile, seconds: float) -> None:
        before = self.decoded.get(source, DecodedPage(0, 0.0))
        self.decoded[source] = DecodedPage(before.tiles + 1, before.seconds + seconds)
        self.read_bytes += loaded.payload_bytes
        ms = seconds * 1e3
        self.decode_ms = ms if self.decode_ms == 0 else 0.8 * self.decode_ms + 0.2 * ms

    def _insert(self, source: TileSource, tile: Tile, loaded: LoadedTile) -> None:
        surface = loaded.surface
        source.nodes.learn(tile, loaded.children)
        self._tables[source.key] = source.nodes
        resident = Resident(surface.offset_m, source.has_holes(tile, surface), surface)
        page, layer = self.cache.insert(TileKey(source.key, tile), resident)
        page.write_valid(layer, surface.valid)
        if isinstance(loaded.ready, DecodedTile):
            page.write_surface(layer, loaded.ready.heights, loaded.ready.gradients)
            resident.profile = loaded.ready.profile
        else:
            self.program(source).decode(loaded.ready, surface.scale_m, surface.side_m, page, layer)
            self._reader = self._reader or HeightReader(self._ctx)
            resident.profile = source.profile(tile, self._reader.read(page, layer), surface)
        resident.blocks = surface.method.blocks(surface.latents)
        if resident.blocks is not None:
            resident.block_scales = tuple(np.unique(resident.blocks.places[:, 0]).tolist())
        self._measure_gaps(source, tile, resident, surface.valid)
        source.nodes.mark(tile, loaded=True)

    @property
    def shared_bytes(self) -> int:
        """Texture bytes of nodes that tiles share."""
        caches = [program.nodes for program in self._programs.values()]
        return sum(cache.bytes for cache in caches if cache is not None)

    @property
    def programs(self) -> Collection[decoding.TileDecoder]:
        """GPU decoders of the layers shown so far."""
        return self._programs.values()

    def program(self, source: TileSource) -> decoding.TileDecoder:
        """Return the GPU decoder of a layer, compiled on first use and shared by all its bit
        depths, unless these are the weights'."""
        layer = source.layer
        method = source.decoder.method
        weight_bits = source.key.keep_bits if method.quantized_weights else None
        key = (layer.method, repr(sorted(layer.config.items())), layer.decoder, weight_bits)
        if key not in self._programs:
            weights = source.decoder.weights
            self._programs[key] = decoding.TileDecoder(
                self._ctx, method, weights, self.decode_backend
            )
        return self._programs[key]

    def _measure_gaps(
        self, source: TileSource, tile: Tile, resident: Resident, valid: np.ndarray
    ) -> None:
        resident.gaps = EdgeGaps.of(valid)
        for side, beside in edge_gaps.neighbors(tile):
            other = self.resident(source, beside)
            if other is not None:
                worst = edge_gaps.meet(
                    side, resident.gaps, resident.profile.edges, other.gaps, other.profile.edges
                )
                self.edge_gap_m[source.key] = max(self.edge_gap_m.get(source.key, 0.0), worst)

    def show_gaps(self, source: TileSource, tiles: Iterable[Tile]) -> None:
        """Upload new edge gaps of loaded tiles."""
        for tile in tiles:
            gaps = self.cache.value(TileKey(source.key, tile)).gaps
            if gaps.changed:
                page, layer = self.cache.slot(TileKey(source.key, tile))
                page.write_gaps(layer, gaps.meters)
                gaps.changed = False

    def show_blocks(self, source: TileSource, tiles: Iterable[Tile]) -> None:
        """Upload the blocks of loaded tiles, of a layer that has any."""
        for tile in tiles:
            resident = self.loaded(source, tile)
            if resident.blocks is not None and not resident.blocks_shown:
                page, layer = self.cache.slot(TileKey(source.key, tile))
                page.write_blocks(layer, blocks.texels(resident.blocks, tile))
                resident.blocks_shown = True

    def forget(self, file: int) -> None:
        """Drop all tiles of the file with this serial number, including those of running jobs."""
        self._forgotten.add(file)
        self.streamer.submit([])
        for key in [key for key in self.cache if key.source.file == file]:
            self.cache.discard(key)
        self.failed = {key: why for key, why in self.failed.items() if key.source.file != file}
        self.edge_gap_m = {key: gap for key, gap in self.edge_gap_m.items() if key.file != file}
        self.decoded = {
            source: done for source, done in self.decoded.items() if source.key.file != file
        }
        for source_key in [source_key for source_key in self._tables if source_key.file == file]:
            del self._tables[source_key]

    def clear(self) -> Callable[[], None]:
        """Drop all tiles; return a function, callable on any thread, that waits for the running
        jobs."""
        self.streamer.stop()
        self.cache.clear()
        self._tables.clear()
        for program in self._programs.values():
            program.release()
        self._programs.clear()
        if self._reader is not None:
            self._reader.release()
        self._reader = None
        return self._end_workers

    def _end_workers(self) -> None:
        self.streamer.close()
        self._reopening.close()


def _work(
    source: TileSource,
    tile: Tile,
    surface: TileSurface | None,
    load: bool,
    spec: ErrorMeasure | None,
) -> tuple[LoadedTile | None, TileErrors | None, str | None]:
    """Run a worker's job: load the tile, measure its errors, or both; a failing reference keeps the
    tile."""
    loaded = source.load(tile) if load else None
    if spec is None:
        return loaded, None, None
    surface = loaded.surface if loaded else surface or source.decoder.open_tile(tile)
    if surface is None:
        return loaded, None, None
    try:
        return loaded, measure(spec, tile, surface), None
    except NtileError as error:
        return loaded, not_measured(spec, tile.z), str(error)


def _open(source: TileSource, tile: Tile, prepare: bool) -> TileSurface | None:
    """Return a tile's surface, its first stage decoded with the numpy backend."""
    surface = source.decoder.open_tile(tile)
    if surface is not None and prepare:
        _ = surface.prepared
    return surface
