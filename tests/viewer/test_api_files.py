"""The viewer from Python among files that change, move and are named from other folders."""

import json
import os
import shutil
import warnings

import numpy as np
import pytest

import viewer
from neural.errors import NtileError
from tests.support import hills, rasters
from tests.support.changing import Raised, put, rewrite
from viewer.storage import project

SIZE = (96, 64)
pytestmark = pytest.mark.usefixtures("_session_context")

LINE = [(600_050.0, 5_199_900.0), (600_500.0, 5_199_650.0)]


@pytest.fixture(scope="module")
def sunk(tmp_path_factory):
    return hills.write(tmp_path_factory.mktemp("sunk") / "sunk.ntile", area=Raised(-2000.0))


@pytest.fixture
def area(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "area.ntile")


def numbers(shown):
    """Heights from everything that says one, by name."""
    line = shown.profile(LINE)
    pick = shown.pick(48, 32)
    return {
        "pick": None if pick is None else pick.z_m,
        "profile": float(np.nanmean(line.columns()["A_m"])),
        "reference": float(np.nanmean(line.columns()["reference_m"])),
        "measure": shown.measure("point", LINE[:1]).surfaces["A"]["height_m"],
        "legend": shown.scene.elevation_range[0],
    }


@pytest.mark.filterwarnings("ignore::viewer.session.file_watch.FileChangedWarning")
def test_everything_is_of_the_file_that_was_opened_until_it_is_reloaded(area, sunk, tmp_path):
    with viewer.Viewer(area, size=SIZE, shading="elevation", exaggeration=2) as shown:
        shown.camera.look(3, -3)
        camera = shown.camera.to_json()
        before = numbers(shown)
        picture = shown.render()
        frames = list(shown.frames("orbit", fps=1, duration_s=2))
        put(sunk, area)
        assert numbers(shown) == before
        np.testing.assert_array_equal(shown.render(), picture)
        again = list(shown.frames("orbit", fps=1, duration_s=2))
        np.testing.assert_array_equal(again, frames)
        os.remove(area)
        assert numbers(shown) == before
        with pytest.raises(NtileError, match=r"area\.ntile cannot be opened"):
            shown.reload()
        assert numbers(shown) == before
        put(sunk, area)
        assert shown.reload() == []
        after = numbers(shown)
        assert after.pop("pick") != before.pop("pick")  # the camera stays, the ground does not
        for name, meters in before.items():
            assert after[name] == pytest.approx(meters - 2000, abs=15), name
        assert shown.camera.to_json() == camera
        assert shown.settings.view.exaggeration == 2


def test_a_change_is_warned_of_once_where_it_is_met(area, sunk):
    with viewer.Viewer(area, size=SIZE) as shown:
        shown.render()
        put(sunk, area)
        with pytest.warns(viewer.FileChangedWarning, match=r"area\.ntile has changed") as caught:
            shown.measure("point", LINE[:1])
        (warning,) = caught
        assert warning.filename == __file__
        assert "Viewer.reload() opens it again" in str(warning.message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shown.render()
            shown.profile(LINE)
            shown.reload()
            shown.render()
        os.remove(area)
        with pytest.warns(viewer.FileChangedWarning, match="is gone from its place"):
            shown.pick(3, 3)


def test_a_file_rewritten_in_place_is_one_sentence(area, sunk):
    with viewer.Viewer(area, size=SIZE) as shown:
        rewrite(sunk, area)
        with (
            pytest.warns(viewer.FileChangedWarning),
            pytest.raises(NtileError, match="was rewritten while it was open; open it again"),
        ):
            shown.profile(LINE)
        shown.reload()
        assert shown.measure("point", LINE[:1]).surfaces["A"]["height_m"] < 0


def test_the_working_directory_may_change(area, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hills.write(tmp_path / "other.ntile", reference=False)
    corner = rasters.north_up(600_000, 5_200_000, 10)
    rasters.write(tmp_path / "dem.tif", np.full((60, 60), 500.0), crs=None, transform=corner)
    with viewer.Viewer("area.ntile", size=SIZE, reference="dem.tif", compare="other.ntile") as v:
        assert v.path == str(area)
        monkeypatch.chdir("/")
        assert sorted(v.profile(LINE).heights_m) == ["A", "B", "reference"]
        assert v.measure("point", LINE[:1]).surfaces["reference"]["height_m"] == 500.0
        picture = v.render()
        out = tmp_path / "frames"
        assert v.film("orbit", out, fps=1, duration_s=1) == len(list(out.glob("*.png")))
        v.save_project(tmp_path / "p.tvproj.json")
        assert v.reload() == []
        np.testing.assert_array_equal(v.render(), picture)
    read = project.read(tmp_path / "p.tvproj.json")
    assert read.files == [str(area), str(tmp_path / "other.ntile")]
    assert json.loads((tmp_path / "p.tvproj.json").read_text())["reference"] == "dem.tif"


def test_slots_are_measured_as_they_are_shown(area, sunk):
    with viewer.Viewer(area, size=SIZE, compare=sunk) as shown:
        heights = shown.measure("point", LINE[:1]).surfaces
        assert heights["A"]["height_m"] - heights["B"]["height_m"] == pytest.approx(2000, abs=5)
        shown.settings.slots["A"].file = 1
        assert shown.measure("point", LINE[:1]).surfaces["A"] == heights["B"]


def test_a_film_is_not_resumed_with_another_file(area, sunk, tmp_path):
    out = tmp_path / "frames"
    with viewer.Viewer(area, size=SIZE) as shown:
        shown.film("orbit", out, fps=2, duration_s=2)
    (out / "frame_00002.png").unlink()
    os.utime(area, ns=(0, 0))
    with viewer.Viewer(area, size=SIZE) as shown:
        shown.film("orbit", out, fps=2, duration_s=2, resume=True)
    (out / "frame_00002.png").unlink()
    put(sunk, area)
    with (
        viewer.Viewer(area, size=SIZE) as shown,
        pytest.raises(NtileError, match="its frames are of another film"),
    ):
        shown.film("orbit", out, fps=2, duration_s=2, resume=True)


def test_a_project_is_opened_like_a_file(area, tmp_path):
    path = tmp_path / "p.tvproj.json"
    with viewer.Viewer(area, size=SIZE, overlay="slope", decorations=["scale"]) as shown:
        shown.camera.look(40, 10)
        camera = shown.camera.to_json()
        shown.save_project(path)
        picture = shown.render()
    np.testing.assert_array_equal(viewer.render(path, size=SIZE), picture)
    with viewer.Viewer(path, size=SIZE, exaggeration=3, decorations=()) as shown:
        assert shown.camera.to_json() == camera
        assert shown.settings.overlay.name == "slope"
        assert shown.settings.view.exaggeration == 3
        assert not shown.settings.decorations.scale
        edited = json.loads(path.read_text()) | {"weather": "rain"}
        path.write_text(json.dumps(edited), encoding="utf-8-sig")
        with pytest.warns(UserWarning, match="left out: weather") as caught:
            shown.open(path, bits=4)
        assert caught[0].filename == __file__
        assert shown.settings.slots["A"].keep_bits == 4
        path.write_text("{}")
        with pytest.raises(NtileError, match="this is not a project"):
            shown.open(path)
        assert shown.camera.to_json() == camera
