"""`ntile encode`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neural.cli import options
from neural.encoding.acorn.options import METHOD, AcornOptions
from neural.encoding.acorn.settings import AUTO, PARTITIONS, PRESETS
from neural.methods import METHODS
from neural.raster import raster_name
from neural.raster.reading import ReadOptions
from neural.system.option_types import Duration

if TYPE_CHECKING:
    from neural.encoding.summary import EncodeSummary


@click.command("encode")
@click.argument("source", metavar="IN.tif", type=options.RASTER)
@click.argument("out", metavar="OUT.ntile", type=options.PATH)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(sorted(METHODS)),
    help="Method of a layer; repeatable (default: lapped_siren, or that of --model).",
)
@click.option(
    "--quality",
    type=float,
    default=None,
    metavar="Q",
    help="lapped_siren: quality, 0 to 100; the quantization step is 16 m at 0, 0.5 m at 50, "
    "0.016 m at 100 (default: 50, or the precision of the source if coarser).",
)
@click.option(
    "--step",
    "step_m",
    type=float,
    default=None,
    metavar="M",
    help="lapped_siren: quantization step in meters.",
)
@click.option(
    "--target-rmse",
    "target_rmse_m",
    type=float,
    default=None,
    metavar="M",
    help="lapped_siren, acorn: max. root mean square error in meters.",
)
@click.option(
    "--bits-per-sample",
    type=float,
    default=None,
    metavar="B",
    help="lapped_siren: max. bits per valid sample, all levels and the directory included.",
)
@click.option(
    "--max-error",
    "max_error_m",
    type=float,
    default=None,
    metavar="M",
    help="lapped_siren: max. absolute error of every sample in meters.",
)
@click.option(
    "--bits",
    type=int,
    default=8,
    show_default=True,
    help="Other methods: bit depth per value: 2…8, 16 or 32; acorn: per weight of its encoder: 5, "
    "6, 8 or 32.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    help="Model: a shipped name or a path; repeatable, one per method.",
)
@click.option(
    "--refine",
    type=click.IntRange(0),
    default=0,
    help="Other methods: optimization steps per payload.",
)
@click.option(
    "--reference",
    type=float,
    default=None,
    metavar="TOL",
    help="Add a near-lossless reference layer with this max. error in meters.",
)
@click.option(
    "--preset",
    type=click.Choice([AUTO, *PRESETS]),
    default=AUTO,
    show_default=True,
    help="acorn: size of the network: 50 thousand weights (tiny), 0.3, 1.3, 9.5 or 168 million; "
    "auto: by the area.",
)
@click.option(
    "--blocks",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="acorn: max. number of blocks, constant ones not counted (default: the preset's).",
)
@click.option(
    "--partition",
    type=click.Choice(PARTITIONS),
    default=None,
    help="acorn: choice of the blocks: of one size, the published rule, the best for a bilinear "
    "fit, or that moved by errors (default: cut where a fifth of the area is flat or has no data, "
    "else uniform).",
)
@click.option(
    "--borders",
    type=click.Choice(["blended", "paper"]),
    default="blended",
    show_default=True,
    help="acorn: blend blocks across their borders, or leave steps there as published.",
)
@click.option(
    "--lod-nodes",
    is_flag=True,
    help="acorn: train larger blocks for the coarse levels, too: these decode faster, the finest "
    "level is less exact.",
)
@click.option(
    "--time",
    "time_s",
    type=Duration(),
    default=None,
    metavar="TIME",
    help="acorn: end the training after this time in all, as 90s, 10min or 2h (default: 10min).",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="acorn: end the training after N steps, instead of a time.",
)
@click.option("--seed", type=click.IntRange(0), default=0, help="acorn: seed of the training.")
@click.option(
    "--resume",
    is_flag=True,
    help="acorn: resume an interrupted training, or fail; --time 0 writes its present state.",
)
@options.reading
@click.option("--attribution", default=None, help="Attribution stored in the file.")
@click.option(
    "--link-decoder", is_flag=True, help="Reference the decoder by hash instead of embedding it."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=None,
    help="Number of threads (default: all cores; acorn: 1).",
)
@options.device
@click.option(
    "--restart", is_flag=True, help="Discard an interrupted encode instead of resuming it."
)
@options.as_json
def command(
    source: str,
    out: Path,
    methods: tuple[str, ...],
    quality: float | None,
    step_m: float | None,
    target_rmse_m: float | None,
    bits_per_sample: float | None,
    max_error_m: float | None,
    bits: int,
    models: tuple[str, ...],
    refine: int,
    preset: str,
    blocks: int | None,
    partition: str | None,
    borders: str,
    lod_nodes: bool,
    time_s: float | None,
    steps: int | None,
    seed: int,
    resume: bool,
    reference: float | None,
    reading: ReadOptions,
    attribution: str | None,
    link_decoder: bool,
    jobs: int | None,
    device: str,
    restart: bool,
    as_json: bool,
) -> None:
    """Encode a DEM as a .ntile file.

    Interrupted at any moment, the same command resumes; OUT.ntile appears only when it is complete.
    Ends with its errors against the source's samples, its size and the command that looks at it.

    acorn trains one network for the area; its progress shows the PSNR over the area's relief, and
    how many blocks there are of each scale: 0 is the whole area, each further one halves the side.

    Example: ntile encode dem.tif area.ntile --reference 0.05
    """
    from neural.container.reader import open_reader
    from neural.encode import EncodeOptions, encode

    learned = tuple(name for name in methods if name != "reference")
    if "reference" in methods and reference is None:
        raise click.UsageError(
            "--method reference needs its tolerance: give --reference TOL in meters."
        )
    choice = EncodeOptions(
        methods=learned if methods else None,
        quality=quality,
        step_m=step_m,
        target_rmse_m=target_rmse_m,
        bits_per_sample=bits_per_sample,
        max_error_m=max_error_m,
        bits=bits,
        models=models,
        refine=refine,
        reference_m=reference,
        reading=reading,
        attribution=attribution,
        link_decoder=link_decoder,
        jobs=jobs,
        device=device,
        restart=restart,
        acorn=AcornOptions(
            preset=preset,
            blocks=blocks,
            partition=partition,
            borders=borders,
            lod_nodes=lod_nodes,
            time_s=time_s,
            steps=steps,
            seed=seed,
            resume=resume,
        ),
    )
    with options.progress(f"encoding {raster_name.label(source)}") as report:
        achieved = encode(source, out, choice, report)
    with open_reader(out) as reader:
        for assumption in reader.grid.assumptions:
            click.echo(f"ntile: assumed: {assumption}", err=True)
    if as_json:
        options.print_json({"file": str(out), **achieved.report()})
    else:
        for line in closing_lines(str(out), str(source), achieved):
            click.echo(line)


def closing_lines(out: str, source: str, achieved: EncodeSummary) -> list[str]:
    """Return the closing summary: size, errors, time, defaults chosen, the command to view the
    file, and advice where it is larger than its source."""
    size = achieved.sizes["file_bytes"]
    stored = achieved.source_bytes
    share = (
        f"{100 * size / stored:.3g} %"
        if stored and size <= 2 * stored
        else f"{size / (stored or size):.0f} times"
    )
    compared = f", {share} of {source} ({options.human_bytes(stored)})" if stored else ""
    lines = [
        f"{out}: {options.human_bytes(size)}{compared}, in "
        f"{options.human_seconds(achieved.seconds)}"
    ]
    for layer in achieved.layers:
        step = f", step {layer.step_m:.3g} m" if layer.step_m else ""
        part = (
            f" (of {layer.measured_tiles} of {layer.tiles} tiles)"
            if layer.measured_tiles < layer.tiles
            else ""
        )
        lines.append(
            f"  {layer.title}: RMSE {layer.rmse_m:.3g} m, largest error {layer.max_error_m:.3g} "
            f"m{part}, "
            f"{layer.stack_bits_per_sample:.3g} bits per sample in all levels, "
            f"{layer.bits_per_sample:.3g} in the finest{step}"
        )
        if layer.network_bytes:
            network = options.human_bytes(layer.network_bytes)
            lines.append(
                f"  Its network takes {network} of the file, which --preset and --bits change."
            )
        if layer.quantum_m:
            lines.append(
                "  The step is that of the source's heights, nearly all multiples of "
                f"{layer.quantum_m:.4g} m: "
                "finer ones would code its rounding; --quality or --step sets another."
            )
    if stored and size > stored:
        lines.append(f"  The file is larger than its source: {_advice(achieved)}")
    return [*lines, f"  Look at it: terrain-viewer {shlex.quote(out)}"]


def _advice(achieved: EncodeSummary) -> str:
    """Return advice that makes a file smaller, beginning with its largest part."""
    payloads = [sum(levels) for levels in achieved.sizes["payload_bytes"]]
    largest = achieved.layers[payloads.index(max(payloads))]
    if achieved.sizes["decoder_bytes"] > max(payloads):
        if any(layer.method == METHOD for layer in achieved.layers):
            return "most of it is the network, which a smaller --preset makes smaller."
        return "most of it is the decoder, which --link-decoder leaves out."
    if largest.step_m is None:
        return (
            f"most of it is the {largest.title} layer; leave that out or give it fewer bits "
            "or a larger tolerance."
        )
    return "a lower --quality, or a larger --target-rmse, --max-error or --step, makes it smaller."
