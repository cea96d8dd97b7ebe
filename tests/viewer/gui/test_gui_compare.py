"""Comparing in the window: the split picture and its divider, difference, ground truth, files
beside the first."""

import numpy as np
import pytest
from imgui_bundle import imgui

from tests.support import hills, mountains
from tests.support.gui_driver import SIZE, changed
from viewer.model.settings import LayerChoice
from viewer.session.launch import Launch


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two files of one area, the second on other cells and 7 m higher."""
    folder = tmp_path_factory.mktemp("pair")
    grid = mountains.GRID.__class__("", (5.0, 0.0, 1000.0, 0.0, -5.0, 9000.0), 500, 400)
    return mountains.write(folder / "one.ntile"), mountains.write(folder / "two.ntile", grid, 7.0)


def test_the_divider_is_dragged_and_centered(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        session.settings.slots["B"] = LayerChoice(1)
        whole = driver.scene()
        camera = session.camera.to_json()
        driver.press("s")
        split = driver.scene()
        assert session.settings.compare.split
        assert [side.slot for side in session.readings.sides] == ["A", "B"]
        middle = split.shape[1] // 2
        assert changed(whole[:, : middle - 2], split[:, : middle - 2], threshold=0) == 0
        assert changed(whole[:, middle + 2 :], split[:, middle + 2 :], threshold=0) > 0.01

        left, top, width, height = app.viewport.area
        ctx.mouse_move_to_pos((left + 0.5 * width + 3, top + 0.4 * height))
        ctx.yield_(2)
        assert imgui.get_mouse_cursor() == imgui.MouseCursor_.resize_ew.value
        ctx.mouse_down(0)
        ctx.mouse_move_to_pos((left + 0.25 * width, top + 0.5 * height))
        ctx.mouse_up(0)
        driver.settle()
        assert session.settings.compare.divider == pytest.approx(0.25, abs=0.005)
        assert session.camera.to_json() == camera  # the ground stayed where it was
        moved = driver.scene()
        quarter = round(0.25 * split.shape[1])
        assert changed(whole[:, : quarter - 4], moved[:, : quarter - 4], threshold=0) == 0
        assert changed(split[:, middle + 2 :], moved[:, middle + 2 :], threshold=0) == 0

        ctx.mouse_move_to_pos((left + 0.25 * width, top + 0.5 * height))
        ctx.mouse_down(0)
        ctx.mouse_move_to_pos((left - 50, top + 0.5 * height))
        ctx.mouse_up(0)
        ctx.yield_(2)
        assert session.settings.compare.divider == pytest.approx(0.02)  # it stays in reach
        ctx.mouse_move_to_pos((left + 0.02 * width, top + 0.5 * height))
        ctx.mouse_double_click(0)
        driver.settle()
        assert session.settings.compare.divider == 0.5
        assert session.camera.to_json() == camera
        assert changed(split, driver.scene(), threshold=0) == 0

        driver.press("x")  # what A and B hold changes sides
        assert [choice.index for choice in session.settings.slots.values()] == [1, 0]
        assert session.scene.ready
        exchanged = driver.scene()
        assert changed(whole[:, middle + 2 :], exchanged[:, middle + 2 :], threshold=0) == 0
        driver.press("s")
        assert session.readings.sides == []

    drive(Launch(path=str(area), size=SIZE), steps)


def test_difference_and_ground_truth_by_key(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        session.settings.slots["B"] = LayerChoice(0, 3)
        plain = driver.scene()
        driver.press("d")
        driver.settle()
        assert (session.settings.overlay.name, session.settings.overlay.against) == (
            "error",
            "B",
        )
        assert (session.legend.title, session.legend.note) == ("Difference, m", "A − B")
        assert session.errors.rmse_m > 0.1
        difference = driver.scene()
        driver.press("o")  # the same errors, against the reference
        driver.settle()
        assert (session.legend.title, session.legend.note) == (
            "Error, m",
            "decoded − Reference",
        )
        assert changed(difference, driver.scene()) > 0.1
        driver.press("d")
        assert session.scene.ready  # both were measured before
        assert changed(difference, driver.scene(), threshold=0) == 0
        driver.press("d")
        assert session.settings.overlay.name == "none"
        assert changed(plain, driver.scene(), threshold=0) == 0
        driver.press("g")
        assert session.legend.layer != "Reference" or session.scene.ready
        driver.settle()
        assert session.legend.layer == "Reference"
        truth = driver.scene()
        assert changed(plain, truth, threshold=0) > 0.1
        driver.press("g")
        assert changed(plain, driver.scene(), threshold=0) == 0

    drive(Launch(path=str(area), size=SIZE), steps)


def test_a_second_file_is_opened_compared_and_closed(drive, pair, tmp_path):
    one, two = pair
    bad = tmp_path / "bad.ntile"
    bad.write_bytes(b"nothing of ours")
    other_crs = hills.write(tmp_path / "hills.ntile")

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        assert session.settings.slots["B"] == LayerChoice(0, None, 1)  # --compare
        assert len(session.scene.files) == 2
        ctx.item_click("//Layers/slots/B")
        driver.settle()
        assert session.legend.layer == "two: Mountains"
        ctx.item_click("//Layers/slots/##A1.0")
        ctx.item_click("//Layers/slots/##B0")
        driver.settle()
        assert session.settings.slots == {"A": LayerChoice(0, None, 1), "B": LayerChoice(0)}
        before = driver.scene()
        ctx.key_down(imgui.Key.mod_shift.value)  # dropped with Shift: beside the first
        app.open_paths([str(bad), str(other_crs)])
        ctx.yield_(3)
        ctx.key_up(imgui.Key.mod_shift.value)
        assert len(session.scene.files) == 2
        assert "only files in the same one can be compared" in session.messages.entries[-1].text
        assert changed(before, driver.scene(), threshold=0) == 0
        ctx.item_click("//Layers/slots/×##close1")
        driver.settle()
        assert len(session.scene.files) == 1
        assert session.settings.slots == {"A": LayerChoice(0), "B": LayerChoice(0)}
        ctx.key_down(imgui.Key.mod_shift.value)
        app.open_paths([str(two)])
        ctx.yield_(3)
        ctx.key_up(imgui.Key.mod_shift.value)
        driver.settle()
        assert session.comparing.paths == [str(two)]
        assert session.document.path == one
        assert session.settings.slots["B"].file == 1
        app.open_paths([str(two)])
        driver.settle()
        assert (session.comparing.paths, session.document.path) == ([], two)

    drive(Launch(path=str(one), compare=str(two), size=SIZE), steps)


def test_a_reference_raster_keeps_the_files_beside_the_first(drive, pair, tmp_path):
    import rasterio
    from rasterio.transform import Affine

    one, two = pair
    raster = tmp_path / "truth.tif"
    heights, valid = mountains.Mountains().read(0, 0, mountains.GRID.height, mountains.GRID.width)
    size = {
        "width": mountains.GRID.width,
        "height": mountains.GRID.height,
        "count": 1,
        "dtype": "float32",
    }
    with rasterio.open(
        raster,
        "w",
        driver="GTiff",
        nodata=-9999.0,
        transform=Affine(*mountains.GRID.transform),
        **size,
    ) as f:
        f.write(np.where(valid, heights, -9999.0).astype(np.float32), 1)

    def steps(driver):
        app = driver.app
        session = app.session
        app.open_paths([str(raster)])
        driver.wait(lambda: session.scene.reference_name == "truth.tif")
        driver.settle()
        assert session.comparing.paths == [str(two)]
        assert session.settings.slots["B"] == LayerChoice(0, None, 1)
        assert session.rmse_m["A"] < 0.1
        assert session.rmse_m["B"] == pytest.approx(7.0, abs=0.1)  # against the same raster

    drive(Launch(path=str(one), compare=str(two), size=SIZE), steps)


def test_the_readout_is_of_the_file_under_the_cursor(drive, pair):
    one, two = pair  # with three levels and with two

    def steps(driver):
        app = driver.app
        session = app.session
        session.settings.view.sse_px = 0.3
        session.settings.compare.split = True
        driver.settle()
        for right, slot, file, lift in ((0.3, "A", 0, 7.0), (0.6, "B", 1, 0.0)):
            driver.at(right, 0.5)
            driver.wait(
                lambda: (
                    session.pick is not None
                    and not session.pick.pending
                    and session.pick.error_m is not None
                )
            )
            assert (
                session.pick.file,
                session.scene.pane_at(right * app.viewport.size[0]).slot,
            ) == (
                file,
                slot,
            )
            expected = float(mountains.height(session.pick.easting, session.pick.northing)) + lift
            assert session.pick.z_m == pytest.approx(expected, abs=2.0)
            driver.wait(
                lambda: (
                    session.measuring.readout.reading is not None
                    and not session.measuring.readout.busy
                )
            )
            heights = session.measuring.readout.reading.heights_m
            assert set(heights) == {"reference", "A", "B"}
            assert abs(heights[slot] - session.pick.z_m) < 1e-3
        assert [file.reader.grid.levels for file in session.scene.files] == [2, 3]

    drive(Launch(path=str(two), compare=str(one), size=SIZE), steps)
