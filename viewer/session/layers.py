"""Which layers and how many bits the slots A and B hold: the rules behind the options, the keys and
the panels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural.container.reader import Reader, open_reader
from neural.errors import UsageError
from neural.methods import METHODS
from neural.methods.base import LinkedMethod
from neural.raster.reading import Raster
from neural.surface.tile_surface import available_bits
from viewer.model import text
from viewer.model.overlays import KINDS
from viewer.model.settings import SLOTS, LayerChoice, Settings
from viewer.tiles import tile_errors
from viewer.tiles.pending_file import Opening
from viewer.tiles.terrain_file import check_crs

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from viewer.scene.pane import Pane
    from viewer.scene.scene import Scene
    from viewer.session.launch import Launch


def begin_opening(
    path: str | Path,
    reference: Raster | None = None,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    entry: str | None = None,
) -> Opening:
    """Open a file on a thread, with the slots that `choose` gives; see `Opening` for `entry`."""
    return Opening(path, reference, lambda reader: choose(reader, methods, bits), entry)


def open_file(
    scene: Scene,
    path: str | Path,
    reference: Raster | None,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    opening: Opening | None = None,
) -> None:
    """Show a file with the layers asked for, slot A first. Raises NtileError; the present file then
    stays.

    `opening`: what `begin_opening` with these arguments gave, so that little is left to do.
    """
    opening = opening or begin_opening(path, reference, methods, bits, scene.decode_entry)
    slots = opening.check()
    scene.open(opening.result())
    scene.settings.slots = slots
    scene.settings.active = "A"


def for_first(launch: Launch) -> tuple[Sequence[str], Sequence[int]]:
    """The methods and bits of a launch that are for its first file; a second one takes those of
    slot B."""
    count = 1 if launch.compare else None
    return launch.methods[:count], launch.bits[:count]


def begin_launch(launch: Launch) -> Opening:
    """Open a launch's first file on a thread.

    `Opening.check` raises NtileError where its files cannot be read or lack the layers and bits
    asked for.
    """
    assert launch.path is not None

    def chosen(reader: Reader) -> dict[str, LayerChoice]:
        _check_counts(launch.methods, launch.bits)
        slots = choose(reader, *for_first(launch))
        if launch.compare:
            with open_reader(launch.compare) as other:
                choose(other, launch.methods[1:], launch.bits[1:])
        return slots

    return Opening(launch.path, launch.reference, chosen)


def compare_launch(scene: Scene, launch: Launch) -> None:
    """Open the file that a launch compares the open one with, if any. Raises NtileError."""
    if launch.compare:
        compare_file(scene, launch.compare, launch.methods, launch.bits)


def check_overlay(scene: Scene) -> None:
    """Raise UsageError where the overlay asked for needs something to measure against and there is
    nothing."""
    overlay = scene.settings.overlay
    kind = KINDS.get(overlay.name)
    if kind is not None and kind.measures and scene.against_name is None:
        assert scene.reader is not None
        raise UsageError(
            f"{scene.reader.path}: it has no reference layer to measure errors against; add "
            "--reference DEM."
        )


def not_measured(scene: Scene) -> list[str]:
    """A sentence where the overlay's errors are of nothing in view, as the reference has no heights
    there."""
    kind = KINDS.get(scene.settings.overlay.name)
    if kind is None or not kind.measures or not scene.ready or scene.error_stats is not None:
        return []
    return [f"{scene.against_name} has no heights in view, so the picture shows no errors."]


def begin_compared(scene: Scene, path: str | Path) -> Opening:
    """Open a file on a thread that is to be compared with a scene's, with the layer most like slot
    A's."""
    first = scene.files[0]

    def chosen(reader: Reader) -> dict[str, LayerChoice]:
        check_crs(first.reader, reader)
        return {"A": alike(scene, reader)}

    return Opening(path, first.reference_dem, chosen, scene.decode_entry)


def begin_beside(
    path: str | Path, reference: Raster | None, layer: int = 0, entry: str | None = None
) -> Opening:
    """Open a file on a thread that is to be beside another, beginning with one of its layers."""
    return Opening(path, reference, lambda reader: {"A": LayerChoice(layer)}, entry)


def is_open(scene: Scene, path: str | Path) -> int | None:
    """The index of a file among those open, if it is."""
    wanted = Path(path).resolve()
    return next(
        (k for k, file in enumerate(scene.files) if Path(file.reader.path).resolve() == wanted),
        None,
    )


