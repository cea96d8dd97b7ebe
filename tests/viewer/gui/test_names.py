"""Names of any script in the window."""

import shutil

import pytest

from tests.support.gui_driver import imgui, require_platform, run  # isort: skip

from viewer.gui import theme
from viewer.model import fonts
from viewer.session.launch import Launch

pytestmark = pytest.mark.usefixtures("_platform")


@pytest.fixture(scope="module")
def _platform():
    require_platform()


def test_a_files_name_is_written_in_fonts_of_the_system(hills_file, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(fonts, "_missing", {})
    monkeypatch.setattr(fonts, "_told", set())
    name = "თბილისი שלום ꙮ \U00012000.ntile"  # Cuneiform is rarely installed
    path = shutil.copy(hills_file, tmp_path / name)
    found = {}

    def steps(driver):
        driver.settle()
        driver.ctx.yield_(3)
        font = imgui.get_io().fonts.fonts[0]
        found.update({letter: font.is_glyph_in_font(ord(letter)) for letter in theme.seen(name)})
        found["log"] = [message.text for message in driver.app.session.messages.entries]

    run(Launch(str(path)), steps)
    log = found.pop("log")
    assert f"Opened {name}." in log
    assert found["a" if "a" in found else "e"]
    for letter, has in found.items():
        installed = any(fonts.candidates(letter))
        assert has or not installed, letter
    told = sum("No installed font" in text for text in log)
    scripts = {fonts.script(letter) for letter, has in found.items() if not has}
    assert told == len(scripts)
