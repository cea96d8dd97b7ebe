"""Results on disk: JSON, Markdown, plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural.errors import NtileError


def folder(out: Path) -> Path:
    """The output folder, made when it is missing. Raises NtileError when it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NtileError(f"{out} cannot be a folder ({error.strerror}): give --out another place.") from error
    return out


def write(out: Path, name: str, values: Mapping[str, Any], markdown: str) -> None:
    """NAME.json from plain values without infinities, and NAME.md."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (out / f"{name}.md").write_text(markdown, encoding="utf-8")
