"""Sessions without a window, and frames of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import moderngl
import pytest

from tests.support.scene_tools import SIZE
from viewer.model.camera import Camera
from viewer.scene.scene import Scene
from viewer.session.session import Session

PATIENCE_S = 60.0


class Screen:
    """Target of a session's frames; brings the scene up to date and draws it."""

    def __init__(self, target: moderngl.Framebuffer) -> None:
        self._target = target
        self.pictures = 0

    def render(self, scene: Scene, camera: Camera) -> bool:
        scene.update(camera, SIZE)
        scene.draw(self._target, camera)
        self.pictures += 1
        return True


@pytest.fixture
def session(ctx: moderngl.Context, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Session]:
    """A session on an OpenGL context, without a file; nothing of the user's is touched."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    session = Session()
    session.attach(ctx, interactive=True)
    session.navigation.size_px = SIZE
    yield session
    session.close()


Frame = Callable[..., None]


@pytest.fixture
def frame(session: Session, target: moderngl.Framebuffer) -> Frame:
    """Run a frame of the session; `pointer_px` is the pixel under the mouse."""
    screen = Screen(target)

    def run(pointer_px: tuple[float, float] | None = None) -> None:
        session.run_queued()
        session.begin_frame(SIZE, 1.0)
        session.update()
        session.draw(screen, pointer_px)

    return run


@pytest.fixture
def settle(session: Session, frame: Frame) -> Frame:
    """Run frames until a condition holds, by default until nothing changes any more."""

    def run(condition: Callable[[], bool] | None = None, **pointer) -> None:
        deadline = time.monotonic() + PATIENCE_S
        frame(**pointer)
        while not (condition() if condition is not None else not session.busy):
            assert time.monotonic() < deadline, [m.text for m in session.messages.entries]
            time.sleep(0.002)
            frame(**pointer)
        frame(**pointer)

    return run


@pytest.fixture
def said(session: Session) -> Callable[[], list[str]]:
    """Return the texts of warnings and errors so far."""
    return lambda: [message.text for message in session.messages.at_least("warning")]
