"""JSON files, read and written whole (`neural.system.output`); errors are one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from neural.errors import NtileError
from neural.system import output


def read_json(
    path: str | os.PathLike[str], kind: str, raised: type[NtileError] = NtileError
) -> Any:
    """Read a JSON file of a kind such as "a project". Raises `raised`."""
    name = os.fspath(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise raised(
            f"{name} cannot be read ({error.strerror or error}); check the name."
        ) from error
    except ValueError as error:
        raise raised(f"{name}: this is not {kind} ({error}); it has to be JSON.") from error


def write_json(
    path: str | os.PathLike[str],
    values: Any,
    advice: str = output.ADVICE,
    raised: type[NtileError] = NtileError,
) -> None:
    """Write plain values atomically. Raises `raised`, as `neural.system.output.whole` does."""
    output.write_text(path, json.dumps(values, indent=1) + "\n", advice=advice, raised=raised)


def keep_json(path: Path, values: Any, advice: str) -> None:
    """Write plain values into the user's settings folder, created if missing. Raises NtileError."""
    output.make_folder(path.parent, advice)
    write_json(path, values, advice)
