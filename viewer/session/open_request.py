"""Request to open files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from neural.errors import NtileError
from neural.raster import raster_name
from neural.raster.reading import ReferenceRaster
from viewer.storage.project import Project
from viewer.tiles.pins import Pins


@dataclass(frozen=True)
class OpenRequest:
    """Files to show, and how."""

    path: str
    """Main .ntile file, or a URL."""
    reference: ReferenceRaster | None = None
    """Raster to measure errors against; None for the files' own reference layers."""
    methods: tuple[str, ...] = ()
    """Methods of the layers in slots A and B; see `model.layers.choose` for the defaults."""
    bits: tuple[int, ...] = ()
    """Bits kept in slots A and B; see `model.layers.choose`."""
    compare: str | None = None
    """Second file, for slot B; it takes the second method and bits."""
    project: Project | None = None
    """Project to restore: other files, settings and, unless methods or bits are given, slots."""
    project_path: str = ""
    """File of the project."""
    beside: tuple[str, ...] = ()
    """Other files that stay open, in the order of `LayerChoice.file`."""
    keep_view: bool = False
    """True to keep slots, camera and project: the files shown again, with another reference."""
    reload: bool = False
    """True to open those of them again that have changed."""
    pins: Pins = field(default_factory=Pins, compare=False)
    """Contents that the files have to have."""
    check_overlay: bool = False
    """True to reject an error overlay without a reference."""
    reference_optional: bool = False
    """True to go on without a project's reference that cannot be read, with a warning."""
    warnings: tuple[str, ...] = ()
    """Sentences to report once the files are shown."""

    def __post_init__(self) -> None:
        """Make all paths absolute: the working directory may change."""
        values: dict[str, Any] = {
            "path": absolute(self.path),
            "compare": None if self.compare is None else absolute(self.compare),
            "project_path": self.project_path and absolute(self.project_path),
            "beside": tuple(absolute(path) for path in self.beside),
        }
        if self.reference is not None:
            name = absolute(self.reference.name)
            values["reference"] = replace(self.reference, name=name)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def has_optional_reference(self) -> bool:
        """True if the files may be shown without the reference."""
        return self.reference_optional and self.reference is not None

    def without_reference(self, error: NtileError) -> OpenRequest:
        """Return the request without its reference, which failed by an error."""
        return replace(self, reference=None, warnings=(*self.warnings, str(error)))

    @property
    def of_main(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Methods and bits of the main file; those of slot B are a second file's."""
        count = 1 if self.compare else None
        return self.methods[:count], self.bits[:count]

    @property
    def restores_slots(self) -> bool:
        """True if the project chooses the layers."""
        return self.project is not None and not (self.methods or self.bits)

    @property
    def others(self) -> dict[int, str]:
        """Existing other files, by the number that slots refer to them by."""
        files = self.beside
        missing: set[str] = set()
        if self.project is not None:
            files = tuple(self.project.files[1:]) if self.restores_slots else ()
            missing = self.project.missing
        return {number: file for number, file in enumerate(files, 1) if file not in missing}


def absolute(name: str) -> str:
    """Return a name of a file that means the same from any working directory; URLs stand for
    themselves."""
    try:
        return os.path.abspath(name) if raster_name.is_path(name) else raster_name.absolute(name)
    except (OSError, ValueError):  # the working directory is gone, or the name is none
        return name
