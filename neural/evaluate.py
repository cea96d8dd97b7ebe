"""Errors and sizes of a layer at one bit depth: the table of `ntile evaluate`."""

from __future__ import annotations

from io import IOBase

from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.measure.height_reader import HeightReader
from neural.measure.layer_errors import measure_layer
from neural.progress import Report, no_report
from neural.system import arguments


def evaluate(
    reader: Reader,
    layer: Layer,
    reference: HeightReader,
    keep_bits: int | None = None,
    report: Report = no_report,
) -> dict[str, float | int | str | None]:
    """Measure errors and sizes of one layer over the samples of the finest level.

    Parameters
    ----------
    reader : Reader
        The open file.
    layer : Layer
        One of `reader.layers`.
    reference : HeightReader
        Heights to compare with, on the file's finest cells: `ReferenceHeights`, a `Dem` or the
        `SurfaceDecoder` of another layer.
    keep_bits : int, optional
        Bit depth to decode at; by default as stored.
    report : Report, optional
        Called with (tiles done, all tiles).

    Returns
    -------
    dict
        Plain values by name. Errors end in their unit (`_m`: meters, `gradient`: meters per meter)
        and are over the `samples` where layer and reference have heights; sizes are in bits per
        valid sample of the layer, of which it has `layer_samples`.

    Raises
    ------
    UsageError
        If the reference has no height where the layer has any.
    ContainerError
        For a damaged tile.

    Examples
    --------
    >>> from assets import ROOT
    >>> from neural.container.reader import open_reader
    >>> from neural.surface.tile_surface import SurfaceDecoder
    >>> with open_reader(ROOT / "samples" / "carrizo.ntile") as reader:
    ...     reference = SurfaceDecoder(reader, reader.layer("reference"))
    ...     errors = evaluate(reader, reader.layer("huvr"), reference)
    >>> errors["samples"], round(errors["rmse_m"], 1)
    (454500, 0.1)
    """
    arguments.function("report", report)
    arguments.instance("reader", reader, Reader, "give that of open_reader")
    if not hasattr(type(reference), "read") or isinstance(reference, Reader | IOBase):
        arguments.refuse("reference", reference, "give a ReferenceHeights, Dem or SurfaceDecoder")
    return measure_layer(reader, layer, reference, keep_bits, report)
