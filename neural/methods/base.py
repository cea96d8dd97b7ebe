"""The one interface every method implements: how a tile's heights become bytes, and bytes become heights.

A decode has three steps, so that the GPU, the CPU and a trainer can share them:

1. `unpack`   payload bytes  → latents           (numpy; exact)
2. `prepare`  latents        → per-tile arrays   (once per tile)
3. `evaluate` per-tile arrays → h, ∂h/∂u, ∂h/∂v on any lattice of the tile (per sample)

Steps 2 and 3 are written once against the array functions that numpy and torch share, and a second time in
shaders/decode/<name>.glsl; tests hold the two together. Heights out of `evaluate` are normalised: metres are
`offset_m + scale_m * h` with the two numbers of the tile's envelope.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

Arrays = Mapping[str, Any]
"""Named arrays, all numpy or all torch (decoder weights, layer parameters, prepared tiles)."""


class Surface(NamedTuple):
    """Normalised surface on a lattice; derivatives are per unit of u and v, or None when not asked for."""

    h: Any  # [nv, nu]
    dh_du: Any = None  # [nv, nu]
    dh_dv: Any = None  # [nv, nu]
    d2h_du2: Any = None  # [nv, nu]
    d2h_dv2: Any = None  # [nv, nu]


@dataclass(frozen=True)
class Method(ABC):
    """How one tile's heights become bytes. Equal fields mean equal bytes and an equal decode."""

    name: ClassVar[str]
    """Container id, module name, GLSL file and CLI choice, spelled once."""
    title: ClassVar[str]
    """What people call it."""
    bit_choices: ClassVar[tuple[int, ...]]
    """Bits per stored value that `pack` accepts, finest first."""
    latent_dtype: ClassVar[str] = "<f4"
    """Type of one latent value while a file is being encoded."""

    def config(self) -> dict[str, Any]:
        """Plain JSON values; `METHODS[name](**config)` rebuilds the method."""
        return asdict(self)

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, int]:
        """Shape of one tile's latents."""

    @abstractmethod
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every decoder weight; empty when the method has no learned decoder."""

    def fit_params(self, latents: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Small float32 arrays stored once per layer (e.g. scales), from the latents of all its tiles."""
        return {}

    @abstractmethod
    def pack(self, latents: np.ndarray, bits: int, params: Arrays) -> bytes:
        """Latents [tokens, dim] → payload body at `bits`, with the layer's parameters (e.g. scales)."""

    @abstractmethod
    def unpack(self, body: bytes, bits: int, params: Arrays, keep_bits: int | None = None) -> np.ndarray:
        """Payload body → latents [tokens, dim] float32; `keep_bits` re-quantizes to fewer bits.

        Raises ValueError when the body cannot be one of this method's.
        """

    @abstractmethod
    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Once per tile: latents → the arrays `evaluate` (and the shader) reads, each [rows, columns, 4] float32."""

    @abstractmethod
    def evaluate(self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1) -> Surface:
        """Per sample: the normalised surface on the lattice v × u (ascending 1-D coordinates in [0, 1]).

        `order` is the highest derivative wanted: 0 heights, 1 slopes, 2 second derivatives as well.
        """

    @abstractmethod
    def defines(self) -> dict[str, int | float]:
        """Sizes shaders/decode/<name>.glsl needs, sent as #defines."""

    @abstractmethod
    def weight_texture(self, weights: Arrays) -> np.ndarray | None:
        """Decoder weights as the shader reads them: RGBA32F texels [rows, columns, 4], or None."""

    @abstractmethod
    def macs_per_sample(self) -> float:
        """Multiply-accumulates per decoded height, preparation included, gradient excluded."""
