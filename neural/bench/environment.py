"""Requirements of a benchmark, and the description of the machine it ran on."""

from __future__ import annotations

import importlib
import os
import platform
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import neural
from neural.errors import UsageError


def require(package: str, purpose: str, extra: str) -> ModuleType:
    """Import a package of an optional extra. Raises UsageError naming the extra when it is not
    installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UsageError(
            f"{purpose} needs {package}: pip install 'terrain-viewer[{extra}]'."
        ) from error


def machine() -> str:
    """Return the processor, cores and Python, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return (
        f"{next(models, platform.processor())}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}"
    )


def versions(codecs: bool) -> dict[str, str]:
    """Return the versions of all packages that affect the numbers, codec libraries only where
    codecs run."""
    by_package = {"terrain-viewer": neural.__version__}
    for package in ("numpy", "torch"):
        try:
            by_package[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if codecs:
        libraries: dict[str, Any] = require("imagecodecs", "comparing codecs", "bench").version(
            dict
        )
        names = ("imagecodecs", "lerc", "libavif", "libjxl", "openjpeg", "sz3", "zfp")
        by_package |= {name: str(libraries[name]) for name in names if name in libraries}
    return by_package
