"""Opening files: one request, one order.

The files of a request are read on threads (`Loading`); `show` then brings a scene to them: main
file with the layers of its slots, project (or the view before), second file, overlay check. Where a
step fails, the scene and its settings are as they were. A window calls `show` once the files of
`Loading` are done; programs without a window call it at once and wait there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from neural.container.reader import Reader, open_reader
from neural.errors import NtileError, UsageError
from neural.raster.reading import Raster
from neural.surface.tile_surface import available_bits
from viewer.model.layers import check_bits, check_counts, choose, keep_bits, learned_first
from viewer.model.overlays import OVERLAYS
from viewer.model.settings import SLOTS, LayerChoice
from viewer.scene.labels import layer_of
from viewer.session.open_request import OpenRequest
from viewer.storage import plain
from viewer.storage.project import settings_of
from viewer.tiles.pending_file import Open, PendingFile
from viewer.tiles.pins import Pins
from viewer.tiles.reference import DemReference
from viewer.tiles.terrain_file import TerrainFile, check_crs

if TYPE_CHECKING:
    from neural.container.metadata import Layer
    from viewer.scene.scene import Scene


class Loading:
    """The files of a request while threads read them.

    A program that begins before there is a GL context sets the Future `decode_backend` later, to
    `Scene.decode_backend`. `present`: readers of the files of a request that keeps the view, in
    their order, while they are shown.
    """

    def __init__(
        self,
        request: OpenRequest,
        decode_backend: str | None = None,
        present: Sequence[Reader] = (),
    ) -> None:
        self.request = request
        self.remarks: list[str] = []
        """Sentences on files that could not be read again."""
        self.decode_backend: Future[str] = Future()
        if decode_backend is not None:
            self.decode_backend.set_result(decode_backend)
        self._taken: set[PendingFile] = set()
        self._main_reader: Reader | None = None
        readers = dict(enumerate(present))
        self.main = self._begin(
            request.path, self._choose_main, self._opener(readers.get(0), stays=False)
        )
        self.others: dict[int, PendingFile] = {}
        for number, path in request.others.items():
            opener = self._opener(readers.get(number), stays=True)
            self.others[number] = self._begin(path, lambda reader: _beginning_with(0), opener)
        self.second: PendingFile | None = None
        opened = (request.path, *request.others.values())
        if request.compare and not any(_same_file(request.compare, path) for path in opened):
            self.second = self._begin(request.compare, self._choose_second)

    def _begin(
        self,
        path: str,
        choose_slots: Callable[[Reader], dict[str, LayerChoice]],
        open_file: Open | None = None,
    ) -> PendingFile:
        request = self.request
        return PendingFile(
            path, request.reference, choose_slots, self.decode_backend, request.pins, open_file
        )

    def _opener(self, present: Reader | None, *, stays: bool) -> Open | None:
        """Return the opener of a file that is shown already, None for another.

        It is shared: the request is for the same file, whatever its name leads to by now. A reload
        opens one that has changed; where that fails, `stays` keeps the one shown.
        """
        if present is None:
            return None
        shared = present.duplicate()  # the one shown may be closed meanwhile
        reload = self.request.reload

        def opened(path: Path) -> Reader:
            if not reload or shared.is_current():
                return shared
            try:
                reader = open_reader(path)
            except NtileError as error:
                if stays:
                    self.remarks.append(str(error))
                    return shared
                shared.close()
                raise
            shared.close()
            return reader

        return opened

    def _choose_main(self, reader: Reader) -> dict[str, LayerChoice]:
        self._main_reader = reader
        check_counts(self.request.methods, self.request.bits)
        return choose(reader, *self.request.of_main)

    def _choose_second(self, reader: Reader) -> dict[str, LayerChoice]:
        choice = self.main.check()["A"]
        main = self._main_reader
        if main is None:  # `check` has returned, so the main file's layers have been chosen
            raise RuntimeError("the second file's layer is chosen after the first one's")
        check_crs(main, reader)
        request = self.request
        layer = main.layers[choice.index]
        return {"A": choose_second(layer, choice, reader, request.methods, request.bits)}

    @property
    def openings(self) -> list[PendingFile]:
        """All of its files."""
        second = [] if self.second is None else [self.second]
        return [self.main, *self.others.values(), *second]

    def check(self) -> None:
        """Wait for the heads of main and second file. Raises NtileError where one cannot be read or
        lacks a layer or bits."""
        self.main.check()
        if self.second is not None:
            self.second.check()

    def take(self, opening: PendingFile) -> TerrainFile:
        """Wait for one of the files and hand it over. Raises NtileError."""
        self._taken.add(opening)
        return opening.result()

    def cancel(self) -> None:
        """Close the files that were not taken, as soon as they are read."""
        for opening in self.openings:
            if opening not in self._taken:
                opening.cancel()


def show(scene: Scene, request: OpenRequest, loading: Loading | None = None) -> list[str]:
    """Show the files of a request in a scene; return warnings about parts not restored.

    `loading`: the files, if they are being read. Raises NtileError; the scene, its files and
    settings are then as before.
    """
    loading = loading or Loading(request, scene.decode_backend, present(scene, request))
    settings = scene.settings
    slots = settings.slots
    active = settings.active
    before = None if request.project is None else deepcopy(settings)
    try:
        with scene.replacing():
            return _show(scene, loading)
    except BaseException:
        loading.cancel()
        if before is not None:
            plain.copied(settings, before)
        settings.slots = slots
        settings.active = active
        raise


def _show(scene: Scene, loading: Loading) -> list[str]:
    request = loading.request
    settings = scene.settings
    view_slots = settings.slots
    view_active = settings.active
    slots = loading.main.check()
    scene.open(loading.take(loading.main))
    settings.slots = slots
    settings.active = SLOTS[0]
    warnings: list[str] = []
    if request.project is not None:
        plain.copied(settings, settings_of(request.project))
        view_slots = settings.slots
        view_active = settings.active
        settings.slots = slots
    if request.restores_slots or request.keep_view:
        places = _add_others(scene, loading, warnings)
        warnings += loading.remarks
        settings.slots = _placed(scene, view_slots, places, slots, warnings)
        settings.active = view_active
    if request.compare is not None:
        compare_file(scene, request.compare, request.methods, request.bits, loading.second)
    if request.check_overlay:
        check_overlay(scene)
    return warnings


def _add_others(scene: Scene, loading: Loading, warnings: list[str]) -> dict[int, int]:
    """Add a request's other files; return their indices in the scene by file number."""
    places = {0: 0}
    for number, opening in loading.others.items():
        try:
            places[number] = scene.add(loading.take(opening))
        except NtileError as error:
            warnings.append(str(error))
    return places


