"""`ntile info`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from neural.cli import options
from neural.grid import Grid
from neural.raster.reading import ReadOptions


@click.command("info")
@click.argument("source", metavar="FILE", type=options.PATH)
@options.as_json
def command(source: Path, as_json: bool) -> None:
    """Show the contents of a file: area, layers, sizes of its sections."""
    from neural.container.reader import open_reader
    from neural.measure.sizes import network_bytes
    from neural.methods import METHODS

    with open_reader(source) as reader:
        grid = reader.grid
        sizes = reader.sizes()
        layers: list[dict[str, Any]] = [
            {
                "index": layer.index,
                "title": layer.title,
                "method": layer.method,
                "bits": layer.bits,
                "tolerance_m": layer.tolerance_m,
                "step_m": float(layer.params["step_m"][0]) if "step_m" in layer.params else None,
                "decoder": layer.decoder,
                "decoder_embedded": layer.decoder is not None and reader.embeds(layer.decoder),
                "min_m": layer.heights_m[0],
                "max_m": layer.heights_m[1],
                "macs_per_sample": METHODS[layer.method](**layer.config).macs_per_sample(),
                "network_bytes": network_bytes(reader, layer),
                "stats": layer.stats,
            }
            for layer in reader.layers
        ]
        provenance = reader.metadata["ntile"]["provenance"]
        reading = reader.reading
    facts = {
        "file": str(source),
        "grid": grid.to_json(),
        "levels": grid.levels,
        "layers": layers,
        "sizes": sizes,
    }
    if as_json:
        options.print_json({**facts, "provenance": provenance, "reading": reading.to_json()})
        return
    west, south, east, north = grid.bounds
    click.echo(f"{source}: {options.human_bytes(sizes['file_bytes'])}")
    click.echo(f"  {grid.width} × {grid.height} cells of {_cells(grid)}, {grid.levels} levels")
    click.echo(f"  west {west:.2f}  south {south:.2f}  east {east:.2f}  north {north:.2f}")
    click.echo(f"  CRS: {_crs_name(grid.crs_wkt)}")
    click.echo(f"  vertical datum: {grid.vertical_datum or 'unknown'}")
    if read_as := _read_as(reading.options):
        click.echo(f"  source: {read_as}")
    for assumption in grid.assumptions:
        click.echo(f"  assumed: {assumption}")
    if credit := provenance.get("attribution"):
        click.echo(f"  credit: {credit}")
    parts = [(name, sizes[f"{name}_bytes"]) for name in ("directory", "metadata", "decoder")]
    click.echo("  " + ", ".join(f"{name} {options.human_bytes(size)}" for name, size in parts))
    for layer in layers:
        if layer["network_bytes"]:
            click.echo(f"  network of {layer['title']}: {_network(layer)}")
    rows = []
    for layer in layers:
        payload, tiles = (sum(sizes[key][layer["index"]]) for key in ("payload_bytes", "tiles"))
        accuracy = f"step {layer['step_m']:.3g} m" if layer["step_m"] else f"{layer['bits']} bits"
        accuracy = f"± {layer['tolerance_m']:g} m" if layer["tolerance_m"] else accuracy
        extent = f"{layer['min_m']:.1f} … {layer['max_m']:.1f}"
        size = options.human_bytes(payload)
        rows.append([f"{layer['index']} {layer['title']}", accuracy, str(tiles), size, extent])
    options.table("", ["layer", "stored as", "tiles", "payload", "heights m"], rows)


def _network(layer: dict[str, Any]) -> str:
    """Describe a layer's own network: "322 kB, 326,721 parameters, 64 blocks, 1,105 steps"."""
    stats = layer["stats"]
    parts = [options.human_bytes(layer["network_bytes"])]
    if "parameters" in stats:
        parts.append(f"{stats['parameters']:,} parameters")
    if "blocks_per_scale" in stats:
        constant = stats.get("constant_blocks")
        blocks = f"{sum(stats['blocks_per_scale']):,} blocks"
        parts.append(f"{blocks} and {constant:,} of a single height" if constant else blocks)
    if "training_steps" in stats:
        parts.append(f"{stats['training_steps']:,} steps of training")
    return ", ".join(parts)


def _cells(grid: Grid) -> str:
    """Return size of a cell in CRS meters, and on the ground where that differs."""
    x = grid.transform[0]
    y = -grid.transform[4]
    size = f"{x:g} × {y:g} m"
    return (
        size
        if grid.ground_scale == 1
        else f"{size} ({grid.cell_x_m:.4g} × {grid.cell_y_m:.4g} m on the ground)"
    )


def _crs_name(wkt: str) -> str:
    """Return the quoted name that a WKT begins with."""
    return wkt.split('"')[1] if '"' in wkt else "local meters"


def _read_as(used: ReadOptions) -> str:
    """Describe how the source was read, as far as recorded: "heights in ft, coordinates in WGS 84,
    missing: 0"."""
    parts = [f"heights in {used.unit}"] if used.unit else []
    if used.src_crs:
        parts.append(
            f"coordinates in {_crs_name(used.src_crs) if '[' in used.src_crs else used.src_crs}"
        )
    if used.nodata:
        parts.append("also missing: " + ", ".join(f"{value:g}" for value in used.nodata))
    if used.encoding:
        parts.append(f"packed as {used.encoding}")
    return ", ".join(parts)
