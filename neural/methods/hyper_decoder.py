"""Hyper-decoder of HUVR (arXiv 2601.14256): every token on its own, without attention, becomes a
hidden state.

    h = up(LN(token));  h ← h + FF_i(LN(h)), i = 1…depth;  modulation = head(LN(h))

HUVR and HUVR+SIREN differ in what their heads modulate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neural.methods.array_api import gelu, layer_norm
from neural.methods.base import LATENTS, Arrays, Pass
from neural.methods.tokens import TokenMethod

Shapes = dict[str, tuple[int, ...]]

HEAD_SAMPLERS = ("input", "stats")
"""Samplers of a pass that normalizes its input (shaders/lib/hyper_decoder.glsl)."""


def linear(name: str, fan_in: int, fan_out: int) -> Shapes:
    """Return shapes of a linear layer; weights are stored input-major, [fan_in, fan_out]."""
    return {f"{name}_weight": (fan_in, fan_out), f"{name}_bias": (fan_out,)}


def norm(name: str, size: int) -> Shapes:
    """Return shapes of a LayerNorm."""
    return {f"{name}_norm_scale": (size,), f"{name}_norm_bias": (size,)}


def normed_linear(name: str, fan_in: int, fan_out: int) -> Shapes:
    """Return shapes of a LayerNorm with the linear layer behind it."""
    return norm(name, fan_in) | linear(name, fan_in, fan_out)


def apply_norm(weights: Arrays, name: str, x: Any) -> Any:
    """Apply LayerNorm `name` over the last axis."""
    return layer_norm(x, weights[f"{name}_norm_scale"], weights[f"{name}_norm_bias"])


def apply_linear(weights: Arrays, name: str, x: Any) -> Any:
    """Apply the linear layer `name`: [..., fan_in] → [..., fan_out]."""
    return x @ weights[f"{name}_weight"] + weights[f"{name}_bias"]


def head(weights: Arrays, name: str, hidden: Any) -> Any:
    """Apply LayerNorm and linear layer `name`: [..., fan_in] → [..., fan_out]."""
    return apply_linear(weights, name, apply_norm(weights, name, hidden))


@dataclass(frozen=True)
class HyperDecoder(TokenMethod):
    """Tokens and hyper-decoder of both methods; the defaults are the published sizes."""

    patches: int = 16  # per tile side, of 16×16 samples each
    dim: int = 32  # token width: the payload
    hyper_width: int = 1024
    hyper_hidden: int = 4096
    hyper_depth: int = 4
    global_token: bool = True  # stored first

    @property
    def latent_shape(self) -> tuple[int, int]:
        """[tokens, dim]: one token per patch, after the global one if present."""
        return self.patches**2 + int(self.global_token), self.dim

    @property
    def token_groups(self) -> tuple[slice, ...]:
        """The global token has scales of its own: it is unlike the patches'."""
        return (slice(0, 1), slice(1, None)) if self.global_token else (slice(None),)

    def hyper_shapes(self) -> Shapes:
        """Return weights from tokens to hidden states."""
        wide = self.hyper_width
        hidden = self.hyper_hidden
        shapes = normed_linear("up", self.dim, wide)
        for i in range(self.hyper_depth):
            shapes |= (
                norm(f"ff{i}", wide)
                | linear(f"ff{i}_in", wide, hidden)
                | linear(f"ff{i}_out", hidden, wide)
            )
        return shapes

    def hidden_states(self, weights: Arrays, tokens: Any) -> Any:
        """Map tokens [..., dim] to hidden states [..., hyper_width]."""
        h = head(weights, "up", tokens)
        for i in range(self.hyper_depth):
            inner = gelu(apply_linear(weights, f"ff{i}_in", apply_norm(weights, f"ff{i}", h)))
            h = h + apply_linear(weights, f"ff{i}_out", inner)
        return h

    def hyper_passes(self, first_token: int) -> tuple[Pass, ...]:
        """Return `hidden_states` of the tokens from `first_token` on, for the GPU
        (shaders/lib/hyper_decoder.glsl).

        The last two passes are the hidden states "h" and the statistics "h_stats" that heads
        normalize them with, to be read as u_input and u_stats (samplers `HEAD_SAMPLERS`).
        """
        rows = self.patches**2 + int(self.global_token) - first_token
        wide = -(-self.hyper_width // 4)
        hidden = -(-self.hyper_hidden // 4)

        def stats(of: str, size: int, first_row: int = 0) -> Pass:
            constants = {"fan_in": size, "first_row": first_row}
            return Pass(
                f"{of}_stats", rows, 1, (of,), "hyper_stats", ("input",), constants=constants
            )

        def normed(
            name: str, of: str, weight: str, columns: int, size: int, **constants: int
        ) -> Pass:
            constants = {"fan_in": size, "stride": columns, "first_row": 0, "gelu": 0, **constants}
            first = {"weight": f"{weight}_norm_scale"}
            return Pass(
                name,
                rows,
                columns,
                (of, f"{of}_stats"),
                "hyper_linear",
                HEAD_SAMPLERS,
                first,
                constants,
            )

        def state(layer: int) -> str:
            return "h" if layer == self.hyper_depth else f"h{layer}"

        passes = [stats(LATENTS, self.dim, first_token)]
        passes += [normed(state(0), LATENTS, "up", wide, self.dim, first_row=first_token)]
        for i in range(self.hyper_depth):
            inner = f"inner{i}"
            constants = {"fan_in": self.hyper_hidden, "stride": wide}
            passes += [stats(state(i), self.hyper_width)]
            passes += [normed(inner, state(i), f"ff{i}", hidden, self.hyper_width, gelu=1)]
            reads = (state(i), inner)
            weight = {"weight": f"ff{i}_out_weight"}
            passes += [
                Pass(
                    state(i + 1),
                    rows,
                    wide,
                    reads,
                    "hyper_residual",
                    ("input", "inner"),
                    weight,
                    constants,
                )
            ]
        return (*passes, stats("h", self.hyper_width))

    def hyper_macs(self, outputs: int) -> float:
        """Return multiply-accumulates per sample up to heads with so many outputs, spread over a
        patch."""
        per_token = (
            self.dim * self.hyper_width
            + self.hyper_depth * 2 * self.hyper_width * self.hyper_hidden
        )
        return (per_token + self.hyper_width * outputs) * self.patches**2 / 256**2
