"""Request to open files."""

from __future__ import annotations

from dataclasses import dataclass, replace

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from viewer.storage.project import Project


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
    """True to keep slots, camera and project: the same files again, with another reference."""
    check_overlay: bool = False
    """True to reject an error overlay without a reference."""
    reference_optional: bool = False
    """True to go on without a project's reference that cannot be read, with a warning."""
    warnings: tuple[str, ...] = ()
    """Sentences to report once the files are shown."""

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
