"""Results: size, error and decode time of a layer at a bit depth. No window, no GL.

rows = [results.measure("area.ntile", LayerChoice(0, bits)) for bits in (None, 7, 6)]
results.write("results.csv", rows)
"""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neural.container.reader import Reader
from neural.errors import UsageError
from neural.measure.height_reader import HeightReader
from neural.measure.layer_errors import measure_layer
from neural.measure.sizes import rates
from neural.progress import Report, no_report
from neural.raster.reading import Raster
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from neural.system import output
from neural.tiles import TILE, centers
from viewer.model import layers
from viewer.model.settings import LayerChoice
from viewer.tiles.difference import SurfaceReference
from viewer.tiles.pins import Pins
from viewer.tiles.reference import DemReference

TIMED_TILES = 4
"""Tiles decoded for timing, if no picture has timed them."""

SUFFIXES = (".csv", ".json")
"""File formats of results."""


@dataclass
class ResultErrors:
    """Decoded − reference over some samples, meters."""

    samples: int
    rmse_m: float
    mae_m: float
    max_error_m: float
    le90_m: float
    gradient_rmse: float | None = None  # m/m, of slopes against the reference's central differences


@dataclass
class Result:
    """Size, error and decode time of one layer and bit depth; None where unknown (yet)."""

    path: str
    layer: int  # index
    keep_bits: int | None
    method: str
    label: str  # layer and bits for lists
    bits: int
    reference: str = ""  # name of the error reference; "" for none
    bits_per_sample: float | None = None  # payloads of the finest level
    stack_bits_per_sample: float | None = None  # payloads of all levels and directory
    total_bytes: int | None = None  # the same, in bytes
    view: ResultErrors | None = None  # over the view of its latest measurement
    whole: ResultErrors | None = None  # over the finest level of the whole area
    decode_ms: float | None = None  # per tile
    content: str = ""  # `Reader.content` of its file; not written

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same layer, bits and reference of the same content."""
        return self.path, self.content, self.layer, self.keep_bits, self.reference

    def flat(self) -> dict[str, Any]:
        """Return plain values by column name; those of a view begin with view_."""
        values = asdict(self)
        del values["content"]
        view = values.pop("view")
        whole = values.pop("whole")
        names = list(ResultErrors.__dataclass_fields__)
        for prefix, errors in (("view_", view), ("", whole)):
            values |= {prefix + name: None if errors is None else errors[name] for name in names}
        del values["view_gradient_rmse"]  # measured over the whole area only
        return values


def of(path: str, reader: Reader, choice: LayerChoice, reference: str = "") -> Result:
    """Return an empty row for a choice."""
    layer = reader.layers[choice.index]
    bits = layers.effective_bits(layer, choice)
    label = layers.label(layer, choice)
    return Result(
        os.path.abspath(path),
        choice.index,
        choice.keep_bits,
        layer.method,
        label,
        bits,
        reference,
        content=reader.content,
    )


def measure(
    file: str | os.PathLike[str] | Reader,
    choice: LayerChoice,
    reference_dem: Raster | None = None,
    main: str | Reader | None = None,
    report: Report = no_report,
    *,
    whole: bool = True,
    pins: Pins | None = None,
) -> Result:
    """Measure a layer over the whole area, as `ntile evaluate` does; without `whole` only its size.

    Against the given raster, else the file's own reference layer, else that of the file `main`; a
    reference layer is not measured against itself. `report` is called with tiles done and in total;
    its exceptions cancel the work. Files are opened unless they are given open, and `pins` hold
    them to contents. Raises NtileError.
    """
    pins = pins or Pins()
    with ExitStack() as stack:
        reader = file if isinstance(file, Reader) else stack.enter_context(pins.open(Path(file)))
        layer = reader.layers[choice.index]
        heights, name = reference(stack, reader, choice.index, reference_dem, main, pins)
        row = of(reader.path, reader, choice, name)
        row.decode_ms = _timed(reader, choice) if whole else None
        if heights is None or not whole:
            samples = reader.grid.width * reader.grid.height
            _take_rates(row, rates(reader, layer, samples, choice.keep_bits), samples)
            return row
        numbers: dict[str, Any] = measure_layer(reader, layer, heights, choice.keep_bits, report)
        _take_rates(row, numbers, numbers["layer_samples"])
        row.whole = ResultErrors(*(numbers[name] for name in ResultErrors.__dataclass_fields__))
        return row


def reference(
    stack: ExitStack,
    reader: Reader,
    layer: int,
    dem: Raster | None,
    main: str | Reader | None,
    pins: Pins,
) -> tuple[HeightReader | None, str]:
    """Return the reference of `measure`, opened on the stack, and its name."""
    if dem is not None:
        raster = DemReference(dem, reader)
        stack.callback(raster.close)
        pins.check(raster)
        return raster, raster.name
    exact_layer = next((candidate for candidate in reader.layers if candidate.is_reference), None)
    if exact_layer is not None:
        if exact_layer.index == layer:
            return None, ""
        name = exact_layer.title or exact_layer.method
        return SurfaceDecoder(reader, exact_layer, keep_tiles=16), name
    main_path = main.path if isinstance(main, Reader) else main
    if main is None or os.path.abspath(main_path or "") == os.path.abspath(reader.path):
        return None, ""
    other = main if isinstance(main, Reader) else stack.enter_context(pins.open(main))
    exact = next((candidate for candidate in other.layers if candidate.is_reference), None)
    if exact is None:
        return None, ""
    name = exact.title or exact.method
    return SurfaceReference(SurfaceSampler.of(other, exact).decoder, reader.grid, name), name


def _take_rates(row: Result, numbers: dict[str, Any], samples: int) -> None:
    row.bits_per_sample = numbers["bits_per_sample"]
    row.stack_bits_per_sample = numbers["stack_bits_per_sample"]
    row.total_bytes = round(numbers["stack_bits_per_sample"] * samples / 8)


def _timed(reader: Reader, choice: LayerChoice) -> float | None:
    """Return the mean time in milliseconds to decode a finest tile with its gradients, read and
    unpacked."""
    layer = reader.layers[choice.index]
    decoder = SurfaceDecoder(reader, layer, choice.keep_bits)
    positions = centers(TILE)
    tiles = [tile for tile in reader.tiles(layer) if tile.z == reader.grid.levels - 1][:TIMED_TILES]
    start = time.perf_counter()
    for tile in tiles:
        surface = decoder.open_tile(tile)
        assert surface is not None  # listed by the directory
        surface.heights(positions, positions, order=1)
    return 1e3 * (time.perf_counter() - start) / len(tiles) if tiles else None


def to_csv(rows: Sequence[Result]) -> str:
    """Return a header and a line per row; unknown values are empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(Result("", 0, None, "", "", 0).flat()), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _short(value) for name, value in row.flat().items()})
    return out.getvalue()


def to_json(rows: Sequence[Result]) -> str:
    """Return a list of objects with the columns of the CSV; null for unknown values."""
    return json.dumps([row.flat() for row in rows], indent=1) + "\n"


def write(path: str | os.PathLike[str], rows: Sequence[Result]) -> None:
    """Write rows as CSV or JSON, by the suffix. Raises NtileError."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: results are written as .csv or .json; give a name that ends so.")
    output.write_text(path, to_csv(rows) if suffix == ".csv" else to_json(rows))


def _short(value: Any) -> Any:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value
