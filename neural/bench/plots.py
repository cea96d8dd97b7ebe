"""Rate–distortion plots: learned methods with a marker per bit depth, codecs as thin lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural.bench.environment import require

PLOTS = {
    "rmse_m": ("height RMSE, m", "height_rmse.png"),
    "gradient_rmse": ("gradient RMSE, m/m", "gradient_rmse.png"),
    "max_error_m": ("largest error, m", "max_error.png"),
}
_MARKERS = "osD^vP*X"


def figure(width: float = 8.0, height: float = 5.2) -> tuple[Any, Any]:
    """A figure with one axis, drawn without a display."""
    require("matplotlib", "plotting", "bench")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing, drawing.subplots()


def save(drawing: Any, path: Path) -> Path:
    """Write a PNG whose bytes depend on the data alone."""
    drawing.savefig(path, dpi=130, metadata={"Software": None})
    return path


def rate_distortion(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Three plots of the means over places, error against bits per sample, log–log."""
    return [save(_plot(result, key, label), folder / name) for key, (label, name) in PLOTS.items()]


def _plot(result: Mapping[str, Any], key: str, label: str) -> Any:
    drawing, axis = figure()
    mean, names = result["mean"], result["titles"]
    for index, (name, points) in enumerate(mean["codec_curves"].items()):
        if points:
            x, y = ([point[part] for point in points] for part in ("bits_per_sample", key))
            axis.plot(x, y, color=f"C{index}", lw=1.1, ls="--", label=names[name])
    for index, (name, points) in enumerate(mean["learned"].items()):
        x, y = ([point[part] for point in points] for part in ("bits_per_sample", key))
        marker, color = _MARKERS[index % len(_MARKERS)], f"C{(len(mean['codec_curves']) + index) % 10}"
        axis.plot(x, y, color=color, lw=2.0, marker=marker, ms=6, label=names[name])
        for bits, at_x, at_y in zip((point["bits"] for point in points), x, y, strict=True):
            axis.annotate(f"{bits}", (at_x, at_y), xytext=(4, 5), textcoords="offset points", fontsize=7, color=color)
    for marker, (name, point) in zip("x+", mean["baselines"].items(), strict=True):
        axis.plot(point["bits_per_sample"], point[key], marker, color="0.35", ms=8, label=names[name])
    axis.set(xscale="log", yscale="log", xlabel="bits per sample, finest level with envelopes", ylabel=label)
    count = len(result["places"])
    axis.set_title(
        f"mean over {count} place{'s' if count > 1 else ''} (geometric); numbers are bits per value", fontsize=9
    )
    axis.grid(which="both", alpha=0.25)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing
