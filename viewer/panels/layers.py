"""Slots A and B side by side: layer, size and error of each; the file's area."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgui_bundle import ImVec2, hello_imgui, imgui

from neural.methods import METHODS
from viewer.gui import theme, widgets
from viewer.model import layers, text
from viewer.model.settings import SLOTS, LayerChoice
from viewer.panels.network import network_section
from viewer.panels.panel import Panel
from viewer.scene import labels
from viewer.scene.costs import RATE_TIP, SIZE_TIP

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from neural.container.reader import Reader
    from viewer.scene.scene import Scene
    from viewer.session.protocols import CostsView


def draw(view: CostsView) -> None:
    """Draw a table with a column per slot, the active layer and the area."""
    scene = view.scene
    flags = imgui.TableFlags_.sizing_stretch_prop | imgui.TableFlags_.no_pad_outer_x
    closing = 0
    if imgui.begin_table("slots", 1 + len(SLOTS), flags):
        imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.4)
        for _ in SLOTS:
            imgui.table_setup_column("", imgui.TableColumnFlags_.width_stretch, 1.0)
        _switch(view)
        for index, file in enumerate(scene.files):
            if len(scene.files) > 1 and _file_row(view, index, file.reader):
                closing = index
            _choices(view, index, file.reader)
        _comparison(view, scene)
        imgui.end_table()
    if closing:
        view.run("compare.close_file", closing)
    _layer(view, scene)
    network_section(
        labels.layer_of(scene, view.settings.layer), scene.reader_of(view.settings.layer).grid
    )
    _area(view, scene.reader_of(view.settings.layer))


def _cells(view: CostsView, draw_cell: Callable[[str, LayerChoice], None]) -> None:
    """Draw the cells of both slots in this row; those of the active slot are tinted."""
    for slot in SLOTS:
        imgui.table_next_column()
        if slot == view.settings.active:
            imgui.table_set_bg_color(
                imgui.TableBgTarget_.cell_bg, theme.u32(theme.ACCENT_DEEP, 0.22)
            )
        draw_cell(slot, view.settings.slots[slot])


def _switch(view: CostsView) -> None:
    """Draw the column heads: buttons that choose the active slot."""

    def button(slot: str, choice: LayerChoice) -> None:
        if widgets.pill(slot, slot == view.settings.active, ImVec2(-1, 0)):
            view.settings.active = slot
        widgets.tip(f"Show slot {slot}. The key X swaps A and B, S shows both side by side.")

    imgui.table_next_row()
    imgui.table_next_column()
    imgui.align_text_to_frame_padding()
    imgui.text_colored(theme.rgba(theme.DIM), "Show")
    _cells(view, button)


def _file_row(view: CostsView, index: int, reader: Reader) -> bool:
    """Draw the name of the file whose layers follow; return True if its × was clicked, which files
    beside the first have."""
    close = False
    imgui.table_next_row()
    imgui.table_next_column()
    imgui.align_text_to_frame_padding()
    imgui.text_colored(theme.rgba(theme.DIM), theme.seen(Path(reader.path).name))
    widgets.tip(reader.path)
    if index:
        imgui.same_line()
        close = imgui.small_button(f"×##close{index}")
        widgets.tip("Close this file; its slots get the first layer of the first file.")
    _cells(view, lambda slot, choice: None)
    return close


def _choices(view: CostsView, file: int, reader: Reader) -> None:
    """Draw a row per layer with a radio button per slot; a click on the name is for the active
    slot."""
    padding = imgui.get_style().frame_padding
    prefix = f"{file}." if file else ""
    imgui.push_style_var(imgui.StyleVar_.frame_padding, ImVec2(padding.x, padding.y / 2))
    for layer, name in zip(reader.layers, layers.names(reader), strict=True):
        problem = view.scene.problem(layer.index, file)

        def radio(slot: str, choice: LayerChoice, layer: Layer = layer, name: str = name) -> None:
            room = imgui.get_content_region_avail().x - imgui.get_frame_height()
            imgui.set_cursor_pos_x(imgui.get_cursor_pos_x() + max(room / 2, 0))
            imgui.push_style_color(imgui.Col_.frame_bg, theme.rgba(theme.HOVER))
            held = (choice.file, choice.index) == (file, layer.index)
            if imgui.radio_button(f"##{slot}{prefix}{layer.index}", held):
                layers.put(layer, choice, file)
            imgui.pop_style_color()
            widgets.tip(f"{name} in slot {slot}.")

        imgui.table_next_row()
        imgui.table_next_column()
        imgui.align_text_to_frame_padding()
        imgui.push_style_color(imgui.Col_.text, theme.rgba(theme.ERROR if problem else theme.TEXT))
        imgui.push_style_color(imgui.Col_.header_hovered, theme.rgba(theme.HOVER))
        if imgui.selectable(f"{theme.seen(name)}##{prefix}{layer.index}", False)[0]:
            layers.put(layer, view.settings.layer, file)
        imgui.pop_style_color(2)
        widgets.tip(f"{name}: {problem or _about(layer)}")
        _cells(view, radio)
    imgui.pop_style_var()


def _comparison(view: CostsView, scene: Scene) -> None:
    """Draw codec, bits, size and error of each slot side by side."""

    def method(slot: str, choice: LayerChoice) -> str:
        return METHODS[labels.layer_of(scene, choice).method].title

    def bits(slot: str, choice: LayerChoice) -> str:
        layer = labels.layer_of(scene, choice)
        return (
            text.DASH
            if len(layers.bit_choices(layer)) == 1
            else str(layers.effective_bits(layer, choice))
        )

    def rate(slot: str, choice: LayerChoice) -> str:
        return view.cost(choice).rate

    def payload(slot: str, choice: LayerChoice) -> str:
        return view.cost(choice).size

    def rmse(slot: str, choice: LayerChoice) -> str:
        return text.meters(view.rmse_m.get(slot))

    imgui.table_next_row(0, 0.5 * hello_imgui.em_size())
    imgui.table_next_column()
    _cells(view, lambda slot, choice: None)
    for label, explanation, value in (
        ("Method", "The codec that decodes the slot's layer.", method),
        (
            "Bits",
            "Bits kept per stored value; the Quantization panel changes them for the active slot.",
            bits,
        ),
        ("Bits/sample", RATE_TIP, rate),
        ("Payload", SIZE_TIP, payload),
        (
            "RMSE in view",
            "Root mean square of decoded − reference over the samples drawn, once measured there.",
            rmse,
        ),
    ):
        imgui.table_next_row()
        imgui.table_next_column()
        imgui.text_colored(theme.rgba(theme.DIM), label)
        widgets.tip(explanation)

        def cell(
            slot: str, choice: LayerChoice, value: Callable[[str, LayerChoice], str] = value
        ) -> None:
            widgets.centered(value(slot, choice), dim=slot != view.settings.active)

        _cells(view, cell)


def _layer(view: CostsView, scene: Scene) -> None:
    """Draw height range and size of the active slot's layer."""
    layer = labels.layer_of(scene, view.settings.layer)
    low, high = layer.heights_m
    sizes = scene.reader_of(view.settings.layer).sizes()
    rows = [
        (
            "Heights",
            f"{text.meters(low)} … {text.meters(high)}",
            "Lowest and highest height of the finest level.",
        ),
        ("Tiles", text.count(sum(sizes["tiles"][layer.index])), "Tiles of all levels."),
    ]
    if layer.tolerance_m is not None:
        rows.append(
            (
                "Tolerance",
                f"± {text.meters(layer.tolerance_m)}",
                "Largest absolute error of any sample.",
            )
        )
    widgets.heading(f"Layer in slot {view.settings.active}")
    widgets.facts("layer", rows)


