"""Plots of the global benchmark: PSNR over time, moves of blocks, partitions over a hillshade,
error maps with an inset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import plots
from neural.bench.whole.areas import area_of
from neural.bench.whole.runs import Results, Run, StagedArea
from neural.bench.whole.training import INSET, inset

_SUN = (0.5, 0.5, 0.7071)  # weights of rises to the east and south, and of level ground
_PICTURE = 1024


def write(runs: Sequence[Run], results: Results, out: Path) -> list[Path]:
    """Write the plots of every area to a folder; return their paths. Runs that are not done are
    left out, and of two names of one run the second."""
    different = {run.stem: run for run in reversed(runs)}
    done = {
        run: result
        for run in runs
        if different[run.stem] is run and (result := results.result(run)) is not None
    }
    paths = []
    for staged in dict.fromkeys(run.staged for run in done):
        of_area = {run: result for run, result in done.items() if run.staged == staged}
        slug = staged.area.slug
        paths.append(plots.save(_curves(of_area), out / f"{slug}-psnr.png"))
        if any(len(result["retilings"]) > 1 for result in of_area.values()):
            paths.append(plots.save(_moves(of_area), out / f"{slug}-moves.png"))
        first = {run: result for run, result in of_area.items() if run.seed == min_seed(of_area)}
        blocked = [run for run, result in first.items() if result["blocks"] is not None]
        if blocked:
            drawing = _partitions(staged, blocked, results, _coarsest(of_area.values()))
            paths.append(plots.save(drawing, out / f"{slug}-partitions.png"))
        paths.append(plots.save(_errors(staged, first, results), out / f"{slug}-errors.png"))
    return paths


def min_seed(runs: Mapping[Run, Any]) -> int:
    """Return the first seed of runs."""
    return min(run.seed for run in runs)


def _title(run: Run) -> str:
    """Return method and budget; of `acorn` the rule that it follows on this area, too."""
    rule = run.trained.removeprefix("acorn_")
    name = run.method if run.method == run.trained else f"{run.method} ({rule})"
    return name if run.blocks is None else f"{name}, {run.blocks} blocks"


def _coarsest(results: Iterable[Mapping[str, Any]]) -> int:
    """Return the coarsest level that ever had blocks: it has the first color in all plots."""
    tilings = (row["blocks_per_scale"] for result in results for row in result["retilings"])
    return min((int(np.flatnonzero(counts)[0]) for counts in tilings if any(counts)), default=0)


def _color(level: int, coarsest: int) -> str:
    return f"C{(level - coarsest) % 10}"


def _curves(runs: Mapping[Run, Mapping[str, Any]]) -> Any:
    """Draw PSNR of the averaged weights over CPU-seconds, a line per seed."""
    drawing, axis = plots.figure(8.6, 5.2)
    titles = list(dict.fromkeys(_title(run) for run in runs))
    labeled = set()
    for run, result in runs.items():
        title = _title(run)
        history = result["history"]
        axis.plot(
            [row["cpu_seconds"] for row in history],
            [row["psnr_db"] for row in history],
            color=f"C{titles.index(title) % 10}",
            lw=1.3,
            alpha=0.85,
            label=None if title in labeled else title,
        )
        labeled.add(title)
    axis.set(xlabel="CPU-seconds of one thread", ylabel="PSNR over the relief, dB")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, loc="lower right")
    return drawing


def _moves(runs: Mapping[Run, Mapping[str, Any]]) -> Any:
    """Draw the share of blocks that each re-tiling moved, over steps, and of the first seed of
    every method that moves blocks their levels over time."""
    moving = {run: result for run, result in runs.items() if len(result["retilings"]) > 1}
    titles = list(dict.fromkeys(_title(run) for run in runs))
    shown: dict[str, Mapping[str, Any]] = {}
    for run, result in moving.items():
        shown.setdefault(_title(run), result)
    drawing, axes = _grid(1 + len(shown), 4.2, 1 + len(shown), ticks=True)
    labeled = set()
    for run, result in moving.items():
        moves = result["retilings"][1:]
        title = _title(run)
        axes[0].plot(
            [row["step"] for row in moves],
            [row["moved"] / max(sum(row["blocks_per_scale"]), 1) for row in moves],
            color=f"C{titles.index(title) % 10}",
            marker="o",
            ms=3,
            label=None if title in labeled else title,
        )
        labeled.add(title)
    axes[0].set(xlabel="step", ylabel="share of blocks that are new", ylim=(0, None))
    axes[0].grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    for axis, (title, result) in zip(axes[1:], shown.items(), strict=True):
        _levels(axis, result, _coarsest(runs.values()))
        axis.set_title(title, fontsize=9)
    return drawing


def _levels(axis: Any, result: Mapping[str, Any], coarsest: int) -> None:
    """Draw how many blocks each level has from one re-tiling to the next."""
    tilings = result["retilings"]
    counts = np.zeros((len(tilings) + 1, max(len(row["blocks_per_scale"]) for row in tilings)))
    for index, row in enumerate(tilings):
        counts[index:, : len(row["blocks_per_scale"])] = row["blocks_per_scale"]
    levels = np.flatnonzero(counts.any(axis=0))
    steps = [*(row["step"] for row in tilings), result["steps"]]
    labels = [f"level {level}" for level in levels]
    colors = [_color(int(level), coarsest) for level in levels]
    stacked = counts[:, levels].T
    axis.stackplot(steps, stacked, labels=labels, colors=colors, step="post", alpha=0.8)
    axis.set(xlabel="step", ylabel="blocks", xlim=(0, None))
    axis.legend(fontsize=7, loc="lower left")


def hillshade(heights: np.ndarray, cell_m: tuple[float, float]) -> np.ndarray:
    """Return brightness 0…1 of heights [n, m] in meters lit from the northwest, slopes stretched to
    the area's own; NaN heights are white."""
    south, east = np.gradient(heights.astype(np.float64), cell_m[1], cell_m[0])
    steepness = np.hypot(south, east)
    typical = float(np.nanpercentile(steepness, 90)) if np.isfinite(steepness).any() else 1.0
    stretch = 0.7 / max(typical, 1e-9)
    normal = 1 / np.sqrt(1 + (stretch * steepness) ** 2)
    light = normal * (stretch * (_SUN[0] * east + _SUN[1] * south) + _SUN[2])
    return np.where(np.isfinite(light), np.clip(light, 0, 1), 1.0)


