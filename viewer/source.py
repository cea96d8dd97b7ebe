"""One way of showing a file: a layer at a number of bits. Reads and decodes tiles on worker threads (numpy)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neural.container import Reader
from neural.envelope import ChildInfo, Children
from neural.errors import ContainerError
from neural.surface import SurfaceDecoder, TileSurface
from neural.tiles import TILE, Tile, vertices
from viewer import lod
from viewer.stats import Bounds

MARCH = 64
"""Intervals of the coarse lattice that picking walks over before it asks the decoder."""

CHORD = 16
"""Lattice steps (of 256) over which an edge's roughness is measured: what a mesh of 16 quads would miss."""


class SourceKey(NamedTuple):
    """Layer index and bits kept (None: as stored): equal keys mean equal pictures."""

    layer: int
    keep_bits: int | None


class Edges(NamedTuple):
    """Heights along a tile's sides at 257 vertices, metres; west to east or north to south."""

    north: np.ndarray
    south: np.ndarray
    west: np.ndarray
    east: np.ndarray


@dataclass
class LoadedTile:
    """A tile as a worker hands it over: the prepared decode, and what drawing and picking need on the CPU."""

    surface: TileSurface
    children: Children
    payload_bytes: int
    lattice: np.ndarray  # float32 [65, 65] metres above offset_m, north row first
    edges: Edges
    roughness_m: float  # how far the edges leave straight chords of CHORD lattice steps
    heights: np.ndarray | None = None  # float32 [257, 257] metres above offset_m; None: the GPU decodes
    gradients: np.ndarray | None = None  # float32 [257, 257, 2] metres per metre, east and north


class Source:
    """A layer at some bits, and the part of its quadtree seen so far (`lod.Tree`)."""

    def __init__(self, reader: Reader, key: SourceKey, *, numpy_decode: bool) -> None:
        self.reader = reader
        self.key = key
        self.layer = reader.layers[key.layer]
        self.decoder = SurfaceDecoder(reader, self.layer, key.keep_bits)
        self.root: ChildInfo = self.layer.root
        self.numpy_decode = numpy_decode
        self._known: dict[Tile, Children] = {}

    def load(self, tile: Tile) -> LoadedTile:
        """Read and decode a tile. Called by workers; raises NtileError for a damaged or absent tile."""
        payload = self.reader.payload_bytes(self.layer, tile)
        if payload is None:
            raise ContainerError(f"{self.reader.path}: tile {tuple(tile)} is announced by its parent but missing.")
        envelope = self.reader.unpack(payload, self.layer, tile)
        surface = self.decoder.prepare(tile, envelope)
        heights = gradients = None
        at = vertices()
        if self.numpy_decode:
            full = surface.heights(at, at, order=1)
            heights = (full.metres - surface.offset_m).astype(np.float32)
            gradients = np.stack([np.asarray(full.east), np.asarray(full.north)], axis=-1).astype(np.float32)
            edges = Edges(*(full.metres[k] for k in (0, -1)), *(full.metres[:, k] for k in (0, -1)))
            lattice = heights[:: len(at) // MARCH, :: len(at) // MARCH].copy()
        else:
            ends = np.array([0.0, 1.0])
            edges = Edges(*surface.heights(at, ends).metres, *surface.heights(ends, at).metres.T)
            coarse = vertices(MARCH)
            lattice = (surface.heights(coarse, coarse).metres - surface.offset_m).astype(np.float32)
        return LoadedTile(
            surface,
            envelope.children,
            len(payload),
            lattice,
            edges,
            self._roughness(tile, edges),
            heights,
            gradients,
        )

    def _roughness(self, tile: Tile, edges: Edges) -> float:
        """How far the edges leave chords; what lies beyond the raster's rim does not count."""
        u_end, v_end = (math.ceil(min(end, 1.0) * TILE) + 1 for end in self.extent(tile))
        ends = (u_end, u_end, v_end, v_end)  # north, south, west, east
        return max(_off_chord(edge[:end]) for edge, end in zip(edges, ends, strict=True))

    def learn(self, tile: Tile, children: Children) -> None:
        """Remember what a tile's envelope says of its children, for as long as the file is open."""
        self._known[tile] = children

    def children(self, tile: Tile) -> Children | None:
        """See `lod.Tree`."""
        return self._known.get(tile)

    def info(self, tile: Tile) -> ChildInfo | None:
        """Bounds and error of a tile that has been announced."""
        if tile.z == 0:
            return self.root
        siblings = self._known.get(tile.parent)
        return None if siblings is None else siblings[tile.child_index]

    def box(self, tile: Tile, info: ChildInfo) -> Bounds:
        """See `lod.Tree`; decoded heights may leave the source's range a little."""
        west, south, east, north = self.reader.grid.tile_bounds(tile)
        margin = lod.BOX_MARGIN * (info.max_m - info.min_m + 0.1 * self.height_span_m)
        return Bounds(west, south, east, north, info.min_m - margin, info.max_m + margin)

    def cell_m(self, tile: Tile) -> float:
        """See `lod.Tree`."""
        grid = self.reader.grid
        return max(grid.cell_x_m, grid.cell_y_m) * (1 << (grid.levels - 1 - tile.z))

    @property
    def height_span_m(self) -> float:
        """Highest minus lowest height of the layer."""
        return self.root.max_m - self.root.min_m

    def extent(self, tile: Tile) -> tuple[float, float]:
        """How far the raster reaches into a tile along u and v, in tile sides; above 1 where it goes on."""
        grid = self.reader.grid
        span = grid.tile_span(tile)
        return grid.width / span - tile.x, grid.height / span - tile.y


def _off_chord(edge: np.ndarray) -> float:
    positions = np.arange(len(edge))
    ends = np.unique(np.append(positions[::CHORD], positions[-1]))
    straight = np.interp(positions, ends, edge[ends])
    worst = float(np.abs(edge - straight).max())
    return worst if math.isfinite(worst) else 0.0
