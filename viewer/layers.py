"""Which layer and how many bits: the rules behind the options, the keys and the panels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neural.errors import UsageError
from viewer.settings import LayerChoice

if TYPE_CHECKING:
    from neural.container import Reader
    from viewer.scene import Scene

REFERENCE = "reference"
"""The method whose layers others are measured against."""


def find(reader: Reader, method: str | None) -> int:
    """Index of the first layer of a method, or of the first one that is no reference. Raises UsageError."""
    for layer in reader.layers:
        if layer.method == method or (method is None and layer.method != REFERENCE):
            return layer.index
    if method is None:
        return 0
    there = ", ".join(dict.fromkeys(layer.method for layer in reader.layers))
    raise UsageError(f"{reader.path}: no layer is of method {method!r}; choose from {there}.")


def choose(scene: Scene, choice: LayerChoice, method: str | None = None, bits: int | None = None) -> None:
    """Set the layer shown when a file was opened. Raises UsageError when the file has no such layer or bits."""
    assert scene.reader is not None
    choice.index, choice.keep_bits = find(scene.reader, method), None
    if bits is not None:
        choices = scene.bit_choices(choice.index)
        if bits not in choices:
            there = ", ".join(map(str, reversed(choices)))
            raise UsageError(f"{scene.reader.path}: this layer can be shown with {there} bits, not with {bits}.")
        keep_bits(scene, choice, bits)


def shown_bits(scene: Scene, choice: LayerChoice) -> int:
    """Bits the layer is shown with now."""
    choices = scene.bit_choices(choice.index)
    return choice.keep_bits or (choices[0] if choices else 0)


def keep_bits(scene: Scene, choice: LayerChoice, bits: int) -> None:
    """Show the layer with `bits`; the stored number is written as None, so nothing is re-quantized."""
    choice.keep_bits = None if bits == scene.bit_choices(choice.index)[0] else bits


def step_bits(scene: Scene, choice: LayerChoice, step: int) -> None:
    """Go `step` places towards fewer bits (negative: more), stopping at the ends."""
    choices = scene.bit_choices(choice.index)
    if choices:
        at = choices.index(shown_bits(scene, choice)) + step
        keep_bits(scene, choice, choices[min(max(at, 0), len(choices) - 1)])


def show(scene: Scene, choice: LayerChoice, index: int) -> None:
    """Change to another layer; the number of bits stays where the new layer allows it."""
    choice.index = index
    if choice.keep_bits not in scene.bit_choices(index)[1:]:
        choice.keep_bits = None
