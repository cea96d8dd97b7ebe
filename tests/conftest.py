"""Fixtures: one OpenGL context without a window for all tests that draw, scenes on it, and files to
show."""

from __future__ import annotations

import os

# before torch: threads of several workers would only wait for each other
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import moderngl
import pytest

from tests.support import acorn_area, hills, mountains
from tests.support.required import gl_is_required
from tests.support.scene_tools import SIZE, Magenta
from tests.support.sessions import frame, said, session, settle  # noqa: F401 (fixtures)
from viewer.graphics import gl
from viewer.model.settings import Settings
from viewer.scene.scene import Scene
from viewer.session.launch import Launch

hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    database=None,
    deadline=None,  # other workers take the processor at any moment
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")


SLOW = (
    "neural/encoding/test_lapped_encode.py",
    "neural/bench/",
    "test_shipped.py",
    "neural/models/",
    "neural/container/test_kill.py",
    "viewer/scene/test_flight.py",
    "neural/encoding/test_summary.py",
    "neural/cli/test_endings.py",
    "viewer/gui/test_window_endings.py",
    "neural/encoding/test_lapped_bounded.py",
    "viewer/scene/test_viewer_lapped.py",
    "viewer/film/test_film.py",
    "neural/raster/test_dem_memory.py",
    "viewer/tiles/test_whole_area_counts.py",
    "neural/raster/test_quantum.py",
    "neural/encoding/test_resume.py",
    "neural/container/test_frozen_files.py::test_heights_stay",
    "neural/methods/test_huvr.py::test_warm_start_decodes_the_linear_code",
    "neural/methods/test_lapped_fuzz.py",
    "neural/methods/test_lowpass.py::test_a_reference_is_low_passed_as_whole_rasters_are",
    "neural/raster/test_crs_reading.py::test_targets_that_tear_or_stretch_an_area_are_refused",
    "neural/raster/test_decode_crs.py::test_no_height_is_taken_for_missing",
    "neural/raster/test_ground_scale.py",
    "neural/cli/test_train_command.py::test_a_model_is_trained",
    "test_places.py",
    "viewer/graphics/test_light.py::test_level_ground_shows_the_colors_of_the_legend",
    "viewer/graphics/test_shadows.py::test_a_ridge_casts_a_shadow_as_long",
    "viewer/gui/test_gui_film.py",
    "viewer/scene/test_holes.py::test_no_crack_shows_the_background_at_any_stage_of_loading",
    "viewer/tiles/test_level_errors.py",
    "neural/system/test_streams.py",
    "viewer/session/test_parts.py",
    "viewer/session/test_opening.py",
    "neural/system/test_outputs.py",
    "neural/encoding/test_layers.py",
    "neural/cli/test_pipeline.py",
    "viewer/scene/test_compare.py",
    "viewer/scene/test_scene.py",
    "viewer/test_api.py",
    "viewer/test_processes.py",
    "neural/encoding/test_pyramid.py",
    "neural/methods/test_lapped_assembly.py",
    "test_doctests.py",
    "viewer/graphics/test_precision.py",
    "neural/measure/test_reference_reading.py::test_a_file_is_as_good_as_its_codec_against",
    "neural/raster/test_file_names.py::test_names_of_any_bytes_as_commands_get_them",
    "viewer/gui/test_keyboards.py::test_layouts_of_an_x_server",
    "viewer/scene/test_extremes.py",
    "viewer/session/test_changed_files.py",
    "viewer/session/test_one_open_file.py",
    "viewer/storage/test_shared_settings.py::test_processes_that_write_at_one_moment",
    "viewer/tiles/test_lod.py::test_no_hole_while_tiles_come_and_go",
)
"""Folders, files and tests below tests/ that take seconds, the longest files first."""

