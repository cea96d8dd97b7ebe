"""GLSL assembly: `source` joins an entry file with what it includes, `explain` reads compiler logs
back.

Entry files end in .vert, .frag, .geom or .comp and begin with `#version`; .glsl files never contain
main(). `#include "lib/srgb.glsl"` is textual and happens once per file. `#include <decode>` takes
the file that the caller names as `parts={"decode": "decode/reference.glsl"}`. `#line` directives
number the files, so that `explain` can turn a driver's `2:13(5): error` into
`decode/reference.glsl:13: error`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parent
_INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)\s*(?://.*)?$')

# Mesa: `2:13(5): error: …`; NVIDIA: `2(13) : error C0000: …`; Apple and AMD: `ERROR: 2:13: …`.
_MESA = re.compile(r"\b(\d+):(\d+)\(\d+\):\s*")
_NVIDIA = re.compile(r"\b(\d+)\((\d+)\)\s*:\s*")
_APPLE = re.compile(r"\b(?P<kind>ERROR|WARNING):\s*(\d+):(\d+):\s*")


class ShaderSource(NamedTuple):
    """Complete GLSL text and its files, in the order of their #line numbers."""

    text: str
    files: tuple[str, ...]


@cache
def _read(name: str) -> str:
    return (_ROOT / name).read_text(encoding="utf-8")


def exists(name: str) -> bool:
    """Return True if a shader file exists, by its path below shaders/."""
    return (_ROOT / name).is_file()


def source(
    name: str, /, *, parts: Mapping[str, str] | None = None, **defines: int | float | bool | str
) -> ShaderSource:
    """Return the text of an entry file with its includes expanded and `defines` placed after
    `#version`.

    `parts` are the files of `#include <part>`. Booleans become 1 and 0, floats keep a decimal
    point. Raises FileNotFoundError naming the includer of a missing file; a second definition of a
    name inside the files is left to the compiler to reject.
    """
    files: list[str] = []
    body = _expand(name, dict(parts or {}), files, None)
    version, newline, rest = body.partition("\n")
    if not version.startswith("#version"):
        raise ValueError(f"{name}: the first line of an entry file must be #version")
    head = "".join(f"#define {key} {_literal(value)}\n" for key, value in defines.items())
    return ShaderSource(f"{version}{newline}{head}#line 2 0\n{rest}", tuple(files))


def explain(log: str, files: tuple[str, ...]) -> str:
    """Return a compiler's log with file numbers replaced by file names."""

    def named(number: str, line: str) -> str:
        index = int(number)
        return f"{files[index] if index < len(files) else number}:{line}: "

    log = _MESA.sub(lambda m: named(m[1], m[2]), log)
    log = _NVIDIA.sub(lambda m: named(m[1], m[2]), log)
    return _APPLE.sub(lambda m: named(m[2], m[3]) + m["kind"].lower() + ": ", log)


def _literal(value: int | float | bool | str) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def _expand(name: str, parts: dict[str, str], files: list[str], includer: str | None) -> str:
    try:
        text = _read(name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"shaders/{name} is missing (included by {includer or 'the program'})"
        ) from None
    number = len(files)
    files.append(name)
    out = [] if includer is None else [f"#line 1 {number}"]
    for count, line in enumerate(text.splitlines(), start=1):
        found = _INCLUDE.match(line)
        if not found:
            out.append(line)
            continue
        wanted = found[1] or parts.get(found[2])
        if wanted is None:
            raise KeyError(f"{name}:{count}: no part <{found[2]}> was given")
        if wanted not in files:
            out.append(_expand(wanted, parts, files, f"{name}:{count}"))
        out.append(f"#line {count + 1} {number}")
    return "\n".join(out)
