"""When nothing changes nothing is done: no picture, no choice of tiles; pictures of any size leave
no GL error."""

from tests.support.scene_tools import whole_area
from viewer.gui.viewport import Viewport
from viewer.scene.scene import Scene
from viewer.session.launch import Launch


def test_a_picture_is_made_only_when_something_changed(ctx, scene, mountain_file, monkeypatch):
    scene.open(mountain_file)
    viewport = Viewport(ctx)
    camera = whole_area(scene)
    viewport.place((0.0, 0.0, 320.0, 200.0), 1.0)
    while not scene.settled:
        viewport.render(scene, camera)
        scene.wait(0.05)
    viewport.render(scene, camera)
    updates = []
    update = Scene.update
    monkeypatch.setattr(
        Scene, "update", lambda self, *rest: updates.append(1) or update(self, *rest)
    )
    pictures = viewport.pictures
    requests = scene.reader.traffic.requests
    for _ in range(50):
        assert not viewport.render(scene, camera)
    assert (updates, viewport.pictures, scene.reader.traffic.requests) == ([], pictures, requests)
    camera.heading_deg += 1.0
    assert viewport.render(scene, camera)
    assert updates
    viewport.release()


def test_a_picture_of_another_size_leaves_no_gl_error(ctx, scene, mountain_file):
    scene.open(mountain_file)
    viewport = Viewport(ctx)
    camera = whole_area(scene)
    for width, height in ((320.0, 200.0), (200.0, 320.0), (64.0, 64.0), (320.0, 200.0)):
        viewport.place((0.0, 0.0, width, height), 1.0)
        assert ctx.error == "GL_NO_ERROR"
        assert viewport.render(scene, camera)
        assert ctx.error == "GL_NO_ERROR"
        assert viewport.image().shape == (height, width, 3)
    for side in (64.0, 96.0, 128.0):  # without a picture between
        viewport.place((0.0, 0.0, side, side), 1.0)
        assert ctx.error == "GL_NO_ERROR"
    ctx.simple_framebuffer((4, 4)).use()
    viewport.release()


def test_a_window_at_rest_idles(drive, area, monkeypatch):
    from tests.support.gui_driver import hello_imgui

    updates = []

    def steps(driver):
        app = driver.app
        session = app.session
        driver.settle()
        driver.ctx.yield_(5)
        update = Scene.update
        monkeypatch.setattr(
            Scene, "update", lambda self, *rest: updates.append(1) or update(self, *rest)
        )
        pictures = app.viewport.pictures
        frames = app.view.debugging.frames.frames
        assert not app.busy
        assert hello_imgui.get_runner_params().fps_idling.enable_idling
        driver.ctx.yield_(20)
        assert app.view.debugging.frames.frames >= frames + 18
        assert (app.viewport.pictures, updates) == (pictures, [])
        session.camera.heading_deg += 5.0
        driver.ctx.yield_(3)
        assert app.viewport.pictures > pictures

    drive(Launch(path=str(area), size=(700, 500)), steps)
