"""Ablations: short trainings of HUVR+SIREN with different numbers per token or patch sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from neural.bench import plots
from neural.bench.markdown import table
from neural.tiles import TILE

METHOD = "huvr_siren"
PRESET = "small"
PAYLOAD_SIZES = (8, 16, 32, 64)
PATCH_SIZES = (8, 16, 32)
FIT_STEPS_PER_STEP = 10
"""Most fit steps of the warm start per training step, so that both are equally short."""
ERRORS = ("psnr_db", "rmse_m", "gradient_rmse")


def variants(kind: str, base: Any) -> dict[str, Any]:
    """Return presets by name: `base` with one size changed (`kind` "payload" or "patch")."""
    if kind == "payload":
        return {
            f"payload{dim}": replace(base, method=replace(base.method, dim=dim))
            for dim in PAYLOAD_SIZES
        }
    return {f"patch{side}": _with_patches(base, side) for side in PATCH_SIZES}


def _with_patches(base: Any, side: int) -> Any:
    per_side = TILE // side
    return replace(
        base,
        method=replace(base.method, patches=per_side),
        encoder=replace(base.encoder, patch=side, grid=per_side),
        train=replace(base.train, points=min(base.train.points, side * side)),
    )


@contextmanager
def _registered(name: str, preset: Any) -> Any:
    """Register a preset under a name for `neural.train.Run` while the block runs."""
    from neural.models import PRESETS

    PRESETS[METHOD][name] = preset
    try:
        yield
    finally:
        del PRESETS[METHOD][name]


def run(
    kind: str,
    data: tuple[Path, ...],
    steps: int | None,
    device: str,
    out: Path,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train every variant on the `train` split from the same seed; errors are those of the `val`
    split at the end.

    Each leaves its checkpoint, log and weights in OUT/<variant>.
    """
    from neural.models import PRESETS
    from neural.train import Run, train

    rows = []
    for name, preset in variants(kind, PRESETS[METHOD][PRESET]).items():
        count = preset.train.steps if steps is None else steps
        fit = min(preset.train.fit_steps, FIT_STEPS_PER_STEP * count)
        preset = replace(preset, train=replace(preset.train, fit_steps=fit))
        with _registered(name, preset):
            trained = train(
                Run(
                    METHOD, name, data, out / name, steps=count, device=device, validate_every=count
                )
            )
        method = preset.method
        tokens, dim = method.latent_shape
        weights = sum(math.prod(shape) for shape in method.weight_shapes().values())
        row: dict[str, Any] = {
            "name": name,
            "steps": count,
            "patch": TILE // method.patches,
            "dim": dim,
        }
        row |= {
            "floats_per_tile": tokens * dim,
            "decoder_weights": weights,
            "macs_per_sample": method.macs_per_sample(),
        }
        row |= {key: float(trained[key]) for key in ERRORS}
        say(f"{name}: {row['psnr_db']:.2f} dB, RMSE {row['rmse_m']:.3f} m")
        rows.append(row)
    return {"kind": kind, "method": METHOD, "preset": PRESET, "variants": rows}


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table of a result."""
    header = [
        "patch side",
        "per token",
        "floats/tile",
        "decoder weights",
        "MAC/sample",
        "PSNR dB",
        "RMSE m",
        "∇ RMSE m/m",
    ]
    rows = [
        [
            f"{row['patch']}",
            f"{row['dim']}",
            f"{row['floats_per_tile']:,}",
            f"{row['decoder_weights']:,}",
            f"{row['macs_per_sample']:,.0f}",
            f"{row['psnr_db']:.2f}",
            f"{row['rmse_m']:.4f}",
            f"{row['gradient_rmse']:.4f}",
        ]
        for row in result["variants"]
    ]
    steps = result["variants"][0]["steps"]
    setup = f"`{result['method']}` `{result['preset']}`, {steps} steps each from the same seed"
    note = f"{setup}; means over validation tiles, unquantized."
    return (
        "\n".join([f"# {result['kind'].capitalize()} ablation", "", note, "", *table(header, rows)])
        + "\n"
    )


def plot(result: Mapping[str, Any], path: Path) -> Path:
    """Plot PSNR over floats per tile; return the file's path."""
    drawing, axis = plots.figure(6.0, 4.2)
    rows = result["variants"]
    axis.plot(
        [row["floats_per_tile"] for row in rows], [row["psnr_db"] for row in rows], marker="o"
    )
    for row in rows:
        position = row["floats_per_tile"], row["psnr_db"]
        axis.annotate(row["name"], position, xytext=(5, 4), textcoords="offset points", fontsize=8)
    axis.set(xscale="log", xlabel="floats per tile", ylabel="validation PSNR, dB")
    axis.grid(which="both", alpha=0.25)
    return plots.save(drawing, path)
