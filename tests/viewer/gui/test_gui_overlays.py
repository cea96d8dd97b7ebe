"""Overlays and contours in the window: keys, the panel's choices, legend, labels and numbers that
follow."""

import pytest

from tests.support.gui_driver import TALL, changed
from viewer.model.overlays import NAMES, OVERLAYS
from viewer.session.launch import Launch


def test_keys_and_panel_of_overlays(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        overlay = session.settings.overlay
        plain = driver.scene()
        for key, name, title in (
            ("_4", "slope", "Slope, °"),
            ("_5", "aspect", "Aspect"),
            ("_6", "profile_curvature", "Profile curvature, 1/m"),
            ("_7", "plan_curvature", "Plan curvature, 1/m"),
        ):
            driver.press(key)
            assert overlay.name == name
            assert changed(plain, driver.scene()) > 0.2, name
            assert session.legend.title == title
            assert session.legend.rose == (name == "aspect")
            assert session.errors is None
            driver.press(key)
            assert overlay.name == "none"
        assert changed(plain, driver.scene(), threshold=0) == 0

        ctx.window_focus("//Overlay")
        for name, title in (
            ("tolerance", "Beyond tolerance"),
            ("gradient_error", "Gradient error, m/m"),
        ):
            ctx.item_click("//Overlay/##Show")
            ctx.item_click(f"//$FOCUSED/{OVERLAYS[name].title}##{NAMES.index(name)}")
            driver.settle()
            assert (overlay.name, session.legend.title) == (name, title)
            assert 0 < session.errors.mae_m <= session.errors.rmse_m < session.errors.max_error_m
        assert session.legend.high == pytest.approx(session.scene.overlay_range[1])
        automatic = session.legend.high
        ctx.item_uncheck("//Overlay/Auto##range")
        assert overlay.reach == {"gradient_error": pytest.approx(automatic)}
        overlay.amplification = 4.0
        driver.settle()
        assert session.legend.high == pytest.approx(automatic / 4)
        ctx.item_check("//Overlay/Auto##range")
        assert overlay.reach == {}

        overlay.name = "tolerance"
        overlay.tolerance_m = 0.5
        driver.settle()
        many = session.errors.beyond
        overlay.tolerance_m = 2.0
        driver.settle()
        assert 0 < session.errors.beyond < many < 1
        assert "2 m off: " in session.legend.patches[0][1]
        overlay.name = "edge_gap"
        driver.settle()
        assert session.errors.max_error_m == pytest.approx(session.stats.edge_gap_m, rel=1e-4)

    drive(Launch(path=str(area), size=TALL), steps)


def test_contours_in_the_window(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        plain = driver.scene()
        bare = driver.window()
        driver.press("_8")
        assert session.settings.contours.on
        lined = driver.scene()
        assert 0.02 < changed(plain, lined) < 0.5
        assert session.legend.lines.startswith("Contours every ")
        assert len(session.readings.contour_labels) > 2
        with_heights = driver.window()
        ctx.window_focus("//Overlay")
        ctx.item_uncheck("//Overlay/Heights")
        driver.settle()
        assert session.readings.contour_labels == []
        assert changed(with_heights, driver.window()) > 0.001
        ctx.item_uncheck("//Overlay/Auto##contours")
        assert not session.settings.contours.auto
        session.settings.contours.interval_m *= 4
        assert changed(lined, driver.scene()) > 0.01
        driver.press("_8")
        assert changed(plain, driver.scene(), threshold=0) == 0
        assert changed(bare, with_heights) > 0.02

    drive(Launch(path=str(area), size=TALL), steps)
