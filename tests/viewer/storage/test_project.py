"""Projects: what is saved comes back to the pixel; what cannot be restored is said and costs
nothing else."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from neural.errors import NtileError
from tests.support import hills
from tests.support.gui_driver import SIZE, changed
from viewer import __main__ as command
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.session.launch import Launch
from viewer.storage import plain, project
from viewer.storage.project import Project

VIEW = Camera(600100.0, 5199900.0, 900.0, 30.0, -40.0)


@pytest.fixture
def folder(tmp_path):
    """Two terrain files in folders of their own."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        hills.write(tmp_path / name / f"{name}.ntile")
    return tmp_path


def launch_of(path, **options):
    """A launch that opens a project."""
    opened = project.read(path)
    launch = Launch(path=None, settings=project.settings_of(opened), **options)
    launch.show_project(opened, str(path))
    return launch


def edited(path, **values):
    """Change keys of a project file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_everything_comes_back_with_relative_paths(folder):
    settings = Settings()
    settings.view.exaggeration = 2.5
    settings.overlay.name = "slope"
    settings.overlay.reach = {"slope": 30.0}
    settings.slots["B"].keep_bits = 4
    files = [str(folder / "a" / "a.ntile"), str(folder / "b" / "b.ntile"), "https://x.org/c.ntile"]
    out = folder / "b" / "all.tvproj.json"
    project.write(out, Project(files, set(), None, VIEW, asdict(settings), {"notes": [1, 2]}))
    stored = json.loads(out.read_text())
    assert stored["files"] == ["../a/a.ntile", "b.ntile", "https://x.org/c.ntile"]
    read = project.read(out)
    assert (read.files, read.camera, read.warnings, read.parts) == (
        files,
        VIEW,
        [],
        {"notes": [1, 2]},
    )
    assert project.settings_of(read) == settings
    (folder / "a").rename(folder / "moved")
    with pytest.raises(NtileError, match=r"a\.ntile is missing"):
        project.read(out)
    (folder / "moved" / "a.ntile").rename(folder / "b" / "a.ntile")  # beside the project is found
    assert project.read(out).files[0] == str(folder / "b" / "a.ntile")
    with pytest.raises(NtileError, match="cannot be written"):
        project.write(folder / "no" / "such.tvproj.json", read)


def test_what_is_not_understood_is_said_once_and_the_rest_restored(folder):
    out = folder / "odd.tvproj.json"
    project.write(
        out,
        Project(
            [str(folder / "a" / "a.ntile"), "gone.ntile"], camera=VIEW, settings=asdict(Settings())
        ),
    )
    edited(
        out,
        terrain_viewer_project=9,
        program="7.0",
        reference="gone.tif",
        camera=VIEW.to_json() | {"roll_deg": 1.0},
        settings={
            "view": {"exaggeration": "high", "fov_deg": 60, "sse_px": 1e9},
            "shading": {"mode": "plaid", "sun_azimuth_deg": 10, "colormap": "puce"},
            "overlay": {"colormap": {"slope": "puce"}, "reach": {"slope": -1.0}},
            "sound": {},
            "measuring": {
                "items": [{"kind": "area", "points": [[1, 2], [3, 4], [5, 6]]}, {"kind": "area"}],
                "tool": "saw",
            },
            "slots": {"A": {"index": 1, "keep_bits": None, "color": 1}},
            "active": "C",
        },
    )
    read = project.read(out)
    newer, missing, odd = read.warnings
    assert "newer version of the program (7.0)" in newer
    assert "gone.ntile, gone.tif missing; the rest is restored" in missing
    for name in (
        "view.exaggeration",
        "view.sse_px",
        "shading.mode",
        "sound",
        "active",
        "slots.A.color",
    ):
        assert f"settings.{name}" in odd
    assert "camera.roll_deg" in odd
    for name in (
        "shading.colormap",
        "overlay.colormap",
        "overlay.reach",
        "measuring.tool",
        "measuring.items",
    ):
        assert f"settings.{name}" in odd
    assert odd.count(",") == 11
    settings = project.settings_of(read)
    assert (
        settings.view.fov_deg,
        settings.shading.sun_azimuth_deg,
        settings.view.exaggeration,
    ) == (60.0, 10.0, 1.0)
    assert (settings.slots["A"].index, set(settings.slots), settings.active) == (1, {"A", "B"}, "A")
    assert [asdict(item) for item in settings.measuring.items] == [
        {"kind": "area", "points": [[1, 2], [3, 4], [5, 6]]}
    ]
    assert read.camera == VIEW


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"terrain_viewer_project": 1}', '{"terrain_viewer_project": "x"}', "{"],
)
def test_no_project_is_one_sentence(tmp_path, text):
    path = tmp_path / "bad.tvproj.json"
    path.write_text(text)
    with pytest.raises(NtileError, match=r"bad\.tvproj\.json") as caught:
        project.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(NtileError, match="cannot be read"):
        project.read(tmp_path)


def test_values_keep_their_kinds():
    settings = Settings()
    for values, left in (
        ({"view": {"mesh_quads": 64.0}}, ["view.mesh_quads"]),
        ({"view": {"sse_px": True}}, ["view.sse_px"]),
        ({"view": {"sse_px": float("nan")}}, ["view.sse_px"]),
        ({"debug": {"wireframe": 1}}, ["debug.wireframe"]),
        ({"overlay": {"reach": {"slope": "x"}}}, ["overlay.reach"]),
        ({"view": []}, ["view"]),
        ([], ["everything"]),
        ({"view": {"sse_px": 4}, "overlay": {"colormap": {"slope": "moss"}}}, []),
    ):
        assert plain.restore(settings, values) == left
    usual = Settings()
    usual.view.sse_px = 4.0
    usual.overlay.colormap = {"slope": "moss"}
    assert settings == usual
    copy = Settings()
    view = copy.view
    plain.copied(copy, settings)
    assert copy == settings
    assert copy.view is view
    copy.slots["A"].index = 7
    assert settings.slots["A"].index == 0


def test_a_project_gives_the_same_picture(drive, folder):
    out = folder / "view.tvproj.json"
    seen = {}

    def save(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        app.view.dialogs.folder = folder
        app.open_paths([str(folder / "b" / "b.ntile"), str(folder / "a" / "a.ntile")])
        driver.wait(lambda: len(session.scene.files) == 2)
        driver.settle()
        assert [Path(file.reader.path).name for file in session.scene.files] == [
            "b.ntile",
            "a.ntile",
        ]
        settings = session.settings
        settings.view.exaggeration = 1.7
        settings.shading.mode = "hillshade"
        settings.overlay.name = "slope"
        settings.slots["B"] = replace(settings.slots["B"], keep_bits=3)
        settings.active = "B"
        driver.at(0.5, 0.5)
        ctx.mouse_drag_with_delta((50, 30))
        ctx.mouse_wheel_y(2)
        driver.settle()
        driver.wait(lambda: not session.navigation.history._moving)
        seen["picture"] = driver.scene()
        seen["camera"] = replace(session.camera)
        driver.press("ctrl+s")
        ctx.yield_(2)
        ctx.item_input_value("//Save project/##path", out.name)
        ctx.yield_(3)
        assert session.projects.path == str(out)
        session.settings.view.exaggeration = 1.0
        driver.settle()
        seen["other"] = driver.scene()
        app.open_paths([str(out)])  # dropped on the window that has it
        driver.wait(lambda: session.settings.view.exaggeration == 1.7)
        driver.settle()
        assert session.camera == seen["camera"]
        assert changed(driver.scene(), seen["picture"], threshold=0) == 0
        driver.press("ctrl+s")  # no question this time
        ctx.yield_(2)
        assert not app.view.dialogs.is_open
        assert [
            message.text for message in session.messages.entries if message.level != "info"
        ] == []

    drive(Launch(path=str(folder / "a" / "a.ntile"), size=SIZE), save)
    assert changed(seen["other"], seen["picture"]) > 0.05

    def again(driver):
        app = driver.app
        session = app.session
        driver.settle()
        assert session.camera == seen["camera"]
        assert changed(driver.scene(), seen["picture"], threshold=0) == 0
        assert session.projects.path == str(out)
        assert session.preferences.values.recent[0] == str(out)
        assert len(session.scene.files) == 2
        assert (session.settings.active, session.settings.slots["B"].keep_bits) == ("B", 3)

    drive(launch_of(out, size=SIZE), again)


def test_project_on_the_command_line(folder, monkeypatch):
    out = folder / "view.tvproj.json"
    launches = []
    settings = Settings()
    settings.overlay.name = "slope"
    settings.view.sse_px = 1.0
    settings.view.cache_mb = 64.0
    area = str(folder / "a" / "a.ntile")
    project.write(out, Project([area], camera=VIEW, settings=asdict(settings)))
    monkeypatch.setattr(command, "run", launches.append)
    result = CliRunner().invoke(command.main, ["--project", str(out), "--overlay", "aspect"])
    assert result.exit_code == 0, result.output
    (launch,) = launches
    assert (launch.path, launch.opened_project.camera) == (area, VIEW)
    assert (launch.settings.overlay.name, launch.settings.view.sse_px) == ("aspect", 1.0)
    assert launch.settings.view.cache_mb == 64.0
    assert project.settings_of(launch.opened_project) == launch.settings
    usual = ["--overlay", "none", "--sse", "2", "--shading", "combined"]  # said, and so they count
    result = CliRunner().invoke(command.main, ["--project", str(out), *usual])
    assert result.exit_code == 0, result.output
    assert (launches[1].settings.overlay.name, launches[1].settings.view.sse_px) == ("none", 2.0)
    assert launches[1].settings.view.cache_mb == 64.0
    assert CliRunner().invoke(command.main, ["--project", str(out), area]).exit_code == 2
    assert (
        CliRunner().invoke(command.main, ["--project", str(folder / "no.tvproj.json")]).exit_code
        == 3
    )


def test_a_project_from_python(folder):
    import viewer

    area = folder / "a" / "a.ntile"
    other = folder / "b" / "b.ntile"
    out = folder / "view.tvproj.json"
    with viewer.Viewer(area, size=(160, 90), compare=other, overlay="slope", split=True) as first:
        first.look(VIEW)
        first.save_project(out)
        picture = first.render()
    with viewer.Viewer(other, size=(160, 90)) as second:
        assert second.open_project(out) == []
        assert second.camera == VIEW
        assert np.array_equal(second.render(), picture)
    edited(out, files=["a/a.ntile", "gone.ntile"])
    with viewer.Viewer(other, size=(160, 90)) as third:
        (missing,) = third.open_project(out)
        assert "gone.ntile missing" in missing
        assert third.settings.slots["B"].file == 0


def test_a_project_without_a_window(folder, ctx):
    from viewer.pictures import offscreen
    from viewer.session.session import Session

    area = str(folder / "a" / "a.ntile")
    out = folder / "view.tvproj.json"
    settings = Settings()
    settings.slots["A"].keep_bits = 3
    settings.slots["B"].index = 17
    settings.shading.mode = "hillshade"
    project.write(out, Project([area], camera=VIEW, settings=asdict(settings)))
    launch = launch_of(out, size=(200, 120), headless=True)
    session = Session(launch.settings)
    try:
        scene = session.attach(ctx)
        (warning,) = session.open(launch.request)
        assert session.camera == VIEW
        picture = offscreen.draw(scene, session.camera, launch.size)
    finally:
        session.close()
    assert "Slot B: the file has no layer 18" in warning
    assert scene.settings.slots["A"].keep_bits == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
