"""Pictures that `--screenshot` promises: a window that ends without one ends with an error."""

import pytest

from neural.errors import NtileError, UsageError
from viewer import app
from viewer.gui import window
from viewer.session.launch import Launch


def test_a_window_closed_early_writes_no_picture_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(window.Window, "run", lambda self: None)
    out = tmp_path / "a.png"
    with pytest.raises(NtileError, match="not written, as the window was closed"):
        app.run(Launch(path=None, screenshot=str(out)))
    assert not out.exists()
    app.run(Launch(path=None))


def test_a_picture_of_no_file_ends_the_window(monkeypatch, tmp_path):
    closed = []
    monkeypatch.setattr(window.Window, "close", lambda self: closed.append(True))
    program = app.App(Launch(path=None, screenshot=str(tmp_path / "a.png")))
    monkeypatch.setattr(app.App, "busy", False)
    program._queue_launch_commands()
    assert closed == [True]
    assert isinstance(program.window.failure, UsageError)