def _placed(
    scene: Scene,
    choices: dict[str, LayerChoice],
    places: dict[int, int],
    otherwise: dict[str, LayerChoice],
    warnings: list[str],
) -> dict[str, LayerChoice]:
    """Return the choices of slots with the scene's file indices; `otherwise` where a file or layer
    is gone."""
    slots = {}
    for slot, choice in choices.items():
        slots[slot] = otherwise[slot]
        if choice.file not in places:
            continue
        choice = replace(choice, file=places[choice.file])
        layers = scene.files[choice.file].reader.layers
        if not 0 <= choice.index < len(layers):
            number = choice.index + 1
            warnings.append(
                f"Slot {slot}: the file has no layer {number} any more; another is shown."
            )
            continue
        bits = choice.keep_bits
        if bits is not None and bits not in available_bits(layers[choice.index]):
            warnings.append(f"Slot {slot}: the layer has no {bits} bits; it is shown as stored.")
            choice.keep_bits = None
        slots[slot] = choice
    return slots


def chosen_layers(request: OpenRequest) -> dict[str, tuple[str, LayerChoice]]:
    """Return path and layer of each slot, as `show` fills them from methods and bits. Needs no
    scene. Raises NtileError."""
    with request.pins.open(request.path) as reader:
        check_counts(request.methods, request.bits)
        slots = choose(reader, *request.of_main)
        chosen = {slot: (request.path, choice) for slot, choice in slots.items()}
        if request.compare is not None:
            first = slots[SLOTS[0]]
            with request.pins.open(request.compare) as other:
                second = choose_second(
                    reader.layers[first.index], first, other, request.methods, request.bits
                )
            chosen[SLOTS[1]] = request.compare, second
    return chosen


def present(scene: Scene, request: OpenRequest) -> list[Reader]:
    """Return the readers of the files shown, for a request that keeps the view."""
    return [file.reader for file in scene.files] if request.keep_view else []


# A second file


