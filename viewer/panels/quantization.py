"""How many bits each stored value keeps in the slot shown: re-quantized and decoded again at
once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import hello_imgui, imgui

from viewer.gui import widgets
from viewer.model import layers, text
from viewer.scene import labels
from viewer.scene.costs import RATE_TIP

if TYPE_CHECKING:
    from viewer.app import App

TITLE = "Quantization"
DOCK = "ColumnMiddle"


def draw(app: App) -> None:
    """A button per number of bits; below them what the choice costs and what it loses."""
    scene = app.scene
    settings = app.settings
    if scene is None or scene.reader is None:
        widgets.dim("No file is open.")
        return
    choice = settings.layer
    layer = labels.layer_of(scene, choice)
    reader = scene.reader_of(choice)
    widgets.badge(settings.active, imgui.get_frame_height())
    widgets.tip(
        f"These are the bits of slot {settings.active}: {layers.names(reader)[choice.index]}."
    )
    imgui.same_line()
    choices = tuple(reversed(layers.bit_choices(layer)))
    if len(choices) > 1:
        tips = [layers.choice_explained(layer, bits) for bits in choices]
        at = choices.index(layers.effective_bits(layer, choice))
        chosen = widgets.pills("bits", at, [str(bits) for bits in choices], tips)
        layers.keep_bits(layer, choice, choices[chosen])
        imgui.same_line()
        imgui.text_disabled("bits")
        widgets.tip(f"{layers.bits_explained(layer)} Keys: [ for fewer, ] for more.")
    else:
        widgets.dim("This layer's values cannot be re-quantized; it is shown as stored.")
    imgui.text_unformatted(f"{app.cost(choice).rate} bits/sample")
    widgets.tip(RATE_TIP)
    imgui.same_line(0, 1.5 * hello_imgui.em_size())
    imgui.text_unformatted(f"RMSE {text.meters(app.rmse_m.get(settings.active))}")
    widgets.tip("Root mean square of decoded − reference over the samples drawn.")
    if scene.reference_name is None:
        widgets.dim(
            "No reference to measure against: the file has none and no --reference was given."
        )
    elif settings.overlay.name != "error" and imgui.button("Measure errors"):
        settings.overlay.name = "error"
