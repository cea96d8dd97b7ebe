"""The `terrain-viewer` command: options, exit codes, one-sentence errors, pictures as PNG."""

import builtins
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from neural.errors import NtileError
from neural.methods import METHODS
from neural.raster.reading import ReferenceRaster
from tests.support import archives
from tests.support.archives import draft
from viewer import __main__ as command
from viewer.cli import options
from viewer.model.settings import DebugSettings, ShadingSettings
from viewer.pictures.png import png_bytes, write_png


@pytest.fixture
def viewer(monkeypatch):
    """Run the command without a display; returns click's result."""
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return lambda *args: CliRunner().invoke(command.main, [str(arg) for arg in args])


@pytest.fixture
def launched(monkeypatch):
    """Return the launch that the command would run, without running it."""
    launches = []
    monkeypatch.setattr(command, "run", launches.append)
    return launches


def one_sentence(result) -> str:
    """The only line on stderr."""
    (line,) = result.stderr.strip().splitlines()
    assert "Traceback" not in line
    return line


def test_options_reach_the_settings(viewer, launched):
    result = viewer(
        *(
            "area.ntile",
            "--reference",
            "dem.tif",
            "--method",
            "one",
            "--bits",
            4,
            "--overlay",
            "error",
        ),
        *("--method", "two", "--bits", 6),
        *(
            "--sse",
            1.5,
            "--cache-mb",
            128,
            "--screenshot",
            "out.png",
            "--size",
            "640x360",
            "--headless",
            "--gl",
            "4.1",
        ),
    )
    assert result.exit_code == 0, result.output
    (launch,) = launched
    assert (launch.path, launch.reference) == ("area.ntile", ReferenceRaster("dem.tif"))
    assert (launch.methods, launch.bits) == (("one", "two"), (4, 6))
    assert (launch.screenshot, launch.size, launch.headless, launch.gl) == (
        "out.png",
        (640, 360),
        True,
        "4.1",
    )
    assert (launch.settings.view.sse_px, launch.settings.view.cache_mb) == (1.5, 128)
    assert launch.settings.overlay.name == "error"


def test_options_of_light_reach_the_settings(viewer, launched):
    light = (
        "--shading",
        "hillshade",
        "--hillshade",
        "igor",
        "--sun",
        "120.5,30",
        "--fog",
        0.25,
        "--exaggeration",
        2,
    )
    assert (
        viewer("area.ntile", *light, "--shadows", "--edl", "--inspect", "tint,boxes").exit_code == 0
    )
    assert viewer("area.ntile").exit_code == 0
    shading = launched[0].settings.shading
    assert (shading.mode, shading.hillshade, shading.fog) == ("hillshade", "igor", 0.25)
    assert (shading.sun_azimuth_deg, shading.sun_altitude_deg) == (120.5, 30.0)
    assert shading.shadows
    assert shading.edl
    assert launched[0].settings.view.exaggeration == 2
    assert launched[0].settings.debug == DebugSettings(lod_tint=True, bounds=True)
    assert launched[1].settings.shading == ShadingSettings()
    assert "such as 315,45" in viewer("--sun", "noon").stderr


def test_help_is_in_groups_and_fits_the_terminal(viewer):
    shown = viewer("--help").output
    found = [
        line.rstrip(":")
        for line in shown.splitlines()
        if line.endswith(":") and not line.startswith(" ")
    ]
    assert found == [group for group in options.GROUPS if group in found]
    assert {"Input", "Look", "Overlay", "Film and pictures", "System"} <= set(found)
    for param in command.main.params:
        if param.param_type_name == "option":
            assert shown.count(f"  {param.opts[0]} ") == 1, param.opts
            assert param.help.endswith("."), param.opts
    assert max(map(len, shown.splitlines())) <= 110
    with pytest.raises(ValueError, match="no group"):
        options.option("Elsewhere", "--odd")


def test_no_file_means_the_shipped_sample(viewer, launched, monkeypatch, tmp_path):
    sample = tmp_path / "valley.ntile"
    monkeypatch.setattr("assets.sample_files", lambda: (sample,))
    assert viewer().exit_code == 0
    assert launched[0].path == str(sample)
    monkeypatch.setattr("assets.sample_files", tuple)
    result = viewer()
    assert result.exit_code == 3
    assert "give the .ntile file" in one_sentence(result)