def _overview(staged: StagedArea) -> tuple[np.ndarray, int]:
    """Return the hillshade of an area of about a thousand pixels, and cells per pixel."""
    area = area_of(staged.place, staged.heights)
    coarser = 0
    while coarser + 1 < area.levels and max(area.width, area.height) >> coarser > _PICTURE:
        coarser += 1
    cell = staged.extent.cell_m[0] * (1 << coarser), staged.extent.cell_m[1] * (1 << coarser)
    return hillshade(area.level(coarser), cell), 1 << coarser


def _partitions(staged: StagedArea, runs: Sequence[Run], results: Results, coarsest: int) -> Any:
    """Draw the blocks of every network over the hillshade, colored by their side."""
    from matplotlib.collections import LineCollection

    shade, cells = _overview(staged)
    area = area_of(staged.place, staged.heights)
    drawing, axes = _grid(len(runs), 4.4)
    for axis, run in zip(axes, runs, strict=False):
        arrays = results.arrays(run)
        axis.imshow(shade, cmap="gray", vmin=0, vmax=1.15, interpolation="bilinear")
        blocks = arrays["blocks"]
        for level in np.unique(blocks[:, 0]).tolist():
            side = (area.root_cells >> level) / cells
            corners = blocks[blocks[:, 0] == level][:, 1:] * side - 0.5
            square = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]) * side
            lines = LineCollection(
                list(corners[:, None] + square),
                colors=[_color(level, coarsest)],
                lw=0.8,
                label=f"{area.root_cells >> level} cells",
            )
            axis.add_collection(lines)
        for scale, x, y in arrays["constants"].tolist():
            side = (area.root_cells >> int(scale)) / cells
            axis.fill(
                (np.array([0, 1, 1, 0]) + x) * side - 0.5,
                (np.array([0, 0, 1, 1]) + y) * side - 0.5,
                facecolor="none",
                edgecolor="white",
                hatch="////",
                lw=0.0,
            )
        axis.set(xlim=(-0.5, shade.shape[1] - 0.5), ylim=(shade.shape[0] - 0.5, -0.5))
        taken = f"{len(blocks)} blocks" if run.blocks is None else f"{len(blocks)} taken"
        axis.set_title(f"{_title(run)}, {taken}", fontsize=9)
        axis.legend(fontsize=6, loc="lower right")
    return drawing