assert all((Path(__file__).parent / place.partition("::")[0]).exists() for place in SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests `gl` and `gui` by their fixtures, `slow` by SLOW; begin with the slowest files."""
    places = {item: _place(item) for item in items}
    files: dict[Path, int] = {}
    for item, place in places.items():
        files[item.path] = min(place, files.get(item.path, place))
    # so that no worker is left with a long file at the end
    items.sort(key=lambda item: files[item.path])
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "_session_context" in fixtures:
            item.add_marker(pytest.mark.gl)
        if "_window_platform" in fixtures:
            item.add_marker(pytest.mark.gui)
        if places[item] < len(SLOW):
            item.add_marker(pytest.mark.slow)


def _place(item: pytest.Item) -> int:
    """Place of a test in SLOW; the length of SLOW for the others."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    name = f"{path}::{item.name}"
    return next((place for place, slow in enumerate(SLOW) if name.startswith(slow)), len(SLOW))


@pytest.fixture(scope="session")
def _session_context() -> Iterator[moderngl.Context]:
    try:
        context = gl.create_context()
    except gl.GlError as error:
        if gl_is_required():
            pytest.fail(f"this run requires OpenGL: {error}")
        pytest.skip(f"needs OpenGL: {error}")
    yield context
    context.release()


@pytest.fixture(scope="session")
def _blank(_session_context: moderngl.Context) -> moderngl.Framebuffer:
    """Without a window there is no framebuffer to begin with, and some calls need one."""
    with _session_context:  # a window's test may have left another context current
        return _session_context.simple_framebuffer((4, 4))


@pytest.fixture
def ctx(
    _session_context: moderngl.Context, _blank: moderngl.Framebuffer
) -> Iterator[moderngl.Context]:
    """An OpenGL context in its initial state; the test fails if it leaves a GL error behind."""
    with _session_context as context:  # makes it current: a test may have used another
        blank = _blank
        blank.use()
        assert context.error == "GL_NO_ERROR"
        context.enable_only(moderngl.NOTHING)
        yield context
        context.wireframe = False
        blank.use()
        assert context.error == "GL_NO_ERROR"


@pytest.fixture(scope="session")
def mountain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tests.support.mountains` as a file."""
    return mountains.write(tmp_path_factory.mktemp("scene") / "mountains.ntile")


@pytest.fixture(scope="session")
def hills_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tests.support.hills` as a file."""
    return hills.write(tmp_path_factory.mktemp("scene") / "hills.ntile")


@pytest.fixture(scope="session")
def plains_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tests.support.acorn_area` as a file."""
    return acorn_area.write(tmp_path_factory.mktemp("scene") / "plains.ntile")


@pytest.fixture
def scene(ctx: moderngl.Context) -> Iterator[Scene]:
    """A scene without a file."""
    scene = Scene(ctx, Settings())
    yield scene
    scene.release()


@pytest.fixture
def target(ctx: moderngl.Context) -> Iterator[moderngl.Framebuffer]:
    """A color target of SIZE pixels."""
    color = ctx.texture(SIZE, 4)
    fbo = ctx.framebuffer([color])
    yield fbo
    ctx.simple_framebuffer((4, 4)).use()
    fbo.release()
    color.release()


@pytest.fixture
def magenta(ctx: moderngl.Context, scene: Scene) -> None:
    """Give the scene a background that no terrain color comes near."""
    scene._drawing._background.release()
    scene._drawing._background = Magenta(ctx)


@pytest.fixture(scope="session")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tests.support.hills` as a file that tests may put others beside."""
    return hills.write(tmp_path_factory.mktemp("area") / "hills.ntile")


@pytest.fixture(scope="session")
def _window_platform(_session_context: moderngl.Context) -> None:
    from tests.support import gui_driver

    gui_driver.require_platform()


@pytest.fixture
def drive(
    _window_platform: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[Launch, Callable[[Any], None]], Any]:
    """Run an app with a test function that has a `Driver`; nothing is read from or written to the
    user's settings."""
    from tests.support import gui_driver

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return gui_driver.run
