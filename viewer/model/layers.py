"""Layers and bits that the slots A and B hold: the rules behind the options, the keys and the
panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from neural.container.reader import Reader
from neural.errors import UsageError
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.surface.tile_surface import available_bits
from viewer.model.settings import SLOTS, LayerChoice, Settings

if TYPE_CHECKING:
    from neural.container.metadata import Layer


def choose(
    reader: Reader, methods: Sequence[str] = (), bits: Sequence[int] = ()
) -> dict[str, LayerChoice]:
    """Return the slots for the given methods and bits, the first of each for A, the second for B.

    Defaults: A the first learned layer, B the next; without a second method, a second number of
    bits is for the layer of A again. Raises UsageError naming the available methods or bits.
    """
    check_counts(methods, bits)
    first = _find(reader, methods[0], bits[:1]) if methods else learned_first(reader)[0]
    if len(methods) > 1:
        second = _find(reader, methods[1], bits[1:])
    elif len(bits) > 1:
        second = first
    else:
        second = next((layer for layer in learned_first(reader) if layer is not first), first)
    slots = {}
    for place, (slot, layer) in enumerate(zip(SLOTS, (first, second), strict=True)):
        slots[slot] = LayerChoice(layer.index)
        if place < len(bits):
            check_bits(reader, [layer], bits[place])
            keep_bits(layer, slots[slot], bits[place])
    return slots


def check_counts(methods: Sequence[str], bits: Sequence[int]) -> None:
    """Raise UsageError for more methods or bits than there are slots."""
    for option, values in (("--method", methods), ("--bits", bits)):
        if len(values) > len(SLOTS):
            raise UsageError(
                f"There are two slots, A and B, so give {option} twice at most, not "
                f"{len(values)} times."
            )


def learned_first(reader: Reader) -> list[Layer]:
    """Return all layers, reference layers last."""
    return sorted(reader.layers, key=lambda layer: layer.is_reference)


def _find(reader: Reader, method: str, bits: Sequence[int]) -> Layer:
    """Return the first layer of a method, or the first that supports the bits where they are
    given."""
    candidates = [layer for layer in reader.layers if layer.method == method]
    if not candidates:
        methods = ", ".join(dict.fromkeys(layer.method for layer in reader.layers))
        raise UsageError(f"{reader.path}: no layer is of method {method!r}; choose from {methods}.")
    if not bits:
        return candidates[0]
    check_bits(reader, candidates, bits[0])
    return next(layer for layer in candidates if bits[0] in bit_choices(layer))


def bit_choices(layer: Layer) -> tuple[int, ...]:
    """Return the bit depths of a layer, finest (as stored) first; only its own where it cannot be
    re-quantized."""
    return available_bits(layer) or (layer.bits,)


def drops_bits(layer: Layer) -> bool:
    """Return True if the layer's values have individual lengths, so that fewer bits drop some of
    each."""
    return issubclass(METHODS[layer.method], LinkedMethod)


def check_bits(reader: Reader, layers: Sequence[Layer], bits: int) -> None:
    """Raise UsageError unless one of these layers, all of one method, supports the bit depth."""
    choices = sorted({depth for layer in layers for depth in bit_choices(layer)})
    if bits not in choices:
        *rest, last = map(str, choices)
        listing = f"{', '.join(rest)} or {last}" if rest else last
        raise UsageError(
            f"{reader.path}: the layer {layers[0].method!r} can be shown with {listing} bits, not "
            f"with {bits}."
        )


def effective_bits(layer: Layer, choice: LayerChoice) -> int:
    """Return the bit depth of a slot's layer."""
    return choice.keep_bits or layer.bits


def keep_bits(layer: Layer, choice: LayerChoice, bits: int) -> None:
    """Set a slot's bit depth; the stored one is written as None, so nothing is re-quantized."""
    choice.keep_bits = None if bits == layer.bits else bits


def step_bits(layer: Layer, choice: LayerChoice, step: int) -> None:
    """Step a slot's bit depth `step` places towards fewer bits (negative: more), clamped at the
    ends."""
    choices = bit_choices(layer)
    place = choices.index(effective_bits(layer, choice)) + step
    keep_bits(layer, choice, choices[min(max(place, 0), len(choices) - 1)])


def put(layer: Layer, choice: LayerChoice, file: int = 0) -> None:
    """Put another layer of a file into a slot; the bit depth stays where the new layer supports
    it."""
    choice.index = layer.index
    choice.file = file
    if choice.keep_bits not in available_bits(layer) or choice.keep_bits == layer.bits:
        choice.keep_bits = None


def swap(settings: Settings) -> None:
    """Switch to the other slot; in a split picture exchange the layers of both."""
    if settings.compare.split:
        first, second = SLOTS
        settings.slots = {first: settings.slots[second], second: settings.slots[first]}
        return
    settings.active = SLOTS[1 - SLOTS.index(settings.active)]


def names(reader: Reader) -> list[str]:
    """Return the layers' titles for lists, with stored bits and number where titles alone are
    ambiguous."""
    plain = [layer.title or layer.method for layer in reader.layers]
    with_bits = [
        f"{name}, {layer.bits} bits" if plain.count(name) > 1 and not drops_bits(layer) else name
        for name, layer in zip(plain, reader.layers, strict=True)
    ]
    return [
        f"{name} #{index + 1}" if with_bits.count(name) > 1 else name
        for index, name in enumerate(with_bits)
    ]


def label(layer: Layer, choice: LayerChoice) -> str:
    """Return a layer's title and bit depth."""
    name = layer.title or layer.method
    if len(bit_choices(layer)) == 1:
        return name  # a single bit depth needs no mention
    if drops_bits(layer):
        return name if choice.keep_bits is None else f"{name}, {_dropped(layer, choice.keep_bits)}"
    kept = f"{layer.bits}" if choice.keep_bits is None else f"{choice.keep_bits} of {layer.bits}"
    return f"{name}, {kept} bits"


def bits_explained(layer: Layer) -> str:
    """Return a sentence on the meaning of a layer's bit depth."""
    if drops_bits(layer):
        return f"{layer.bits} is as stored; each less drops one more bit of every coefficient."
    return "Bits per stored value."


def choice_explained(layer: Layer, bits: int) -> str:
    """Return the effect of one of a layer's `bit_choices` as a short phrase."""
    if drops_bits(layer):
        dropped = layer.bits - bits
        return (
            f"{_dropped(layer, bits)}: steps {1 << dropped} times as wide"
            if dropped
            else "as stored"
        )
    return f"{bits} bits, as stored" if bits == layer.bits else f"re-quantize to {bits} bits"


def _dropped(layer: Layer, bits: int) -> str:
    dropped = layer.bits - bits
    return f"{dropped} bit{'s' if dropped > 1 else ''} dropped"
