"""Opening: one order for every request, at once or while the session goes on; failures change
nothing."""

import json
import time
from copy import deepcopy
from dataclasses import asdict, replace

import numpy as np
import pytest

from neural.errors import NtileError, UsageError
from neural.raster.reading import ReferenceRaster
from tests.support import hills, mountains, rasters
from tests.support.scene_tools import SIZE
from viewer.model.camera import Camera
from viewer.model.settings import LayerChoice, Settings
from viewer.pictures import offscreen
from viewer.session.open_request import OpenRequest
from viewer.session.opening import Loading, chosen_layers
from viewer.session.session import Session
from viewer.storage import project
from viewer.storage.project import Project

VIEW = Camera(600_200.0, 5_199_800.0, 800.0, 20.0, -30.0)


@pytest.fixture
def other(tmp_path):
    return hills.write(tmp_path / "other.ntile", reference=False)


@pytest.fixture
def dem(tmp_path):
    heights = np.full((60, 60), 550.0, np.float32)
    corner = rasters.north_up(600_000, 5_200_000, 10)
    return str(rasters.write(tmp_path / "dem.tif", heights, crs=None, transform=corner))


def saved(folder, area, other, **values) -> str:
    settings = Settings()
    settings.view.exaggeration = 1.7
    settings.slots = {"A": LayerChoice(0, 3), "B": LayerChoice(0, 4, 1)}
    settings.active = "B"
    contents = {"camera": VIEW, "settings": asdict(settings), **values}
    project.write(folder / "p.tvproj.json", Project([str(area), str(other)], **contents))
    return str(folder / "p.tvproj.json")


def requested(path: str, **values) -> OpenRequest:
    opened = project.read(path)
    return OpenRequest(
        opened.files[0], opened.reference, project=opened, project_path=path, **values
    )


def read(loading: Loading) -> Loading:
    """Wait until its files have been read, or cannot be."""
    for opening in loading.openings:
        opening._thread.join(60.0)
    return loading


def paths(session: Session) -> list[str]:
    return [str(file.reader.path) for file in session.require_document().scene.files]


def test_a_file_fills_the_slots(session, area):
    assert session.document is None
    assert session.title == "Terrain Viewer"
    assert session.open(OpenRequest(str(area), bits=(8, 4))) == []
    document = session.require_document()
    assert (document.path, document.reference, document.compared) == (area, None, [])
    assert session.settings.slots == {"A": LayerChoice(0), "B": LayerChoice(0, 4)}
    assert session.title == f"{area.name} – Terrain Viewer"
    assert session.preferences.values.recent == [str(area)]
    whole = Camera(fov_deg=session.settings.view.fov_deg)
    whole.frame(document.scene.bounds, SIZE[0] / SIZE[1], heading_deg=0.0, pitch_deg=-38.0)
    assert session.camera == whole


def test_a_second_file_takes_the_second_method_and_bits(session, area, other):
    request = OpenRequest(str(area), methods=("reference",), bits=(32, 4), compare=str(other))
    session.open(request)
    assert paths(session) == [str(area), str(other)]
    assert session.settings.slots == {"A": LayerChoice(1), "B": LayerChoice(0, 4, 1)}
    assert chosen_layers(request) == {
        "A": (str(area), LayerChoice(1)),
        "B": (str(other), LayerChoice(0, 4)),
    }
    session.open(OpenRequest(str(area), bits=(3,), compare=str(area)))  # the same file is reused
    assert paths(session) == [str(area)]
    assert session.settings.slots == {"A": LayerChoice(0, 3), "B": LayerChoice(0, 3)}


