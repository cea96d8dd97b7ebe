"""TransINR: a transformer's weight tokens modulate the weights of one ReLU network per tile (arXiv
2208.02801).

    w_g = LN(token_g) P_l + p_l               (groups g of layer l; as long as its fan-in)
    W_l = normalize(B_l ∘ [w_{c mod G}]_c)    (columns c of unit length; B_l shared by all tiles)
    x_l = relu(x_{l−1} W_l + b_l),  x_{−1} = [cos πf x, cos πf y, sin πf x, sin πf y]
    height = x_3 W_4 + b_4                    (x, y ∈ [−1, 1] over the tile; biases shared)

As in the released code (yinboc/trans-inr), whose output offset 0.5, the middle of pixel values in
[0, 1], is 0 here. A ReLU network is linear between its kinks and the output is one number, so one
reverse sweep gives ∂h/∂(x_{−1} W_0), and with it every derivative: the encoding's own derivatives
take its place in x_{−1} W_0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from neural.methods.array_api import like, matmul, namespace
from neural.methods.base import LATENTS, Arrays, Pass, Surface
from neural.methods.hyper_decoder import HEAD_SAMPLERS, apply_norm, linear, normed_linear
from neural.methods.tokens import TokenMethod

LAYERS = 5
"""Linear maps in the network (published: 4 hidden layers and the output)."""

_BLOCK = 1024  # samples at a time: their hidden activations stay in the processor's cache


@dataclass(frozen=True)
class TransInr(TokenMethod):
    """Sizes of the published decoder; the defaults are the `paper` preset."""

    name: ClassVar[str] = "trans_inr"
    title: ClassVar[str] = "TransINR"

    dim: int = 768  # token width
    groups: int = 64  # weight tokens per hidden layer: divides `width`
    width: int = 256  # of the hidden layers, a multiple of 4
    encoding: int = 128  # features per coordinate, half cosines, half sines; a multiple of 8
    # highest frequency, in half-turns per unit of x: samples of a tile alias above 128
    sigma: float = 1024.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 4 or self.width % self.groups or self.encoding % 8:
            raise ValueError(
                "width must be a multiple of 4 and of groups, encoding a multiple of 8"
            )

    @property
    def latent_shape(self) -> tuple[int, int]:
        """[tokens, dim]: `groups` tokens for each hidden layer and one for the scalar output."""
        return (LAYERS - 1) * self.groups + 1, self.dim

    def layer_shapes(self) -> list[tuple[int, int]]:
        """Return fan-in and fan-out of every layer."""
        widths = [2 * self.encoding, *[self.width] * (LAYERS - 1), 1]
        return list(pairwise(widths))

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return per layer: LayerNorm and linear map of its tokens, then base weight [fan_in,
        fan_out] and bias."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (fan_in, fan_out) in enumerate(self.layer_shapes()):
            shapes |= normed_linear(f"token{layer}", self.dim, fan_in) | linear(
                f"layer{layer}", fan_in, fan_out
            )
        return shapes

    def layer_weights(self, weights: Arrays, latents: Any) -> list[Any]:
        """Map latents [..., tokens, dim] to the modulated, normalized weights [..., fan_in,
        fan_out] of every layer."""
        xp = namespace(latents)
        layers = []
        for layer, (fan_in, fan_out) in enumerate(self.layer_shapes()):
            groups = min(self.groups, fan_out)
            tokens = latents[..., layer * self.groups : layer * self.groups + groups, :]
            x = matmul(
                apply_norm(weights, f"token{layer}", tokens), weights[f"token{layer}_weight"]
            )
            vectors = (x + weights[f"token{layer}_bias"]).swapaxes(-1, -2)
            base = weights[f"layer{layer}_weight"].reshape(fan_in, fan_out // groups, groups)
            raw = (base * vectors[..., :, None, :]).reshape(*vectors.shape[:-1], fan_out)
            # The published floor of a column's length, 1e-12; under the root, so that gradients
            # stay finite.
            layers.append(
                raw / xp.sqrt(xp.clip((raw * raw).sum(axis=-2, keepdims=True), 1e-24, None))
            )
        return layers

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Map latents [tokens, dim] to {"layers": [rows, width/4, 4]}: one row per input of a
        hidden layer, then the output.

        Hidden layers follow each other; the output's weights, one per input, are the last row.
        """
        *hidden, last = self.layer_weights(weights, latents)
        stacked = namespace(latents).concatenate([*hidden, last.swapaxes(-1, -2)], axis=0)
        return {"layers": stacked.reshape(-1, self.width // 4, 4)}

    def frequencies(self) -> np.ndarray:
        """Return frequencies of the encoding, float64 [encoding/2]: from 1 to sigma, equal
        ratios."""
        return np.exp(np.linspace(0.0, math.log(self.sigma), self.encoding // 2))

    def _encode(self, t: Any, order: int) -> list[np.ndarray]:
        """Return cosines and sines of coordinates t [n] in [0, 1], and derivatives with respect to
        t, each [n, encoding]."""
        rate = 2.0 * math.pi * self.frequencies()  # x = 2t − 1
        angle = (np.asarray(t, np.float64)[:, None] - 0.5) * rate
        cosine = np.cos(angle)
        sine = np.sin(angle)
        parts = [
            (cosine, sine),
            (-rate * sine, rate * cosine),
            (-(rate**2) * cosine, -(rate**2) * sine),
        ]
        return [np.concatenate(part, axis=-1) for part in parts[: order + 1]]

    def first_layer(
        self, weights: Arrays, first: Any, u: Any, v: Any, order: int
    ) -> tuple[list[Any], list[Any]]:
        """Return the shares of u and v in layer 0 before its ReLU, and their derivatives, [..., n,
        width]; bias with v.

        `first` [..., 2·encoding, width] are the layer's weights; u, v numpy coordinates [n] in [0,
        1].
        """
        # Rows are cosines of x, cosines of y, sines of x, sines of y.
        parts = first.reshape(*first.shape[:-2], 2, 2, -1, self.width)
        along = [
            parts[..., axis, :, :].reshape(*first.shape[:-2], -1, self.width) for axis in (0, 1)
        ]
        across, down = (
            [like(part, first) @ weight for part in self._encode(t, order)]
            for t, weight in zip((u, v), along, strict=True)
        )
        down[0] = down[0] + weights["layer0_bias"]
        return across, down

    def network(
        self, weights: Arrays, layers: list[Any], z: Any, *, slopes: bool
    ) -> tuple[Any, Any]:
        """Map layer 0 before its ReLU [..., n, width] to heights [..., n] and their derivatives
        [..., n, width], or None.

        `layers` are the weights of all layers (the first is not read), [..., fan_in, fan_out].
        """
        alive = []
        for layer in range(1, LAYERS):
            if slopes:
                alive.append(z > 0)
            z = _relu(z) @ layers[layer] + weights[f"layer{layer}_bias"]
        if not slopes:
            return z[..., 0], None
        slope = alive[-1] * layers[-1].swapaxes(-1, -2)
        for layer in range(LAYERS - 2, 0, -1):
            slope = (slope @ layers[layer].swapaxes(-1, -2)) * alive[layer - 1]
        return z[..., 0], slope

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Evaluate the surface on the lattice v × u, a few rows at a time."""
        rows = prepared["layers"].reshape(-1, self.width)
        starts = np.cumsum([0, *(fan_in for fan_in, _ in self.layer_shapes()[:-1])])
        layers = [rows[a:b] for a, b in pairwise(starts)]
        layers.append(rows[starts[-1] :].swapaxes(0, 1))
        across, down = self.first_layer(weights, layers[0], u, v, order)
        xp = namespace(rows)
        columns = len(u)
        step = max(1, _BLOCK // len(u))
        blocks = []
        for row in range(0, len(v), step):
            part_rows = slice(row, row + step)
            z = (down[0][part_rows, None] + across[0]).reshape(-1, self.width)
            h, slope = self.network(weights, layers, z, slopes=order > 0)
            block = [h.reshape(-1, columns)]
            for du, dv in zip(across[1:], down[1:], strict=True):
                grid = slope.reshape(-1, columns, self.width)
                block += [
                    xp.einsum("rcw,cw->rc", grid, du),
                    xp.einsum("rcw,rw->rc", grid, dv[part_rows]),
                ]
            blocks.append(block)
        return Surface(*(xp.concatenate(part, axis=0) for part in zip(*blocks, strict=True)))

    def fold(self, weights: Arrays) -> dict[str, Any]:
        """Return the weights, and `frequencies` [2, encoding/2]: high parts of 12 bits, low parts.

        The product of a high part and a mesh vertex's coordinate is exact in single precision.
        """
        frequencies = self.frequencies()
        mantissa, exponent = np.frexp(frequencies)
        high = np.ldexp(np.rint(np.ldexp(mantissa, 12)), exponent - 12)
        return {
            **weights,
            "frequencies": like(np.stack((high, frequencies - high)), weights["layer0_bias"]),
        }

    def prepare_passes(self) -> tuple[Pass, ...]:
        """Return LayerNorm statistics, the vectors w_g, the columns' reciprocal lengths, the
        weights."""
        tokens = self.latent_shape[0]
        columns = self.width // 4
        longest = max(fan_in for fan_in, _ in self.layer_shapes())
        rows = sum(fan_in for fan_in, _ in self.layer_shapes()[:-1]) + 1
        sizes = {"fan_in": self.dim, "first_row": 0}
        return (
            Pass("stats", tokens, 1, (LATENTS,), "hyper_stats", ("input",), constants=sizes),
            Pass("vectors", tokens, longest // 4, (LATENTS, "stats"), samplers=HEAD_SAMPLERS),
            Pass("lengths", LAYERS, columns, ("vectors",)),
            Pass("layers", rows, columns, ("vectors", "lengths")),
        )

    def defines(self) -> dict[str, int | float]:
        """Return DIM of a token, GROUPS, WIDTH, ENCODING (features per coordinate)."""
        return {
            "DIM": self.dim,
            "GROUPS": self.groups,
            "WIDTH": self.width,
            "ENCODING": self.encoding,
        }

    def macs_per_sample(self) -> float:
        """Return the network, every sample for itself, and the weights' generation shared by the
        samples of a tile."""
        network = sum(fan_in * fan_out for fan_in, fan_out in self.layer_shapes())
        tokens = sum(
            min(self.groups, fan_out) * self.dim * fan_in for fan_in, fan_out in self.layer_shapes()
        )
        return network + (tokens + 3 * network) / 256**2


def _relu(z: Any) -> Any:
    return np.maximum(z, 0.0) if isinstance(z, np.ndarray) else namespace(z).relu(z)
