"""A file that changes under the window: a toast offers to reload it, and so do menu and key."""

import shutil

from tests.support import hills
from tests.support.changing import Raised, put
from tests.support.gui_driver import SIZE, changed
from viewer.gui import bars, keys
from viewer.gui.window_commands import BY_ID
from viewer.session import file_watch
from viewer.session.launch import Launch
from viewer.storage import project


def test_a_toast_a_menu_and_a_key_reload(drive, area, tmp_path, monkeypatch):
    monkeypatch.setattr(file_watch, "PERIOD_S", 0.05)
    file = shutil.copy(area, tmp_path / "open.ntile")
    raised = hills.write(tmp_path / "raised.ntile", area=Raised(400.0))

    def steps(driver):
        session = driver.app.session
        ctx = driver.ctx
        before = driver.scene()
        put(raised, file)
        driver.wait(lambda: [m for m in session.messages.toasts() if m.command])
        ctx.yield_(3)
        assert changed(before, driver.scene()) == 0
        document = session.document
        number = [m.command for m in reversed(session.messages.toasts())].index("file.reload")
        ctx.item_click(f"//##toast{number}/Reload")
        driver.wait(lambda: session.document is not document)
        driver.settle()
        assert not [m for m in session.messages.toasts() if m.command]
        assert session.document.reader.layers[0].heights_m[0] > 700
        document = session.document
        driver.press("f5")
        driver.wait(lambda: session.document is not document)
        document = session.document
        ctx.menu_click("//##MainMenuBar/File/Reload")
        driver.wait(lambda: session.document is not document)
        driver.settle()

    drive(Launch(path=str(file), size=SIZE), steps)


def test_the_sentence_names_menu_and_key():
    title = next(title for title, ids in bars.MENUS if file_watch.RELOAD in ids)
    label = f"{title} › {BY_ID[file_watch.RELOAD].title} ({keys.label(file_watch.RELOAD)})"
    assert label == file_watch.WHERE


def test_a_project_is_dropped_on_the_window(drive, area, tmp_path):
    file = shutil.copy(area, tmp_path / "open.ntile")
    path = tmp_path / "p.tvproj.json"

    def steps(driver):
        session = driver.app.session
        driver.settle()
        session.settings.view.exaggeration = 2.0
        assert session.projects.write(str(path))
        session.settings.view.exaggeration = 1.0
        text = path.read_text()
        path.write_text(text.replace("open.ntile", "D:\\\\maps\\\\open.ntile"), "utf-8-sig")
        assert project.read(path).files == [str(file)]
        driver.app.open_paths([str(path)])
        driver.wait(lambda: session.settings.view.exaggeration == 2.0)
        assert session.messages.at_least("warning") == []

    drive(Launch(path=str(file), size=SIZE), steps)
