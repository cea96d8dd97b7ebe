"""Files that change on disk while a session shows them: one open file behind everything, said once,
and reloaded on demand."""

import json
import os
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from neural.errors import NtileError
from neural.raster.reading import ReferenceRaster
from tests.support import hills, rasters
from tests.support.scene_tools import SIZE
from viewer.film.job import RenderJob
from viewer.model.camera import Camera
from viewer.model.settings import Measurement
from viewer.session import file_watch
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session
from viewer.storage import project

PLACE = [600_120.0, 5_199_900.0]
VIEW = Camera(600_200.0, 5_199_800.0, 3800.0, 20.0, -60.0)


class Raised(hills.Hills):
    """The hills, higher."""

    def __init__(self, meters):
        self._meters = meters

    def read(self, row, col, rows, cols):
        heights, valid = super().read(row, col, rows, cols)
        return heights + np.float32(self._meters), valid


@pytest.fixture
def area(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "area.ntile")


@pytest.fixture(scope="module")
def higher(tmp_path_factory):
    return hills.write(tmp_path_factory.mktemp("higher") / "higher.ntile", area=Raised(700.0))


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(file_watch, "PERIOD_S", 0.01)


def put(source, target):
    """Replace a file as programs do that write it whole."""
    shutil.copy(source, f"{target}.part")
    os.replace(f"{target}.part", target)


def rewrite(source, target):
    """Write another content into the same file, a little later."""
    with open(source, "rb") as new, open(target, "r+b") as old:
        old.write(new.read())
        old.truncate()
    touch(target)


def touch(path):
    state = os.stat(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 7_000_000_000))


def height(session, settle):
    """Height of a point, measured anew."""
    item = Measurement("point", [list(PLACE)])
    session.settings.measuring.items = [item]
    settle(lambda: session.measuring.result(item) is not None)
    return session.measuring.result(item).surfaces["A"]["height_m"]


def picked(session, settle):
    settle(lambda: session.document.scene.ready)
    return session.document.scene.pick(session.camera, SIZE[0] / 2, SIZE[1] / 2).z_m


def changes(said):
    return [text for text in said() if "as it was opened" in text]


