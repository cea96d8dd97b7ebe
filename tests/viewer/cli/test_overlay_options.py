"""Overlays from the command line and in pictures made without a window: options, legends, heights
on contours."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from tests.support.scene_tools import SIZE
from viewer import __main__ as command
from viewer.model import colormaps
from viewer.model.overlays import NAMES
from viewer.model.settings import ContourSettings, Settings
from viewer.session import open_scene
from viewer.session.launch import Launch


@pytest.fixture
def launched(monkeypatch):
    """Return the launch that the command would run, without running it."""
    launches: list[Launch] = []
    monkeypatch.setattr(command, "run", launches.append)
    return launches


def test_options_reach_the_settings(launched):
    for name in NAMES:
        assert CliRunner().invoke(command.main, ["a.ntile", "--overlay", name]).exit_code == 0
        assert launched.pop().settings.overlay.name == name
    assert (
        CliRunner()
        .invoke(command.main, ["a.ntile", "--tolerance", "0.2", "--contours", "auto"])
        .exit_code
        == 0
    )
    settings = launched.pop().settings
    assert settings.overlay.tolerance_m == 0.2
    assert (settings.contours.on, settings.contours.auto) == (True, True)
    assert CliRunner().invoke(command.main, ["a.ntile", "--contours", "2.5"]).exit_code == 0
    assert launched.pop().settings.contours == ContourSettings(on=True, auto=False, interval_m=2.5)
    for wrong in (
        ["--contours", "often"],
        ["--contours", "0"],
        ["--tolerance", "-1"],
        ["--overlay", "plaid"],
    ):
        result = CliRunner().invoke(command.main, ["a.ntile", *wrong])
        assert result.exit_code == 2
        assert "Traceback" not in result.output
    assert not launched


def picture(path, settings: Settings, *, decorate: bool = True) -> np.ndarray:
    return open_scene.render(
        Launch(str(path), size=SIZE, settings=settings), decorate=decorate
    ).astype(int)


@pytest.mark.usefixtures("_session_context")
def test_legends_of_directions_and_of_what_is_beyond_tolerance(hills_file):
    settings = Settings()
    settings.overlay.name = "aspect"
    painted = (picture(hills_file, settings) != picture(hills_file, settings, decorate=False)).any(
        axis=-1
    )
    card = picture(hills_file, settings)[painted]
    for quarter in (0, 64, 128, 191):  # the ring holds the colors of all four directions
        color = colormaps.lut("compass")[quarter].astype(int)
        assert np.abs(card - color).max(axis=1).min() <= 6
    settings.overlay.name = "tolerance"
    settings.overlay.tolerance_m = 1.0
    shown = picture(hills_file, settings)
    plain = picture(hills_file, settings, decorate=False)
    card = shown[(shown != plain).any(axis=-1)]
    for color in (colormaps.MASK, colormaps.WITHIN):
        assert np.abs(card - np.array(color)).max(axis=1).min() <= 2
    marked = (plain[..., 0] > 120) & (plain[..., 1] < 60)
    assert 0.01 < marked.mean() < 0.9


@pytest.mark.usefixtures("_session_context")
def test_heights_are_written_on_contours(hills_file):
    settings = Settings()
    settings.contours = ContourSettings(on=True, auto=False, interval_m=10.0)
    settings.decorations.legend = False
    lines = picture(hills_file, settings, decorate=False)
    heights = picture(hills_file, settings)
    painted = (lines != heights).any(axis=-1)
    assert 0.002 < painted.mean() < 0.1
    settings.contours.labels = False
    np.testing.assert_array_equal(picture(hills_file, settings), lines)
    settings.contours.on = False
    assert (picture(hills_file, settings) != lines).any(axis=-1).mean() > 0.02
