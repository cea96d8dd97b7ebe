"""Comparing from the command line and in pictures without a window."""

from __future__ import annotations

import numpy as np
import pytest

from neural.errors import NtileError, UsageError
from tests.support import hills, mountains
from tests.support.scene_tools import SIZE
from viewer.__main__ import _launch, main
from viewer.model.settings import LayerChoice, Settings
from viewer.pictures import offscreen
from viewer.scene import overview
from viewer.session import open_scene
from viewer.session.launch import Launch


def launch_of(*arguments: object) -> Launch:
    """Return the launch that the command would run."""
    context = main.make_context("terrain-viewer", [str(argument) for argument in arguments])
    return _launch(
        **{
            name: value
            for name, value in context.params.items()
            if name not in ("debug", "version")
        }
    )


def test_options_say_what_is_compared(hills_file):
    launch = launch_of(
        hills_file, "--compare", "b.ntile", "--split", "--divider", "0.3", "--against", "B"
    )
    assert launch.compare == "b.ntile"
    assert (launch.settings.compare.split, launch.settings.compare.divider) == (True, 0.3)
    assert (launch.settings.overlay.name, launch.settings.overlay.against) == ("error", "B")
    launch = launch_of("a.ntile", "b.ntile", "--overlay", "gradient_error", "--against", "B")
    assert (launch.path, launch.compare, launch.settings.overlay.name) == (
        "a.ntile",
        "b.ntile",
        "gradient_error",
    )
    launch = launch_of("a.ntile")
    assert (launch.compare, launch.settings.compare.split, launch.settings.overlay.name) == (
        None,
        False,
        "none",
    )
    with pytest.raises(UsageError, match="second FILE or --compare, not both"):
        launch_of("a.ntile", "b.ntile", "--compare", "c.ntile")


@pytest.mark.usefixtures("_session_context")
def test_a_split_picture_without_a_window_shows_divider_names_and_legends(hills_file):
    def render(**options) -> np.ndarray:
        settings = Settings()
        settings.compare.split = True
        settings.compare.divider = 0.4
        launch = Launch(
            str(hills_file), compare=str(hills_file), bits=(8, 3), size=SIZE, settings=settings
        )
        return open_scene.render(launch, **options).astype(int)

    plain = render(decorate=False)
    marked = render()
    column = round(0.4 * SIZE[0])
    assert (marked[60:110, column] == 255).all()  # the line
    touched = (plain != marked).any(axis=-1)
    assert touched[10:40, column - 60 : column - 20].mean() > 0.5  # A's name
    assert touched[10:40, column + 20 : column + 60].mean() > 0.5  # B's name
    assert touched[-30:, 20:40].mean() > 0.5  # one legend, as both sides have the same colors
    assert not touched[-60:, column + 5 :].any()
    assert not touched[60:, 90 : column - 4].any()


@pytest.mark.usefixtures("_session_context")
def test_a_picture_of_two_files_is_made_of_their_layers(tmp_path, hills_file, mountain_file):
    other = mountains.write(tmp_path / "other.ntile", lift_m=5.0)
    launch = launch_of(
        mountain_file, other, "--against", "B", "--headless", "--screenshot", tmp_path / "x.png"
    )
    with open_scene.opened(launch) as session:
        scene = session.require_document().scene
        offscreen.load(scene, overview.whole_area(scene, SIZE), SIZE)
        assert scene.settings.slots["B"] == LayerChoice(0, None, 1)
        assert scene.error_stats.bias_m == pytest.approx(-5.0, abs=0.02)
        assert scene.against_name == "B"
    for more, sentence in (
        (("--compare", tmp_path / "none.ntile"), r"none\.ntile cannot be opened"),
        (("--compare", hills_file), "only files in the same one can be compared"),
        (
            ("--compare", other, "--method", "reference", "--method", "huvr"),
            r"other\.ntile: no layer is of method",
        ),
    ):
        with (
            pytest.raises(NtileError, match=sentence),
            open_scene.opened(launch_of(mountain_file, *more)),
        ):
            pass


@pytest.mark.usefixtures("_session_context")
def test_two_files_from_python_with_a_method_and_bits_each(tmp_path, hills_file):
    import viewer

    other = hills.write(tmp_path / "other.ntile", reference=False)
    options = {
        "compare": other,
        "method": ("reference", "huvr_siren"),
        "bits": (32, 4),
        "size": SIZE,
    }
    with viewer.Viewer(hills_file, split=True, divider=0.3, decorations=(), **options) as v:
        assert v.settings.slots == {"A": LayerChoice(1), "B": LayerChoice(0, 4, 1)}
        split = v.render()
        v.set(split=False)
        whole = v.render()
        v.settings.active = "B"
        other_side = v.render()
    column = round(0.3 * SIZE[0])
    np.testing.assert_array_equal(split[:, : column - 2], whole[:, : column - 2])
    np.testing.assert_array_equal(split[:, column + 2 :], other_side[:, column + 2 :])
    assert (whole != other_side).any()
