"""A user's own module named like one of the program's packages: one sentence, exit status 3."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neural.system import start

ROOT = Path(__file__).parents[3]
COMMAND = f"import runpy; runpy.run_path({start.__file__!r})[{{name!r}}]()"


def run(code: list[str], folder: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder with a PYTHONPATH."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, *code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["ntile", "terrain_viewer"])
@pytest.mark.parametrize("module", ["neural.py", "viewer/__init__.py", "assets.py"])
def test_commands_name_the_module_that_hides_one(tmp_path: Path, command: str, module: str) -> None:
    own = tmp_path / module
    own.parent.mkdir(exist_ok=True)
    own.write_text("", encoding="utf-8")
    ended = run(["-c", COMMAND.format(name=command)], ROOT / "tests", [tmp_path, ROOT])
    assert (ended.returncode, ended.stdout) == (start.EXIT_CODE, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"{own}: this module hides the package `{module.split('/')[0].split('.')[0]}`" in (
        ended.stderr
    )


def test_folders_without_init_hide_nothing(tmp_path: Path) -> None:
    for name in start.PACKAGES:
        (tmp_path / name).mkdir()
    code = "import sys; sys.argv[1:] = ['--version']; " + COMMAND.format(name="ntile")
    ended = run(["-c", code], tmp_path, [ROOT])
    assert ended.returncode == 0
    assert ended.stdout.startswith("ntile, version ")


def test_an_incomplete_installation_is_told(tmp_path: Path) -> None:
    ended = run(["-I", "-S", "-c", COMMAND.format(name="ntile")], tmp_path, [])
    assert ended.returncode == start.EXIT_CODE
    assert ended.stderr.startswith("Error: terrain-viewer is not completely installed")


@pytest.mark.parametrize("module", ["neural.py", "shaders/__init__.py", "assets.py"])
def test_viewer_names_the_module_that_hides_one(tmp_path: Path, module: str) -> None:
    own = tmp_path / module
    own.parent.mkdir(exist_ok=True)
    own.write_text("", encoding="utf-8")
    ended = run(["-m", "viewer", "--version"], tmp_path, [ROOT])
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.startswith(f"Error: {own}: this module hides the package")
    assert len(ended.stderr.splitlines()) == 1
    ended = run(["-c", "import viewer"], tmp_path, [ROOT])
    assert ended.returncode == 1
    assert f"ImportError: {own}: this module hides the package" in ended.stderr
