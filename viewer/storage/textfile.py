"""Text and JSON files, read and written whole; what goes wrong is one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neural.errors import NtileError


def read_json(path: str | os.PathLike[str], what: str, raised: type[NtileError] = NtileError) -> Any:
    """The values in a JSON file that should be `what`, such as "a project". Raises `raised`."""
    name = os.fspath(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise raised(f"{name} cannot be read ({error.strerror or error}); check the name.") from error
    except ValueError as error:
        raise raised(f"{name}: this is not {what} ({error}); it has to be JSON.") from error


@contextmanager
def whole(
    path: str | os.PathLike[str], advice: str = "choose another place", raised: type[NtileError] = NtileError
) -> Iterator[Path]:
    """Where to write a file that gets its final name when the block is done; an error leaves nothing behind.

    Pipes and devices are written to directly. Raises `raised`, a sentence that ends in `advice`, for an OSError.
    """
    try:
        out = Path(os.path.realpath(path))  # the file that a link names, not the link, is replaced
        if out.exists() and not out.is_file():
            yield out
            return
        part = out.with_name(f"{out.name}.tmp")
        try:
            yield part
            os.replace(part, out)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise raised(f"{os.fspath(path)} cannot be written ({error.strerror or error}); {advice}.") from error


def write_text(
    path: str | os.PathLike[str],
    text: str,
    advice: str = "choose another place",
    raised: type[NtileError] = NtileError,
) -> None:
    """Write a text under its final name or not at all. Raises `raised`, as `whole` does."""
    with whole(path, advice, raised) as part:
        part.write_text(text, encoding="utf-8")


def write_json(
    path: str | os.PathLike[str],
    values: Any,
    advice: str = "choose another place",
    raised: type[NtileError] = NtileError,
) -> None:
    """Write plain values as `write_text` does."""
    write_text(path, _json(values), advice, raised)


def keep_json(path: Path, values: Any, advice: str) -> None:
    """`write_json` for what the program keeps among the user's settings: makes the folder too. Raises NtileError."""
    with whole(path, advice) as part:
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(_json(values), encoding="utf-8")


def put_aside(path: Path) -> Path | None:
    """Rename a damaged file to *.broken, so that it can be written anew; None where that cannot be done."""
    aside = path.with_suffix(".broken")
    try:
        os.replace(path, aside)
    except OSError:
        return None
    return aside


def _json(values: Any) -> str:
    return json.dumps(values, indent=1) + "\n"
