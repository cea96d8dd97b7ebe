"""Examples in the docstrings of public entry points run and print as they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.support.rasters import hills, write

MODULES = (
    "neural.container.reader",
    "neural.decode",
    "neural.encode",
    "neural.evaluate",
    "neural.surface.sampling",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They find a small elevation raster, dem.tif, in the working folder, and write there."""
    write(tmp_path / "dem.tif", hills(64, 64))
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