@pytest.mark.parametrize(
    "args",
    [
        ("--size", "640"),
        ("--size", "0x600"),
        ("--size", "999999x600"),
        ("--size", "20000x600"),
        ("--decorations", "legend,plaid"),
        ("--overlay", "plaid"),
        ("--shading", "plaid"),
        ("--hillshade", "plaid"),
        ("--sun", "315"),
        ("--sun", "north,45"),
        ("--sun", "315,0"),
        ("--sun", "400,45"),
        ("--fog", "1.5"),
        ("--inspect", "tint,plaid"),
        ("--exaggeration", "0"),
        ("--gl", "2.1"),
        ("--bits", "0"),
        ("--sse", "-1"),
        ("--cache-mb", "lots"),
        ("one.ntile", "two.ntile", "three.ntile"),
        ("one.ntile", "two.ntile", "--compare", "three.ntile"),
        ("area.ntile", "--headless"),
        ("area.ntile", "--headless", "--screenshot", "out.jpg"),
    ],
)
def test_what_cannot_be_meant_exits_2(viewer, launched, args):
    result = viewer(*args)
    assert result.exit_code == 2
    assert result.stderr.strip()
    assert "Traceback" not in result.stderr
    assert not launched


def test_a_window_needs_a_display(viewer, tmp_path):
    result = viewer(archives.write(tmp_path / "area.ntile"))
    assert result.exit_code == 3
    assert "--headless --screenshot" in one_sentence(result)


def test_missing_libraries_name_the_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":7")
    real = builtins.__import__

    def without_x11(name, globals=None, locals=None, fromlist=(), level=0):
        if name == "viewer" and "app" in (fromlist or ()):
            raise ImportError(
                "libX11.so.6: cannot open shared object file: No such file or directory"
            )
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without_x11)
    result = CliRunner().invoke(command.main, [str(archives.write(tmp_path / "area.ntile"))])
    assert result.exit_code == 3
    assert "apt-get install -y libegl1 libgl1 libx11-6" in one_sentence(result)


def test_bad_files_are_one_sentence_and_leave_the_picture_alone(viewer, tmp_path):
    out = tmp_path / "out.png"
    out.write_bytes(b"an older picture")
    (tmp_path / "empty.ntile").touch()
    (tmp_path / "garbled.ntile").write_bytes(b"PMTiles\x03" + bytes(range(256)) * 4)
    (tmp_path / "text.ntile").write_text("elevation, meters\n" * 50)
    for name in ("missing.ntile", "empty.ntile", "garbled.ntile", "text.ntile"):
        result = viewer(tmp_path / name, "--headless", "--screenshot", out)
        assert result.exit_code == 3, result.output
        assert name in one_sentence(result)
    assert out.read_bytes() == b"an older picture"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--method", "plaid"), "choose from {method}"),
        (("--method", "{method}", "--method", "plaid"), "choose from {method}"),
        (("--bits", "7"), "2, 3 or 6 bits, not with 7"),
        (("--bits", "6", "--bits", "7"), "2, 3 or 6 bits, not with 7"),
        (("--method", "{method}") * 3, "two slots"),
        (("--bits", "6") * 3, "two slots"),
    ],
)
def test_what_a_file_lacks_is_said_with_what_it_has(viewer, tmp_path, monkeypatch, args, said):
    method = archives.draft().method
    monkeypatch.setattr(METHODS[method], "bit_choices", (8, 6, 3, 2))
    monkeypatch.setattr(archives, "draft", lambda layer: replace(draft(layer), bits=6))
    area = archives.write(tmp_path / "area.ntile")
    args = [arg.format(method=method) for arg in args]
    result = viewer(area, *args, "--headless", "--screenshot", tmp_path / "out.png")
    assert result.exit_code == 2
    assert said.format(method=method) in one_sentence(result)
    assert not (tmp_path / "out.png").exists()


def test_debug_shows_where_it_happened(viewer, tmp_path):
    result = viewer(
        tmp_path / "missing.ntile", "--headless", "--screenshot", tmp_path / "out.png", "--debug"
    )
    assert isinstance(result.exception, NtileError)


def test_unexpected_errors_are_one_sentence_too(viewer, monkeypatch):
    def broken(launch):
        raise ZeroDivisionError("division by\nzero")

    monkeypatch.setattr(command, "run", broken)
    result = viewer("area.ntile")
    assert result.exit_code == 3
    assert "ZeroDivisionError" in one_sentence(result)
    assert "--debug" in one_sentence(result)
    assert isinstance(viewer("area.ntile", "--debug").exception, ZeroDivisionError)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_png_is_read_back_by_another_reader(tmp_path):
    import rasterio

    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (37, 61, 3), np.uint8)
    write_png(tmp_path / "noise.png", picture)
    with rasterio.open(tmp_path / "noise.png") as file:
        assert np.array_equal(file.read().transpose(1, 2, 0), picture)
    assert png_bytes(picture) == (tmp_path / "noise.png").read_bytes()
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(picture.astype(float))


