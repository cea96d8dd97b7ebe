"""Labels of panes and slots, for the window, pictures and results."""

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
    """Return slot and layer of the picture on screen, such as ("A", "HUVR+SIREN, 8 bits"); two
    empty strings without a file.

    In a split picture those of the active slot's side.
    """
    return ("", "") if scene.pane is None else pane_label(scene, scene.pane)


def pane_label(scene: Scene, pane: Pane) -> tuple[str, str]:
    """Return slot and layer of a pane.

    During a change still those before it. The slot is empty where neither holds the pane's layer.
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
    """Return the number and levels of a pane's error samples: "28 575 samples, level 0 (8 m), same
    low-pass"; "" without any.

    Mentions a low-pass applied to the reference, and rims without samples.
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
    """Return the layer of a choice; a file must be open."""
    return scene.reader_of(choice).layers[choice.index]


def label_in(scene: Scene, choice: LayerChoice) -> str:
    """Return a layer's title and bit depth, with the file's name if several are open."""
    name = label(layer_of(scene, choice), choice)
    return name if len(scene.files) < 2 else f"{Path(scene.reader_of(choice).path).stem}: {name}"