def test_a_project_comes_after_its_file_and_before_the_second(session, area, other, tmp_path):
    path = saved(tmp_path, area, other)
    assert session.open(requested(path)) == []
    assert session.camera == VIEW
    assert session.settings.view.exaggeration == 1.7
    assert session.settings.slots == {"A": LayerChoice(0, 3), "B": LayerChoice(0, 4, 1)}
    assert (session.settings.active, session.projects.path) == ("B", path)
    assert session.title == "p.tvproj.json – Terrain Viewer"
    third = hills.write(tmp_path / "third.ntile")
    session.open(requested(path, compare=str(third)))
    assert paths(session) == [str(area), str(other), str(third)]
    assert session.settings.slots["B"] == LayerChoice(0, 3, 2)
    session.open(requested(path, bits=(5,)))  # layers that are asked for, not the project's
    assert paths(session) == [str(area)]
    assert session.settings.slots["A"] == LayerChoice(0, 5)


def test_what_a_project_cannot_restore_is_a_warning(session, area, other, tmp_path, said):
    path = saved(tmp_path, area, other, parts={"film": 1, "weather": "rain"})
    other.write_bytes(b"damaged")
    warnings = session.open(requested(path))
    assert warnings == said()
    assert len(warnings) == 3
    assert warnings[0].startswith(f"{other} is not a .ntile file")
    assert "'film' was not restored" in warnings[1]
    assert "left out: weather" in warnings[2]
    assert session.settings.slots["B"].file == 0


def test_an_unreadable_reference_of_a_project_may_be_optional(session, area, other, tmp_path):
    raster = tmp_path / "dem.tif"
    raster.write_bytes(b"II*\0 damaged")
    path = saved(tmp_path, area, other, reference=ReferenceRaster(str(raster)))
    with pytest.raises(NtileError, match=r"dem\.tif"):
        session.open(requested(path))
    assert session.document is None
    (warning,) = session.open(requested(path, reference_optional=True))
    assert "dem.tif" in warning
    assert session.require_document().reference is None
    assert session.camera == VIEW
    with pytest.raises(NtileError, match=r"none\.ntile"):  # it is not the reference's fault
        session.open(
            replace(requested(path, reference_optional=True), path=str(tmp_path / "none.ntile"))
        )


def broken_requests(folder, area, other):
    good = str(area)
    path = saved(folder, area, other)
    lonely = str(other)  # without a reference layer
    return {
        "file": OpenRequest(str(folder / "none.ntile")),
        "layers": OpenRequest(good, methods=("no_such",)),
        "counts": OpenRequest(good, bits=(8, 7, 6)),
        "second file": OpenRequest(good, compare=str(folder / "none.ntile")),
        "second's layers": OpenRequest(good, methods=("huvr_siren", "no_such"), compare=lonely),
        "second's bits": OpenRequest(good, bits=(8, 31), compare=lonely),
        "second's CRS": OpenRequest(good, compare=str(mountains.write(folder / "far.ntile"))),
        "reference": OpenRequest(good, ReferenceRaster(str(folder / "none.tif"))),
        "overlay": OpenRequest(lonely, check_overlay=True),
        "project's file": replace(requested(path), path=str(folder / "none.ntile")),
        "second after project": requested(path, compare=str(folder / "none.ntile")),
        "project's overlay": replace(requested(path, check_overlay=True), path=lonely),
    }


