"""The command with projects in place of a file, and with files that change while it works."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from tests.support import hills
from tests.support.changing import Raised, put
from tests.support.commands import ROOT
from viewer import __main__ as command
from viewer.cli import measure
from viewer.model.settings import Settings
from viewer.storage import project
from viewer.storage.project import Project

SIZE = ("--size", "64x48")

pytestmark = pytest.mark.usefixtures("_session_context")


@pytest.fixture
def run(monkeypatch):
    """Run the command without a display; returns click's result."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return lambda *args: CliRunner().invoke(command.main, [str(arg) for arg in (*args, *SIZE)])


@pytest.fixture
def area(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "area.ntile")


@pytest.fixture
def saved(tmp_path, area):
    settings = Settings()
    settings.overlay.name = "slope"
    path = tmp_path / "p.tvproj.json"
    project.write(path, Project([str(area)], settings=asdict(settings)))
    return path


def sentence(result):
    (line,) = result.stderr.strip().splitlines()
    return line


def test_a_project_is_opened_like_a_file(run, saved, area, tmp_path):
    pictures = {}
    for name, args in {
        "file": (saved,),
        "option": ("--project", saved),
        "over it": (saved, "--overlay", "none"),
    }.items():
        out = tmp_path / f"{name}.png"
        result = run(*args, "--headless", "--screenshot", out)
        assert result.exit_code == 0, result.output
        pictures[name] = out.read_bytes()
    assert pictures["file"] == pictures["option"] != pictures["over it"]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.move(saved, moved / "view.JSON")
    shutil.move(area, moved / "area.ntile")
    assert run(moved / "view.JSON", "--headless", "--screenshot", out).exit_code == 0


def test_what_is_no_project_is_one_sentence(run, saved, area, tmp_path):
    text = saved.read_text()
    out = tmp_path / "out.png"
    saved.write_text(text, encoding="utf-16")
    for words, content in {
        "save it as UTF-8": text.encode("utf-16"),
        "names itself": json.dumps(json.loads(text) | {"files": [saved.name]}).encode(),
        "this is not a project": b"[1]",
        "it has to be JSON": b"PMTiles",
        "is missing": json.dumps(json.loads(text) | {"files": ["Z:\\no.ntile"]}).encode(),
    }.items():
        saved.write_bytes(content)
        result = run(saved, "--headless", "--screenshot", out)
        assert result.exit_code == 3
        assert words in sentence(result)
        assert sentence(result).startswith(f"Error: {saved}")
        assert not out.exists()
    result = run("--project", saved, area, "--headless", "--screenshot", out)
    assert result.exit_code == 2


def test_all_outputs_of_a_command_are_of_one_file(run, area, tmp_path, monkeypatch):
    higher = hills.write(tmp_path / "higher.ntile", area=Raised(300.0))
    line, rows, picture = tmp_path / "line.csv", tmp_path / "rows.csv", tmp_path / "out.png"
    options = (area, "--headless", "--profile", "600100,5199900 600300,5199800", "--out", line)
    options += ("--results", rows, "--screenshot", picture)
    result = run(*options)
    assert result.exit_code == 0, result.output
    rows.unlink()
    picture.unlink()
    profile = measure.run

    def then_replaced(launch):
        profile(launch)
        put(higher, area)

    monkeypatch.setattr(measure, "run", then_replaced)
    result = run(*options)
    assert result.exit_code == 3
    last = result.stderr.strip().splitlines()[-1]
    assert last == f"Error: {area} has changed since it was opened; open it again."
    assert not rows.exists()
    assert not picture.exists()


@pytest.mark.skipif(os.name != "posix", reason="elsewhere it cannot be removed")
def test_commands_begin_in_a_folder_that_was_removed(area, tmp_path):
    (tmp_path / "job").mkdir()

    def run(*arguments):
        line = 'rmdir $PWD; exec "$0" -c \'from viewer.__main__ import main; main()\' "$@"'
        return subprocess.run(
            ["sh", "-c", line, sys.executable, *map(str, arguments), "--headless", *SIZE],
            cwd=tmp_path / "job",
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )

    out = tmp_path / "out.png"
    assert run(area, "--screenshot", out).returncode == 0
    assert out.exists()
    (tmp_path / "job").mkdir()
    ended = run("area.ntile", "--screenshot", out)
    assert ended.returncode == 3
    assert ended.stderr == "Error: The working directory was removed; change to another one.\n"


@pytest.mark.parametrize(
    "output",
    [
        ["--screenshot", "o.png"],
        ["--measure", "point", "600120,5199900", "--out", "o.json"],
        ["--profile", "600120,5199900 600200,5199900", "--out", "o.csv"],
        ["--results", "o.csv"],
        ["--flythrough", "--duration", "1", "--fps", "1", "--render", "film"],
    ],
)
def test_missing_files_of_a_project_are_said_whatever_is_made(run, saved, tmp_path, output):
    values = json.loads(saved.read_text())
    saved.write_text(json.dumps(values | {"reference": "gone.tif"}))
    named = [str(tmp_path / name) if name[:2] in ("o.", "fi") else name for name in output]
    result = run(saved, "--headless", *named)
    assert result.exit_code == 0
    warning = "p.tvproj.json: gone.tif missing; the rest is restored."
    assert result.stderr.splitlines().count(warning) == 1
