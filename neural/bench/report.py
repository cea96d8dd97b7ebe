"""Results on disk: JSON, Markdown, plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neural.system import output


def folder(out: Path) -> Path:
    """Create the output folder if missing and return it. Raises NtileError."""
    return output.make_folder(out, "give --out another place")


def write(out: Path, name: str, values: Mapping[str, Any], markdown: str) -> None:
    """Write NAME.json from plain values without infinities, and NAME.md. Raises NtileError."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    output.write_text(out / f"{name}.json", text + "\n")
    output.write_text(out / f"{name}.md", markdown)