def _errors(staged: StagedArea, runs: Mapping[Run, Mapping[str, Any]], results: Results) -> Any:
    """Draw each network's error map above its surface and its error in the roughest window, one
    scale of colors for all, beside the area itself."""
    area = area_of(staged.place, staged.heights)
    row, column = inset(area)
    truth, valid = area.read(row, column, INSET, INSET)
    truth = np.where(valid, truth, np.nan)
    limit = 3 * float(np.median([result["rmse_m"] or 0.0 for result in runs.values()])) or 1.0
    columns = len(runs) + 1
    drawing, axes = _grid(3 * columns, 3.0, columns)
    cell = staged.extent.cell_m
    shade, cells = _overview(staged)
    axes[0].imshow(shade, cmap="gray", vmin=0, vmax=1.15)
    axes[0].add_patch(_frame(row / cells, column / cells, INSET / cells))
    axes[0].set_title("heights", fontsize=8)
    axes[columns].imshow(hillshade(truth, cell), cmap="gray", vmin=0, vmax=1)
    axes[2 * columns].set_axis_off()
    mapped = None
    for index, (run, result) in enumerate(runs.items(), start=1):
        arrays = results.arrays(run)
        whole, surface, error = (axes[index + k * columns] for k in range(3))
        scale = max(staged.extent.width, staged.extent.height) / max(arrays["error_map"].shape)
        mapped = whole.imshow(arrays["error_map"], cmap="inferno", vmin=0, vmax=limit)
        whole.add_patch(_frame(row / scale, column / scale, INSET / scale))
        whole.set_title(f"{_title(run)}\n{result['psnr_db'] or 0:.1f} dB", fontsize=8)
        surface.imshow(hillshade(arrays["inset"], cell), cmap="gray", vmin=0, vmax=1)
        difference = np.abs(arrays["inset"] - truth)
        error.imshow(difference, cmap="inferno", vmin=0, vmax=limit)
    if mapped is not None:
        beside = [axes[row * columns + columns - 1] for row in range(3)]
        drawing.colorbar(mapped, ax=beside, aspect=60, label="error, m", extend="max")
    return drawing


def _frame(row: float, column: float, side: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column, row), side, side, fill=False, edgecolor="white", lw=0.8)


def _grid(
    count: int, side: float, columns: int | None = None, *, ticks: bool = False
) -> tuple[Any, list[Any]]:
    """Return a figure of so many square axes, and these row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = columns or min(count, 3)
    rows = -(-count // columns)
    drawing = Figure(figsize=(side * columns, side * rows), layout="constrained")
    FigureCanvasAgg(drawing)
    axes = list(drawing.subplots(rows, columns, squeeze=False).ravel())
    if not ticks:
        for axis in axes:
            axis.set(xticks=[], yticks=[])
    for axis in axes[count:]:
        axis.set_axis_off()
    return drawing, axes
