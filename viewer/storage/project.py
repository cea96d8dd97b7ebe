"""Project files, `*.tvproj.json`: files, camera and settings. PROJECT.md beside this file describes
them. No window, no GL."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

from neural import __version__
from neural.errors import NtileError
from neural.raster import raster_name
from neural.raster.reading import AS_STORED, ReadOptions, ReferenceRaster
from viewer.model import colormaps, overlays
from viewer.model.camera import Camera
from viewer.model.measurements import MEASUREMENT_KINDS, TOOLS, is_valid
from viewer.model.settings import HILLSHADES, MESH_QUADS, SHADING_MODES, SLOTS, Settings
from viewer.storage import plain, textfile
from viewer.storage.file_search import ProjectFolder

SUFFIX = ".tvproj.json"
MARK = "terrain_viewer_project"
VERSION = 1

_CORE_KEYS = {
    *(MARK, "program", "files", "files_saved_at", "contents"),
    *("reference", "reference_file", "reference_saved_at", "reference_reading"),
    *("camera", "settings"),
}


@cache
def rules() -> dict[str, plain.Rule]:
    """Return bounds and choices of settings by name; values that violate them are not restored."""
    rules_by_name: dict[str, plain.Rule] = {
        "active": SLOTS,
        "view.exaggeration": (0.01, 1000.0),
        "view.sse_px": (0.1, 64.0),
        "view.mesh_quads": (0, *MESH_QUADS),
        "view.msaa": (-1, 0, 2, 4, 8, 16),
        "view.cache_mb": (16.0, 65536.0),
        "view.upload_budget_ms": (0.1, 1000.0),
        "view.fov_deg": (1.0, 150.0),
        "compare.divider": (0.0, 1.0),
        "shading.mode": SHADING_MODES,
        "shading.hillshade": HILLSHADES,
        "shading.sun_altitude_deg": (0.0, 90.0),
        "shading.edl_strength": (0.0, 100.0),
        "shading.fog": (0.0, 1.0),
        "shading.colormap": colormaps.names("elevation"),
        "overlay.name": overlays.NAMES,
        "overlay.against": overlays.AGAINST,
        "overlay.amplification": (1e-6, 1e6),
        "overlay.tolerance_m": (0.0, 1e6),
        "overlay.opacity": (0.0, 1.0),
        "contours.interval_m": (1e-6, 1e6),
        "measuring.tool": ("none", *TOOLS),
        "measuring.kind": MEASUREMENT_KINDS,
    }
    for name, kind in overlays.OVERLAYS.items():
        rules_by_name[f"overlay.reach.{name}"] = (1e-9, 1e9)
        rules_by_name[f"overlay.colormap.{name}"] = (
            colormaps.names(kind.colormap_kind) if kind.colormap_kind else ()
        )
    return rules_by_name


@dataclass
class Project:
    """Contents of a project file. Paths are absolute; URLs and GDAL names are verbatim."""

    files: list[str]  # terrain files, the main one first, indexed by slots
    missing: set[str] = field(default_factory=set)  # missing ones of these
    reference: ReferenceRaster | None = None  # error reference
    camera: Camera | None = None
    settings: dict[str, Any] = field(default_factory=dict)  # as dataclasses.asdict(Settings)
    parts: dict[str, Any] = field(default_factory=dict)  # further parts, by feature name
    warnings: list[str] = field(default_factory=list)  # on values that could not be restored
    # contents that files have to have, by absolute path; for a process that films an open window
    contents: dict[str, str] = field(default_factory=dict)


def write(path: str | os.PathLike[str], project: Project) -> None:
    """Write a project atomically. Raises NtileError."""
    folder = ProjectFolder(path)
    values = {
        MARK: VERSION,
        "program": __version__,
        "files": [folder.relative(name) for name in project.files],
        "files_saved_at": [_saved_at(name) for name in project.files],
        **_reference_json(project.reference, folder),
        **({"contents": project.contents} if project.contents else {}),
        "camera": None if project.camera is None else project.camera.to_json(),
        "settings": project.settings,
        **project.parts,
    }
    textfile.write_json(path, values)


def read(path: str | os.PathLike[str]) -> Project:
    """Read a project. Unknown or newer content becomes a sentence in `warnings`.

    Raises NtileError for a file that is no project, or one whose terrain file is missing.
    """
    path = os.fspath(path)
    name = os.path.basename(path)
    values = textfile.read_json(path, "a project")
    if not isinstance(values, dict) or not isinstance(values.get(MARK), int):
        raise NtileError(
            f"{path}: this is not a project; the key {MARK} with its version is missing."
        )
    files = values.get("files")
    if not isinstance(files, list) or not files or not all(isinstance(file, str) for file in files):
        raise NtileError(
            f"{path}: the project names no terrain file; give a list of them as files."
        )
    folder = ProjectFolder(path)
    before = _texts(values.get("files_saved_at"), len(files))
    paths = [folder.find(file, place) for file, place in zip(files, before, strict=True)]
    if folder.is_itself(paths[0]):
        raise NtileError(
            f"{path}: the project names itself as its terrain file; name a .ntile file in files."
        )
    if not _exists(paths[0]):
        raise NtileError(
            f"{path}: its terrain file {files[0]} is missing; put it back or beside the project."
        )
    project = Project(paths, {file for file in paths if not _is_file(file, folder)})
    contents = values.get("contents")
    if isinstance(contents, dict):
        project.contents = {path: str(content) for path, content in contents.items()}
    if values[MARK] > VERSION:
        project.warnings.append(
            f"{name}: it was saved by a newer version of the program "
            f"({values.get('program', values[MARK])}); "
            "what this one knows is restored."
        )
    missing = [file for file, at in zip(files, paths, strict=True) if at in project.missing]
    missing += _take_reference(project, values, folder, name)
    if missing:
        project.warnings.append(f"{name}: {', '.join(missing)} missing; the rest is restored.")
    unknown = _take(project, values)
    if unknown:
        project.warnings.append(f"{name}: not understood and left as it was: {', '.join(unknown)}.")
    return project


def _saved_at(path: str) -> str:
    """Return the absolute path of a file; "" for a URL or a name of GDAL's."""
    return os.path.abspath(path) if raster_name.is_path(path) else ""


