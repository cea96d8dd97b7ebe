"""JSON files, read and written whole (`neural.system.output`); errors are one sentence."""

from __future__ import annotations

import codecs
import errno
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
        if Path(path).is_fifo() and os.path.exists(os.path.realpath(path)):  # no shell's <(…)
            raise OSError(errno.EINVAL, "it is a pipe, not a file")
        return parse_json(Path(path).read_bytes())
    except OSError as error:
        raise raised(
            f"{name} cannot be read ({error.strerror or error}); check the name."
        ) from error
    except UnicodeError as error:
        raise raised(f"{name}: its text is not UTF-8; save it as UTF-8.") from error
    except ValueError as error:
        raise raised(f"{name}: this is not {kind} ({error}); it has to be JSON.") from error


def parse_json(data: bytes) -> Any:
    """Return the values of JSON in UTF-8, with or without a byte order mark. Raises ValueError,
    UnicodeError for another encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:4]:
        raise UnicodeError("the text is UTF-16 or UTF-32")
    try:
        return json.loads(data.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


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
