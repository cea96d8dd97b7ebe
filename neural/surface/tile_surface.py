"""A layer as a continuous surface in meters, shared by `decode`, `evaluate` and the viewer's CPU
path."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from neural.container.metadata import Layer
from neural.container.reader import Reader, checked_tile
from neural.errors import ContainerError, UsageError
from neural.methods import METHODS
from neural.methods.base import Arrays, Linked, LinkedMethod, Method, TileMethod
from neural.methods.decoder_weights import load_decoder
from neural.system import arguments
from neural.system.blas import single_threaded
from neural.system.forks import ForkLock
from neural.tiles import TILE, Tile

if TYPE_CHECKING:
    from neural.container.envelope import Envelope


class Heights(NamedTuple):
    """Heights and derivatives on a lattice [nv, nu]: meters, m/m, m/m²; None where not asked
    for."""

    meters: np.ndarray  # float64
    east: Any = None
    north: Any = None
    laplacian: Any = None


@dataclass(frozen=True)
class TileSurface:
    """One tile; its first decode stage runs when heights are first asked for (several threads may
    ask)."""

    method: Method
    weights: Arrays
    latents: np.ndarray  # [tokens, dim]
    offset_m: float
    scale_m: float
    valid: np.ndarray  # [256, 256] bool
    side_m: tuple[float, float]  # east–west and north–south extent of the tile
    _lock: ForkLock = field(init=False, repr=False, compare=False, default_factory=ForkLock)
    _prepared: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    @property
    @single_threaded()
    def prepared(self) -> Arrays:
        """Result of `Method.prepare` for the latents."""
        with self._lock:
            if not self._prepared:
                self._prepared.update(self.method.prepare(self.weights, self.latents))
        return self._prepared

    def with_prepared(self, prepared: Arrays) -> TileSurface:
        """Return the same tile with its first stage decoded elsewhere, e.g. on the GPU."""
        other = replace(self)
        other._prepared.update(prepared)
        return other

    @single_threaded()
    def heights(self, u: Any, v: Any, order: int = 0) -> Heights:
        """Return meters on the lattice v × u (ascending), with derivatives up to `order`."""
        surface = self.method.evaluate(self.weights, self.prepared, u, v, order=order)
        meters = self.offset_m + self.scale_m * np.asarray(surface.h, np.float64)
        if order == 0:
            return Heights(meters)
        along_x = self.scale_m / self.side_m[0]
        along_y = self.scale_m / self.side_m[1]
        east = surface.dh_du * along_x
        north = surface.dh_dv * -along_y
        if order == 1:
            return Heights(meters, east, north)
        bend = surface.d2h_du2 * (along_x / self.side_m[0]) + surface.d2h_dv2 * (
            along_y / self.side_m[1]
        )
        return Heights(meters, east, north, bend)


@dataclass
class SurfaceDecoder:
    """Decoder of one layer's tiles, optionally re-quantized to `keep_bits`; caches the latest few.

    Weights are loaded once per file and decoder (and bits, where weights have them): now, or with
    `lazy` when they are first used (by whichever thread that is). Raises UsageError for bits the
    layer lacks, ModelError for unusable weights.
    """

    reader: Reader
    layer: Layer
    keep_bits: int | None = None
    keep_tiles: int = 0
    lazy: bool = False
    method: Method = field(init=False)
    _recent: OrderedDict[Tile, TileSurface | None] = field(init=False, default_factory=OrderedDict)
    _linked: Linked | None = field(init=False, default=None)
    _linking: ForkLock = field(init=False, default_factory=ForkLock)

    def __post_init__(self) -> None:
        arguments.instance("reader", self.reader, Reader, "give that of open_reader")
        arguments.instance("layer", self.layer, Layer, "give one of the reader's layers")
        self.method = METHODS[self.layer.method](**self.layer.config)
        if self.keep_bits is not None:
            self.keep_bits = arguments.whole("keep_bits", self.keep_bits)
        if self.keep_bits is not None and self.keep_bits not in available_bits(self.layer):
            choices = ", ".join(map(str, available_bits(self.layer)))
            raise UsageError(
                f"{self.reader.path}: layer '{self.layer.method}' cannot be read at "
                f"{self.keep_bits} bits; "
                f"choose one of {choices}."
            )
        if not self.lazy:
            _ = self.weights

    @property
    def weights(self) -> Arrays:
        """The layer's decoder weights; empty for a method that has none. Raises ModelError or
        ContainerError."""
        sha = self.layer.decoder
        if sha is None:
            return {}
        quantized = self.method.quantized_weights and self.keep_bits != self.layer.bits
        keep_bits = self.keep_bits if quantized else None
        return _shared_weights(self.reader, sha, self.method, keep_bits)

    def open_tile(self, tile: Tile) -> TileSurface | None:
        """Return the tile's surface, or None where the layer has no such tile. Raises
        ContainerError when damaged."""
        tile = checked_tile(tile)
        if tile in self._recent:
            self._recent.move_to_end(tile)
            return self._recent[tile]
        envelope = self.reader.read(self.layer, tile)
        surface = None if envelope is None else self.prepare(tile, envelope)
        if self.keep_tiles:
            self._recent[tile] = surface
            if len(self._recent) > self.keep_tiles:
                self._recent.popitem(last=False)
        return surface

    @single_threaded()
    def prepare(self, tile: Tile, envelope: Envelope) -> TileSurface:
        """Unpack a payload already read; needs no lock, so workers may call it."""
        try:
            latents, valid = self._unpacked(tile, envelope)
        except ValueError as error:
            raise ContainerError(
                f"{self.reader.path}: tile {tuple(tile)} is damaged ({error})."
            ) from error
        grid = self.reader.grid
        side = TILE << (grid.levels - 1 - tile.z)
        return TileSurface(
            self.method,
            self.weights,
            latents,
            envelope.offset_m,
            envelope.scale_m,
            valid,
            (side * grid.cell_x_m, side * grid.cell_y_m),
        )

    def _unpacked(self, tile: Tile, envelope: Envelope) -> tuple[np.ndarray, np.ndarray]:
        """Return latents, and which cells hold a height."""
        if isinstance(self.method, TileMethod):
            latents = self.method.unpack(
                envelope.body, self.layer.bits, self.layer.params, self.keep_bits
            )
            return latents, self.reader.grid.tile_inside(
                tile
            ) if envelope.mask is None else envelope.mask
        return self.linked.latents(tile, envelope.offset_m), self.linked.valid(tile)

    @property
    def cached_bytes(self) -> int:
        """Bytes of tiles cached by a linked decode; 0 where tiles decode alone."""
        return 0 if self._linked is None else self._linked.cached_bytes

    @property
    def linked(self) -> Linked:
        """The layer's tiles decoded from one another; of a `LinkedMethod` only."""
        assert isinstance(self.method, LinkedMethod)
        layer = self.layer
        with self._linking:
            if self._linked is None:
                bits = layer.bits if self.keep_bits is None else self.keep_bits
                payloads = _FilePayloads(self.reader, layer)
                self._linked = self.method.link(self.weights, layer.params, bits, payloads)
        return self._linked

    @single_threaded()
    def lattice(
        self, columns: np.ndarray, rows: np.ndarray, level: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return heights at grid positions rows × columns (ascending, in finest cells; a cell's
        center is i + 0.5).

        Returns meters float64 [rows, columns] and validity of the cell each position lies in.
        """
        top = self.reader.grid.levels - 1
        level = top if level is None else level
        side = float(TILE << (top - level))
        meters = np.zeros((len(rows), len(columns)))
        valid = np.zeros(meters.shape, bool)
        for y, at_rows in _runs(rows / side, 1 << level):
            for x, at_columns in _runs(columns / side, 1 << level):
                surface = self.open_tile(Tile(level, x, y))
                if surface is None:
                    continue
                u = columns[at_columns] / side - x
                v = rows[at_rows] / side - y
                cell_u, cell_v = (np.minimum((t * TILE).astype(np.intp), TILE - 1) for t in (u, v))
                meters[at_rows, at_columns] = surface.heights(u, v).meters
                valid[at_rows, at_columns] = surface.valid[np.ix_(cell_v, cell_u)]
        return meters, valid

    def read(self, row: int, col: int, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a window of the finest cells, as `Dem.read`: heights float64 [rows, cols],
        validity; outside invalid."""
        return self.lattice(np.arange(col, col + cols) + 0.5, np.arange(row, row + rows) + 0.5)


class _FilePayloads:
    """An open file as a linked decode reads it (`neural.methods.base.Payloads`)."""

    def __init__(self, reader: Reader, layer: Layer) -> None:
        self._reader = reader
        self._layer = layer
        self.grid = reader.grid

    def body(self, tile: Tile) -> bytes | None:
        """Return the method's bits of a tile; None where the layer has no such tile."""
        envelope = self._reader.read(self._layer, tile)
        return None if envelope is None else envelope.body


_LOADED: WeakKeyDictionary[Reader, dict[tuple[str, str, int | None], Arrays]] = WeakKeyDictionary()
_LOADING = ForkLock()


def _shared_weights(reader: Reader, sha: str, method: Method, keep_bits: int | None) -> Arrays:
    """Return the weights of an open file's decoder, loaded by the first thread that asks;
    afterwards nobody waits."""
    key = sha, repr(method), keep_bits
    loaded = _LOADED.get(reader)
    if loaded is None or key not in loaded:
        with _LOADING:
            loaded = _LOADED.setdefault(reader, {})
            if key not in loaded:
                origin = f"{reader.path}: the decoder of layer '{method.name}'"
                loaded[key] = load_decoder(reader.decoder_bytes(sha), method, origin, keep_bits)
    return loaded[key]


def available_bits(layer: Layer) -> tuple[int, ...]:
    """Return the bit depths a stored layer can be shown at: its own and coarser ones."""
    return tuple(bits for bits in METHODS[layer.method].bit_choices if bits <= layer.bits)


def _runs(positions: np.ndarray, count: int) -> Iterator[tuple[int, slice]]:
    """Yield consecutive positions by the integer cell they lie in, for cells 0 … count − 1."""
    cells = np.floor(positions).astype(np.int64)
    edges = np.flatnonzero(np.diff(cells)) + 1
    for start, stop in zip([0, *edges], [*edges, len(cells)], strict=True):
        if stop > start and 0 <= cells[start] < count:
            yield int(cells[start]), slice(int(start), int(stop))
