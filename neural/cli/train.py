"""`ntile train`."""

from __future__ import annotations

from pathlib import Path

import click

from neural.cli import options
from neural.encode import DEFAULT_MODELS, require_torch
from neural.errors import UsageError


@click.command("train")
@click.argument("method", type=click.Choice(list(DEFAULT_MODELS)))
@click.option("--data", type=options.PATH, multiple=True, required=True, help="Folder of rasters with MANIFEST.csv.")
@click.option("--preset", default="small", show_default=True, help="Preset of the method (neural/models).")
@click.option("--out", type=options.PATH, required=True, help="Folder for checkpoint, log and weights.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Steps (default: the preset's).")
@click.option("--seed", type=int, default=0, show_default=True)
@options.device
@click.option("--resume", is_flag=True, help="Go on from OUT/checkpoint.pt.")
@options.as_json
def command(
    method: str,
    data: tuple[Path, ...],
    preset: str,
    out: Path,
    steps: int | None,
    seed: int,
    device: str,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a model on the `train` split, validate on `val`, write half-precision weights.

    Example: ntile train huvr_siren --data ../shared/data/terrain --out runs/small
    """
    require_torch("training")
    from neural.models import PRESETS
    from neural.train import Run, train

    if preset not in PRESETS[method]:
        raise UsageError(f"--preset {preset}: {method} has {', '.join(PRESETS[method])}.")

    row = train(Run(method, preset, data, out, steps, device, seed, resume))
    if as_json:
        options.print_json(row)
    else:
        click.echo(f"{out}: step {row['step']}, {row['psnr_db']:.2f} dB, RMSE {row['rmse_m']:.3f} m")
