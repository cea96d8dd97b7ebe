"""Names of what a scene's panes and slots show, for the window, pictures and results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from viewer.model import text
from viewer.model.layers import label
from viewer.model.settings import SLOTS, LayerChoice
from viewer.tiles import tile_errors

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from viewer.scene.pane import Pane
    from viewer.scene.scene import Scene


def active_label(scene: Scene) -> tuple[str, str]:
    """Slot and layer of the picture on screen, such as ("A", "HUVR+SIREN, 8 bits"); two empty
    strings without a file.

    Of a split one, of the active slot's side.
    """
    return ("", "") if scene.pane is None else pane_label(scene, scene.pane)


def pane_label(scene: Scene, pane: Pane) -> tuple[str, str]:
    """Slot and layer of a pane.

    While a change loads, this is still the layer before it. The slot is empty where neither holds
    the picture.
    """
    picture = scene.choice_in(pane)
    settings = scene.settings
    if len(scene.panes) > 1:
        return pane.slot, label_in(scene, picture)
    holders = [slot for slot in (settings.active, *SLOTS) if settings.slots[slot] == picture]
    return (holders[0] if holders else ""), label_in(scene, picture)


def difference_label(scene: Scene, pane: Pane) -> str:
    """Return the name of the errors in a pane: "decoded − Reference", "A − B"."""
    if scene.settings.overlay.against == SLOTS[1]:
        return f"{pane.slot} − {SLOTS[1]}"
    return f"decoded − {scene.against_name}"


def sample_label(pane: Pane) -> str:
    """Return the samples that a pane's errors are of: "28 575 samples, level 0 (8 m), same
    low-pass"; "" without any.

    The low-pass is mentioned where the reference went through one, rims where it has no samples for
    them.
    """
    used = tile_errors.levels(pane.errors)
    if used is None:
        return ""
    grid = pane.current.source.reader.grid
    number = sum(sample.valid_count for sample in pane.errors)
    alike = ", same low-pass" if used[0] < grid.levels - 1 else ""
    if any(sample.errors.measure.reference.lacks_rims(used[0]) for sample in pane.errors):
        alike += ", without rims"
    return f"{text.count(number)} samples, {text.levels(*used, grid.level_cell_m)}{alike}"


def layer_of(scene: Scene, choice: LayerChoice) -> Layer:
    """The layer that a slot holds; there must be a file open."""
    return scene.reader_of(choice).layers[choice.index]


def label_in(scene: Scene, choice: LayerChoice) -> str:
    """A layer and its bits in a few words, with the file's name where there are several."""
    name = label(layer_of(scene, choice), choice)
    return name if len(scene.files) < 2 else f"{Path(scene.reader_of(choice).path).stem}: {name}"
