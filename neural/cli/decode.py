"""`ntile decode`."""

from __future__ import annotations

from pathlib import Path

import click

from neural.cli import options
from neural.system import output


@click.command("decode")
@click.argument("source", metavar="IN.ntile", type=options.PATH)
@click.argument("out", metavar="OUT.tif", type=options.PATH)
@options.layer
@options.bits
@click.option(
    "--bbox",
    type=float,
    nargs=4,
    default=None,
    help="Extent to decode: west south east north in the file's CRS.",
)
@click.option(
    "--resolution",
    type=float,
    default=None,
    metavar="M",
    help="Output cell size in CRS meters (default: as stored).",
)
@options.as_json
def command(
    source: Path,
    out: Path,
    layer: str | None,
    bits: int | None,
    bbox: tuple[float, float, float, float] | None,
    resolution: float | None,
    as_json: bool,
) -> None:
    """Decode a layer to a Cloud Optimized GeoTIFF, float32 meters.

    Example: ntile decode area.ntile area.tif --resolution 0.5
    """
    from neural.container.reader import open_reader
    from neural.decode import decode, plan
    from neural.surface.tile_surface import SurfaceDecoder

    with open_reader(source) as reader:
        output.check(out, [source])
        decoder = SurfaceDecoder(reader, reader.layer(layer or 0), bits)
        target = plan(reader.grid, bbox, resolution)
        with options.progress(f"decoding {source.name}") as report:
            decode(decoder, out, target, report)
    if as_json:
        cells = [
            target.step[0] * reader.grid.transform[0],
            -target.step[1] * reader.grid.transform[4],
        ]
        facts = {
            "width": target.width,
            "height": target.height,
            "cell_m": cells,
            "level": target.level,
        }
        options.print_json(
            {
                "file": str(out),
                "layer": decoder.layer.index,
                "bits": bits or decoder.layer.bits,
                **facts,
            }
        )
    else:
        click.echo(str(out))
