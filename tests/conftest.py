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

from tests.support import hills, mountains
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
    "neural/encoding/test_lapped_bounded.py",
    "viewer/scene/test_viewer_lapped.py",
    "viewer/film/test_film.py",
    "neural/raster/test_dem_memory.py",
)
"""Files and folders below tests/ of tests that take seconds each, the longest first."""

assert all((Path(__file__).parent / place).exists() for place in SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests `gl` and `gui` by their fixtures, `slow` by their file; begin with the slowest."""
    places = {item: _place(item) for item in items}
    items.sort(key=places.__getitem__)  # so that no worker is left with a long file at the end
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "_session_context" in fixtures:
            item.add_marker(pytest.mark.gl)
        if "_window_platform" in fixtures:
            item.add_marker(pytest.mark.gui)
        if places[item] < len(SLOW):
            item.add_marker(pytest.mark.slow)


def _place(item: pytest.Item) -> int:
    """Place of a test's file in SLOW; its length for the others."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((place for place, slow in enumerate(SLOW) if path.startswith(slow)), len(SLOW))


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
