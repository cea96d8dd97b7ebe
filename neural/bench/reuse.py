"""Reuse of codecs' curves from an earlier benchmark: they take most of the time and do not depend
on the measured methods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neural.bench.places import Place
from neural.errors import UsageError
from neural.raster import raster_name


def digest(place: Place) -> str | None:
    """Return the SHA-256 of a raster's file and of its read options; None for a raster that is
    not a local file."""
    path = raster_name.local_file(place.path)
    if path is None:
        return None
    with open(path, "rb") as file:
        sha = hashlib.file_digest(file, "sha256")
    inner = "" if path == place.path else place.path
    if inner or place.reading.nodata or place.reading.encoding:
        sha.update(repr((inner, place.reading.nodata, place.reading.encoding)).encode())
    return sha.hexdigest()


def codecs(
    folder: Path,
    versions: Mapping[str, str],
    settings: Callable[[str], Sequence[Any]],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Return curves by SHA-256 of a place's file and codec name, from FOLDER/bench.json.

    Only of codecs that were swept over the same settings. Raises UsageError when there is no such
    result, or when it was made with other versions of the codecs' libraries.
    """
    path = folder / "bench.json"
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        swept = earlier["options"]["codecs"]
        earlier_versions = earlier["versions"]
        libraries = [name for name in versions if name not in ("terrain-viewer", "numpy", "torch")]
        changed = [name for name in libraries if earlier_versions.get(name) != versions[name]]
        if changed:
            raise UsageError(
                f"--reuse {folder}: {changed[0]} was {earlier_versions.get(changed[0])} then; "
                "measure anew."
            )
        reusable = [
            name
            for name in names
            if name in swept and _plain(swept[name]) == _plain(settings(name))
        ]
        curves = {
            place["file_sha256"]: {name: place["codecs"][name] for name in reusable}
            for place in earlier["places"]
        }
        return {sha: curves_of for sha, curves_of in curves.items() if sha is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--reuse {folder}: {path} is no result of `ntile bench` ({error!r})."
        ) from error


def _plain(values: Sequence[Any]) -> Any:
    return json.loads(json.dumps(list(values)))
