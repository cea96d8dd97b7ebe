"""`ntile evaluate`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neural.cli import options
from neural.raster.reading import AS_STORED, ReadOptions, ReferenceRaster

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from neural.container.reader import Reader
    from neural.measure.height_reader import HeightReader

COLUMNS = (
    ("bits", "bits", "d"),
    ("rmse_m", "RMSE m", ".4f"),
    ("mae_m", "MAE m", ".4f"),
    ("le90_m", "LE90 m", ".4f"),
    ("max_error_m", "max m", ".3f"),
    ("rim_rmse_m", "rim m", ".4f"),
    ("outline_rmse_m", "outline m", ".4f"),
    ("psnr_db", "PSNR dB", ".2f"),
    ("gradient_rmse", "∇ m/m", ".4f"),
    ("sampled_gradient_rmse", "∇ of samples", ".4f"),
    ("laplacian_rmse", "∇² m/m²", ".4f"),
    ("edge_gap_m", "edge gap m", ".3f"),
    ("bits_per_sample", "bits/sample,\nfinest level", ".4f"),
    ("stack_bits_per_sample", "bits/sample,\nall levels", ".4f"),
)


@click.command("evaluate")
@click.argument("source", metavar="FILE", type=options.PATH)
@click.option(
    "--reference",
    type=options.RASTER,
    default=None,
    help="Reference DEM (default: the file's reference layer).",
)
@options.reading
@options.layer
@click.option(
    "--bits", type=int, multiple=True, help="Lower bit depth to evaluate as well; repeatable."
)
@options.as_json
def command(
    source: Path,
    reference: str | None,
    reading: ReadOptions,
    layer: str | None,
    bits: tuple[int, ...],
    as_json: bool,
) -> None:
    """Measure a layer's error in meters and its size in bits per sample.

    A DEM is read as FILE records of its source, unless its own file or an option (--unit,
    --src-crs, --nodata, --encoding) says otherwise. It needs FILE's cells; it may cover a part of
    the area.

    Columns: rim and outline are RMSE of the outermost samples and of the outline half a cell
    beyond; PSNR is over each tile's relief, the mean of all tiles; ∇ and ∇² are analytic slopes and
    Laplacian against central differences of the DEM, ∇ of samples takes these on both sides.

    Example: ntile evaluate area.ntile --reference dem.tif --bits 8 --bits 4 --json
    """
    from neural.container.reader import open_reader
    from neural.evaluate import evaluate
    from neural.measure.reference_raster import percent

    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(source))
        chosen = reader.layer(layer) if layer is not None else reader.layers[0]
        heights, name, notes = _reference(stack, reader, chosen, reference, reading)
        rows: list[dict[str, Any]] = []
        with options.progress(f"evaluating {source.name}") as report:
            for depth in bits or (None,):
                rows.append(evaluate(reader, chosen, heights, depth, report))
        sizes = reader.sizes()
    compared = rows[0]["samples"]
    all_samples = rows[0]["layer_samples"]
    if compared < all_samples:
        share = percent(compared / all_samples)
        notes.append(
            f"{name} has heights at {share} of the layer's samples; errors are over these."
        )
    if as_json:
        options.print_json(
            {
                "file": str(source),
                "reference": name,
                "notes": notes,
                "results": rows,
                "sizes": sizes,
            }
        )
        return
    for note in notes:
        click.echo(f"ntile: {note}", err=True)
    cells = [
        ["" if row[key] is None else format(row[key], spec) for key, _, spec in COLUMNS]
        for row in rows
    ]
    titles = [title for _, title, _ in COLUMNS]
    options.table(f"{source.name}, {chosen.title} against {name}", titles, cells)


def _reference(
    stack: ExitStack, reader: Reader, layer: Layer, dem: str | None, reading: ReadOptions
) -> tuple[HeightReader, str, list[str]]:
    """Return the heights to compare with, their name, and sentences on how it is read. Raises
    NtileError."""
    from neural.errors import UsageError
    from neural.measure.reference_raster import open_reference
    from neural.surface.tile_surface import SurfaceDecoder

    if dem is not None:
        heights = stack.enter_context(open_reference(ReferenceRaster(dem, reading), reader))
        heights.check_cells()
        return heights, dem, list(heights.notes)
    if reading != AS_STORED:
        raise UsageError(
            "--unit, --crs, --src-crs, --nodata and --encoding say how a DEM is read; add "
            "--reference DEM."
        )
    for other in reader.layers:
        if other.is_reference and other.index != layer.index:
            return (
                SurfaceDecoder(reader, other, keep_tiles=16),
                f"layer {other.index} (±{other.tolerance_m:g} m)",
                [],
            )
    raise UsageError(f"{reader.path} has no reference layer: give the source DEM with --reference.")
