"""Lapped SIREN: a seamless neural codec of this project's own, in which levels and neighboring
tiles share a surface.

    h(x) = spline through the parent level's samples + Σ_n Σ_k c_nk · φ_k(x − x_n)

over nodes n and functions k.

φ is a shared SIREN layer under a C1 window (`neural.methods.lapped.basis`); the coefficients c, 256
for each cell of 16×16 samples, are a tile's latents. They are coded through the wavelet details of
the samples that they stand for (`neural.methods.lapped.assembly`), under a learned context model
(`neural.methods.lapped.context`): an orthonormal change of the basis that needs a third fewer bytes
than coding the coefficients themselves (neural/BENCHMARK.md). A small network then moves each
detail to what it probably was (`neural.methods.lapped.restoration`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neural.methods.base import Arrays, Linked, LinkedMethod, Payloads, Surface
from neural.methods.lapped import mask_coder, residuals, restoration
from neural.methods.lapped.assembly import CELLS, NODE_ROWS, SHIFT_AT, SPLINE_ROWS, Assembly
from neural.methods.lapped.basis import HOP, SINES, SPLINE_PAD, along_nodes, along_spline
from neural.methods.lapped.boundary import BOUNDARIES
from neural.methods.lapped.context import BAND_COUNT, PHASES, known_offsets, shapes
from neural.methods.lapped.model import Model
from neural.methods.lowpass import LowPass
from neural.tiles import TILE

AS_STORED = 8
"""Value of a layer's `bits` for coefficients as stored; each bit less doubles the quantization
step."""


@dataclass(frozen=True)
class LappedSiren(LinkedMethod):
    """Sizes of the context model; the basis has none."""

    name: ClassVar[str] = "lapped_siren"
    title: ClassVar[str] = "Lapped SIREN"
    bit_choices: ClassVar[tuple[int, ...]] = (8, 7, 6, 5, 4, 3, 2)

    hidden1: int = 32
    hidden2: int = 16
    boundary: str = "reflect"
    """Name of the rule for the ends of lines (`neural.methods.lapped.boundary`); files of schema 1
    do not name theirs."""

    def __post_init__(self) -> None:
        if self.boundary not in BOUNDARIES:
            raise ValueError(f"'{self.boundary}' is no boundary rule: {', '.join(BOUNDARIES)}")

    @property
    def low_pass(self) -> LowPass:
        """The 9/7 wavelet's, with the layer's rule for ends."""
        return LowPass(BOUNDARIES[self.boundary])

    @property
    def latent_shape(self) -> tuple[int, int]:
        """Coefficients [y · k_y, x · k_x] of 18×18 nodes, below them those of the spline (132×132),
        then zeros.

        Beside the spline's first row: how far the samples lie before their cells' centers
        (`sample_shift`).
        """
        return NODE_ROWS + SPLINE_ROWS, NODE_ROWS

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return sines of the basis, the context model, look-ups for masks and residuals, the
        restoration."""
        basis = {name: (HOP,) for name in SINES}
        details = shapes(self.hidden1, self.hidden2)
        return (
            basis
            | details
            | {"mask_probability": mask_coder.SHAPE}
            | residuals.shapes()
            | restoration.shapes()
        )

    def link(self, weights: Arrays, params: Arrays, bits: int, payloads: Payloads) -> Linked:
        """See `LinkedMethod.link`. `params` are in meters, [1] each: step_m, the quantization step;
        base_m, the coarsest level's height; bound_m, of layers with residuals, half their step."""
        step_m, base_m = (float(params[name][0]) for name in ("step_m", "base_m"))
        bound_m = float(params["bound_m"][0]) if "bound_m" in params else None
        boundary = BOUNDARIES[self.boundary]
        return Assembly(
            Model(weights), payloads, step_m, base_m, AS_STORED - bits, bound_m, boundary
        )

    def prepare(self, weights: Arrays, latents: Any) -> dict[str, Any]:
        """Return the latents as texels {"surface": [420, 72, 4]}."""
        return {"surface": latents.reshape(len(latents), -1, 4)}

    def evaluate(
        self, weights: Arrays, prepared: Arrays, u: Any, v: Any, *, order: int = 1
    ) -> Surface:
        """Evaluate spline and nodes, float64 [nv, nu]; numpy only."""
        texels = prepared["surface"]
        latents = texels.reshape(len(texels), -1)
        shift = float(latents[SHIFT_AT])
        x, y = (np.asarray(along, np.float64) * TILE + shift for along in (u, v))
        nodes = latents[:NODE_ROWS]
        spline = latents[NODE_ROWS:, :SPLINE_ROWS].astype(np.float64)
        along_y = along_nodes(weights, nodes.T, y, order), along_spline(spline.T, y, order)
        derivatives = {}
        for dy, (node_lines, spline_lines) in enumerate(zip(*along_y, strict=True)):
            upper = along_nodes(weights, node_lines.T, x, order - dy)
            for dx, below in enumerate(along_spline(spline_lines.T, x, order - dy)):
                below += upper[dx]
                below *= TILE ** (dx + dy)
                derivatives[dx, dy] = below
        return Surface(
            *(
                derivatives[order_pair]
                for order_pair in ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2))[: 2 * order + 1]
            )
        )

    def fold(self, weights: Arrays) -> dict[str, Any]:
        """Return the sines: the context model is of no use to a decoded tile."""
        return {name: weights[name] for name in SINES}

    def defines(self) -> dict[str, int | float]:
        """Return CELLS per side of a tile, HOP functions per axis; rows before the spline's, its
        columns, its pad."""
        rows = {"NODE_ROWS": NODE_ROWS, "SPLINE_ROWS": SPLINE_ROWS}
        return {"CELLS": CELLS, "HOP": HOP, "SPLINE_PAD": SPLINE_PAD, **rows}

    def macs_per_sample(self) -> float:
        """Return context networks, restoration, inverse wavelet; then nodes from samples, nodes and
        spline along both axes."""
        decoded = sum(float(known_offsets(phase).sum()) for phase in range(len(PHASES))) / len(
            PHASES
        )
        inputs = decoded + 9 * (BAND_COUNT - 1) / 2 + 9 * BAND_COUNT + 2
        networks = (
            BAND_COUNT / 4 * (inputs * self.hidden1 + self.hidden1 * self.hidden2 + self.hidden2)
        )
        wavelet = 2 * 6  # four lifting steps of one product for two samples, two gains
        surface = 2 * 2 * HOP * (1 + (CELLS + 2) / CELLS) + 2 * 4 * (1 + SPLINE_ROWS / TILE)
        return 4 / 3 * (networks + restoration.macs() / 4 + wavelet) + surface
