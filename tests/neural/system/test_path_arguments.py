"""Paths of the Python API."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from neural.errors import UsageError
from neural.system import arguments


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
def test_relative_names_need_a_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert arguments.path("path", Path("a.ntile")) == "a.ntile"
    folder.rmdir()
    try:
        with pytest.raises(
            UsageError, match=r"path cannot be 'a.ntile'; the working directory was"
        ):
            arguments.path("path", "a.ntile")
        for name in (tmp_path / "a.ntile", "https://example.org/a.ntile"):
            assert arguments.path("path", name) == os.fspath(name)
    finally:
        os.chdir(tmp_path)
