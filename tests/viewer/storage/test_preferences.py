"""Preferences between runs, whose loss is no failure; the window's colors can be read."""

import itertools
import json
import os
from dataclasses import astuple, fields

import numpy as np
import pytest
from click.testing import CliRunner
from imgui_bundle import hello_imgui

from tests.support.gui_driver import SIZE, imgui
from viewer import __main__ as command
from viewer.gui import appearance, theme, window
from viewer.model.palette import PALETTES, Palette, contrast
from viewer.session.launch import Launch
from viewer.storage import desktop, preferences
from viewer.storage.preferences import Preferences, Store


@pytest.fixture(autouse=True)
def dark():
    yield
    theme.use("dark")


def test_preferences_come_back(tmp_path):
    said = []
    store = Store(said.append, tmp_path / "new")
    assert store.values == Preferences()
    store.values.theme = "light"
    store.values.ui_scale = 1.5
    store.values.cache_mb = 64.0
    store.values.remember("/data/a.ntile")
    store.save()
    assert Store(said.append, tmp_path / "new").values == store.values
    written = store.path.stat().st_mtime_ns
    store.save()  # nothing new, nothing written
    assert store.path.stat().st_mtime_ns == written
    assert said == []


def test_names_that_are_no_text_are_no_damage_later(tmp_path):
    said = []
    store = Store(said.append, tmp_path)
    for name in (b"/data/\xe9t\xe9.ntile", b"/d/\xff\xfe/a.ntile", "/data/été.ntile".encode()):
        store.values.remember(os.fsdecode(name))
    store.save()
    loaded = Store(said.append, tmp_path).values
    assert said == []
    assert loaded.recent == ["/data/été.ntile"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'"text"'])
def test_a_broken_file_is_put_aside(tmp_path, content):
    said = []
    path = tmp_path / preferences.NAME
    path.write_bytes(content)
    store = Store(said.append, tmp_path)
    assert store.values == Preferences()
    assert len(said) == 1
    assert "preferences.json.damaged" in said[0]
    assert (tmp_path / "preferences.json.damaged").read_bytes() == content
    store.values.theme = "light"
    store.save()
    assert Store(said.append, tmp_path).values == Preferences(theme="light")
    assert len(said) == 1


def test_one_bad_value_costs_only_itself(tmp_path):
    path = tmp_path / preferences.NAME
    values = {
        "theme": "plaid",
        "ui_scale": 99,
        "cache_mb": True,
        "zoom_speed": 2,
        "recent": ["a", 3],
        "later": {"deep": [1]},
    }
    path.write_text(json.dumps(values))
    said = []
    store = Store(said.append, tmp_path)
    loaded = store.values
    assert (loaded.theme, loaded.ui_scale, loaded.cache_mb, loaded.zoom_speed) == (
        "dark",
        3.0,
        512.0,
        2.0,
    )
    assert loaded.recent == ["a"]
    assert len(said) == 1
    assert 'theme "plaid" is none of dark, light, system' in said[0]
    assert "cache_mb true is no number, recent 3 is no path" in said[0]
    loaded.zoom_speed = 4.0
    loaded.remember("/b")
    store.save()
    changed = {"zoom_speed": 4.0, "recent": ["/b", "a", 3]}
    assert json.loads(path.read_text()) == values | changed


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path):
    said = []
    (tmp_path / "taken").write_text("a file where the folder should be")
    store = Store(said.append, tmp_path / "taken")
    said.clear()
    for name in ("light", "system"):
        store.values.theme = name
        store.save()
    store.save(last=True)
    assert len(said) == 1
    assert "Settings cannot be kept" in said[0]
    assert "until you quit" in said[0]


def test_damage_is_told_to_the_terminal_and_the_window(tmp_path, monkeypatch, area):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "terrain-viewer" / preferences.NAME
    path.parent.mkdir()
    path.write_text('{"theme": "light", "cache_mb"')
    launches = []
    monkeypatch.setattr(command, "_window", launches.append)
    result = CliRunner().invoke(command.main, [str(area)])
    assert result.exit_code == 0
    assert result.stderr.count("preferences.json.damaged") == 1
    launch = launches[0]
    message = launch.messages.entries[0]
    assert (message.level, message.echoed) == ("warning", True)
    assert "preferences.json.damaged" in message.text
    path.write_text('{"cache_mb": 77}')
    assert CliRunner().invoke(command.main, [str(area)]).stderr == ""
    assert launches[1].settings.view.cache_mb == 77


def test_recent_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = Preferences()
    for name in ("gone.ntile", "a.ntile", "b.ntile", "a.ntile", "https://x.org/c.ntile"):
        values.remember(name)
    for name in ("a.ntile", "b.ntile"):
        (tmp_path / name).touch()
    there = [str(tmp_path / name) for name in ("a.ntile", "b.ntile")]
    assert values.recent_files() == [
        ("https://x.org/c.ntile", True),
        *((path, True) for path in there),
        (str(tmp_path / "gone.ntile"), False),
    ]
    for number in range(50):
        values.remember(f"{number}.ntile")
    assert len(values.recent) == preferences.RECENT


