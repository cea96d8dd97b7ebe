"""Compared files, references, results and films while files change on disk."""

import json
import shutil
from copy import deepcopy

import numpy as np
import pytest

from neural.errors import NtileError
from neural.raster import open_files
from neural.raster.reading import ReferenceRaster
from tests.support import hills, rasters
from tests.support.changing import Raised, put, rewrite, touch
from viewer.film.job import RenderJob
from viewer.model.camera import Camera
from viewer.model.settings import Measurement
from viewer.session import file_watch
from viewer.session.open_request import OpenRequest
from viewer.session.session import Session
from viewer.storage import project

PLACE = [600_120.0, 5_199_900.0]
VIEW = Camera(600_200.0, 5_199_800.0, 3800.0, 20.0, -60.0)


@pytest.fixture
def area(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "area.ntile")


@pytest.fixture(scope="module")
def higher(tmp_path_factory):
    return hills.write(tmp_path_factory.mktemp("higher") / "higher.ntile", area=Raised(700.0))


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(file_watch, "PERIOD_S", 0.01)


def height(session, settle):
    """Height of a point, measured anew."""
    item = Measurement("point", [list(PLACE)])
    session.settings.measuring.items = [item]
    settle(lambda: session.measuring.result(item) is not None)
    return session.measuring.result(item).surfaces["A"]["height_m"]


def changes(said):
    return [text for text in said() if "as it was opened" in text]


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


def test_further_files_are_measured_against_the_open_raster(session, settle, area, tmp_path, said):
    corner = rasters.north_up(600_000, 5_200_000, 10)
    flat = np.full((60, 60), 550.0)
    dem = rasters.write(tmp_path / "dem.tif", flat, crs=None, transform=corner)
    other = hills.write(tmp_path / "other.ntile", reference=False)
    session.open(OpenRequest(str(area), ReferenceRaster(str(dem))))
    rasters.write(tmp_path / "new.tif", flat + 5, crs=None, transform=corner)
    put(tmp_path / "new.tif", dem)
    session.files.compare(str(other))
    settle(lambda: any("open it again" in text for text in said()))
    assert len(session.document.scene.files) == 1
    session.reload()
    session.files.compare(str(other))
    settle(lambda: len(session.document.scene.files) == 2)
    names = {file.reference.content for file in session.document.scene.files}
    assert len(names) == 1


def test_rows_of_two_versions_stay_apart(session, settle, area, higher, said):
    session.open(OpenRequest(str(area)))
    settle(lambda: session.results.rows)
    first = session.results.rows[0]
    put(higher, area)
    session.files.compare(str(area))
    settle(lambda: len(session.document.scene.files) == 2)
    session.settings.compare.split = True
    settle(lambda: len(session.results.rows) == 2)
    second = session.results.rows[1]
    assert (first.path, first.layer) == (second.path, second.layer)
    session.results.measure_all()
    settle(lambda: first.whole is not None and second.whole is not None)
    session.results.restore(second, "A")
    assert session.settings.slots["A"].file == 1
    session.results.restore(first, "A")
    assert session.settings.slots["A"].file == 0
    assert "content" not in first.flat()
    session.reload()  # one of both is the file by now
    settle(lambda: session.document.reader.content == second.content)
    settle(lambda: first not in session.results.rows)
    session.results.restore(first, "B")
    settle(lambda: any("has changed since it was opened" in text for text in said()))


STATISTICS = '<MDI key="STATISTICS_MEAN">7</MDI>'


def test_statements_beside_a_raster_are_watched_and_statistics_are_not(
    session, settle, area, tmp_path
):
    corner = rasters.north_up(600_000, 5_200_000, 10)
    flat = np.full((60, 60), 55.0, np.float32)
    dem = rasters.write(tmp_path / "dem.tif", flat, crs=None, transform=corner)
    auxiliary = tmp_path / "dem.tif.aux.xml"

    def reload():
        document = session.document
        session.run("file.reload")
        settle(lambda: session.document is not document)
        return session.document.scene.files[0].reference

    def state(scale, more=""):
        auxiliary.write_text(
            f'<PAMDataset><PAMRasterBand band="1"><Offset>0</Offset><Scale>{scale}</Scale>{more}'
            "</PAMRasterBand></PAMDataset>"
        )

    auxiliary.write_text(f"<PAMDataset><Metadata>{STATISTICS}</Metadata></PAMDataset>")
    session.open(OpenRequest(str(area), ReferenceRaster(str(dem))))
    assert session.watch.news() == []
    auxiliary.unlink()
    assert session.watch.news() == []
    state(10)
    (sentence,) = session.watch.news()
    assert sentence.startswith("dem.tif has changed on disk")
    assert session.document.scene.files[0].reference.heights_at(*PLACE) == 55.0
    reference = reload()
    assert reference.heights_at(*PLACE) == 550.0
    content = reference.content
    state(10, f"<Metadata>{STATISTICS}</Metadata>")
    assert session.watch.news() == []
    assert reference.content == content
    mask = np.zeros((60, 60), np.uint8)
    rasters.write(tmp_path / "dem.tif.msk", mask, crs=None, transform=corner)
    assert len(session.watch.news()) == 1
    assert reference.heights_at(*PLACE) == 550.0
    assert reload().content != content


@pytest.mark.parametrize("whole_bytes", [1 << 25, 1 << 20])
def test_a_few_pixels_edited_in_a_large_raster(session, area, tmp_path, monkeypatch, whole_bytes):
    monkeypatch.setattr(open_files, "_WHOLE_BYTES", whole_bytes)
    corner = rasters.north_up(600_000, 5_200_000, 1)
    dem = tmp_path / "dem.tif"
    rasters.write(dem, np.full((900, 900), 55.0, np.float32), crs=None, transform=corner)
    session.open(OpenRequest(str(area), ReferenceRaster(str(dem))))
    reference = session.document.scene.files[0].reference
    assert reference.heights_at(*PLACE) == 55.0
    shutil.copy(dem, tmp_path / "copy.tif")
    with open(dem, "r+b") as file:  # a lake of a few cells
        file.seek(dem.stat().st_size // 2 + 30_000)
        file.write(np.full(8, 99.0, np.float32).tobytes())
    touch(dem)
    (sentence,) = session.watch.news()
    assert sentence.startswith("dem.tif has changed on disk")
    with pytest.raises(NtileError, match="was rewritten while it was open"):
        reference.heights_at(*PLACE)
    put(tmp_path / "copy.tif", dem)  # as it was
    is_known = whole_bytes > dem.stat().st_size
    assert reference.is_current() == is_known
