"""Section of the Layers panel: the network that a layer was fitted by, its blocks and its
training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from imgui_bundle import ImVec2, hello_imgui, implot

from viewer.gui import theme, widgets
from viewer.model import network_stats, text

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from neural.grid import Grid

Rows = list[tuple[str, ...]]
"""Label, value and explanation."""


def network_section(layer: Layer, grid: Grid) -> None:
    """Draw blocks per scale, sizes and the training's curve; nothing for other layers."""
    counts = network_stats.blocks_per_scale(layer)
    if not counts:
        return
    widgets.heading("Network")
    widgets.facts("network", network_rows(layer))
    widgets.heading("Blocks")
    widgets.facts("blocks", block_rows(counts, grid))
    curve = network_stats.curve(layer)
    if curve is not None:
        widgets.heading("Training")
        _curve(curve, network_stats.retilings(layer))


def network_rows(layer: Layer) -> Rows:
    """Return parameters, bits, budget and training time, as far as the layer says them."""
    rows: Rows = []
    parameters = network_stats.number(layer, "parameters")
    if parameters is not None:
        tip = "Weights of encoder and decoder, shared by all blocks."
        rows.append(("Parameters", text.count(round(parameters)), tip))
    rows.append(("Bits", f"{layer.bits} per weight", "Bits of a weight of the encoder, as stored."))
    budget = network_stats.number(layer, "block_budget")
    present = sum(network_stats.blocks_per_scale(layer))
    of = "" if budget is None else f" of {text.count(round(budget))}"
    rows.append(("Blocks", f"{text.count(present)}{of}", "Blocks of the network and their budget."))
    constants = network_stats.number(layer, "constant_blocks")
    if constants:
        tip = "Blocks of a single height, such as still water: they take none of the budget."
        rows.append(("Constant", text.count(round(constants)), tip))
    steps = network_stats.number(layer, "training_steps")
    seconds = network_stats.number(layer, "training_seconds")
    if steps is not None:
        took = "" if seconds is None else f", {text.duration(seconds)}"
        tip = "Steps of the optimizer; of a training by time, the time that they took, too."
        rows.append(("Trained", f"{text.count(round(steps))} steps{took}", tip))
    return rows


def block_rows(counts: list[int], grid: Grid) -> Rows:
    """Return side and number of the blocks of every scale, the largest first."""
    tip = "Side of the blocks and their number; hover the terrain for the block below the cursor."
    return [
        (text.side(grid.block_side_m(scale)), text.count(count), tip)
        for scale, count in enumerate(counts)
        if count
    ]


def _curve(curve: network_stats.Curve, retilings: list[tuple[int, int]]) -> None:
    """Draw PSNR over steps, with a line at every re-tiling that moved blocks."""
    flags = implot.Flags_.canvas_only | implot.Flags_.no_inputs
    if not implot.begin_plot("##curve", ImVec2(-1, 8 * hello_imgui.em_size()), flags):
        return
    axes = implot.AxisFlags_.no_grid_lines
    implot.setup_axes("", "", axes | implot.AxisFlags_.auto_fit, axes | implot.AxisFlags_.auto_fit)
    implot.setup_axis_format(implot.ImAxis_.x1, "%g")
    implot.setup_axis_format(implot.ImAxis_.y1, "%g dB")
    moved = np.array([step for step, count in retilings if count], float)
    if len(moved):
        implot.plot_inf_lines("moves", moved, spec=implot.Spec(line_color=theme.rgba(theme.LINE)))
    line = implot.Spec(line_color=theme.rgba(theme.ACCENT))
    implot.plot_line("PSNR", np.array(curve.steps), np.array(curve.psnr_db), spec=line)
    implot.end_plot()
    widgets.tip(
        "Peak signal-to-noise ratio over the relief by training step, of averaged weights; "
        "vertical lines are re-tilings that moved blocks."
    )
