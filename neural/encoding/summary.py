"""Summary of an encode: errors against the source's samples, sizes, time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neural.container.reader import Reader
from neural.encoding.tile_encoders import FinishedLayer
from neural.measure.sizes import network_bytes, rates


@dataclass(frozen=True)
class LayerSummary:
    """Errors and size of one layer of a file; `bits_per_sample` and `stack_bits_per_sample` as
    `evaluate` has them."""

    layer: int
    method: str
    title: str
    rmse_m: float
    max_error_m: float
    measured_tiles: int
    """Number of finest tiles that the errors were measured on; `tiles` when on all."""
    tiles: int
    bits_per_sample: float
    stack_bits_per_sample: float
    step_m: float | None
    """Quantization step; None for methods without one."""
    quantum_m: float | None
    """Step of the source's heights, if `step_m` was derived from it."""
    network_bytes: int
    """Size of the layer's own network in the file; 0 for a layer without one."""


@dataclass(frozen=True)
class EncodeSummary:
    """Result of `encode`: its layers, sizes and time."""

    layers: tuple[LayerSummary, ...]
    sizes: dict[str, Any]
    """As `Reader.sizes`."""
    source_bytes: int | None
    """Bytes of the source's files; None if unknown."""
    seconds: float

    def report(self) -> dict[str, Any]:
        """Return plain JSON values: sizes, the numbers of the first layer, and those of each under
        "layers"."""
        layers = [vars(layer) for layer in self.layers]
        names = (
            "rmse_m",
            "max_error_m",
            "bits_per_sample",
            "stack_bits_per_sample",
            "step_m",
            "quantum_m",
        )
        first = {name: layers[0][name] for name in names}
        return {
            **self.sizes,
            **first,
            "source_bytes": self.source_bytes,
            "seconds": self.seconds,
            "layers": layers,
        }


def summarize(
    reader: Reader,
    finished: Sequence[FinishedLayer],
    samples: int,
    source_bytes: int | None,
    seconds: float,
) -> EncodeSummary:
    """Return errors and sizes of a finished file; `samples` counts all valid ones of the finest
    level."""
    sizes = reader.sizes()
    layers = []
    for layer, layer_result in zip(reader.layers, finished, strict=True):
        step_m = layer_result.draft.params.get("step_m")
        layers.append(
            LayerSummary(
                layer=layer.index,
                method=layer.method,
                title=layer.title,
                rmse_m=layer_result.errors.rmse_m,
                max_error_m=layer_result.errors.largest_m,
                measured_tiles=layer_result.errors.tiles,
                tiles=sizes["tiles"][layer.index][-1],
                **rates(reader, layer, samples),
                step_m=None if step_m is None else float(step_m[0]),
                quantum_m=layer_result.quantum_m or None,
                network_bytes=network_bytes(reader, layer),
            )
        )
    return EncodeSummary(tuple(layers), sizes, source_bytes, seconds)
