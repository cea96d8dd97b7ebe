"""The viewer from Python: pictures, settings, numbers and films without a window."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

import viewer
from neural.errors import NtileError, UsageError
from tests.support.required import gl_is_required
from viewer import api
from viewer.graphics import gl
from viewer.model.camera_path import CameraPath, Keyframe
from viewer.session import open_scene
from viewer.session.launch import Launch

SIZE = (96, 64)


@pytest.fixture(scope="module", autouse=True)
def _needs_gl():
    try:
        api.context()
    except gl.GlError as error:
        if gl_is_required():
            raise
        pytest.skip(f"needs OpenGL: {error}")


@pytest.fixture
def shown(hills_file):
    with viewer.Viewer(hills_file, size=SIZE, decorations=()) as it:
        yield it


def test_importing_the_package_is_light():
    code = (
        "import sys, viewer; print(len({'numpy', 'moderngl', 'imgui_bundle'} & "
        "set(sys.modules))); viewer.Viewer"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
    with pytest.raises(AttributeError, match="plaid"):
        viewer.plaid  # noqa: B018


def test_examples_run():
    results = doctest.testmod(api)
    assert results.attempted > 0
    assert results.failed == 0


def test_a_picture_is_the_commands(hills_file):
    launch = Launch(str(hills_file), size=SIZE)
    launch.settings.overlay.name = "error"
    launch.settings.view.exaggeration = 2.0
    ours = viewer.render(hills_file, size=SIZE, overlay="error", exaggeration=2)
    np.testing.assert_array_equal(ours, open_scene.render(launch))
    assert ours.shape == (64, 96, 3)
    bits = viewer.render(hills_file, size=SIZE, method="huvr_siren", bits=3)
    assert (bits != viewer.render(hills_file, size=SIZE)).any()
    plain = viewer.render(hills_file, size=SIZE, decorations=["scale"])
    assert (plain != viewer.render(hills_file, size=SIZE, decorations=[])).any()


def test_viewers_share_a_context_and_mind_their_own_settings(hills_file, mountain_file):
    with (
        viewer.Viewer(hills_file, size=SIZE) as one,
        viewer.Viewer(mountain_file, size=SIZE, fog=0.5) as other,
    ):
        first = one.render()
        assert one._ctx is other._ctx
        assert (other.render() != first).any()
        np.testing.assert_array_equal(one.render(), first)
        one.open(mountain_file)
        one.settings.shading.fog = 0.5
        np.testing.assert_array_equal(one.render(), other.render())
    np.testing.assert_array_equal(viewer.render(hills_file, size=SIZE), first)
    assert "closed" in repr(one)
    with pytest.raises(UsageError, match="closed"):
        one.render()


def test_settings_by_name(shown):
    shown.set(
        shading="hillshade", shading_colormap="grey", sun_azimuth_deg=90, contours=True, split=True
    )
    settings = shown.settings
    assert (settings.shading.mode, settings.shading.colormap) == ("hillshade", "grey")
    assert (settings.shading.sun_azimuth_deg, settings.contours.on, settings.compare.split) == (
        90.0,
        True,
        True,
    )
    for wrong, says in (
        ({"plaid": 1}, "Unknown setting 'plaid'; available: .*exaggeration"),
        ({"colormap": "grey"}, "Unknown setting 'colormap'"),
        (
            {"exaggeration": "high"},
            "'exaggeration' cannot be 'high'; give a number from 0.01 to 1000",
        ),
        ({"overlay": "plaid"}, "'overlay' cannot be 'plaid'; choose from none, slope"),
    ):
        with pytest.raises(UsageError, match=says):
            shown.set(**wrong)
    with pytest.raises(UsageError, match="no decoration; choose from legend"):
        viewer.Viewer(shown.path, decorations=["frame"])


def test_views(shown, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    whole = shown.render()
    shown.camera.look(20, -10)
    turned = shown.render()
    assert (turned != whole).mean() > 0.2
    shown.bookmarks.add(shown.camera, "turned")
    values = shown.camera.to_json()
    shown.look()
    np.testing.assert_array_equal(shown.render(), whole)
    for view in ("turned", values, shown.bookmarks.get("turned")):
        shown.look(view)
        np.testing.assert_array_equal(shown.render(), turned)
    np.testing.assert_array_equal(viewer.render(shown.path, "turned", SIZE, decorations=()), turned)
    with pytest.raises(NtileError, match="there are: 'turned'"):
        shown.look("nowhere")


def test_numbers(shown):
    shown.set(overlay="error")
    picked = shown.pick(48, 40)
    assert picked.error_m == pytest.approx(picked.z_m - picked.reference_m)
    assert 0.3 < shown.errors.rmse_m < 2.0
    assert shown.stats.tiles_drawn > 0
    assert shown.legend.title.startswith("Error")
    west, south, east, north = shown.scene.reader.grid.bounds
    line = [(west + 50, south + 50), (east - 50, north - 50)]
    profile = shown.profile(line)
    assert profile.distance_m[-1] == pytest.approx(np.hypot(east - west - 100, north - south - 100))
    assert shown.measure("distance", line).to_json()


def test_pictures_of_any_size_go_to_files(shown, tmp_path):
    import rasterio

    shown.save(tmp_path / "big.png", (333, 222))
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(tmp_path / "big.png") as file,
    ):
        written = file.read().transpose(1, 2, 0)
    np.testing.assert_array_equal(written, shown.render((333, 222)))
    assert shown._repr_png_().startswith(b"\x89PNG")


def test_films(shown, tmp_path):
    said = []
    count = shown.film(
        "orbit", tmp_path / "out", fps=2, duration_s=1.5, progress=lambda *at: said.append(at)
    )
    assert count == 3 == len(list((tmp_path / "out").glob("*.png")))
    assert said[-1] == (3, 3)
    pictures = list(
        shown.frames(CameraPath([Keyframe(0.0, shown.camera)], shown.scene.reader.grid.crs_wkt))
    )
    assert len(pictures) == 1
    np.testing.assert_array_equal(pictures[0], shown.render())
    with pytest.raises(NtileError, match="cannot be read"):
        shown.film("none.json", tmp_path / "film.mp4")


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(NtileError, match=r"none\.ntile"):
        viewer.render(tmp_path / "none.ntile")
    with pytest.raises(NtileError, match="no OpenGL version '9'"):
        viewer.Viewer(tmp_path / "none.ntile", gl_version="9")


def test_comparing_two_files(hills_file, mountain_file):
    methods = ("huvr_siren", "reference")
    options = {"size": SIZE, "method": methods, "decorations": ()}
    with viewer.Viewer(hills_file, compare=hills_file, split=True, **options) as both:
        halves = both.render(decorate=False)
        both.set(split=False)
        whole = both.render(decorate=False)
    off = np.abs(halves.astype(int) - whole).max(axis=2)
    assert (off[:, :40] > 2).mean() < 0.02
    assert (off[:, 56:] > 2).mean() > 0.05
    with pytest.raises(NtileError):
        viewer.Viewer(hills_file, compare=mountain_file)
