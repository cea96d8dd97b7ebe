"""Opening files into a scene: the first one, one to compare it with, and the overlay's check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural.container.reader import Reader, open_reader
from neural.errors import UsageError
from neural.raster.reading import Raster
from neural.surface.tile_surface import available_bits
from viewer.model.layers import check_bits, check_counts, choose, keep_bits, learned_first
from viewer.model.overlays import OVERLAYS
from viewer.model.settings import LayerChoice
from viewer.scene.labels import layer_of
from viewer.tiles.pending_file import PendingFile
from viewer.tiles.terrain_file import check_crs

if TYPE_CHECKING:
    from viewer.scene.scene import Scene
    from viewer.session.launch import Launch


def begin_opening(
    path: str | Path,
    reference: Raster | None = None,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    decode_backend: str | None = None,
) -> PendingFile:
    """Open a file on a thread, with the slots that `choose` gives; see `PendingFile` for
    `decode_backend`."""
    return PendingFile(
        path, reference, lambda reader: choose(reader, methods, bits), decode_backend
    )


def open_file(
    scene: Scene,
    path: str | Path,
    reference: Raster | None,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    opening: PendingFile | None = None,
) -> None:
    """Show a file with the layers asked for, slot A first. Raises NtileError; the present file then
    stays.

    `opening`: what `begin_opening` with these arguments gave, so that little is left to do.
    """
    opening = opening or begin_opening(path, reference, methods, bits, scene.decode_backend)
    slots = opening.check()
    scene.open(opening.result())
    scene.settings.slots = slots
    scene.settings.active = "A"


def for_first(launch: Launch) -> tuple[Sequence[str], Sequence[int]]:
    """The methods and bits of a launch that are for its first file; a second one takes those of
    slot B."""
    count = 1 if launch.compare else None
    return launch.methods[:count], launch.bits[:count]


def begin_launch(launch: Launch) -> PendingFile:
    """Open a launch's first file on a thread.

    `PendingFile.check` raises NtileError where its files cannot be read or lack the layers and bits
    asked for.
    """
    assert launch.path is not None

    def chosen(reader: Reader) -> dict[str, LayerChoice]:
        check_counts(launch.methods, launch.bits)
        slots = choose(reader, *for_first(launch))
        if launch.compare:
            with open_reader(launch.compare) as other:
                choose(other, launch.methods[1:], launch.bits[1:])
        return slots

    return PendingFile(launch.path, launch.reference, chosen)


def compare_launch(scene: Scene, launch: Launch) -> None:
    """Open the file that a launch compares the open one with, if any. Raises NtileError."""
    if launch.compare:
        compare_file(scene, launch.compare, launch.methods, launch.bits)


def check_overlay(scene: Scene) -> None:
    """Raise UsageError where the overlay asked for needs something to measure against and there is
    nothing."""
    overlay = scene.settings.overlay
    kind = OVERLAYS.get(overlay.name)
    if kind is not None and kind.measures and scene.against_name is None:
        assert scene.reader is not None
        raise UsageError(
            f"{scene.reader.path}: it has no reference layer to measure errors against; add "
            "--reference DEM."
        )


def not_measured(scene: Scene) -> list[str]:
    """A sentence where the overlay's errors are of nothing in view, as the reference has no heights
    there."""
    kind = OVERLAYS.get(scene.settings.overlay.name)
    if kind is None or not kind.measures or not scene.ready or scene.error_stats is not None:
        return []
    return [f"{scene.against_name} has no heights in view, so the picture shows no errors."]


def begin_compared(scene: Scene, path: str | Path) -> PendingFile:
    """Open a file on a thread that is to be compared with a scene's, with the layer most like slot
    A's."""
    first = scene.files[0]

    def chosen(reader: Reader) -> dict[str, LayerChoice]:
        check_crs(first.reader, reader)
        return {"A": alike(scene, reader)}

    return PendingFile(path, first.reference_dem, chosen, scene.decode_backend)


def begin_beside(
    path: str | Path, reference: Raster | None, layer: int = 0, decode_backend: str | None = None
) -> PendingFile:
    """Open a file on a thread that is to be beside another, beginning with one of its layers."""
    return PendingFile(path, reference, lambda reader: {"A": LayerChoice(layer)}, decode_backend)


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
    opening: PendingFile | None = None,
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
            check_bits(reader, [layer], bits[1])
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
        (layer for layer in reader.layers if layer.method == like.method), learned_first(reader)[0]
    )
    same = choice.keep_bits in available_bits(layer) and choice.keep_bits != layer.bits
    return LayerChoice(layer.index, choice.keep_bits if same else None)
