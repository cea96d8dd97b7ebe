"""Layer of a file at a bit depth. Reads tiles on worker threads, and decodes them there with the
backend "numpy"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from neural.container.envelope import ChildInfo, Children
from neural.container.reader import Reader
from neural.errors import ContainerError
from neural.grid import Grid
from neural.surface.tile_surface import SurfaceDecoder, TileSurface
from neural.tiles import Tile, vertices
from viewer.model.readings import BoundingBox
from viewer.tiles import lod
from viewer.tiles.borders import Extent, Outline, outline
from viewer.tiles.level_reference import LevelReference
from viewer.tiles.quadtree import NodeTable
from viewer.tiles.reference import ErrorReference

MARCH = 64
"""Intervals of the coarse lattice for picking before the exact decode."""


class SourceKey(NamedTuple):
    """Layer index, bits kept (None: as stored) and the file's serial number: equal keys mean equal
    pictures."""

    layer: int
    keep_bits: int | None
    file: int = 0


class Edges(NamedTuple):
    """Heights along a tile's sides at 257 vertices, meters; west to east or north to south."""

    north: np.ndarray
    south: np.ndarray
    west: np.ndarray
    east: np.ndarray


class TileProfile(NamedTuple):
    """Data of a decoded tile on the CPU, for drawing and picking."""

    lattice: np.ndarray  # float32 [65, 65] meters above offset_m, north row first
    edges: Edges
    outline: Outline


@dataclass
class DecodedTile:
    """A tile decoded by a worker."""

    heights: np.ndarray  # float32 [257, 257] meters above offset_m
    gradients: np.ndarray  # float32 [257, 257, 2] meters per meter, east and north
    profile: TileProfile


class ReadTile(NamedTuple):
    """A tile that has been read and unpacked."""

    surface: TileSurface
    children: Children
    payload_bytes: int


@dataclass
class LoadedTile:
    """Tile handed over by a worker: decoded, or as the GPU's input."""

    surface: TileSurface
    children: Children
    payload_bytes: int
    ready: DecodedTile | np.ndarray  # an array: `gpu_input`


class TileSource:
    """Layer at a bit depth, with the known part of its quadtree."""

    def __init__(self, reader: Reader, key: SourceKey, *, numpy_decode: bool) -> None:
        self.reader = reader
        self.key = key
        self.layer = reader.layers[key.layer]
        self.decoder = SurfaceDecoder(reader, self.layer, key.keep_bits, lazy=True)
        self.root: ChildInfo = self.layer.root
        self.numpy_decode = numpy_decode
        # Not methods: the table would keep its source, and with it the file's tiles, until garbage
        # is collected.
        low, high = self.layer.heights_m
        self.nodes = NodeTable(
            self.root, partial(_box, reader.grid, high - low), partial(_cell_m, reader.grid)
        )
        """Node table from envelopes, kept while the file is open."""
        self.selector = lod.Selector(self.nodes)

    @property
    def step_m(self) -> float:
        """Quantization step of the layer in meters; 0 where it has none."""
        steps = self.layer.params.get("step_m")
        if steps is not None and np.size(steps):
            return float(np.min(steps))
        return 2 * (self.layer.tolerance_m or 0.0)

    def at_levels(self, reference: ErrorReference) -> LevelReference:
        """Return a reference filtered for comparison with the layer's coarse tiles."""
        return LevelReference(reference, self.decoder.method.low_pass, self.reader)

    def load(self, tile: Tile) -> LoadedTile:
        """Read a tile, and decode it unless the GPU will.

        Called by workers; raises NtileError for a damaged or absent tile.
        """
        return self.finish(tile, self.read(tile))

    def read(self, tile: Tile) -> ReadTile:
        """Read and unpack a tile: the first half of `load`, independent of the backend. Raises
        NtileError."""
        payload = self.reader.payload_bytes(self.layer, tile)
        if payload is None:
            raise ContainerError(
                f"{self.reader.path}: tile {tuple(tile)} is announced by its parent but missing."
            )
        envelope = self.reader.unpack(payload, self.layer, tile)
        return ReadTile(self.decoder.prepare(tile, envelope), envelope.children, len(payload))

    def finish(self, tile: Tile, read: ReadTile) -> LoadedTile:
        """Decode a read tile for the backend: the second half of `load`."""
        ready = self._decode(tile, read.surface) if self.numpy_decode else gpu_input(read.surface)
        return LoadedTile(*read, ready)

    def _decode(self, tile: Tile, surface: TileSurface) -> DecodedTile:
        positions = vertices()
        full = surface.heights(positions, positions, order=1)
        above_m = (full.meters - surface.offset_m).astype(np.float32)
        gradients = np.stack([np.asarray(full.east), np.asarray(full.north)], axis=-1).astype(
            np.float32
        )
        return DecodedTile(above_m, gradients, self.profile(tile, above_m, surface))

    def profile(self, tile: Tile, above_m: np.ndarray, surface: TileSurface) -> TileProfile:
        """Return the profile of a tile with heights float32 [257, 257] above its offset_m."""
        meters = surface.offset_m + above_m.astype(np.float64)
        edges = Edges(meters[0], meters[-1], meters[:, 0], meters[:, -1])
        step = (len(above_m) - 1) // MARCH
        extent = Extent.of(*self.extent(tile), self.has_holes(tile, surface))
        around = outline(above_m, surface.offset_m, extent, surface.valid)
        return TileProfile(above_m[::step, ::step].copy(), edges, around)

    def has_holes(self, tile: Tile, surface: TileSurface) -> bool:
        """Return True if a cell of a tile has no data, or the raster ends inside it."""
        return not surface.valid.all() or min(self.extent(tile)) < 1

    def extent(self, tile: Tile) -> tuple[float, float]:
        """Return the raster's extent in a tile along u and v, in tile sides; above 1 where it
        continues."""
        grid = self.reader.grid
        span = grid.tile_span(tile)
        return grid.width / span - tile.x, grid.height / span - tile.y


def _box(grid: Grid, span_m: float, tile: Tile, info: ChildInfo) -> BoundingBox:
    """Return the tile's true (never exaggerated) box; decoded heights may leave the source's range
    a little.

    `span_m`: highest minus lowest height of the layer.
    """
    west, south, east, north = grid.tile_bounds(tile)
    margin = lod.BOX_MARGIN * (info.max_m - info.min_m + 0.1 * span_m)
    return BoundingBox(west, south, east, north, info.min_m - margin, info.max_m + margin)


def _cell_m(grid: Grid, tile: Tile) -> float:
    """Return the cell size of a tile in meters."""
    return grid.level_cell_m(tile.z)


def gpu_input(surface: TileSurface) -> np.ndarray:
    """Return the GPU's input for a tile: latents, or numpy's prepared array where the method has no
    passes."""
    if surface.method.prepare_passes() or surface.method.node_passes():
        return surface.latents
    (texels,) = surface.prepared.values()
    return texels