def _texts(values: Any, count: int) -> list[str]:
    """Return as many texts of a list, "" where it has none."""
    items = values if isinstance(values, list) else []
    texts = [item if isinstance(item, str) else "" for item in items[:count]]
    return texts + [""] * (count - len(texts))


def _reference_json(raster: ReferenceRaster | None, folder: ProjectFolder) -> dict[str, Any]:
    """Return the reference raster as JSON: its path from the project's folder, and its reading
    options."""
    if raster is None:
        return {"reference": None}
    reading = raster.reading.to_json()
    inner = None if raster_name.is_path(raster.name) else raster_name.local_file(raster.name)
    return {
        "reference": folder.relative(raster.name),
        **({} if inner is None else {"reference_file": folder.relative(os.path.abspath(inner))}),
        "reference_saved_at": os.path.abspath(inner) if inner else _saved_at(raster.name),
        **({"reference_reading": reading} if reading else {}),
    }


def _take_reference(
    project: Project, values: Mapping[str, Any], folder: ProjectFolder, name: str
) -> list[str]:
    """Set the reference raster and its options; return its path where it is missing."""
    reference = values.get("reference")
    reading = AS_STORED
    if not isinstance(reference, str):
        return []
    try:
        reading = ReadOptions.from_json(values.get("reference_reading", {}))
    except (AttributeError, TypeError, ValueError):
        project.warnings.append(f"{name}: not understood and left as it was: reference_reading.")
    place = _reference_place(values, reference, folder)
    if not place:
        return [reference]
    is_folder = os.path.isdir(place)  # some rasters are
    if not (_exists(place) or is_folder) or folder.is_itself(place):
        return [reference]
    project.reference = ReferenceRaster(place, reading)
    return []


def _reference_place(values: Mapping[str, Any], reference: str, folder: ProjectFolder) -> str:
    """Return the name under which the reference raster is read; for a name of GDAL's with that of
    its file where that is now, "" where it is nowhere."""
    file, before = _texts([values.get("reference_file"), values.get("reference_saved_at")], 2)
    if not (file and before and before in reference):
        return folder.find(reference, before)
    place = folder.find(file, before)
    return reference.replace(before, place, 1) if os.path.isfile(place) else ""


def _take(project: Project, values: Mapping[str, Any]) -> list[str]:
    """Set camera and settings; return the names of invalid values."""
    settings = Settings()
    unknown = []
    if values.get("settings") is not None:
        unknown += [
            f"settings.{name}" for name in plain.restore(settings, values["settings"], rules())
        ]
    items = settings.measuring.items
    settings.measuring.items = [item for item in items if is_valid(item)]
    settings.measuring.profile = [point for point in settings.measuring.profile if len(point) == 2]
    unknown += ["settings.measuring.items"] * (len(settings.measuring.items) < len(items))
    settings.slots = {slot: settings.slots.get(slot) or Settings().slots[slot] for slot in SLOTS}
    project.settings = asdict(settings)
    if values.get("camera") is not None:
        camera = Camera()
        wrong = plain.restore(camera, values["camera"])
        unknown += [f"camera.{name}" for name in wrong]
        project.camera = (
            camera if not {"easting", "northing", "z", "everything"} & set(wrong) else None
        )
    project.parts = {name: value for name, value in values.items() if name not in _CORE_KEYS}
    return unknown


def settings_of(project: Project) -> Settings:
    """Return the settings of a project, defaults for missing ones."""
    settings = Settings()
    plain.restore(settings, project.settings, rules())
    return settings


def _exists(path: str) -> bool:
    return not raster_name.is_path(path) or os.path.isfile(path)


def _is_file(path: str, folder: ProjectFolder) -> bool:
    """Return True for a file, or a URL, that is not the project itself."""
    return _exists(path) and not folder.is_itself(path)
