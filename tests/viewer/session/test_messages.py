"""Messages while the program runs: counted, filtered, copied, exported; toasts lead to the log; the
welcome."""

import pytest

from neural.errors import NtileError
from tests.support.gui_driver import SIZE, imgui
from viewer.session.launch import Launch
from viewer.session.messages import Messages


def test_messages_are_counted_filtered_and_exported(tmp_path):
    messages = Messages()
    messages.info("Opened a.ntile.")
    for _ in range(3):
        messages.error("b.ntile: damaged; fetch it again.")
    messages.add("warning", "It is late.")
    assert [messages.count(level) for level in ("info", "warning", "error")] == [1, 1, 3]
    assert [message.level for message in messages.at_least("warning")] == ["error", "warning"]
    messages.export(tmp_path / "log.txt", "error")
    (line,) = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert line.endswith("error: b.ntile: damaged; fetch it again.  (×3)")
    messages.export(tmp_path / "log.txt")
    assert len((tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()) == 3
    with pytest.raises(NtileError, match="cannot be written"):
        messages.export(tmp_path)


def test_toasts_lead_to_the_log_and_the_log_to_a_file(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        ctx.window_focus("//Log")
        session.messages.entries.clear()
        for number in range(6):
            session.messages.error(f"{number}.ntile: damaged.")
        ctx.yield_(3)
        ctx.item_click("//##toast0/Copy")
        assert imgui.get_clipboard_text().endswith("error: 5.ntile: damaged.")
        ctx.item_click("//##toast0/Dismiss")
        ctx.yield_(3)
        assert [message.text for message in session.messages.toasts()] == [
            f"{n}.ntile: damaged." for n in (1, 2, 3, 4)
        ]
        session.settings.debug.freeze = False
        ctx.item_click("//##toast3/Log, 1 more")
        ctx.yield_(3)
        assert len(session.messages.young()) == 4
        log = imgui.internal.find_window_by_name("Log")
        assert log.active
        assert not log.hidden

        ctx.item_click("//Log/levels/###error")
        ctx.item_click("//Log/Copy")
        assert len(imgui.get_clipboard_text().splitlines()) == 6
        app.view.dialogs.folder = tmp_path
        ctx.item_click("//Log/Export…")
        ctx.yield_(3)
        ctx.item_click("//Export the log/Save")
        ctx.yield_(3)
        assert (
            len((tmp_path / "terrain-viewer-log.txt").read_text(encoding="utf-8").splitlines()) == 6
        )
        ctx.item_click("//Log/levels/###info")
        ctx.item_click("//Log/Clear")
        ctx.yield_(2)
        assert not session.messages.entries

    drive(Launch(path=str(area), size=SIZE), steps)


def test_the_welcome_opens_what_was_open_before(drive, area, tmp_path):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        assert session.preferences.values.recent == [str(area)]
        session.preferences.values.recent.append(str(tmp_path / "gone.ntile"))
        ctx.menu_click("//##MainMenuBar/File/Close file")
        ctx.yield_(3)
        assert session.document is None
        assert not session.scene.reader
        for key in ("w", "x", "r", "left_bracket", "ctrl+z", "o"):  # nothing to do, nothing fails
            driver.press(key)
        ctx.item_click(f"//##welcome/{area.name}##0")
        driver.wait(lambda: session.document is not None)
        assert session.document.path == area
        ctx.menu_click("//##MainMenuBar/File/Open recent/Clear list")
        assert session.preferences.values.recent == []
        ctx.menu_click("//##MainMenuBar/File/Close file")
        ctx.yield_(3)
        ctx.item_click("//##welcome/Sample area")
        driver.wait(lambda: session.document is not None)
        assert session.document.path.suffix == ".ntile"

    drive(Launch(path=str(area), size=SIZE), steps)


def test_what_is_not_kept_is_said_once_and_echoed():
    told = []
    messages = Messages(echo=told.append)
    for text in ("a", "b", "a"):
        messages.warn_once(text)
    messages.warning("c")
    assert told == ["a", "b"]
    assert [(m.text, m.count, m.echoed) for m in messages.at_least("warning")] == [
        ("a", 1, True),
        ("b", 1, True),
        ("c", 1, False),
    ]
    Messages().warn_once("a")