def test_png_that_cannot_be_written(tmp_path):
    picture = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(NtileError, match="cannot be written"):
        write_png(tmp_path / "no" / "such" / "out.png", picture)
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(NtileError, match="cannot be written"):
        write_png(tmp_path / "taken.png", picture)
    assert os.listdir(tmp_path) == ["taken.png"]


def test_any_setting_has_a_name(mountain_file, monkeypatch):
    launches = []
    monkeypatch.setattr(command, "run", launches.append)
    typed = (
        "shading_colormap=grey",
        "edl = true",
        "reach=30",
        'overlay_colormap={"aspect": "compass"}',
        "mesh_quads=32",
    )
    options = [part for each in typed for part in ("--set", each)]
    result = CliRunner().invoke(command.main, [str(mountain_file), "--overlay", "slope", *options])
    assert result.exit_code == 0, result.output
    settings = launches[0].settings
    assert (settings.shading.colormap, settings.shading.edl, settings.view.mesh_quads) == (
        "grey",
        True,
        32,
    )
    assert (settings.overlay.reach, settings.overlay.colormap) == (
        {"slope": 30.0},
        {"aspect": "compass"},
    )
    for wrong, says in (
        ("edl", "write a setting's name, = and its value"),
        ("plaid=1", "Unknown setting 'plaid'; available: against, .*, edl, .*shading_colormap"),
        ("edl=5", "'edl' cannot be 5; it is of type bool"),
        ("fog=7", "give a number from 0 to 1"),
        ("mesh_quads=7", "choose from 0, 16, 32"),
    ):
        result = CliRunner().invoke(command.main, [str(mountain_file), "--set", wrong])
        assert result.exit_code == 2
        assert re.search(says, result.output), result.output


def test_commands_run_before_a_picture_is_drawn(viewer, area, tmp_path):
    pictures = []
    for number, commands in enumerate(
        (
            [],
            ["view.top"],
            ["view.top", "view.zoom_to_extent"],
            ["overlay.slope", "layer.more_bits"],
        )
    ):
        out = tmp_path / f"{number}.png"
        options = [part for command_id in commands for part in ("--do", command_id)]
        result = viewer(area, *options, "--headless", "--screenshot", out, "--size", "96x64")
        assert result.exit_code == 0, result.output
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[2]
    assert len({*pictures}) == 3


def test_commands_that_cannot_run_are_usage_errors(viewer, area, tmp_path, launched):
    picture = ("--headless", "--screenshot", tmp_path / "a.png")
    for arguments, sentence in (
        (("--do", "view.tip", *picture), "There is no command 'view.tip'; did you mean view.top"),
        (("--do", "window.help", *picture), "window.help needs the window; leave out --headless."),
        (("--do", "xyzzy"), "There is no command 'xyzzy'"),
        (("--do", "VIEW.TOP", *picture), "did you mean view.top"),
        (("--do", "film.seek", *picture), "film.seek takes arguments; it is for panels"),
        (("--do", "view.top", "--results", tmp_path / "a.csv"), "--do changes what is drawn"),
    ):
        result = viewer(area, *arguments)
        assert result.exit_code == 2
        assert sentence in one_sentence(result)
    result = viewer(area, "--do", "window.help", "--do", "view.top")
    assert result.exit_code == 0
    assert launched[0].commands == ("window.help", "view.top")


def test_a_disabled_command_is_a_usage_error(viewer, area, tmp_path):
    out = tmp_path / "a.png"
    result = viewer(area, "--do", "compare.close", "--headless", "--screenshot", out)
    assert result.exit_code == 2
    assert "--do compare.close: it cannot run here" in one_sentence(result)
    assert not out.exists()


def test_a_bookmark_is_kept_without_a_window(viewer, area, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    picture = ("--headless", "--screenshot", tmp_path / "a.png", "--size", "96x64")
    result = viewer(area, "--do", "bookmark.add", *picture)
    assert result.exit_code == 0, result.output
    assert viewer(area, "--view", "View 1", *picture).exit_code == 0


def test_a_closed_document_cannot_be_drawn(viewer, area, tmp_path):
    out = tmp_path / "a.png"
    result = viewer(area, "--do", "file.close", "--headless", "--screenshot", out)
    assert result.exit_code == 2
    assert "No file is open" in one_sentence(result)
    assert not out.exists()