def test_the_folder_is_where_the_layout_is():
    base = hello_imgui.ini_folder_location(hello_imgui.IniFolderType.app_user_config_folder)
    assert str(desktop.config_folder()) == f"{base}/{desktop.FOLDER}"
    assert desktop.system_theme() in PALETTES


TEXTS = ("text", "dim", "accent", "good", "warning", "error")
GROUNDS = ("background", "panel", "raised")
LINES = ("slot_a", "slot_b", "reference", "residual")


@pytest.mark.parametrize("name", PALETTES)
def test_text_can_be_read(name):
    palette = PALETTES[name]
    pairs = [(ink, ground) for ink in TEXTS for ground in GROUNDS] + [
        ("text", "hover"),
        ("on_accent", "accent_deep"),
    ]
    ratios = {pair: contrast(*(getattr(palette, color) for color in pair)) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}
    lines = {ink: contrast(getattr(palette, ink), palette.panel) for ink in LINES}
    assert {ink: round(ratio, 2) for ink, ratio in lines.items() if ratio < 4.5} == {}
    assert contrast("000000", "ffffff") == pytest.approx(21)
    # the standard's own example
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
PROTANOPIA = [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
]
DEUTERANOPIA = [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
]
TRITANOPIA = [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.303900],
]


def lab(code, matrix):
    """CIELAB of "rrggbb" as it is seen through a matrix on linear RGB."""
    srgb = np.array([int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(matrix) @ linear, 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ seen
    )
    f = xyz / [0.9505, 1.0, 1.089]
    f = np.where(f > 0.008856, np.cbrt(f), 7.787 * f + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("name", PALETTES)
@pytest.mark.parametrize("matrix", [np.eye(3), PROTANOPIA, DEUTERANOPIA, TRITANOPIA])
def test_lines_are_told_apart_by_everyone(name, matrix):
    seen = {ink: lab(getattr(PALETTES[name], ink), matrix) for ink in LINES}
    apart = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(LINES, 2)}
    assert min(apart.values()) > 15, apart


def test_palettes_are_complete_and_in_use():
    for name, palette in PALETTES.items():
        theme.use(name)
        assert theme.current() == name
        for entry in fields(Palette):
            assert getattr(theme, entry.name.upper()) == getattr(palette, entry.name)
        assert all(len(code) == 6 and int(code, 16) >= 0 for code in astuple(palette))
    with pytest.raises(AttributeError, match="MAUVE"):
        theme.MAUVE  # noqa: B018


def test_theme_and_size_change_in_the_window(drive, area):
    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        session.messages.entries.clear()
        driver.settle()
        driver.at(0.5, 0.5)
        dark = driver.window()
        ctx.menu_click("//##MainMenuBar/View/Light theme")
        ctx.yield_(3)
        light = driver.window()
        panel = np.array([int(theme.PANEL[k : k + 2], 16) for k in (0, 2, 4)])
        assert (light[350:, 600:] == panel).all(axis=2).mean() > 0.5
        assert light.mean() > dark.mean() + 40
        driver.press("ctrl+l")
        driver.at(0.5, 0.5)
        assert abs(driver.window() - dark).mean() < 0.2
        assert app.view.appearance.is_light is False

        em = hello_imgui.em_size()
        padding = imgui.get_style().window_padding.x
        for scale in (3.0, 0.75):
            app.view.appearance.resize(scale)
            ctx.yield_(4)
            assert hello_imgui.em_size() == pytest.approx(em * scale, rel=0.02)
            assert imgui.get_style().window_padding.x == pytest.approx(padding * scale, abs=1)
            for sheet in ("help", "preferences", "about"):
                app.view.sheet.toggle(sheet)
                ctx.yield_(4)
                drawn = imgui.internal.find_window_by_name("##sheet")
                assert drawn.pos.x >= 0
                assert drawn.pos.y >= 0
                assert drawn.pos.x + drawn.size.x <= SIZE[0]
                assert drawn.pos.y + drawn.size.y <= SIZE[1]
        driver.press("escape")
        driver.press("ctrl+equal")
        assert session.preferences.values.ui_scale == pytest.approx(0.75 * appearance.SCALE_STEP)
        app.view.appearance.resize(1.0)
        driver.settle()
        driver.at(0.5, 0.5)
        assert abs(driver.window() - dark).mean() < 1.0

    app = drive(Launch(path=str(area), size=SIZE), steps)
    said = []
    loaded = Store(said.append).values
    assert said == []
    assert loaded == app.session.preferences.values
    assert loaded.recent == [str(area)]


def test_layout_folder_and_files_are_remembered_and_reset(drive, area, tmp_path):
    def panel(title):
        docking = hello_imgui.get_runner_params().docking_params
        return next(window for window in docking.dockable_windows if window.label == title)

    def first(driver):
        app = driver.app
        ctx = driver.ctx
        driver.settle()
        app.view.dialogs.folder = tmp_path
        ctx.menu_click("//##MainMenuBar/View/Panels/Statistics")
        ctx.yield_(3)
        assert not panel("Statistics").is_visible

    drive(Launch(path=str(area), size=SIZE), first, remember=True)
    assert (desktop.config_folder() / "window.ini").is_file()

    def second(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        ctx.yield_(3)
        assert app.view.dialogs.folder == tmp_path
        assert session.preferences.values.recent_files() == [(str(area), True)]
        assert not panel("Statistics").is_visible
        ctx.menu_click("//##MainMenuBar/View/Panels/Statistics")
        ctx.yield_(3)
        assert panel("Statistics").is_visible
        ctx.undock_window("Log")
        ctx.yield_(3)
        assert ctx.window_is_undocked_or_standalone(imgui.internal.find_window_by_name("Log"))
        ctx.menu_click("//##MainMenuBar/View/Reset layout")
        ctx.yield_(5)
        assert not ctx.window_is_undocked_or_standalone(imgui.internal.find_window_by_name("Log"))

    drive(Launch(path=None, size=SIZE), second, remember=True)


def test_hidden_panels_are_back_the_next_time(drive):
    def is_visible(title):
        docking = hello_imgui.get_runner_params().docking_params
        panels = docking.dockable_windows
        return next(panel.is_visible for panel in panels if panel.label == title)

    def first(driver):
        driver.ctx.yield_(3)
        driver.ctx.menu_click("//##MainMenuBar/View/Panels/Statistics")
        driver.ctx.yield_(3)
        driver.app.view.toggle_panels()
        driver.ctx.yield_(3)
        assert not is_visible("Layers")

    def second(driver):
        driver.ctx.yield_(3)
        assert is_visible("Layers")
        assert not is_visible("Statistics")  # which the user hid by itself

    for steps in (first, second):
        drive(Launch(path=None, size=SIZE), steps, remember=True)


def test_a_retina_screen_has_twice_the_pixels_and_the_same_gestures(drive, area, monkeypatch):
    monkeypatch.setattr(window, "framebuffer_ratio", lambda: 2.0)

    def steps(driver):
        app = driver.app
        session = app.session
        ctx = driver.ctx
        driver.settle()
        width, height = app.viewport.area[2:]
        assert app.viewport.size == (round(2 * width), round(2 * height))
        assert driver.scene().shape[:2] == (round(2 * height), round(2 * width))
        driver.at(0.5, 0.5)
        x, y = app.viewport.to_pixels(imgui.get_io().mouse_pos)
        assert (x, y) == pytest.approx((width, height), abs=2)
        before = session.pick
        assert session.camera.project(
            (before.easting, before.northing, session.scene.drawn_z(before.z_m)),
            app.viewport.size,
        ) == pytest.approx((x, y), abs=3)
        ctx.mouse_drag_with_delta((60, 40))
        driver.settle()
        session.pointer.refresh()
        ctx.yield_(2)
        assert (session.pick.easting, session.pick.northing) == pytest.approx(
            (before.easting, before.northing), abs=6.0
        )

    drive(Launch(path=str(area), size=SIZE), steps)


def test_a_dense_screen_scales_everything(drive, monkeypatch):
    make = window.Window.params

    def dense(main_window, require):
        params = make(main_window, require)
        params.dpi_aware_params.dpi_window_size_factor = 2.0
        return params

    monkeypatch.setattr(window.Window, "params", dense)

    def steps(driver):
        driver.ctx.yield_(3)
        style = imgui.get_style()
        start = (
            hello_imgui.em_size(),
            style.window_padding.x,
            style.scrollbar_size,
            style.cell_padding.x,
        )
        assert start[:3] == (2 * theme.FONT_PX, 24, 22)
        driver.app.view.appearance.resize(1.5)
        driver.ctx.yield_(3)
        assert (hello_imgui.em_size(), style.window_padding.x) == (3 * theme.FONT_PX, 36)
        driver.app.view.appearance.resize(1.0)
        driver.ctx.yield_(3)
        assert (
            hello_imgui.em_size(),
            style.window_padding.x,
            style.scrollbar_size,
            style.cell_padding.x,
        ) == start

    drive(Launch(path=None, size=SIZE), steps)


def test_launch_decides_the_theme(drive):
    def steps(driver):
        driver.ctx.yield_(2)
        assert theme.current() == "light"
        assert driver.app.session.preferences.values.theme == "dark"

    drive(Launch(path=None, theme="light", size=SIZE), steps)
