"""`ntile encode`."""

from __future__ import annotations

from pathlib import Path

import click

from neural.cli import options
from neural.methods import METHODS


@click.command("encode")
@click.argument("source", metavar="IN.tif", type=options.PATH)
@click.argument("out", metavar="OUT.ntile", type=options.PATH)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(sorted(METHODS)),
    help="Layer to write; repeat for several (default: huvr_siren).",
)
@click.option("--bits", type=int, default=8, show_default=True, help="Bits per stored latent: 2…8, 16 or 32.")
@click.option("--model", "models", multiple=True, help="Shipped model name or path of a trained one, per method.")
@click.option("--refine", type=click.IntRange(0), default=0, help="Optimise each tile's payload for so many steps.")
@click.option("--reference", type=float, default=None, metavar="TOL", help="Add a reference layer within TOL metres.")
@options.crs
@options.unit
@click.option("--attribution", default=None, help="Credit line kept in the file.")
@click.option("--link-decoder", is_flag=True, help="Name the decoder by hash instead of embedding it.")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Threads (default: all cores).")
@options.device
@click.option("--restart", is_flag=True, help="Discard an unfinished encode instead of resuming it.")
@options.as_json
def command(
    source: Path,
    out: Path,
    methods: tuple[str, ...],
    bits: int,
    models: tuple[str, ...],
    refine: int,
    reference: float | None,
    crs: str | None,
    unit: str | None,
    attribution: str | None,
    link_decoder: bool,
    jobs: int | None,
    device: str,
    restart: bool,
    as_json: bool,
) -> None:
    """Encode a DEM as a .ntile file.

    Interrupted at any moment, the same command resumes; OUT.ntile appears only when it is complete.

    Example: ntile encode dem.tif area.ntile --reference 0.05
    """
    from neural.container import open_reader
    from neural.encode import EncodeOptions, encode

    learned = tuple(name for name in methods if name != "reference")
    if "reference" in methods and reference is None:
        raise click.UsageError("--method reference needs its tolerance: give --reference TOL in metres.")
    choice = EncodeOptions(
        methods=learned if methods else ("huvr_siren",),
        bits=bits,
        models=models,
        refine=refine,
        reference_m=reference,
        crs=crs,
        unit=unit,
        attribution=attribution,
        link_decoder=link_decoder,
        jobs=jobs,
        device=device,
        restart=restart,
    )
    with options.progress(f"encoding {source.name}") as report:
        encode(source, out, choice, report)
    with open_reader(out) as reader:
        for assumption in reader.grid.assumptions:
            click.echo(f"ntile: assumed: {assumption}", err=True)
        sizes = reader.sizes()
    if as_json:
        options.print_json({"file": str(out), **sizes})
    else:
        click.echo(f"{out}: {options.human_bytes(sizes['file_bytes'])}")