def _area(view: CostsView, reader: Reader) -> None:
    """Draw coordinate systems, size and origin of the area."""
    grid = reader.grid
    x = grid.transform[0]
    y = -grid.transform[4]
    cell = f"{x:g} m" if x == y else f"{x:g} × {y:g} m"
    if grid.ground_scale != 1:
        cell += f" ({grid.cell_x_m:.4g} m on the ground)"
    cells = f"{text.count(grid.width)} × {text.count(grid.height)} of {cell}"
    widgets.heading("Area")
    widgets.facts(
        "area",
        [
            (
                "CRS",
                text.crs_name(grid.crs_wkt),
                "Coordinate reference system of eastings and northings.",
            ),
            ("Vertical", grid.vertical_datum or "not stated", "Vertical datum of the heights."),
            ("Cells", cells, "Samples of the finest level."),
            (
                "Levels",
                str(grid.levels),
                "Levels of detail; the cell size doubles from level to level.",
            ),
            (
                "File",
                text.data_size(reader.sizes()["file_bytes"]),
                "Size of the file, with decoders and directory.",
            ),
        ],
    )
    for sentence in grid.assumptions:
        widgets.dim(f"Assumed: {sentence}")
    credit = reader.metadata.get("attribution")
    if credit:
        widgets.dim(str(credit))


def _about(layer: Layer) -> str:
    decoder = f"decoder {layer.decoder[:12]}…" if layer.decoder else "no learned decoder"
    values = (
        "values of varied length"
        if layers.drops_bits(layer)
        else f"{layer.bits} bits per stored value"
    )
    return f"{layer.method}, {values}, {decoder}. Click to put it into the active slot."


PANEL = Panel("Layers", dock="Column", needs_document=True, draw=draw)
