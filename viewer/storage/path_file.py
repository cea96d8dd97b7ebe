"""Camera paths as JSON files; FILM.md describes them. Strict: unknown keys and values out of range
are errors that name the key."""

from __future__ import annotations

import json
import math
import os
import sys
from dataclasses import fields
from typing import Any

from neural.errors import NtileError
from neural.system import arguments
from viewer.model import text
from viewer.model.camera import MAX_PITCH_DEG, Camera
from viewer.model.camera_path import KEYED, CameraPath, Keyframe
from viewer.model.curves import EASINGS
from viewer.storage import textfile

VERSION = 1

LIMITS = {
    "fov_deg": (1.0, 150.0),
    "pitch_deg": (-90.0, 90.0),
    "exaggeration": (0.01, 1000.0),
    "sun_altitude_deg": (0.0, 90.0),
    "fps": (1.0, 240.0),
}
"""Bounds of numbers; all others may have any finite value."""

_CAMERA = tuple(f.name for f in fields(Camera))
_KEYFRAME = ("time_s", "camera", "easing", *KEYED)
_PATH = ("version", "crs", "fps", "loop", "keyframes")


class PathError(NtileError):
    """Invalid camera path; the sentence names the key."""


def to_json(path: CameraPath) -> dict[str, Any]:
    """Return plain JSON values of a path; `from_json` rebuilds it."""
    return {
        "version": VERSION,
        "crs": path.crs,
        "fps": path.fps,
        "loop": path.loop,
        "keyframes": [_keyframe(frame) for frame in path.keyframes],
    }


def _keyframe(frame: Keyframe) -> dict[str, Any]:
    keyed = {name: getattr(frame, name) for name in KEYED if getattr(frame, name) is not None}
    return {
        "time_s": frame.time_s,
        "easing": frame.easing,
        "camera": frame.camera.to_json(),
        **keyed,
    }


def from_json(data: Any) -> CameraPath:
    """Build a path from plain JSON values. Raises PathError, a sentence that begins with the
    key."""
    _object(data, "the file", _PATH, ("version", "crs", "keyframes"))
    if data["version"] != VERSION or isinstance(data["version"], bool):
        raise PathError(
            f"version: {_short(data['version'])} is not known; this program reads version "
            f"{VERSION}."
        )
    crs = data["crs"]
    loop = data.get("loop", False)
    frames = data["keyframes"]
    if not isinstance(crs, str):
        raise PathError(
            f'crs: {_short(crs)} is not a text; give WKT, an EPSG code such as "EPSG:25832", or "".'
        )
    if not isinstance(loop, bool):
        raise PathError(f"loop: {_short(loop)} is neither true nor false.")
    if not isinstance(frames, list) or not frames:
        raise PathError("keyframes: give a list with at least one keyframe.")
    path = CameraPath(
        [_read_keyframe(frame, f"keyframes[{k}]") for k, frame in enumerate(frames)], crs
    )
    path.fps = _number(data.get("fps", path.fps), "fps", "fps")
    path.loop = loop
    for k, (one, other) in enumerate(
        zip(path.keyframes, path.keyframes[1:], strict=False), start=1
    ):
        if other.time_s <= one.time_s:
            raise PathError(
                f"keyframes[{k}].time_s: {other.time_s:g} does not come after {one.time_s:g}; "
                "sort keyframes by time."
            )
    if loop and not same_view(path.keyframes[0].camera, path.keyframes[-1].camera):
        raise PathError(
            "loop: the last keyframe's camera must be that of the first; repeat it or set loop "
            "to false."
        )
    return path


def same_view(one: Camera, other: Camera) -> bool:
    """Return True if two cameras show the same picture, to a tenth of a millimeter and a millionth
    of a degree."""
    turn = math.remainder(one.heading_deg - other.heading_deg, 360.0)
    rest = max(abs(one.pitch_deg - other.pitch_deg), abs(one.fov_deg - other.fov_deg), abs(turn))
    return rest < 1e-6 and bool(max(abs(one.eye - other.eye)) < 1e-4)


def read_path(file: str | os.PathLike[str]) -> CameraPath:
    """Read a path file. Raises PathError."""
    data = textfile.read_json(file, "a camera path", PathError)
    try:
        return from_json(data)
    except PathError as error:
        raise PathError(f"{os.fspath(file)}: {error}") from None


def write_path(file: str | os.PathLike[str], path: CameraPath) -> None:
    """Write a path file atomically. Raises PathError."""
    textfile.write_json(file, to_json(path), raised=PathError)


def check_crs(path: CameraPath, crs_wkt: str, path_name: str, file_name: str) -> None:
    """Raise PathError unless the path is in a file's coordinate system."""
    if not same_crs(path.crs, crs_wkt):
        raise PathError(
            f"{path_name}: crs: it was made in {_crs_name(path.crs)}, but {file_name} is in "
            f"{text.crs_name(crs_wkt)}; use a path of that system."
        )


def _crs_name(crs: str) -> str:
    return text.crs_name(crs) if "[" in crs or not crs else crs


def same_crs(one: str, other: str) -> bool:
    """Return True if two coordinate systems, WKT or EPSG codes, agree horizontally; vertical datums
    are ignored."""
    if one == other or not (one and other):
        return one == other
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    from neural.raster.vertical import horizontal

    try:
        return bool(horizontal(CRS.from_user_input(one)) == horizontal(CRS.from_user_input(other)))
    except CRSError:
        return False


def read_camera(data: Any, where: str = "camera") -> Camera:
    """Build a camera from plain values. Raises PathError."""
    _object(data, where, _CAMERA, _CAMERA[:5])
    values = {name: _number(value, f"{where}.{name}", name) for name, value in data.items()}
    values["pitch_deg"] = min(max(values["pitch_deg"], -MAX_PITCH_DEG), MAX_PITCH_DEG)
    return Camera(**values)


def _read_keyframe(data: Any, where: str) -> Keyframe:
    _object(data, where, _KEYFRAME, ("time_s", "camera"))
    easing = data.get("easing", "smooth")
    if easing not in EASINGS:
        raise PathError(
            f"{where}.easing: {_short(easing)} is not an easing; choose from {', '.join(EASINGS)}."
        )
    keyed = {name: _number(data[name], f"{where}.{name}", name) for name in KEYED if name in data}
    time_s = _number(data["time_s"], f"{where}.time_s", "time_s")
    return Keyframe(time_s, read_camera(data["camera"], f"{where}.camera"), easing, **keyed)


def _object(data: Any, where: str, allowed: tuple[str, ...], needed: tuple[str, ...]) -> None:
    if not isinstance(data, dict):
        raise PathError(
            f"{where}: {_short(data)} is not an object with the keys {', '.join(needed)}."
        )
    for key in data:
        if key not in allowed:
            raise PathError(
                f"{where}: the key {_short(key)} is not known; there are {', '.join(allowed)}."
            )
    for key in needed:
        if key not in data:
            raise PathError(f'{where}: the key "{key}" is missing.')


def _number(value: Any, where: str, name: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:  # infinity, NaN, an integer beyond
        raise PathError(f"{where}: {_short(value)} is not a number.")
    low, high = LIMITS.get(name, (-math.inf, math.inf))
    if not low <= value <= high:
        raise PathError(f"{where}: {value:g} is out of range; it is {low:g} to {high:g}.")
    return float(value)


def _short(value: Any) -> str:
    try:
        quoted = json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):  # from Python: keys of other types, or a ring
        quoted = arguments.shown(value)
    return quoted if len(quoted) <= 40 else f"{quoted[:37]}…"
