"""The one interface every method implements: how a tile's heights become bytes, and bytes become
heights.

A decode has three steps, so that the GPU, the CPU and a trainer can share them:

1. `unpack`   payload bytes  → latents           (numpy, exact; `LinkedMethod`: several payloads)
2. `prepare`  latents        → per-tile arrays   (once per tile)
3. `evaluate` per-tile arrays → h, ∂h/∂u, ∂h/∂v on any lattice of the tile (per sample)

Steps 2 and 3 are written once against the array functions that numpy and torch share, and a second
time in shaders/decode/<name>.glsl, where step 2 is a chain of `Pass`es, each a texture; tests hold
the two together. Where tiles share what is prepared, step 2 runs once per such node
(`Method.node_passes`). Heights out of `evaluate` are normalized: meters are `offset_m + scale_m *
h` with the two numbers of the tile's envelope.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from neural.methods.lowpass import AVERAGE, LowPass

if TYPE_CHECKING:
    from neural.grid import Grid
    from neural.tiles import Tile

Arrays = Mapping[str, Any]
"""Named arrays, all numpy or all torch (decoder weights, layer parameters, prepared tiles)."""


WEIGHT_COLUMNS = 1024
"""Texels per row of a weight texture: 67 million weights fit; of more, rows have twice as many."""

LARGEST_TEXTURE = 16384
"""Rows and columns that a texture may have in every OpenGL 4.1."""

LATENTS = "latents"
"""Name in `Pass.reads` of the tile's latents: a texture [tokens, ⌈dim / 4⌉], zeros after the last
dimension."""


@dataclass(frozen=True)
class Pass:
    """One render pass of the preparation on the GPU: reads textures, writes one of four floats per
    texel.

    shaders/decode/<method>.glsl holds `vec4 <function>(ivec2 texel)`, run once per texel (x =
    column, y = row). Passes with one function share its program: what differs between them are
    samplers, weights and constants.
    """

    name: str
    rows: int
    columns: int  # texels, of four floats each
    reads: tuple[str, ...] = ()
    """Earlier passes or `LATENTS`."""
    function: str = ""
    """GLSL function; empty: named as the pass."""
    samplers: tuple[str, ...] = ()
    """`uniform sampler2D u_<sampler>` of each texture read; empty: named as the passes."""
    weights: Mapping[str, str] = field(default_factory=dict)
    """`uniform int u_<key>` → weight whose first texel it is (a name of `Method.fold`)."""
    constants: Mapping[str, int] = field(default_factory=dict)
    """`uniform int u_<key>` → its value."""


class WeightTexture(NamedTuple):
    """Decoder weights on the GPU, one after the other, each from a new texel on, each row padded to
    whole texels.

    [fan_in, fan_out] holds the outputs of one input together; further leading axes count as rows;
    [n, 1] is stored as [n].
    """

    texels: np.ndarray  # float32 [rows, WEIGHT_COLUMNS or a multiple, 4]
    first: dict[str, int]  # first texel of each weight

    @property
    def defines(self) -> dict[str, int]:
        """WEIGHT_COLUMNS, and W_<NAME> = first texel, for shaders/lib/weights.glsl."""
        return {"WEIGHT_COLUMNS": self.texels.shape[1]} | {
            f"W_{name.upper()}": texel for name, texel in self.first.items()
        }


class TileNodes(NamedTuple):
    """Nodes that a tile's surface reads, for a method that is prepared by node: see
    `Method.node_passes`."""

    keys: Sequence[Hashable]  # one for each node, equal for the same node of another tile
    inputs: np.ndarray  # float32 [nodes, `Method.node_dim`]: what the node passes read as LATENTS
    extents: np.ndarray
    """Float64 [nodes, 4]: west, north, east and south end of the places that read a node, in tile
    coordinates."""
    table: np.ndarray  # float32 [rows, columns, 4]: what evaluation reads as u_prepared
    arrays: dict[str, np.ndarray]  # those of `Method.prepare` beside the last pass's


class Blocks(NamedTuple):
    """Blocks of the area that a tile's surface is made of. Block (scale, column, row) is the square
    of the tile with these numbers; scales go on beyond the finest level."""

    places: np.ndarray  # int64 [n, 3]: scale, column, row
    constant: np.ndarray  # bool [n]: True for a block of a single height
    error_m: np.ndarray  # float64 [n]: root mean square error, NaN where unknown


class Surface(NamedTuple):
    """Normalized surface on a lattice; derivatives are per unit of u and v, or None beyond the
    requested order."""

    h: Any  # [nv, nu]
    dh_du: Any = None  # [nv, nu]
    dh_dv: Any = None  # [nv, nu]
    d2h_du2: Any = None  # [nv, nu]
    d2h_dv2: Any = None  # [nv, nu]


@dataclass(frozen=True)
class Method(ABC):
    """Compression of one tile's heights. Equal fields mean equal bytes and an equal decode."""

    name: ClassVar[str]
    """Container id, module name, GLSL file and CLI choice, spelled once."""
    title: ClassVar[str]
    """Title for people."""
    bit_choices: ClassVar[tuple[int, ...]]
    """Bits per stored value, finest first: of a payload, or of a weight (`quantized_weights`)."""
    quantized_weights: ClassVar[bool] = False
    """True if bits are those of the decoder's weights, and payloads are the same at all bits."""

    def config(self) -> dict[str, Any]:
        """Return plain JSON values; `METHODS[name](**config)` rebuilds the method."""
        return asdict(self)

    @property
    def low_pass(self) -> LowPass:
        """Low-pass filter of the coarse levels, which determines where their samples lie."""
        return AVERAGE

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int]:
        """Shape of one tile's latents."""

    @abstractmethod
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the name and shape of every decoder weight; empty when the method has no learned
        decoder."""

    def decode_weights(
        self, stored: Mapping[str, np.ndarray], keep_bits: int | None = None
    ) -> dict[str, np.ndarray]:
        """Map stored tensors to decoder weights, float32 of `weight_shapes`; `keep_bits`
        re-quantizes them, where `quantized_weights`.

        Raises ValueError when the tensors cannot be this method's.
        """
        return {name: np.asarray(value, np.float32) for name, value in stored.items()}

    @abstractmethod
    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Prepare a tile, once: map its latents to the arrays that `evaluate` (and the shader)
        reads, each [rows, columns, 4] float32."""

    @abstractmethod
    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Evaluate the normalized surface on the lattice v × u (ascending 1-D coordinates in [0,
        1]).

        `order` is the highest derivative wanted: 0 heights, 1 slopes, 2 second derivatives as well.
        """

    @abstractmethod
    def defines(self) -> dict[str, int | float]:
        """Return the sizes that shaders/decode/<name>.glsl needs, sent as #defines."""

    def prepare_passes(self) -> tuple[Pass, ...]:
        """Return the passes of `prepare` on the GPU; the last one is named as its array and holds
        it.

        Empty: numpy prepares, and its array is uploaded.
        """
        return ()

    def node_passes(self) -> tuple[Pass, ...]:
        """Return the passes that prepare a node, where what is prepared are nodes that tiles share
        instead of tiles.

        Each fills one row; the row of the last one is read through shaders/lib/nodes.glsl. Latents
        then tell which nodes a tile reads (`tile_nodes`). Empty for all other methods.
        """
        return ()

    @property
    def node_dim(self) -> int:
        """Numbers that tell the node passes which node to prepare."""
        return 0

    def tile_nodes(self, latents: np.ndarray) -> TileNodes:
        """Return the nodes that a tile reads; of a method with `node_passes` only."""
        raise NotImplementedError(f"{self.name} is not prepared by node")

    def blocks(self, latents: np.ndarray) -> Blocks | None:
        """Return the blocks that a tile's surface is made of; None where the method has none."""
        return None

    def fold(self, weights: Arrays) -> dict[str, Any]:
        """Return the decoder arrays of `prepare` and `evaluate`, with all tile-independent terms
        computed once."""
        return dict(weights)

    def weight_texture(self, weights: Arrays) -> WeightTexture | None:
        """Return the `fold`ed decoder weights as shaders read them, in the order of
        `weight_shapes`; None without weights."""
        folded = self.fold(weights)
        ordered = {name: folded[name] for name in self.weight_shapes() if name in folded} | folded
        return _weight_texture(ordered) if ordered else None

    @abstractmethod
    def macs_per_sample(self) -> float:
        """Return multiply-accumulates per decoded height, preparation included, gradient
        excluded."""