@pytest.mark.parametrize("waits", [True, False])
def test_a_step_that_fails_leaves_the_document(
    session, target, mountain_file, area, other, tmp_path, waits
):
    session.open(OpenRequest(str(mountain_file)))
    session.settings.overlay.name = "error"
    session.settings.view.exaggeration = 3.0
    document = session.require_document()
    scene = document.scene
    files = list(scene.files)
    for step, request in broken_requests(tmp_path, area, other).items():
        if request.project is not None:
            request.project.settings["overlay"]["name"] = "error"
        settings = deepcopy(session.settings)
        camera = replace(session.camera)
        loading = None if waits else read(Loading(request, scene.decode_backend))
        with pytest.raises(NtileError):
            session.open(request, loading)
        assert session.document is document, step
        assert list(scene.files) == files, step
        assert session.settings == settings, step
        assert session.camera == camera, step
        assert session.title.startswith(mountain_file.name), step
    picture = offscreen.draw(scene, session.camera, SIZE)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_files_of_a_request_that_failed_are_closed(session, area, other, tmp_path):
    request = OpenRequest(str(area), compare=str(tmp_path / "none.ntile"), beside=(str(other),))
    loading = Loading(replace(request, keep_view=True), "numpy")
    with pytest.raises(NtileError):
        session.open(loading.request, loading)
    files = [opening.result() for opening in (loading.main, *loading.others.values())]
    deadline = time.monotonic() + 60.0
    while not all(file.reader._source._file.closed for file in files):  # on a thread
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_the_queue_opens_as_at_once(session, settle, area, other, tmp_path, said):
    path = saved(tmp_path, area, other)
    session.open(requested(path))
    at_once = deepcopy(session.settings), replace(session.camera), paths(session)
    session.close_document()
    assert session.document is None
    assert session.readings.legend is None
    session.files.open_project(path)
    assert session.busy
    assert session.document is None  # not yet
    settle()
    assert (session.settings, session.camera, paths(session)) == at_once
    assert said() == []
    session.files.open_project(str(tmp_path / "none.tvproj.json"))
    session.files.open(str(tmp_path / "none.ntile"))
    settle()
    assert len(said()) == 2
    assert paths(session) == at_once[2]


def test_a_reference_is_opened_with_all_files(session, settle, area, other, dem, tmp_path, said):
    path = saved(tmp_path, area, other)
    session.open(requested(path))
    view = replace(session.camera), deepcopy(session.settings.slots), session.settings.active
    session.files.open_reference(dem)
    settle()
    (remark,) = said()
    assert "coordinates are read as" in remark
    document = session.require_document()
    assert document.reference == ReferenceRaster(dem)
    assert [file.reference.name for file in document.scene.files] == ["dem.tif"] * 2
    assert (session.camera, session.settings.slots, session.settings.active) == view
    assert (session.settings.overlay.name, session.projects.path) == ("error", path)
    other.write_bytes(b"gone")
    session.files.open_reference(dem)
    settle()
    assert "other.ntile" in said()[-1]
    assert session.settings.slots["B"].file == 0
    session.files.open_reference(str(tmp_path / "none.tif"))
    settle()
    assert "none.tif" in said()[-1]
    assert session.require_document().reference == ReferenceRaster(dem)
    session.close_document()
    session.files.open_reference(dem)
    settle()
    assert "open a .ntile file before its reference raster" in said()[-1]


def test_comparing_through_the_queue(session, settle, area, other, tmp_path, said):
    session.files.compare(str(area))  # nothing to compare with: it is opened
    session.files.compare(str(other))
    settle()
    assert paths(session) == [str(area), str(other)]
    session.files.compare(str(other))
    session.files.compare(str(tmp_path / "none.ntile"))
    settle()
    assert paths(session) == [str(area), str(other)]
    assert len(said()) == 1
    session.close_document()
    session.files.compare(str(tmp_path / "none.ntile"))
    settle()
    assert session.document is None
    assert len(said()) == 1  # the same sentence again
    assert session.messages.entries[-1].count == 2


def test_dropped_paths_are_opened_by_kind(session, settle, area, other, tmp_path, said):
    path = tmp_path / "view.json"
    path.write_text(json.dumps(VIEW.to_json()))
    session.open_paths([str(path), str(area), str(other), str(tmp_path)])
    settle()
    assert paths(session) == [str(area), str(other)]
    assert session.camera.eye == pytest.approx(VIEW.eye)
    assert [text.split(":")[0] for text in said()] == [str(tmp_path)]
    third = hills.write(tmp_path / "third.ntile")
    session.open_paths([str(third)], beside=True)
    settle()
    assert paths(session)[2:] == [str(third)]


def test_a_session_needs_a_context_to_open_files(area):
    session = Session()
    with pytest.raises(UsageError, match="no OpenGL context"):
        session.open(OpenRequest(str(area)))
    with pytest.raises(UsageError, match="No file is open"):
        session.require_document()
    session.close()
