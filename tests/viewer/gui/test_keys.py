"""The table of commands: no key twice, all of them on the F1 sheet and in the menus, none while
typing."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.support.gui_driver import SIZE, imgui
from viewer.gui import bars, help, keys, window
from viewer.gui.window_commands import BY_ID
from viewer.model import overlays
from viewer.session.launch import Launch
from viewer.session.tools import Mouse


def test_no_key_is_bound_twice_and_every_chord_can_be_pressed():
    chords = Counter(keys.parse(chord) for chord in keys.KEYS)
    assert {chord: n for chord, n in chords.items() if n > 1} == {}
    assert set(keys.KEYS.values()) <= set(BY_ID)
    with pytest.raises(ValueError, match="no chord"):
        keys.parse("hyper+w")
    with pytest.raises(ValueError, match="no chord"):
        keys.parse("ctrl+letter")


def test_keys_are_no_flags():
    """`Key.mod_ctrl | Key.mod_shift | Key.d` raises AttributeError in Python 3.11.2, Debian 12's
    own."""
    root = Path(__file__).resolve().parents[3]
    joined = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in (*root.glob("viewer/**/*.py"), *root.glob("tests/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.BinOp) and (_is_key(node.left) or _is_key(node.right))
    ]
    assert joined == []  # `driver.press` takes chords


def _is_key(operand):
    return isinstance(operand, ast.Attribute) and ast.unparse(operand.value).endswith("imgui.Key")


def test_chords_read_as_people_write_them():
    assert keys.parse("shift+ctrl+d") == keys.parse("ctrl+shift+d")
    shown = [
        keys.printed(keys.parse(chord))
        for chord in ("shift+ctrl+d", "left_bracket", "_8", "keypad4", "f11")
    ]
    assert shown == ["Ctrl+Shift+D", "[", "8", "Keypad 4", "F11"]
    assert [keys.printed(keys.parse(chord)) for chord in ("page_up", "minus", "alt+equal")] == [
        "Page Up",
        "−",
        "Alt+=",
    ]


def test_the_sheet_and_the_menus_have_every_command():
    found = help.blocks()
    assert [rows for heading, rows in found if heading == "Mouse"] == [keys.gestures()]
    listed = {
        (heading, text): shown for heading, rows in found[1:] for shown, text in reversed(rows)
    }
    bound = {BY_ID[command_id] for command_id in keys.KEYS.values()}
    assert set(listed) == {(command.group, command.title) for command in bound}
    assert all(keys.label(one.id) in listed[one.group, one.title] for one in bound)
    assert listed["Compare", "Fewer bits"] == "[ or ,"
    assert max(len(shown) for _, rows in found for shown, _ in rows) <= 17
    listed = [entry for _, ids in bars.MENUS for entry in ids if entry != bars.LINE]
    assert sorted([*listed, *bars.WITHOUT_MENU]) == sorted(BY_ID)
    assert set(bars.WITHOUT_MENU) <= set(keys.KEYS.values())
    titles = {kind.title for kind in overlays.OVERLAYS.values()} - {"Error"}
    assert titles <= {one.title for one in BY_ID.values() if one.group == "Overlays"}
    for count in range(1, 8):
        filled = help.columns(found, count)
        assert len(filled) <= count
        assert [block for column in filled for block in column] == found
    assert len(help.columns(found, 2)) == 2


def test_every_key_works_and_none_while_typing(drive, area, monkeypatch):
    closed = []
    monkeypatch.setattr(window.Window, "close", lambda self: closed.append(True))

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        for chord, command_id in keys.KEYS.items():
            driver.press(chord)
            ctx.yield_(3)
            assert app.window.failure is None, command_id
            if app.view.dialogs.is_open:
                driver.press("escape")
                assert not app.view.dialogs.is_open
            if command_id == "window.commands":
                assert app.view.palette.is_open
                driver.press("escape")
                assert not app.view.palette.is_open
        assert closed
        driver.settle()
        assert [
            message.text for message in session.messages.entries if message.level == "error"
        ] == []

        debug = session.settings.debug
        debug.wireframe = False
        driver.press("ctrl+w")  # modifiers are matched exactly
        driver.press("shift+w")
        assert not debug.wireframe
        driver.press("w")
        assert debug.wireframe
        driver.press("ctrl+o")
        ctx.item_click("//Open terrain/##path")
        ctx.key_chars("wlb")
        ctx.yield_(2)
        assert app.view.dialogs.typed == "wlb"
        assert debug.wireframe
        driver.press("escape")

    drive(Launch(path=str(area), size=SIZE), steps)


def test_the_sheet_fits_small_windows_and_closes(drive, area):
    def steps(driver):
        app = driver.app
        driver.settle()
        driver.press("f1")
        driver.ctx.yield_(2)
        sheet = imgui.internal.find_window_by_name("##sheet")
        assert sheet.active
        assert 0 <= sheet.pos.x
        assert sheet.pos.x + sheet.size.x <= SIZE[0]
        assert sheet.pos.y + sheet.size.y <= SIZE[1]
        assert sheet.size.x > 0.8 * SIZE[0]
        assert sheet.scroll_max.y > 0 or sheet.content_size.y < sheet.size.y
        driver.press("escape")
        assert app.view.sheet.name == ""
        driver.press("f1")
        driver.ctx.item_click("//##sheet/Close")
        assert app.view.sheet.name == ""

    drive(Launch(path=str(area), size=SIZE), steps)


class Pen:
    """A tool that takes clicks everywhere, and drags with Alt."""

    def __init__(self):
        self.seen: list[Mouse] = []
        self.active = True

    def mouse(self, mouse):
        if mouse.kind != "hover":
            self.seen.append(mouse)
        return (
            mouse.kind == "click" or (mouse.kind == "press" and mouse.alt) or mouse.kind == "double"
        )

    def cancel(self):
        was = self.active
        self.active = False
        return was


def test_a_tool_takes_the_mouse_before_the_camera(drive, area):
    pen = Pen()
    idle = Pen()

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        app.view.tools += [pen, idle]
        driver.settle()
        driver.at(0.5, 0.5)
        before = session.camera.eye
        ctx.mouse_click(0)
        ctx.yield_(2)
        assert [mouse.kind for mouse in pen.seen] == ["press", "click"]
        assert [mouse.kind for mouse in idle.seen] == ["press"]
        x = pen.seen[-1].x_px
        y = pen.seen[-1].y_px
        assert (x, y) == pytest.approx([side / 2 for side in app.viewport.size], abs=1.5)
        assert (session.camera.eye == before).all()

        ctx.mouse_drag_with_delta((40, 0))  # dragging is the camera's
        assert (session.camera.eye != before).any()
        assert [mouse.kind for mouse in pen.seen[2:]] == ["press"]
        driver.settle()

        before = session.camera.eye
        pen.seen.clear()
        driver.at(0.5, 0.5)
        ctx.key_down(imgui.Key.mod_alt.value)
        ctx.mouse_drag_with_delta((40, 10))
        ctx.key_up(imgui.Key.mod_alt.value)
        assert (session.camera.eye == before).all()
        kinds = [mouse.kind for mouse in pen.seen]
        assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("press", "release", {"drag"})
        assert pen.seen[-1].x_px - pen.seen[0].x_px == pytest.approx(40, abs=1.5)
        ctx.mouse_double_click(0)
        assert session.glide is None  # it would have flown there

        driver.press("escape")
        assert (pen.active, idle.active) == (False, True)
        driver.press("escape")
        assert not idle.active

    drive(Launch(path=str(area), size=SIZE), steps)
