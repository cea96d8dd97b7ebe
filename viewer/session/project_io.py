"""Projects of a scene: gather one from what is shown, and restore one into a scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from neural.surface.tile_surface import available_bits
from viewer.model.camera import Camera
from viewer.scene.scene import Scene
from viewer.storage import plain
from viewer.storage.project import Project, settings_of
from viewer.tiles.pending_file import PendingFile


def gathered(
    scene: Scene,
    camera: Camera,
    reference: ReferenceRaster | None,
    parts: Mapping[str, Any] | None = None,
) -> Project:
    """Return the project of a scene with a file, seen by a camera; `reference` is its raster if it
    has one."""
    files = [str(file.reader.path) for file in scene.files]
    return Project(
        files, set(), reference, replace(camera), asdict(scene.settings), dict(parts or {})
    )


def into(
    scene: Scene, project: Project, *, slots: bool = True, openings: Sequence[PendingFile] = ()
) -> list[str]:
    """Bring a scene whose main file is open to what a project says; returns sentences about what
    cannot be.

    `slots` False leaves the choice of layers as it is. `openings`: the other files that are there,
    if under way.
    """
    said: list[str] = []
    present = scene.settings.slots
    plain.copied(scene.settings, settings_of(project))
    if not slots:
        scene.settings.slots = present
        return said
    places = {0: 0}  # as the project counts → as the scene does
    begun = iter(openings)
    for number, path in enumerate(project.files[1:], 1):
        try:
            if path not in project.missing:
                opening = next(begun, None)
                places[number] = scene.add(path if opening is None else opening.result())
        except NtileError as error:
            said.append(str(error))
    for slot, choice in scene.settings.slots.items():
        if choice.file not in places:
            scene.settings.slots[slot] = present[slot]
            continue
        choice.file = places[choice.file]
        listed = scene.files[choice.file].reader.layers
        if not 0 <= choice.index < len(listed):
            said.append(
                f"Slot {slot}: the file has no layer {choice.index + 1} any more; another is shown."
            )
            scene.settings.slots[slot] = present[slot]
        elif choice.keep_bits is not None and choice.keep_bits not in available_bits(
            listed[choice.index]
        ):
            said.append(
                f"Slot {slot}: the layer has no {choice.keep_bits} bits; it is shown as stored."
            )
            choice.keep_bits = None
    return said
