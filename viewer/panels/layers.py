"""Which layer of the file is shown, and what the file says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import imgui

from viewer import layers, text, widgets

if TYPE_CHECKING:
    from neural.metadata import Layer
    from viewer.app import App

TITLE = "Layers"
DOCK = "Column"


def draw(app: App) -> None:
    """One line per layer to choose from; below it the shown layer and the area."""
    scene = app.scene
    if scene is None or scene.reader is None:
        widgets.dim("No file is open. Drop a .ntile file on the window or press Ctrl+O.")
        return
    reader, choice = scene.reader, app.settings.layer
    for layer in reader.layers:
        if imgui.radio_button(f"{name(layer)}##{layer.index}", layer.index == choice.index):
            layers.show(scene, choice, layer.index)
        widgets.tip(_about(layer))
    shown = reader.layers[choice.index]
    low, high = shown.height_range
    sizes = app.sizes
    widgets.heading("Layer")
    rows = [
        ("Method", shown.method, "The codec that this layer's tiles are decoded with."),
        ("Heights", f"{text.metres(low)} … {text.metres(high)}", "Lowest and highest height of all its tiles."),
        ("Payload", text.data_size(sum(sizes["payload_bytes"][shown.index])), "Bytes of its tiles, all levels."),
        ("Tiles", text.count(sum(sizes["tiles"][shown.index])), "Tiles of all levels."),
    ]
    if shown.tolerance_m is not None:
        rows.append(("Tolerance", f"± {text.metres(shown.tolerance_m)}", "No sample is further from the original."))
    widgets.facts("layer", rows)
    widgets.heading("Area")
    grid = reader.grid
    cell = f"{grid.cell_x_m:g} m" if grid.cell_x_m == grid.cell_y_m else f"{grid.cell_x_m:g} × {grid.cell_y_m:g} m"
    widgets.facts(
        "area",
        [
            ("CRS", text.crs_name(grid.crs_wkt), "The coordinate system of eastings and northings."),
            ("Vertical", grid.vertical_datum or "not stated", "What heights are measured from."),
            (
                "Cells",
                f"{text.count(grid.width)} × {text.count(grid.height)} of {cell}",
                "Samples of the finest level.",
            ),
            ("Levels", str(grid.levels), "Levels of detail, each half as fine as the next."),
            ("File", text.data_size(sizes["file_bytes"]), "The whole file, decoders and directory included."),
        ],
    )
    for sentence in grid.assumptions:
        widgets.dim(f"Assumed: {sentence}")
    credit = reader.metadata.get("attribution")
    if credit:
        widgets.dim(str(credit))


def name(layer: Layer) -> str:
    """A layer as lists show it."""
    return layer.title or f"{layer.method}, {layer.bits} bits"


def _about(layer: Layer) -> str:
    decoder = f"decoder {layer.decoder[:12]}…" if layer.decoder else "no learned decoder"
    return f"{layer.method}, {layer.bits} bits per stored value, {decoder}."
