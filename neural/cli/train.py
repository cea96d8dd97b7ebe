"""`ntile train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from neural.cli import options
from neural.encode import require_torch
from neural.errors import UsageError
from neural.methods import METHODS
from neural.methods.base import LinkedMethod

_WITH_MODELS = [name for name in METHODS if name not in ("reference", "acorn")]
"""Methods with models; ACORN is trained by `ntile encode`, on the area itself."""


@click.command("train")
@click.argument("method", type=click.Choice(_WITH_MODELS))
@click.option(
    "--data",
    type=options.PATH,
    multiple=True,
    required=True,
    help="Training data: a folder with a MANIFEST.csv.",
)
@click.option(
    "--preset",
    default=None,
    help="Preset of the method (default: the smallest; see neural/models).",
)
@click.option(
    "--out", type=options.PATH, required=True, help="Output folder for checkpoint, log and weights."
)
@click.option(
    "--steps", type=click.IntRange(1), default=None, help="Training steps (default: by preset)."
)
@click.option(
    "--validate-every",
    type=click.IntRange(1),
    default=250,
    show_default=True,
    help="Steps between validations; the weights of the best one are kept.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=None,
    help="Threads to compute with; resuming repeats every bit with as many (default: all cores).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed.")
@options.device
@click.option(
    "--resume", is_flag=True, help="Resume from OUT/checkpoint.pt; more --steps make a run longer."
)
@options.as_json
def command(
    method: str,
    data: tuple[Path, ...],
    preset: str | None,
    out: Path,
    steps: int | None,
    validate_every: int,
    threads: int | None,
    seed: int,
    device: str,
    resume: bool,
    as_json: bool,
) -> None:
    """Train a model on the `train` split, validate on `val`, write its weights.

    Example: ntile train huvr_siren --data ../shared/data/terrain --out runs/small
    """
    require_torch("training")
    from neural.models import PRESETS

    presets = PRESETS[method]
    preset = preset or ("small" if "small" in presets else next(iter(presets)))
    if preset not in presets:
        raise UsageError(f"--preset {preset}: {method} has {', '.join(presets)}.")
    if issubclass(METHODS[method], LinkedMethod):
        from neural.models import context_training

        row = context_training.train(preset, data, out, steps, device, seed, resume)
        text = f"step {row['step']:.0f}, {row['val_bits']:.4f} bits per detail"
    else:
        from neural.train import Run, train

        run = Run(method, preset, data, out, steps, device, seed, resume, threads)
        row = train(replace(run, validate_every=validate_every))
        text = f"step {row['step']}, {row['psnr_db']:.2f} dB, RMSE {row['rmse_m']:.3f} m"
    if as_json:
        options.print_json(row)
    else:
        click.echo(f"{out}: {text}")