def test_a_replaced_file_is_said_once_and_all_numbers_stay(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle()
    before = picked(session, settle), height(session, settle)
    put(higher, area)
    settle(lambda: changes(said))
    for _ in range(5):
        settle()
    (sentence,) = said()
    assert sentence.startswith("area.ntile has changed on disk; ")
    assert "File › Reload (F5)" in sentence
    assert (picked(session, settle), height(session, settle)) == before
    (message,) = session.messages.toasts()[-1:]
    assert (message.command, message.text) == ("file.reload", sentence)
    message.since -= 1e6
    assert message in session.messages.young()  # until it is answered


def test_a_reload_keeps_view_settings_and_measurements(session, settle, area, higher, said):
    session.open(OpenRequest(str(area), bits=(8, 4)))
    settle()
    session.navigation.place(VIEW)
    session.settings.overlay.name = "slope"
    session.settings.view.exaggeration = 1.5
    session.settings.compare.split = True
    session.settings.active = "B"
    inside = Measurement("distance", [list(PLACE), [600_200.0, 5_199_850.0]])
    before = height(session, settle)
    session.settings.measuring.items.append(inside)
    session.settings.measuring.profile = [list(PLACE), [600_300.0, 5_199_700.0]]
    session.film.add_keyframe()
    session.projects.path = "/somewhere/p.tvproj.json"
    kept = deepcopy(session.settings)
    put(higher, area)
    settle(lambda: changes(said))
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    settle()
    assert session.messages.entries[-1].text == "Reloaded area.ntile."
    assert session.settings == kept
    assert session.camera == replace(VIEW, fov_deg=session.camera.fov_deg)
    assert session.projects.path == "/somewhere/p.tvproj.json"
    assert len(session.film.path.keyframes) == 1
    assert not session.messages.toasts()[0].command  # the offer is gone
    item = session.settings.measuring.items[0]
    settle(lambda: session.measuring.result(item) is not None)
    assert session.measuring.result(item).surfaces["A"]["height_m"] == pytest.approx(
        before + 700, abs=2
    )
    assert len(said()) == 1


def test_a_reload_of_another_area_shows_all_of_it(session, settle, area, mountain_file):
    session.open(OpenRequest(str(area)))
    session.navigation.place(VIEW)
    session.settings.measuring.items = [Measurement("point", [list(PLACE)])]
    put(mountain_file, area)
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    settle()
    assert session.settings.measuring.items == []
    assert session.document.scene.pick(session.camera, SIZE[0] / 2, SIZE[1] / 2) is not None


@pytest.mark.parametrize("how", ["gone", "a text", "half of it", "a folder", "locked"])
def test_a_reload_that_fails_is_one_sentence_and_the_file_stays(session, settle, area, said, how):
    session.open(OpenRequest(str(area)))
    settle()
    session.navigation.place(VIEW)
    before = height(session, settle)
    document = session.document
    data = area.read_bytes()
    area.unlink()
    if how == "a text":
        area.write_text("Dear all, the survey has moved.")
    elif how == "half of it":
        area.write_bytes(data[: len(data) // 2])
    elif how == "a folder":
        area.mkdir()
    elif how == "locked":
        area.symlink_to(area)
    settle(lambda: changes(said))
    (news,) = said()
    assert ("is gone from its place" in news) == (how in ("gone", "locked"))
    session.run("file.reload")
    settle(lambda: len(said()) > 1)
    settle()
    (failure,) = said()[1:]
    assert "area.ntile" in failure
    assert "\n" not in failure
    assert session.document is document
    assert height(session, settle) == before
    if how == "a folder":
        area.rmdir()
    else:
        area.unlink(missing_ok=True)
    area.write_bytes(data)  # put back: nothing has changed
    session.run("file.reload")
    settle(lambda: session.document is not document)
    assert len(said()) == 2


def test_later_changes_are_said_again_after_a_reload_that_failed(
    session, settle, area, higher, said
):
    session.open(OpenRequest(str(area)))
    area.unlink()
    settle(lambda: changes(said))
    session.run("file.reload")
    settle(lambda: len(said()) == 2)
    for _ in range(20):
        settle()
    assert len(said()) == 2
    put(higher, area)
    settle(lambda: len(said()) == 3)
    assert "has changed on disk" in said()[-1]


def test_a_touch_and_a_copy_are_not_said(session, settle, area, said, frame):
    session.open(OpenRequest(str(area)))
    before = height(session, settle)
    touch(area)
    looks = session.watch._looks
    settle(lambda: session.watch._looks > looks + 4)
    put(area, area)
    looks = session.watch._looks
    settle(lambda: session.watch._looks > looks + 4)
    assert said() == []
    assert height(session, settle) == before


def test_a_file_that_is_being_written_is_waited_for(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    for _ in range(6):
        looks = session.watch._looks + 1
        with open(area, "r+b") as file:
            file.write(b"PMTiles")
            file.write(os.urandom(20))
        touch(area)
        settle(lambda count=looks: session.watch._looks >= count)
    assert len(changes(said)) <= 1
    settle(lambda: changes(said))


def test_a_file_rewritten_in_place_shows_no_other_tile(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle()
    rewrite(higher, area)
    session.settings.measuring.items = [Measurement("point", [[600_400.0, 5_199_700.0]])]
    settle(lambda: changes(said))
    settle()
    result = session.measuring.result(session.settings.measuring.items[0])
    assert result is None or result.surfaces["A"]["height_m"] < 1000
    session.run("file.reload")
    document = session.document
    settle(lambda: session.document is not document)
    assert 1000 < height(session, settle) < 1500


def test_compared_files_and_references_hold_to_the_same_rule(
    session, settle, area, higher, tmp_path, said
):
    other = hills.write(tmp_path / "other.ntile", reference=False)
    corner = rasters.north_up(600_000, 5_200_000, 10)
    flat = np.full((60, 60), 550.0, np.float32)
    dem = rasters.write(tmp_path / "dem.tif", flat, crs=None, transform=corner)
    session.open(OpenRequest(str(area), ReferenceRaster(str(dem)), compare=str(other)))
    settle()
    entered = len(said())
    put(higher, other)
    rasters.write(tmp_path / "new.tif", flat + 100, crs=None, transform=corner)
    put(tmp_path / "new.tif", dem)
    reference = session.document.scene.files[0].reference
    assert reference.heights_at(*PLACE) == 550.0
    settle(lambda: len(changes(said)) == 2)
    titles = sorted(text.split(" has")[0] for text in changes(said))
    assert titles == ["dem.tif", "other.ntile"]
    document = session.document
    session.settings.overlay.name = "slope"
    slots = deepcopy(session.settings.slots)
    session.run("file.reload")
    settle(lambda: session.document is not document)
    scene = session.document.scene
    assert scene.files[0].reference.heights_at(*PLACE) == 650.0
    assert scene.files[1].reader.layers[0].heights_m[0] > 1000
    assert session.settings.slots == slots
    assert session.settings.overlay.name == "slope"
    assert len(changes(said)) == 2
    # a compared file that is gone stays as it is, and is said
    document = session.document
    other.unlink()
    put(higher, area)
    count = len(said())
    session.run("file.reload")
    settle(lambda: session.document is not document)
    assert [str(other) in text for text in said()[count:]].count(True) == 1
    assert [file.reader.path for file in session.document.scene.files] == [str(area), str(other)]
    assert session.document.scene.files[0].reader.layers[0].heights_m[0] > 1000
    assert entered <= count


def test_a_raster_rewritten_in_place_gives_no_height(session, area, tmp_path):
    corner = rasters.north_up(600_000, 5_200_000, 2)
    rows = np.arange(400, dtype=np.float32)[:, None]
    dem = tmp_path / "dem.tif"
    rasters.write(dem, np.broadcast_to(rows, (400, 400)), crs=None, transform=corner)
    session.open(OpenRequest(str(area), ReferenceRaster(str(dem))))
    reference = session.document.scene.files[0].reference
    assert np.isfinite(reference.heights_at(*PLACE))
    touch(dem)
    assert np.isfinite(reference.heights_at(*PLACE))
    rasters.write(tmp_path / "new.tif", np.full((400, 400), 9e3), crs=None, transform=corner)
    rewrite(tmp_path / "new.tif", dem)
    with pytest.raises(NtileError, match="was rewritten while it was open; open it again"):
        reference.heights_at(600_310.0, 5_199_600.0)


def test_sources_of_a_mosaic_are_watched_too(session, area, tmp_path):
    corner = rasters.north_up(600_000, 5_200_000, 10)
    source = tmp_path / "source.tif"
    rasters.write(source, np.full((60, 60), 550.0), crs=None, transform=corner)
    mosaic = tmp_path / "mosaic.vrt"
    mosaic.write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="60"><GeoTransform>600000,10,0,5200000,0,-10'
        '</GeoTransform><VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">source.tif</SourceFilename></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    session.open(OpenRequest(str(area), ReferenceRaster(str(mosaic))))
    reference = session.document.scene.files[0].reference
    assert reference.is_current()
    rasters.write(tmp_path / "new.tif", np.full((60, 60), 950.0), crs=None, transform=corner)
    put(tmp_path / "new.tif", source)
    assert not reference.is_current()
    with pytest.raises(NtileError, match=r"rewritten while it was open \(.*source\.tif\)"):
        reference.heights_at(*PLACE)


def test_a_reference_is_added_to_the_file_as_it_was_opened(session, settle, area, higher, tmp_path):
    corner = rasters.north_up(600_000, 5_200_000, 10)
    dem = rasters.write(tmp_path / "dem.tif", np.full((60, 60), 550.0), crs=None, transform=corner)
    session.open(OpenRequest(str(area)))
    before = height(session, settle)
    put(higher, area)
    session.files.open_reference(str(dem))
    settle(lambda: session.document.reference is not None)
    assert height(session, settle) == before
    assert session.settings.overlay.name == "error"


def test_a_new_version_is_compared_with_the_open_one(session, settle, area, higher):
    session.open(OpenRequest(str(area)))
    session.files.compare(str(area))
    settle()
    assert len(session.document.scene.files) == 1
    put(higher, area)
    session.files.compare(str(area))
    settle(lambda: len(session.document.scene.files) == 2)
    assert session.settings.slots["B"].file == 1
    lows = [file.reader.layers[0].heights_m[0] for file in session.document.scene.files]
    assert lows[1] - lows[0] == pytest.approx(700, abs=1)


def test_results_are_of_the_open_file_and_those_of_an_earlier_one_go(
    session, settle, area, higher, said
):
    session.open(OpenRequest(str(area)))
    settle(lambda: session.results.rows)
    put(higher, area)
    session.results.measure_all()
    settle(lambda: session.results.rows[0].whole is not None)
    rmse = session.results.rows[0].whole.rmse_m
    document = session.document
    session.close_document()
    session.results.clear()
    session.open(OpenRequest(str(area)))
    assert session.document is not document
    settle(lambda: session.results.rows)
    assert session.results.rows[0].whole is None
    session.results.measure_all()
    settle(lambda: session.results.rows[0].whole is not None)
    assert session.results.rows[0].whole.rmse_m == pytest.approx(rmse, rel=0.2)
    put(hills.write(area.parent / "more.ntile", area=Raised(90.0)), area)
    session.reload()
    settle(lambda: session.document.reader.layers[0].heights_m[0] < 700)
    settle(lambda: session.results.rows and session.results.rows[0].whole is None)
    assert len({row.key for row in session.results.rows}) == len(session.results.rows)


def test_a_row_of_a_closed_file_is_not_measured_on_another(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle(lambda: session.results.rows)
    row = session.results.rows[0]
    session.close_document()
    put(higher, area)
    session.results.measure(row)
    while session.results.measuring(row):
        session.results._collect()
    assert row.whole is None
    assert "has changed since it was opened" in said()[-1]


def test_a_film_of_another_process_is_of_the_open_file_or_refused(
    session, settle, area, higher, tmp_path
):
    session.open(OpenRequest(str(area)))
    view = session.projects.gather_pinned()
    assert view.contents == {str(area): session.document.reader.content}
    touch(area)
    job = RenderJob(str(tmp_path / "one.png"), view, (64, 48), None)
    job._reader.join(120.0)
    assert job.failure == ""
    put(higher, area)
    job = RenderJob(str(tmp_path / "two.png"), view, (64, 48), None)
    job._reader.join(120.0)
    assert job.failure == f"{area} has changed since it was opened; open it again."
    assert not (tmp_path / "two.png").exists()


def test_a_session_goes_on_in_another_working_directory(
    session, settle, area, tmp_path, monkeypatch, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    hills.write(tmp_path / "other.ntile", reference=False)
    corner = rasters.north_up(600_000, 5_200_000, 10)
    rasters.write(tmp_path / "dem.tif", np.full((60, 60), 550.0), crs=None, transform=corner)
    session.files.open("area.ntile")
    session.files.compare("other.ntile")
    session.files.open_reference("dem.tif")
    settle(lambda: session.document is not None and session.document.reference is not None)
    remarks = len(said())
    monkeypatch.chdir(tmp_path / "sub")
    height(session, settle)
    assert session.projects.write("p.tvproj.json")
    assert session.projects.path == str(tmp_path / "sub" / "p.tvproj.json")
    monkeypatch.chdir("/")
    assert session.projects.save()
    read = project.read(session.projects.path)
    assert read.files == [str(area), str(tmp_path / "other.ntile")]
    assert read.reference == ReferenceRaster(str(tmp_path / "dem.tif"))
    assert read.warnings == []
    recent = session.preferences.values.recent
    assert recent == [str(tmp_path / "sub" / "p.tvproj.json"), str(area)]
    session.reload()
    settle()
    assert len(said()) == 2 * remarks  # those of the raster, again
    job = RenderJob("out.png", session.projects.gather_pinned(), (64, 48), None)
    assert job.command[-1] == "/out.png"
    job.close()


def test_a_session_without_a_window_reloads_at_once(ctx, area, higher):
    session = Session()
    session.attach(ctx)
    session.open(OpenRequest(str(area)))
    put(higher, area)
    session.reload()
    assert session.document.reader.layers[0].heights_m[0] > 1000
    session.close()


def test_names_proposed_for_projects_fit(session, area, tmp_path):
    name = "ü" * 124 + ".ntile"
    session.open(OpenRequest(shutil.copy(area, tmp_path / name)))
    suggested = session.projects.suggested_name
    assert suggested.endswith("ü.tvproj.json")
    assert len(suggested.encode()) <= 255
    assert session.projects.write(str(tmp_path / suggested))
    assert json.loads((tmp_path / suggested).read_text())["files"] == [name]
