"""The command palette in the window: opened and closed, searched, run by keys and mouse."""

from tests.support.gui_driver import SIZE, changed, imgui
from viewer.session.launch import Launch


def test_the_palette_runs_commands_by_keyboard_and_mouse(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        palette = app.view.palette

        def key(name):
            ctx.key_press(getattr(imgui.Key, name).value)
            ctx.yield_(3)

        def search(text):
            driver.press("ctrl+p")
            ctx.yield_(2)
            assert palette.is_open
            ctx.key_chars(text)
            ctx.yield_(3)
            assert palette.query == text

        driver.settle()
        driver.at(0.5, 0.9)
        plain = driver.window()
        search("wire")
        assert changed(plain, driver.window()) > 0.02
        key("enter")
        assert not palette.is_open
        assert session.settings.debug.wireframe
        assert not session.settings.compare.split  # letters were typed, not pressed

        search("bits")
        assert palette.selected == 0
        key("down_arrow")
        key("down_arrow")  # around the end
        key("up_arrow")
        assert palette.selected == 1
        key("escape")
        assert not palette.is_open

        search("update keyframe")  # nothing is selected: disabled
        key("enter")
        assert palette.is_open
        assert session.film.path.keyframes == []
        ctx.key_chars("zzz")
        ctx.yield_(3)
        key("enter")  # no row
        assert palette.is_open
        driver.press("ctrl+p")
        assert not palette.is_open

        search("elevation")
        ctx.item_click("//##palette/**/##shading.elevation")
        ctx.yield_(3)
        assert not palette.is_open
        assert session.settings.shading.mode == "elevation"

        driver.press("ctrl+p")
        ctx.yield_(2)
        driver.at(0.05, 0.95)
        ctx.mouse_click(0)
        ctx.yield_(2)
        assert not palette.is_open

    drive(Launch(path=str(area), size=SIZE), steps)
