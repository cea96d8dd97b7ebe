"""Rate–distortion plots: learned methods with a marker per point, those with a step thick, codecs
as thin lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neural.bench.environment import require
from neural.system import output

PLOTS = {
    "rmse_m": ("height RMSE, m", "height_rmse.png"),
    "gradient_rmse": ("gradient RMSE, m/m", "gradient_rmse.png"),
    "max_error_m": ("largest error, m", "max_error.png"),
}
_MARKERS = "osD^vP*X"
_LINES = {
    "jpeg2k_files": ("black", "-"),
    "jpeg2k_image": ("black", "--"),
    "jpeg2k_headerless": ("0.55", "-"),
    "jpeg2k": ("0.55", "--"),
}
"""Color and style of the accountings of JPEG 2000; other codecs take colors in turn."""

_CODEC_COLORS = ("tab:blue", "tab:green", "tab:olive", "tab:cyan", "tab:brown")
_STEPPED_COLORS = ("tab:red", "tab:pink")
_LEARNED_COLORS = (
    "tab:purple",
    "tab:orange",
    "tab:blue",
    "tab:green",
    "tab:olive",
    "tab:cyan",
    "tab:brown",
)


def figure(width: float = 8.0, height: float = 5.2) -> tuple[Any, Any]:
    """Return a figure with one axis, drawn without a display."""
    require("matplotlib", "plotting", "bench")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    return drawing, drawing.subplots()


def save(drawing: Any, path: Path) -> Path:
    """Write a PNG whose bytes depend on the data alone. Raises NtileError."""
    with output.binary(path) as file:
        drawing.savefig(file, format="png", dpi=130, metadata={"Software": None})
    return path


def rate_distortion(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Plot the means over places, error against bits per sample, log–log; return the paths."""
    return [save(_plot(result, key, label), folder / name) for key, (label, name) in PLOTS.items()]


def _plot(result: Mapping[str, Any], key: str, label: str) -> Any:
    drawing, axis = figure(10.0, 5.8)
    mean = result["mean"]
    names = result["titles"]
    _draw_learned(axis, mean["learned"], names, key)
    _draw_codecs(axis, mean["codec_curves"], names, key)
    for marker, (name, point) in zip("x+", mean["baselines"].items(), strict=True):
        axis.plot(
            point["bits_per_sample"], point[key], marker, color="0.35", ms=8, label=names[name]
        )
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="bits per sample of the finest level (with a step: of all levels)",
        ylabel=label,
    )
    count = len(result["places"])
    axis.set_title(f"mean over {count} place{'s' if count > 1 else ''} (geometric)", fontsize=9)
    axis.grid(which="major", alpha=0.35)
    axis.grid(which="minor", alpha=0.12)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing


def _draw_codecs(
    axis: Any, curves: Mapping[str, Sequence[Mapping[str, Any]]], names: Mapping[str, str], key: str
) -> None:
    colors = iter(_CODEC_COLORS)
    for name, points in sorted(curves.items(), key=lambda curve: curve[0] not in _LINES):
        color, style = _LINES.get(name) or (next(colors), "--")
        if points:
            x, y = ([point[part] for point in points] for part in ("bits_per_sample", key))
            axis.plot(x, y, color=color, lw=1.1, ls=style, label=names[name])


def _draw_learned(
    axis: Any, curves: Mapping[str, Sequence[Mapping[str, Any]]], names: Mapping[str, str], key: str
) -> None:
    """Draw methods with a step at the rate of all their levels, labeled with every third step;
    others with their bits."""
    thick = iter(_STEPPED_COLORS)
    thin = iter(_LEARNED_COLORS)
    for index, (name, points) in enumerate(curves.items()):
        stepped = "step_m" in points[0]
        rate = "stack_bits_per_sample" if stepped else "bits_per_sample"
        x, y = ([point[part] for point in points] for part in (rate, key))
        color, width = (next(thick), 3.0) if stepped else (next(thin), 1.6)
        title = names[name] + (", all levels (step)" if stepped else " (bits per value)")
        axis.plot(
            x,
            y,
            color=color,
            lw=width,
            marker=_MARKERS[index % len(_MARKERS)],
            ms=5,
            label=title,
            zorder=3,
        )
        offset, side, stride = ((-6, -9), "right", 3) if stepped else ((5, 5), "left", 1)
        for point, *position in list(zip(points, x, y, strict=True))[::stride]:
            text = f"{point['step_m']:.2g} m" if stepped else f"{point['bits']}"
            axis.annotate(
                text, position, offset, textcoords="offset points", fontsize=7, color=color, ha=side
            )