def compare_file(
    scene: Scene,
    path: str | Path,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    opening: Opening | None = None,
) -> int:
    """Open a file beside those of a scene and put it into slot B; returns its index. A file already
    open is reused.

    Of the methods and bits, as they are for slots A and B, the second are meant. Without them it is
    the layer most like slot A's. `opening`: the file, if it is under way. Raises NtileError;
    nothing has changed then.
    """
    known = is_open(scene, path)
    file = None if opening is None else opening.result()
    reader = (
        file.reader if file else open_reader(path) if known is None else scene.files[known].reader
    )
    try:
        choice = alike(scene, reader) if len(methods) < 2 else choose(reader, methods[1:])["A"]
        if len(bits) > 1:
            layer = reader.layers[choice.index]
            _check_bits(reader, [layer], bits[1])
            keep_bits(layer, choice, bits[1])
    except UsageError:
        if known is None:
            reader.close()
        raise
    choice.file = scene.add(file or reader, choice.index) if known is None else known
    scene.settings.slots["B"] = choice
    return choice.file


def alike(scene: Scene, reader: Reader) -> LayerChoice:
    """The layer of a file that is most like slot A's: of its method and bits, else the first
    learned one."""
    choice = scene.settings.slots["A"]
    like = layer_of(scene, choice)
    layer = next(
        (layer for layer in reader.layers if layer.method == like.method), _learned(reader)[0]
    )
    same = choice.keep_bits in available_bits(layer) and choice.keep_bits != layer.bits
    return LayerChoice(layer.index, choice.keep_bits if same else None)


def choose(
    reader: Reader, methods: Sequence[str] = (), bits: Sequence[int] = ()
) -> dict[str, LayerChoice]:
    """The slots for methods and bits asked for, the first of each for A, the second for B.

    What is not asked for is the default: A the first learned layer, B the next; without a second
    method, a second number of bits is for the layer of A again. Raises UsageError naming what there
    is.
    """
    _check_counts(methods, bits)
    first = _find(reader, methods[0], bits[:1]) if methods else _learned(reader)[0]
    if len(methods) > 1:
        second = _find(reader, methods[1], bits[1:])
    elif len(bits) > 1:
        second = first
    else:
        second = next((layer for layer in _learned(reader) if layer is not first), first)
    slots = {}
    for place, (slot, layer) in enumerate(zip(SLOTS, (first, second), strict=True)):
        slots[slot] = LayerChoice(layer.index)
        if place < len(bits):
            _check_bits(reader, [layer], bits[place])
            keep_bits(layer, slots[slot], bits[place])
    return slots


def _check_counts(methods: Sequence[str], bits: Sequence[int]) -> None:
    for option, values in (("--method", methods), ("--bits", bits)):
        if len(values) > len(SLOTS):
            raise UsageError(
                f"There are two slots, A and B, so give {option} twice at most, not "
                f"{len(values)} times."
            )


def _learned(reader: Reader) -> list[Layer]:
    """All layers, those that others are measured against last."""
    return sorted(reader.layers, key=lambda layer: layer.is_reference)


def _find(reader: Reader, method: str, bits: Sequence[int]) -> Layer:
    """The first layer of a method, or the first that can be shown with the bits where they are
    given."""
    found = [layer for layer in reader.layers if layer.method == method]
    if not found:
        there = ", ".join(dict.fromkeys(layer.method for layer in reader.layers))
        raise UsageError(f"{reader.path}: no layer is of method {method!r}; choose from {there}.")
    if not bits:
        return found[0]
    _check_bits(reader, found, bits[0])
    return next(layer for layer in found if bits[0] in bit_choices(layer))


def bit_choices(layer: Layer) -> tuple[int, ...]:
    """Bits a layer can be shown with, finest (as stored) first; its own only where it cannot be
    re-quantized."""
    return available_bits(layer) or (layer.bits,)


def drops_bits(layer: Layer) -> bool:
    """Return True if its values are stored at individual lengths, so that fewer bits are some
    dropped from each."""
    return issubclass(METHODS[layer.method], LinkedMethod)


def _check_bits(reader: Reader, layers: Sequence[Layer], bits: int) -> None:
    """Raise UsageError unless one of these layers, all of one method, can be shown with so many
    bits."""
    choices = sorted({each for layer in layers for each in bit_choices(layer)})
    if bits not in choices:
        *rest, last = map(str, choices)
        there = f"{', '.join(rest)} or {last}" if rest else last
        raise UsageError(
            f"{reader.path}: the layer {layers[0].method!r} can be shown with {there} bits, not "
            f"with {bits}."
        )


