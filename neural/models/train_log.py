"""The record of a training run: a table and its plot."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from neural.models.validation import MEASURES
from neural.system import output

FIELDS = ("step", "tiles", "cpu_seconds", "learning_rate", "train_mse", *MEASURES)

_PLOTS = (
    (("psnr_db",), "PSNR, dB"),
    (("rmse_m",), "RMSE, m"),
    (("gradient_rmse", "sampled_gradient_rmse"), "gradient RMSE, m/m"),
    (("laplacian_rmse",), "Laplacian RMSE, 1/m"),
)
_LABELS = {"gradient_rmse": "analytic", "sampled_gradient_rmse": "by differences"}


def write(out: Path, log: list[dict[str, float]]) -> None:
    """Write OUT/log.csv with the FIELDS of each validation, and its plot OUT/log.png."""
    table = io.StringIO()
    writer = csv.DictWriter(table, FIELDS)
    writer.writeheader()
    writer.writerows(log)
    output.write_text(out / "log.csv", table.getvalue())
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(_PLOTS), figsize=(15, 3.2), layout="constrained")
    tiles = [row["tiles"] for row in log]
    for axis, (names, title) in zip(axes, _PLOTS, strict=True):
        for name in names:
            axis.plot(tiles, [row[name] for row in log], marker=".", label=_LABELS.get(name))
        axis.set(xlabel="tiles", title=f"validation {title}")
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend()
    with output.binary(out / "log.png") as picture:
        figure.savefig(picture, format="png", dpi=110)
    plt.close(figure)
