"""`ntile evaluate`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from neural.cli import options

COLUMNS = (
    ("bits", "bits", "d"),
    ("rmse_m", "RMSE m", ".4f"),
    ("mae_m", "MAE m", ".4f"),
    ("le90_m", "LE90 m", ".4f"),
    ("max_error_m", "max m", ".3f"),
    ("rim_rmse_m", "rim RMSE m", ".4f"),
    ("psnr_db", "PSNR dB", ".2f"),
    ("gradient_rmse", "∇ m/m", ".4f"),
    ("sampled_gradient_rmse", "∇ of samples", ".4f"),
    ("laplacian_rmse", "∇² m/m²", ".4f"),
    ("edge_gap_m", "edge gap m", ".3f"),
    ("bits_per_sample", "bits/sample", ".4f"),
    ("stack_bits_per_sample", "all levels", ".4f"),
)


@click.command("evaluate")
@click.argument("source", metavar="FILE", type=options.PATH)
@click.option(
    "--reference", type=options.RASTER, default=None, help="DEM to compare with (default: the reference layer)."
)
@options.layer
@click.option("--bits", type=int, multiple=True, help="Also read at fewer bits; repeat for several.")
@options.as_json
def command(source: Path, reference: str | None, layer: str | None, bits: tuple[int, ...], as_json: bool) -> None:
    """Measure a layer's error in metres and its size in bits per sample.

    Example: ntile evaluate area.ntile --reference dem.tif --bits 8 --bits 4 --json
    """
    from neural.container import open_reader
    from neural.evaluate import evaluate

    with ExitStack() as stack:
        reader = stack.enter_context(open_reader(source))
        chosen = reader.layer(layer) if layer is not None else reader.layers[0]
        heights, name = _reference(stack, reader, chosen, reference)
        rows: list[dict[str, Any]] = []
        with options.progress(f"evaluating {source.name}") as report:
            for depth in bits or (None,):
                rows.append(evaluate(reader, chosen, heights, depth, report))
        sizes = reader.sizes()
    if as_json:
        options.print_json({"file": str(source), "reference": name, "results": rows, "sizes": sizes})
        return
    cells = [["" if row[key] is None else format(row[key], spec) for key, _, spec in COLUMNS] for row in rows]
    options.table(f"{source.name}, {chosen.title} against {name}", [title for _, title, _ in COLUMNS], cells)


def _reference(stack: ExitStack, reader: Any, layer: Any, path: str | None) -> tuple[Any, str]:
    """What to compare with, and its name."""
    from neural.errors import UsageError
    from neural.evaluate import check_same_grid
    from neural.surface import SurfaceDecoder

    if path is not None:
        from neural.dem import open_dem
        from neural.reading import ReadOptions

        grid = reader.grid
        dem = stack.enter_context(open_dem(path, ReadOptions(crs=grid.crs_wkt or "local"), grid))
        check_same_grid(grid, dem.grid, path)
        return dem, path
    for other in reader.layers:
        if other.is_reference and other.index != layer.index:
            return SurfaceDecoder(reader, other, keep_tiles=16), f"layer {other.index} (±{other.tolerance_m:g} m)"
    raise UsageError(f"{reader.path} has no reference layer: give the source DEM with --reference.")
