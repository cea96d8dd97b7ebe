"""Dropped files are opened by their content; several at once in a sensible order."""

import json
import shutil

import numpy as np
import pytest

from neural.errors import NtileError
from tests.support import hills, rasters
from tests.support.gui_driver import SIZE
from viewer.model.camera import Camera
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.session import file_kinds
from viewer.session.launch import Launch
from viewer.storage import path_file


def test_files_are_known_by_their_content(tmp_path, area):
    contents = {
        "renamed.bin": area.read_bytes()[:200],
        "empty.ntile": b"",
        "photo.dat": b"II*\0rest",
        "big.dat": b"MM\0+rest",
        "grid.asc": b"ncols 4",
        "p.json": b' {"terrain_viewer_project": 1}',
        "c.json": b'{"keyframes": []}',
        "v.json": b'{"easting": 1, "northing": 2}',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    kinds = [file_kinds.kind(str(tmp_path / name)) for name in contents]
    assert kinds == ["terrain", "terrain", "raster", "raster", "raster", "project", "path", "view"]
    assert file_kinds.kind("https://x.org/area.ntile") == "terrain"
    for name, content, said in (
        ("notes.txt", b"hello", "unsupported file type"),
        ("bad.json", b"{", "damaged"),
        ("other.json", b"[1]", "neither a project nor"),
        ("gone", None, "cannot be read"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(NtileError, match=said):
            file_kinds.kind(str(tmp_path / name))
    with pytest.raises(NtileError, match="folder"):
        file_kinds.kind(str(tmp_path))


def test_several_at_once(drive, area, tmp_path):
    second = shutil.copy(area, tmp_path / "second.ntile")
    heights = np.full((60, 60), 550.0, np.float32)
    rasters.write(
        tmp_path / "dem.dat", heights, crs=None, transform=rasters.north_up(600_000, 5_200_000, 10)
    )
    view = Camera(600200.0, 5199800.0, 800.0, 20.0, -30.0)
    (tmp_path / "view.json").write_text(json.dumps(view.to_json()))
    later = Camera(600300.0, 5199900.0, 900.0, 60.0, -50.0)
    crs = hills.GRID.crs_wkt
    path_file.write_path(tmp_path / "path.json", CameraPath([Keyframe(0.0, later)], crs))
    path_file.write_path(tmp_path / "local.json", CameraPath([Keyframe(0.0, view)], ""))

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        ctx.yield_(3)
        app.open_paths([str(tmp_path / "view.json")])
        ctx.yield_(3)
        assert "open a .ntile file before" in session.messages.entries[-1].text
        app.open_paths(
            [str(tmp_path / "view.json"), str(area), str(second), str(tmp_path / "nothing.txt")]
        )
        driver.settle()
        assert session.document.path == area
        assert [session.scene.files[k].reader.path for k in (0, 1)] == [str(area), str(second)]
        assert session.settings.slots["B"].file == 1
        assert session.camera.eye == pytest.approx(view.eye)
        assert session.camera.heading_deg == pytest.approx(view.heading_deg)
        assert [
            message.level for message in session.messages.entries if "nothing.txt" in message.text
        ] == ["error"]
        app.open_paths([str(tmp_path / "dem.dat")])
        driver.settle()
        assert session.scene.reference_name == "dem.dat"
        assert [file.reader.path for file in session.scene.files] == [str(area), str(second)]
        assert session.camera.eye == pytest.approx(view.eye)
        app.open_paths([str(tmp_path / "local.json")])
        ctx.yield_(3)
        assert "crs" in session.messages.entries[-1].text
        app.open_paths([str(tmp_path / "path.json")])
        driver.settle()
        assert session.camera.eye == pytest.approx(later.eye)
        driver.press("ctrl+z")
        driver.settle()
        assert session.camera.eye == pytest.approx(view.eye)

    drive(Launch(path=None, size=SIZE), steps)