def compare_file(
    scene: Scene,
    path: str | Path,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
    opening: PendingFile | None = None,
) -> int:
    """Add a file to a scene and put it into slot B; return its index.

    A file that is open already is used again. Methods and bits are those of slots A and B; see
    `choose_second`. `opening`: the file, if it is being read. Raises NtileError; nothing has
    changed then.
    """
    index = index_of(scene, path)
    if index is None:
        file = None if opening is None else opening.result()
        reader = file.reader if file is not None else open_reader(os.path.abspath(path))
    else:
        file = None
        reader = scene.files[index].reader
    first = scene.settings.slots[SLOTS[0]]
    try:
        choice = choose_second(layer_of(scene, first), first, reader, methods, bits)
    except UsageError:
        if file is not None:
            file.close()
        elif index is None:
            reader.close()
        raise
    choice.file = scene.add(file or reader, choice.index) if index is None else index
    scene.settings.slots[SLOTS[1]] = choice
    return choice.file


def choose_second(
    first: Layer,
    choice: LayerChoice,
    reader: Reader,
    methods: Sequence[str] = (),
    bits: Sequence[int] = (),
) -> LayerChoice:
    """Return the choice of a second file for slot B: of the second method and bits.

    Without a second method: the layer most like the first file's, `first` shown as `choice`.
    Raises UsageError.
    """
    if len(methods) > 1:
        return choose(reader, methods[1:], bits[1:])[SLOTS[0]]
    second = alike(first, choice, reader)
    if len(bits) > 1:
        layer = reader.layers[second.index]
        check_bits(reader, [layer], bits[1])
        keep_bits(layer, second, bits[1])
    return second


def alike(like: Layer, choice: LayerChoice, reader: Reader) -> LayerChoice:
    """Return the layer of a file most like another one shown as `choice`: of its method and bits,
    else the first learned one."""
    layer = next(
        (layer for layer in reader.layers if layer.method == like.method), learned_first(reader)[0]
    )
    same = choice.keep_bits in available_bits(layer) and choice.keep_bits != layer.bits
    return LayerChoice(layer.index, choice.keep_bits if same else None)


def begin_second(scene: Scene, path: str | Path) -> PendingFile:
    """Read a file on a thread that `compare_file` is to put into slot B."""
    first = scene.files[0]
    choice = replace(scene.settings.slots[SLOTS[0]])
    layer = layer_of(scene, choice)

    def choose_slots(reader: Reader) -> dict[str, LayerChoice]:
        check_crs(first.reader, reader)
        return {SLOTS[0]: alike(layer, choice, reader)}

    pins = Pins(raster_contents(scene))
    return PendingFile(path, first.reference_dem, choose_slots, scene.decode_backend, pins)


def begin_beside(
    path: str | Path, reference: Raster | None, layer: int, decode_backend: str, pins: Pins
) -> PendingFile:
    """Read a file on a thread that is to be added to a scene, beginning with one of its layers."""
    return PendingFile(path, reference, lambda reader: _beginning_with(layer), decode_backend, pins)


def raster_contents(scene: Scene) -> dict[str, str]:
    """Return the contents of the reference rasters of a scene, by path: further files are measured
    against the same."""
    references = [file.reference for file in scene.files]
    return {
        os.path.abspath(reference.path): reference.content
        for reference in references
        if isinstance(reference, DemReference) and reference.content
    }


def _beginning_with(layer: int) -> dict[str, LayerChoice]:
    return {SLOTS[0]: LayerChoice(layer)}


def index_of(scene: Scene, path: str | Path) -> int | None:
    """Return the index of a file in a scene; None if it is not open, or has changed since."""
    for index, file in enumerate(scene.files):
        if _same_file(file.reader.path, path) and file.reader.is_current():
            return index
    return None


def _same_file(path: str | Path, other: str | Path) -> bool:
    return Path(path).resolve() == Path(other).resolve()


# The overlay


def check_overlay(scene: Scene) -> None:
    """Raise UsageError for an error overlay without a reference."""
    kind = OVERLAYS.get(scene.settings.overlay.name)
    if kind is not None and kind.measures and scene.against_name is None:
        raise UsageError(
            f"{scene.files[0].reader.path}: it has no reference layer to measure errors against; "
            "add --reference DEM."
        )


def missing_errors(scene: Scene) -> list[str]:
    """Return a warning if the overlay shows errors and the reference has no heights in view."""
    kind = OVERLAYS.get(scene.settings.overlay.name)
    if kind is None or not kind.measures or not scene.ready or scene.error_stats is not None:
        return []
    return [f"{scene.against_name} has no heights in view, so the picture shows no errors."]
