"""Bit depth of the active slot: re-quantized and decoded again at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import widgets
from viewer.model import layers, text
from viewer.panels.panel import Panel
from viewer.scene import labels
from viewer.scene.costs import RATE_TIP

if TYPE_CHECKING:
    from viewer.session.protocols import CostsView


def draw(view: CostsView) -> None:
    """Draw a button per bit depth, and its rate and error."""
    scene = view.scene
    settings = view.settings
    choice = settings.layer
    layer = labels.layer_of(scene, choice)
    reader = scene.reader_of(choice)
    widgets.badge(settings.active, imgui.get_frame_height())
    widgets.tip(f"Bits of slot {settings.active}: {layers.names(reader)[choice.index]}.")
    imgui.same_line()
    choices = tuple(reversed(layers.bit_choices(layer)))
    if len(choices) > 1:
        tips = [layers.choice_explained(layer, bits) for bits in choices]
        current = choices.index(layers.effective_bits(layer, choice))
        chosen = widgets.pills("bits", current, [str(bits) for bits in choices], tips)
        layers.keep_bits(layer, choice, choices[chosen])
        imgui.same_line()
        imgui.text_disabled("bits")
        widgets.tip(f"{layers.bits_explained(layer)} Keys: [ for fewer, ] for more.")
    else:
        widgets.dim("This layer's values cannot be re-quantized; it is shown as stored.")
    imgui.text_unformatted(f"{view.cost(choice).rate} bits/sample")
    widgets.tip(RATE_TIP)
    imgui.same_line(0, 1.5 * hello_imgui.em_size())
    imgui.text_unformatted(f"RMSE {text.meters(view.rmse_m.get(settings.active))}")
    widgets.tip("Root mean square of decoded − reference over the samples drawn.")
    if scene.reference_name is None:
        widgets.dim("No reference: the file has no reference layer and no --reference was given.")
    elif settings.overlay.name != "error" and imgui.button("Measure errors"):
        settings.overlay.name = "error"


PANEL = Panel("Quantization", dock="ColumnMiddle", needs_document=True, draw=draw)
