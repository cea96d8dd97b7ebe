"""Functa: one latent per tile shifts the phases of a deep SIREN shared by all tiles (arXiv
2201.12204).

The latent is found by a few gradient steps on the tile itself; the decoder only ever sees the
result.

    s_l = (z W_s + b_s)_l               (one linear map: latent z → shifts of every sine layer)
    x_l = sin(ω0 (W_l x_{l−1} + b_l + s_l)),  x_0 = (u, v) ∈ [0, 1]²
    height = W x + b

As in the released code (google-deepmind/functa, `function_reps.py`): the shift is added before ω0
multiplies, and the depth counts the last, linear layer. Its output offset of 0.5, the middle of
pixel values in [0, 1], is 0 here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from neural.methods.array_api import like, matmul, namespace
from neural.methods.base import Arrays, Pass, Surface
from neural.methods.tokens import TokenMethod

_BLOCK = 1024  # samples at a time: their hidden activations stay in the processor's cache


@dataclass(frozen=True)
class Functa(TokenMethod):
    """Sizes of the published decoder; the defaults are the `paper` preset."""

    name: ClassVar[str] = "functa"
    title: ClassVar[str] = "Functa"

    dim: int = 512  # latent width: the payload
    width: int = 512  # of each sine layer, a multiple of 4
    depth: int = 15  # linear maps in the SIREN: depth − 1 sine layers and the output
    omega_0: float = 30.0

    @property
    def sine_layers(self) -> int:
        """Layers that the latent shifts: all but the output."""
        return self.depth - 1

    @property
    def latent_shape(self) -> tuple[int, int]:
        """[1, dim]: one vector for the whole tile."""
        return 1, self.dim

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the weights, stored input-major, [fan_in, fan_out]."""
        shifts = self.sine_layers * self.width
        shapes: dict[str, tuple[int, ...]] = {
            "shift_weight": (self.dim, shifts),
            "shift_bias": (shifts,),
        }
        for layer in range(self.depth):
            fan_in = self.width if layer else 2
            fan_out = 1 if layer == self.depth - 1 else self.width
            shapes |= {f"siren{layer}_weight": (fan_in, fan_out), f"siren{layer}_bias": (fan_out,)}
        return shapes

    def shifts(self, weights: Arrays, latents: Any) -> Any:
        """Map latents [..., dim] to the phase shifts of all sines, biases included, [..., (depth −
        1)·width]."""
        biases = [weights[f"siren{layer}_bias"] for layer in range(self.sine_layers)]
        joined = namespace(latents).concatenate(biases, axis=0) + weights["shift_bias"]
        return matmul(latents, weights["shift_weight"]) + joined

    def siren(self, weights: Arrays, shifts: Any, x: Any, y: Any, *, order: int) -> Surface:
        """Return shifted SIREN at x, y [..., 1] in [0, 1], with shifts [..., (depth − 1)·width].
        Shapes broadcast.

        Derivatives up to `order` come from the same pass in forward mode, per unit of x and y.
        """
        xp = namespace(shifts)
        width = self.width
        phases = self.omega_0 * shifts
        h: Any = None
        first: list[Any] = []  # ∂h/∂x, ∂h/∂y
        second: list[Any] = []  # ∂²h/∂x², ∂²h/∂y²
        for layer in range(self.sine_layers):
            weight = self.omega_0 * weights[f"siren{layer}_weight"]
            inner = x * weight[0] + y * weight[1] if h is None else matmul(h, weight)
            z = inner + phases[..., layer * width : (layer + 1) * width]
            h = xp.sin(z)
            if order >= 1:
                slope = xp.cos(z)
                dz = [matmul(d, weight) for d in first] or [weight[0], weight[1]]
                if order >= 2:
                    bend = [slope * matmul(d, weight) for d in second] or [0.0, 0.0]
                    second = [b - h * d * d for b, d in zip(bend, dz, strict=True)]
                first = [slope * d for d in dz]
        last = weights[f"siren{self.sine_layers}_weight"]
        h = matmul(h, last) + weights[f"siren{self.sine_layers}_bias"]
        derivatives = [matmul(d, last) for d in first + second]
        return Surface(*(part[..., 0] for part in (h, *derivatives)))

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Map latents [1, dim] to {"shifts": [depth − 1, width/4, 4]}, one row per sine layer,
        biases included."""
        return {"shifts": self.shifts(weights, latents).reshape(self.sine_layers, -1, 4)}

    def prepare_passes(self) -> tuple[Pass, ...]:
        """Return one pass: the linear map of the latent."""
        return (Pass("shifts", rows=self.sine_layers, columns=self.width // 4, reads=("latents",)),)

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Evaluate the surface on the lattice v × u, a few rows at a time."""
        shifts = prepared["shifts"].reshape(-1)
        x = like(u, shifts)[None, :, None]
        y = like(v, shifts)[:, None, None]
        rows = max(1, _BLOCK // x.shape[1])
        blocks = [
            self.siren(weights, shifts, x, y[row : row + rows], order=order)[: 2 * order + 1]
            for row in range(0, len(y), rows)
        ]
        return Surface(
            *(namespace(shifts).concatenate(part, axis=0) for part in zip(*blocks, strict=True))
        )

    def defines(self) -> dict[str, int | float]:
        """Return DIM of the latent, WIDTH and DEPTH of the SIREN, OMEGA_0."""
        return {
            "DIM": self.dim,
            "WIDTH": self.width,
            "DEPTH": self.depth,
            "OMEGA_0": float(self.omega_0),
        }

    def macs_per_sample(self) -> float:
        """Return the SIREN, and the latent's linear map shared by the samples of a tile."""
        width = self.width
        layers = self.sine_layers
        return 3 * width + (layers - 1) * width**2 + self.dim * layers * width / 256**2
