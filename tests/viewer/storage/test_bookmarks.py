"""Named views of an area and views in files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from neural.errors import NtileError
from tests.support import mountains
from viewer import __main__ as command
from viewer.model.camera import Camera
from viewer.storage.bookmarks import Bookmarks, find_view, read_view, write_view

CAMERA = Camera(2000.0, 8000.0, 1500.5, 30.25, -20.0, 60.0)


@pytest.fixture
def views(tmp_path):
    return Bookmarks(mountains.GRID, tmp_path)


def test_bookmarks_come_back_in_their_order(views, tmp_path):
    assert views.add(CAMERA) == "View 1"
    assert views.add(replace(CAMERA, z=2000.0), "  the ridge ") == "the ridge"
    assert views.add(CAMERA) == "View 2"
    views.rename("View 1", "north face")
    views.delete("View 2")
    again = Bookmarks(mountains.GRID, tmp_path)
    assert list(again.views) == ["north face", "the ridge"]
    assert again.get("north face") == CAMERA
    assert again.add(CAMERA) == "View 1"
    # Another grid is another area; the same grid in another file is not.
    assert not Bookmarks(replace(mountains.GRID, width=901), tmp_path).views
    assert Bookmarks(replace(mountains.GRID, vertical_datum="another"), tmp_path).views


def test_names_have_to_be_names(views):
    views.add(CAMERA, "one")
    views.add(CAMERA, "two")
    for name in ("", "  ", "view.json"):
        with pytest.raises(NtileError, match="cannot be the name"):
            views.add(CAMERA, name)
    with pytest.raises(NtileError, match="already"):
        views.rename("one", "two")
    with pytest.raises(NtileError, match="there are: 'one', 'two'"):
        views.get("three")
    assert list(views.views) == ["one", "two"]


@pytest.mark.parametrize("content", ["{", "[]", '{"views": 3}', "[" * 100000, "{}"])
def test_damaged_bookmarks_are_put_aside(views, tmp_path, content):
    views.add(CAMERA, "one")
    said = []
    for ending in (".damaged", ".damaged-2"):
        views.path.write_text(content)
        again = Bookmarks(mountains.GRID, tmp_path, said.append)
        assert not again.views
        assert views.path.with_name(views.path.name + ending).read_text() == content
        assert said[-1].endswith(f"{ending}.")
    again.add(CAMERA, "new")
    assert Bookmarks(mountains.GRID, tmp_path).get("new") == CAMERA
    assert len(said) == 2


@pytest.mark.parametrize("entry", [None, 7, [1, 2], float("nan"), "x"])
def test_a_damaged_view_is_no_view_of_the_name_that_it_spells(tmp_path, entry):
    said = []

    def window():
        return Bookmarks(mountains.GRID, tmp_path, said.append)

    first = window()
    name = json.dumps(entry)
    first.add(CAMERA, name)
    values = json.loads(first.path.read_text())
    first.path.write_text(json.dumps(values | {"views": [entry, *values["views"], entry]}))
    second = window()
    assert second.views == {name: CAMERA}
    assert len(said) == 1
    second.add(replace(CAMERA, z=2400.0), "b")
    second.delete(name)
    assert window().views == {"b": replace(CAMERA, z=2400.0)}
    kept = json.loads(second.path.read_text())["views"]
    assert json.dumps(entry) in map(json.dumps, kept)


def test_views_in_files(tmp_path):
    write_view(tmp_path / "view.json", CAMERA, "EPSG:25832")
    assert read_view(tmp_path / "view.json", "EPSG:25832") == CAMERA
    (tmp_path / "alone.json").write_text(json.dumps(CAMERA.to_json()))
    assert find_view(str(tmp_path / "alone.json"), mountains.GRID) == CAMERA
    with pytest.raises(NtileError, match="crs: it is not that of the area, local grid"):
        read_view(tmp_path / "view.json", "")
    for content, says in (
        ("{", "has to be JSON"),
        ('{"camera": {}}', 'with "version": 1'),
        (
            '{"easting": 1, "northing": "n", "z": 3, "heading_deg": 0, "pitch_deg": 0}',
            r"camera.northing: \"n\"",
        ),
    ):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(NtileError, match=says):
            read_view(tmp_path / "bad.json", "")
    with pytest.raises(NtileError, match="cannot be read"):
        read_view(tmp_path / "none.json", "")


def test_the_command_begins_with_a_view(mountain_file, tmp_path, monkeypatch):
    import rasterio

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Bookmarks(mountains.GRID, tmp_path / "config" / "terrain-viewer").add(CAMERA, "the ridge")
    write_view(tmp_path / "view.json", CAMERA, "")

    def shot(*view):
        out = tmp_path / "out.png"
        args = (mountain_file, "--headless", "--screenshot", out, "--size", "64x48", *view)
        result = CliRunner().invoke(command.main, [str(arg) for arg in args])
        if result.exit_code:
            return result
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(out) as file:
            return file.read()

    named = shot("--view", "the ridge")
    filed = shot("--view", tmp_path / "view.json")
    whole = shot()
    assert np.array_equal(named, filed)
    assert (named != whole).mean() > 0.2
    missing = shot("--view", "nowhere")
    assert missing.exit_code == 3
    assert "there are: 'the ridge'" in missing.stderr
