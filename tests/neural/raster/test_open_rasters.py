"""Files of an open raster: changes are told from touches, rewritten files from replaced ones."""

import os

import pytest

from neural.errors import DemError
from neural.raster import open_files
from neural.raster.open_files import OpenFiles
from tests.support.changing import put, rewrite, touch


@pytest.fixture
def parts(tmp_path):
    """Files of a raster with a side file that is not read."""
    paths = [tmp_path / name for name in ("dem.bil", "dem.hdr", "dem.bil.ovr")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 1000)
    (tmp_path / "new").write_bytes(b"x" * 1000)
    return [str(path) for path in paths]


def opened(parts, *, lazy=False):
    return OpenFiles(parts[0], parts, lazy=lazy)


def test_touches_and_side_files_are_no_change(parts):
    files = opened(parts)
    touch(parts[0])
    touch(parts[1])
    os.remove(parts[2])
    assert files.is_current()
    files.check()
    assert files.content == opened(parts).content


@pytest.mark.parametrize("part", [0, 1])
def test_a_replaced_file_goes_on_where_it_is_open(parts, tmp_path, part):
    files = opened(parts)
    lazy = opened(parts, lazy=True)
    put(tmp_path / "new", parts[part])
    assert not files.is_current()
    files.check()
    with pytest.raises(DemError, match="was rewritten while it was open"):
        lazy.check()
    assert files.content != opened(parts).content


@pytest.mark.parametrize("part", [0, 1])
def test_a_rewritten_file_is_refused(parts, tmp_path, part):
    files = opened(parts)
    rewrite(tmp_path / "new", parts[part])
    with pytest.raises(DemError, match="was rewritten while it was open") as caught:
        files.check()
    assert (parts[1] in str(caught.value)) == (part == 1)
    assert "\n" not in str(caught.value)


def test_many_files_are_looked_at_now_and_then(tmp_path, monkeypatch):
    names = [str(tmp_path / f"{k}.tif") for k in range(40)]
    for name in names:
        with open(name, "wb") as file:
            file.write(b"II*")
    files = OpenFiles(names[0], names, lazy=True)
    assert files.content == ""
    touch(names[30])
    assert not files.is_current()
    files.check()  # not yet
    monkeypatch.setattr(open_files, "_PAUSE_S", 0.0)
    with pytest.raises(DemError, match=r"30\.tif"):
        files.check()


def test_names_that_are_no_files_never_change(tmp_path):
    files = OpenFiles("https://example.org/dem.tif", [], lazy=True)
    assert files.is_current()
    files.check()
    assert files.content == ""
