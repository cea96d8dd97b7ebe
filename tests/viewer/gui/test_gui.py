"""The window, driven as a user would by the GUI's own test engine; pictures change as they should,
and only then."""

import os
from dataclasses import astuple

import numpy as np
import pytest

from neural.errors import ContainerError, UsageError
from tests.support import hills
from tests.support.gui_driver import SIZE, TALL, changed, desktop, glfw, imgui
from viewer import panels
from viewer.app import run as run_app
from viewer.gui import input as controls
from viewer.gui import window
from viewer.gui.dialogs import FILE_ICON
from viewer.session.launch import Launch


def test_bits_overlay_and_layers(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        stored = driver.scene()
        # a shaded surface, not a flat color
        assert len(np.unique(stored.reshape(-1, 3), axis=0)) > 500

        ctx.item_click("//Quantization/bits/3")
        coarse = driver.scene()
        assert session.settings.layer.keep_bits == 3
        assert changed(stored, coarse) > 0.2
        driver.press("right_bracket")
        assert session.settings.layer.keep_bits == 4
        ctx.item_click("//Quantization/bits/8")
        assert changed(stored, driver.scene(), threshold=0) == 0
        assert session.settings.layer.keep_bits is None

        assert session.errors is None
        ctx.window_focus("//Overlay")
        ctx.item_click("//Overlay/##Show")
        ctx.item_click("//$FOCUSED/Error##5")
        errors = driver.scene()
        assert changed(stored, errors) > 0.2
        fine = session.errors
        assert fine.samples > 50_000
        assert 0.3 < fine.mae_m <= fine.rmse_m < 2.0
        assert fine.rmse_m < fine.max_error_m
        assert fine.shares.sum() == pytest.approx(0.99, abs=0.01)
        assert np.average(
            (fine.edges_m[:-1] + fine.edges_m[1:]) / 2, weights=fine.shares
        ) == pytest.approx(fine.bias_m, abs=0.1)
        # Blue where too low, red where too high: both are there, and more so than in the elevation
        # colors.
        warmth = (errors[..., 0] - errors[..., 2])[np.abs(errors - stored).max(axis=2) > 8]
        assert (warmth > 40).any()
        assert (warmth < -40).any()

        ctx.item_click("//Quantization/bits/3")
        driver.settle()
        assert session.errors.rmse_m > 5 * fine.rmse_m
        assert session.legend.title.startswith("Error")
        ctx.item_click("//Quantization/bits/8")

        ctx.window_focus("//Layers")
        ctx.item_click("//Layers/slots/Reference##1")
        driver.settle()
        assert session.errors.max_error_m < 2 * hills.TOLERANCE_M
        ctx.item_click("//Layers/slots/Planes##0")
        driver.press("o")
        assert changed(stored, driver.scene(), threshold=0) == 0
        assert session.legend.title.startswith("Elevation")

    drive(Launch(path=str(area), size=SIZE), steps)


def test_camera_follows_the_mouse(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        start = driver.scene()
        driver.at(0.5, 0.5)
        before = session.pick
        assert before.tile.z == 1
        assert before.error_m == pytest.approx(before.z_m - before.reference_m)

        ctx.mouse_drag_with_delta((60, 40))  # the ground stays under the cursor
        driver.settle()
        session.pointer.refresh()
        ctx.yield_(2)
        moved = session.pick
        assert (moved.easting, moved.northing) == pytest.approx(
            (before.easting, before.northing), abs=6.0
        )
        panned = driver.scene()
        assert changed(start, panned) > 0.1

        driver.at(0.5, 0.5)
        pivot = session.pick
        heading = session.camera.heading_deg
        ctx.key_down(imgui.Key.mod_shift.value)
        ctx.mouse_drag_with_delta((80, 0))
        ctx.key_up(imgui.Key.mod_shift.value)
        assert session.camera.heading_deg != heading
        x, y = session.camera.project((pivot.easting, pivot.northing, pivot.z_m), app.viewport.size)
        assert (x, y) == pytest.approx(
            (app.viewport.size[0] / 2, app.viewport.size[1] / 2), abs=1.5
        )
        assert changed(panned, driver.scene()) > 0.1

        distance = np.linalg.norm(session.camera.eye - [pivot.easting, pivot.northing, pivot.z_m])
        driver.at(0.5, 0.5)
        ctx.mouse_wheel_y(3)
        ctx.yield_(2)
        nearer = np.linalg.norm(session.camera.eye - [pivot.easting, pivot.northing, pivot.z_m])
        assert nearer == pytest.approx(distance * controls.WHEEL_STEP**3, rel=0.02)

        eye = session.camera.eye
        pitch = session.camera.pitch_deg
        ctx.mouse_drag_with_delta((0, 30), 1)  # right: look, from where one is
        assert np.array_equal(session.camera.eye, eye)
        assert session.camera.pitch_deg < pitch
        ctx.mouse_down(1)
        driver.hold("s")
        ctx.mouse_up(1)
        assert session.camera.eye[2] > eye[2]  # backwards while looking down is upwards
        assert not session.settings.debug.wireframe

        ctx.mouse_double_click(0)
        driver.settle()
        assert (
            np.linalg.norm(session.camera.eye - [pivot.easting, pivot.northing, pivot.z_m]) < nearer
        )
        driver.press("t")
        driver.settle()
        assert session.camera.pitch_deg == pytest.approx(-89.9)
        driver.press("n")
        driver.settle()
        assert session.camera.heading_deg == pytest.approx(0, abs=1e-6)
        driver.press("r")
        assert changed(start, driver.scene(), threshold=3) < 0.01  # home again

    drive(Launch(path=str(area), size=SIZE), steps)


def test_keys_switch_settings_and_picture(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        session.settings.shading.sun_altitude_deg = 12.0
        plain = driver.scene()
        debug = session.settings.debug
        shading = session.settings.shading
        for name, group, setting in (
            ("w", debug, "wireframe"),
            ("l", debug, "lod_tint"),
            ("b", debug, "bounds"),
            ("h", shading, "shadows"),
            ("e", shading, "edl"),
        ):
            driver.press(name)
            assert getattr(group, setting)
            assert changed(plain, driver.scene()) > 0.003, setting
            driver.press(name)
            assert changed(plain, driver.scene(), threshold=0) == 0
        drawn = app.viewport.pictures
        driver.ctx.yield_(10)
        assert app.viewport.pictures == drawn  # nothing changes, nothing is drawn

        shown = driver.window()
        driver.press("tab")
        driver.settle()
        assert app.viewport.size == SIZE
        driver.press("tab")
        driver.settle()
        assert app.viewport.size == plain.shape[1::-1]
        driver.press("f1")
        assert app.view.sheet.name == "help"
        assert changed(shown, driver.window()) > 0.05
        driver.press("f1")
        driver.press("f12")
        driver.ctx.yield_(3)

    app = drive(Launch(path=str(area), size=SIZE), steps)
    assert [message.text for message in app.session.messages.entries if "Saved" in message.text]
    assert [name for name in os.listdir() if name.startswith("terrain_") and name.endswith(".png")]


def test_bad_files_become_toasts_and_change_nothing(drive, area, tmp_path):
    garbled = tmp_path / "garbled.ntile"
    garbled.write_bytes(area.read_bytes()[:5000])
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.tif").touch()

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        before = driver.scene()
        layer = astuple(session.settings.layer)
        for name in ("garbled.ntile", "missing.ntile", "notes.txt", "empty.tif"):
            app.open_paths([str(tmp_path / name)])
            driver.wait(lambda name=name: name in session.messages.entries[-1].text)
            ctx.yield_(3)
            last = session.messages.entries[-1]
            assert (last.level, last.count) == ("error", 1)
            assert "\n" not in last.text
            assert last in session.messages.toasts()
            assert imgui.internal.find_window_by_name("##toast0").active
        assert session.document.path == area
        assert astuple(session.settings.layer) == layer
        assert changed(before, driver.scene(), threshold=0) == 0

        driver.press("f1")  # the dialog opens over whatever is there
        app.view.dialogs.folder = tmp_path
        driver.press("ctrl+o")
        ctx.item_click(f"//Open terrain/**/{FILE_ICON}  garbled.ntile")
        ctx.item_click("//Open terrain/Open")
        ctx.yield_(3)
        assert session.messages.entries[-1].count == 1
        assert "garbled.ntile" in session.messages.entries[-1].text
        app.view.dialogs.folder = area.parent
        app.view.dialogs.open_file()
        ctx.yield_(3)
        ctx.item_click(f"//Open terrain/**/{FILE_ICON}  hills.ntile")
        ctx.item_click("//Open terrain/Open")
        driver.settle()
        assert session.messages.entries[-1].text == "Opened hills.ntile."

    drive(Launch(path=str(area), size=SIZE), steps)


@pytest.mark.parametrize("with_file", [True, False])
def test_every_panel_draws(drive, area, with_file):
    seen = {}

    def steps(driver):
        driver.app.session.settings.overlay.name = "error"
        driver.app.session.settings.shading.elevation_auto = False
        driver.settle()
        driver.app.view.debugging.toggle()
        window.show_panel("Profile", True)
        driver.ctx.yield_(3)
        for panel in panels.PANELS:
            driver.ctx.window_focus(f"//{panel.title}")
            driver.ctx.yield_(3)
            drawn = imgui.internal.find_window_by_name(panel.title)
            seen[panel.title] = (
                drawn.active and not drawn.hidden and len(drawn.draw_list.vtx_buffer)
            )

    drive(Launch(path=str(area) if with_file else None, size=TALL), steps)
    assert all(count > 50 for count in seen.values()), seen
    assert len(seen) == len(panels.PANELS)


def test_a_resized_window_is_pictured_whole(drive, area):
    def steps(driver):
        app = driver.app
        # no picture yet: a window that nobody sees keeps the size it was first read at
        driver.settle()
        assert glfw.get_framebuffer_size(window.glfw_window()) == SIZE
        glfw.set_window_size(window.glfw_window(), 1000, 700)
        for _ in range(10):  # the layout follows the size a frame or more later
            driver.settle()
            picture = driver.window()
            if picture.shape[:2] == (700, 1000) and picture[:, 900:].any():
                break
        assert picture.shape[:2] == (700, 1000)
        # the panels have moved there
        assert len(np.unique(picture[:, 900:].reshape(-1, 3), axis=0)) > 20
        left, top, width, height = (round(side) for side in app.viewport.area)
        x = width // 2 - 50
        y = height // 2 - 50
        side = 100  # of the scene, where nothing lies over it
        shown = picture[top + y : top + y + side, left + x : left + x + side]
        assert changed(shown, driver.scene()[y : y + side, x : x + side]) == 0

    drive(Launch(path=str(area), size=SIZE), steps)


def test_screenshot_waits_for_the_tiles_and_exits(drive, area, tmp_path):
    out = tmp_path / "window.png"
    desktop()
    run_app(Launch(path=str(area), size=SIZE, screenshot=str(out)))
    assert out.read_bytes().startswith(b"\x89PNG")
    assert out.stat().st_size > 50_000


def test_what_cannot_be_shown_at_the_start_ends_the_program(drive, area, tmp_path):
    for launch, error in (
        (Launch(path=str(tmp_path / "missing.ntile"), size=SIZE), ContainerError),
        (Launch(path=str(area), bits=(9,), size=SIZE), UsageError),
    ):
        desktop()
        with pytest.raises(error, match=r"\.ntile"):
            run_app(launch)


def test_a_failing_panel_ends_the_program_in_order(drive, area, monkeypatch):
    def broken(app):
        imgui.begin_child("left open")
        raise ZeroDivisionError("a mistake in a panel")

    monkeypatch.setattr(panels, "PANELS", (panels.log.PANEL._replace(draw=broken),))
    desktop()
    with pytest.raises(ZeroDivisionError, match="a mistake"):
        run_app(Launch(path=str(area), size=SIZE))
