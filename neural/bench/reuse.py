"""Codecs' curves of an earlier benchmark: they take most of the time and do not depend on the methods measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neural.errors import UsageError


def digest(path: Path) -> str:
    """SHA-256 of a raster's file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def codecs(
    folder: Path, versions: Mapping[str, str], settings: Callable[[str], Sequence[Any]], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Curves by SHA-256 of a place's file and codec name, of FOLDER/bench.json.

    Only of codecs that were swept over the same settings. Raises UsageError when there is no such result, or when it
    was made with other versions of the codecs' libraries.
    """
    path = folder / "bench.json"
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        swept, made_with = earlier["options"]["codecs"], earlier["versions"]
        libraries = [name for name in versions if name not in ("terrain-viewer", "numpy", "torch")]
        if changed := [name for name in libraries if made_with.get(name) != versions[name]]:
            raise UsageError(f"--reuse {folder}: {changed[0]} was {made_with.get(changed[0])} then; measure anew.")
        same = [name for name in names if name in swept and _plain(swept[name]) == _plain(settings(name))]
        return {place["file_sha256"]: {name: place["codecs"][name] for name in same} for place in earlier["places"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"--reuse {folder}: {path} is no result of `ntile bench` ({error!r}).") from error


def _plain(values: Sequence[Any]) -> Any:
    return json.loads(json.dumps(list(values)))
