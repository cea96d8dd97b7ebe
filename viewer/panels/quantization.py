"""How many bits each stored value keeps: the surface is re-quantized and decoded again at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imgui_bundle import imgui

from viewer import layers, text, widgets

if TYPE_CHECKING:
    from neural.container import Reader
    from viewer.app import App

TITLE = "Quantization"
DOCK = "ColumnMiddle"

ENVELOPE_BYTES = 16
"""Bytes of a finest-level payload that stay whatever the bits (FORMAT.md, envelope)."""


def draw(app: App) -> None:
    """A button per number of bits; below them what the choice costs and what it loses."""
    scene = app.scene
    if scene is None or scene.reader is None:
        widgets.dim("No file is open.")
        return
    choice = app.settings.layer
    layer = scene.reader.layers[choice.index]
    choices = tuple(reversed(scene.bit_choices(choice.index)))
    shown = layers.shown_bits(scene, choice)
    if len(choices) > 1:
        tips = [f"{bits} bits, as stored" if bits == layer.bits else f"re-quantize to {bits} bits" for bits in choices]
        chosen = widgets.pills("bits", choices.index(shown), [str(bits) for bits in choices], tips)
        layers.keep_bits(scene, choice, choices[chosen])
        imgui.same_line()
        imgui.text_disabled("bits")
        widgets.tip("Bits per stored value. Keys: [ for fewer, ] for more.")
        shown = layers.shown_bits(scene, choice)
    else:
        widgets.dim("This layer's values cannot be re-quantized; it is shown as stored.")
    rate, exact = bits_per_sample(scene.reader, app.sizes, choice.index, shown)
    rmse = app.errors.rmse_m if app.errors is not None else None
    rows = [
        (
            "Rate",
            f"{'' if exact else '≈ '}{rate:.3f} bits/sample",
            "Payload of the finest level divided by its samples (32-bit heights have 32). "
            "≈ marks what encoding with so few bits would give.",
        ),
        ("RMSE in view", text.metres(rmse), "Root mean square of decoded − reference over the tiles drawn."),
    ]
    widgets.facts("rate", rows)
    overlay = app.settings.overlay
    if scene.reference_name is None:
        widgets.dim("No reference to measure against: the file has none and no --reference was given.")
    elif overlay.name != "error" and imgui.button("Measure errors"):
        overlay.name = "error"


def bits_per_sample(reader: Reader, sizes: dict[str, Any], index: int, bits: int) -> tuple[float, bool]:
    """Rate of the finest level at a number of bits, and whether it is exact (else scaled from the stored one)."""
    layer, grid = reader.layers[index], reader.grid
    stored = sizes["payload_bytes"][index][-1]
    envelopes = ENVELOPE_BYTES * sizes["tiles"][index][-1]
    size = envelopes + (stored - envelopes) * bits / layer.bits
    return 8 * size / (grid.width * grid.height), bits == layer.bits