def shown_bits(layer: Layer, choice: LayerChoice) -> int:
    """Bits a slot shows its layer with."""
    return choice.keep_bits or layer.bits


def keep_bits(layer: Layer, choice: LayerChoice, bits: int) -> None:
    """Show a slot's layer with `bits`; the stored number is written as None, so nothing is
    re-quantized."""
    choice.keep_bits = None if bits == layer.bits else bits


def step_bits(layer: Layer, choice: LayerChoice, step: int) -> None:
    """Go `step` places towards fewer bits (negative: more), stopping at the ends."""
    choices = bit_choices(layer)
    at = choices.index(shown_bits(layer, choice)) + step
    keep_bits(layer, choice, choices[min(max(at, 0), len(choices) - 1)])


def put(layer: Layer, choice: LayerChoice, file: int = 0) -> None:
    """Put another layer of a file into a slot; the number of bits stays where the new layer allows
    it."""
    choice.index = layer.index
    choice.file = file
    if choice.keep_bits not in available_bits(layer) or choice.keep_bits == layer.bits:
        choice.keep_bits = None


def swap(settings: Settings) -> None:
    """Show the other slot; where both are shown, let them exchange their layers."""
    if settings.compare.split:
        first, second = SLOTS
        settings.slots = {first: settings.slots[second], second: settings.slots[first]}
        return
    settings.active = SLOTS[1 - SLOTS.index(settings.active)]


def names(reader: Reader) -> list[str]:
    """The layers as lists show them: their titles, with stored bits and number where titles alone
    are ambiguous."""
    plain = [layer.title or layer.method for layer in reader.layers]
    with_bits = [
        f"{name}, {layer.bits} bits" if plain.count(name) > 1 and not drops_bits(layer) else name
        for name, layer in zip(plain, reader.layers, strict=True)
    ]
    return [
        f"{name} #{index + 1}" if with_bits.count(name) > 1 else name
        for index, name in enumerate(with_bits)
    ]


def shown(scene: Scene) -> tuple[str, str]:
    """Slot and layer of the picture on screen, such as ("A", "HUVR+SIREN, 8 bits"); two empty
    strings without a file.

    Of a split one, of the active slot's side.
    """
    return ("", "") if scene.pane is None else shown_in(scene, scene.pane)


def shown_in(scene: Scene, pane: Pane) -> tuple[str, str]:
    """Slot and layer of a pane.

    While a change loads, this is still the layer before it. The slot is empty where neither holds
    what is shown.
    """
    picture = scene.shown_in(pane)
    settings = scene.settings
    if len(scene.panes) > 1:
        return pane.slot, label_in(scene, picture)
    holders = [slot for slot in (settings.active, *SLOTS) if settings.slots[slot] == picture]
    return (holders[0] if holders else ""), label_in(scene, picture)


def subtracted(scene: Scene, pane: Pane) -> str:
    """Return the name of the errors in a pane: "decoded − Reference", "A − B"."""
    if scene.settings.overlay.against == SLOTS[1]:
        return f"{pane.slot} − {SLOTS[1]}"
    return f"decoded − {scene.against_name}"


def counted(pane: Pane) -> str:
    """Return the samples that a pane's errors are of: "28 575 samples, level 0 (8 m), same
    low-pass"; "" without any.

    The low-pass is mentioned where the reference went through one, rims where it has no samples for
    them.
    """
    used = tile_errors.levels(pane.errors)
    if used is None:
        return ""
    grid = pane.shown.source.reader.grid
    number = sum(sample.counted for sample in pane.errors)
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


def label(layer: Layer, choice: LayerChoice) -> str:
    """A layer and its bits in a few words."""
    name = layer.title or layer.method
    if len(bit_choices(layer)) == 1:
        return name  # its bits cannot be chosen and say nothing
    if drops_bits(layer):
        return name if choice.keep_bits is None else f"{name}, {_dropped(layer, choice.keep_bits)}"
    kept = f"{layer.bits}" if choice.keep_bits is None else f"{choice.keep_bits} of {layer.bits}"
    return f"{name}, {kept} bits"


def bits_explained(layer: Layer) -> str:
    """Return the meaning of a layer's number of bits, in a sentence."""
    if drops_bits(layer):
        return f"{layer.bits} is as stored; each less drops one more bit of every coefficient."
    return "Bits per stored value."


def choice_explained(layer: Layer, bits: int) -> str:
    """Return the effect of one of a layer's `bit_choices`, in a few words."""
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
