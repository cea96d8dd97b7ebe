"""Camera moves undone and redone: what counts as one step, and what the window does with it."""

from dataclasses import astuple, replace

import pytest

from tests.support.gui_driver import SIZE
from viewer.model.camera import Camera
from viewer.session import camera_history
from viewer.session.camera_history import History
from viewer.session.launch import Launch


class Clock:
    """A history that is shown one camera after another, a frame of 0.1 s each."""

    def __init__(self):
        self.history = History()
        self.now = 0.0
        self.camera = Camera()

    def frame(self, easting=None, *, busy=False):
        before = self.camera
        self.camera = replace(before, easting=before.easting if easting is None else easting)
        self.now += 0.1
        self.history.watch(before, self.camera, self.now, busy=busy)

    def rest(self):
        for _ in range(6):
            self.frame()

    def go(self, camera):
        self.camera = camera or self.camera
        return self.camera.easting


def test_a_move_is_one_step_however_many_frames_it_takes():
    clock = Clock()
    assert not clock.history.can_undo
    for easting in (1, 2, 3):
        clock.frame(easting)
    for _ in range(20):  # the button is still down
        clock.frame(busy=True)
    clock.frame(4)
    clock.rest()
    clock.frame(10)
    clock.frame()
    clock.frame(11)  # the next notch of the wheel, soon enough
    clock.rest()
    assert clock.go(clock.history.undo(clock.camera)) == 4
    assert clock.go(clock.history.undo(clock.camera)) == 0
    assert clock.history.undo(clock.camera) is None
    assert not clock.history.can_undo
    assert [clock.go(clock.history.redo()) for _ in range(3)] == [4, 11, 11]
    assert not clock.history.can_redo


def test_a_new_move_forgets_what_was_undone():
    clock = Clock()
    for easting in (1, 2, 3):
        clock.frame(easting)
        clock.rest()
    clock.go(clock.history.undo(clock.camera))
    clock.go(clock.history.undo(clock.camera))
    clock.frame(50)
    assert not clock.history.can_redo
    assert clock.go(clock.history.undo(clock.camera)) == 1  # at once: the move ends with the key
    assert clock.go(clock.history.redo()) == 50


def test_what_others_do_to_the_camera_is_no_step():
    clock = Clock()
    clock.frame(1)
    clock.rest()
    clock.camera = replace(clock.camera, z=1234.0)  # terrain has risen below it
    clock.rest()
    clock.frame(2)
    clock.rest()
    undone = clock.history.undo(clock.camera)
    assert (undone.easting, undone.z) == (1, 1234.0)
    clock.go(undone)
    assert clock.go(clock.history.undo(clock.camera)) == 0
    for easting in range(1, 2 * camera_history.KEPT):
        clock.frame(easting)
        clock.rest()
    steps = 0
    while clock.history.can_undo:
        clock.go(clock.history.undo(clock.camera))
        steps += 1
    assert steps == camera_history.KEPT
    clock.history.reset()
    assert (clock.history.can_undo, clock.history.can_redo) == (False, False)


def test_keys_undo_drags_and_glides(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        session.settings.view.fov_deg = 50.0
        ctx.yield_(2)
        assert not session.navigation.history.can_undo  # nobody has moved it yet
        states = [astuple(session.camera)]

        def rested():
            driver.settle()
            driver.wait(lambda: not session.navigation.history._moving)
            states.append(astuple(session.camera))

        driver.at(0.5, 0.5)
        ctx.mouse_drag_with_delta((40, 30))
        rested()
        driver.press("t")
        rested()
        ctx.mouse_wheel_y(1)
        ctx.mouse_wheel_y(1)
        rested()
        assert len(set(states)) == 4
        for expected in states[-2::-1]:
            driver.press("ctrl+z")
            driver.settle()
            assert astuple(session.camera) == pytest.approx(expected, abs=1e-6)
        assert not session.navigation.history.can_undo
        driver.press("ctrl+y")
        driver.press("ctrl+shift+z")  # both, before the first has arrived
        driver.settle()
        assert astuple(session.camera) == pytest.approx(states[2], abs=1e-6)
        driver.hold("left_arrow")
        rested()
        driver.press("ctrl+z")
        driver.settle()
        assert astuple(session.camera) == pytest.approx(states[2], abs=1e-6)

        app.open_paths([str(area)])  # the same area again: the moves still make sense
        driver.settle()
        assert session.navigation.history.can_undo

    drive(Launch(path=str(area), size=SIZE), steps)