class TileMethod(Method):
    """A method whose tiles decode one by one, each from its own payload."""

    latent_dtype: ClassVar[str] = "<f4"
    """Type of one latent value while a file is being encoded."""

    def fit_params(self, latents: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Return small float32 arrays stored once per layer (e.g. scales), from the latents of all
        its tiles."""
        return {}

    @abstractmethod
    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Map latents [tokens, dim] to payload body at `bits`, with the layer's parameters (e.g.
        scales)."""

    @abstractmethod
    def unpack(
        self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None
    ) -> np.ndarray:
        """Map payload body to latents [tokens, dim] float32; `keep_bits` re-quantizes to fewer
        bits.

        Raises ValueError when the body cannot be one of this method's.
        """


class Linked(Protocol):
    """The tiles of one layer of a `LinkedMethod`, decoded from one another; several threads may
    ask."""

    @property
    def cached_bytes(self) -> int:
        """Bytes of cached tiles that later ones are decoded from."""

    def latents(self, tile: Tile, offset_m: float) -> np.ndarray:
        """Return latents float32 of a tile, of heights above `offset_m`. Raises ValueError when a
        payload is damaged."""

    def valid(self, tile: Tile) -> np.ndarray:
        """Return cells of a tile that hold a height, bool [256, 256]; the envelope says nothing of
        them."""


class Payloads(Protocol):
    """Payloads of its file that a linked decode may read."""

    grid: Grid

    def body(self, tile: Tile) -> bytes | None:
        """Return the method's bits of a tile; None where the layer has no such tile."""


class LinkedMethod(Method):
    """A method whose tiles need payloads of their neighbors and of coarser levels as well."""

    @abstractmethod
    def link(self, weights: Arrays, params: Arrays, bits: int, payloads: Payloads) -> Linked:
        """Open a layer with its parameters, decoded at `bits` (at most its stored bit depth)."""


def _weight_texture(weights: Arrays) -> WeightTexture:
    first = {}
    parts = []
    texel = 0
    for name, values in weights.items():
        weight = np.asarray(values, np.float32)
        rows = weight.reshape(-1, weight.shape[-1] if weight.shape[-1] > 1 else weight.size)
        padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
        first[name] = texel
        texel = texel + padded.size // 4
        parts.append(padded.ravel())
    flat = np.concatenate(parts)
    columns = WEIGHT_COLUMNS
    while len(flat) > 4 * columns * LARGEST_TEXTURE:
        columns *= 2
    padded = np.pad(flat, (0, -len(flat) % (4 * columns)))
    return WeightTexture(padded.reshape(-1, columns, 4), first)
