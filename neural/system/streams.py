"""Standard output for results that name files."""

from __future__ import annotations

import io
import sys


def keep_bytes_of_names() -> None:
    """Have standard output print names of files that are not in its encoding, byte by byte, as a
    shell passes them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
