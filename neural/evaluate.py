"""Errors and sizes of a layer at one bit depth: the table of `ntile evaluate`."""

from __future__ import annotations

from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.measure.height_reader import HeightReader
from neural.measure.layer_errors import measure_layer
from neural.progress import Report, no_report


def evaluate(
    reader: Reader,
    layer: Layer,
    reference: HeightReader,
    keep_bits: int | None = None,
    report: Report = no_report,
) -> dict[str, float | int | str | None]:
    """Return errors and sizes of one layer, decoded at `keep_bits` (None: as stored).

    See `neural.measure.layer_errors.measure_layer`.
    """
    return measure_layer(reader, layer, reference, keep_bits, report)
