"""Files that change while they are open: what was opened goes on, or one sentence says so."""

import os
import shutil

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.errors import ContainerError
from neural.system.file_stamp import FileStamp
from neural.tiles import Tile
from tests.support.changing import put, rewrite, touch

ROOT = Tile(0, 0, 0)


@pytest.fixture
def path(tmp_path, hills_file):
    return shutil.copy(hills_file, tmp_path / "open.ntile")


def test_a_replaced_file_goes_on_and_is_known_to_be_replaced(path, mountain_file):
    with open_reader(path) as reader:
        before = reader.payload_bytes(0, ROOT)
        assert reader.is_current()
        put(mountain_file, path)
        assert not reader.is_current()
        assert reader.payload_bytes(0, ROOT) == before
        os.remove(path)
        assert not reader.is_current()
        assert reader.payload_bytes(0, ROOT) == before


def test_a_touch_and_a_copy_of_the_same_are_no_change(path):
    with open_reader(path) as reader:
        before = reader.payload_bytes(0, ROOT)
        touch(path)
        assert reader.is_current()
        assert reader.payload_bytes(0, ROOT) == before
        put(path, path)
        assert reader.is_current()
        assert reader.payload_bytes(0, ROOT) == before


def test_a_file_rewritten_in_place_gives_no_tile_of_another(path, mountain_file):
    with open_reader(path) as reader:
        rewrite(mountain_file, path)
        assert not reader.is_current()
        with pytest.raises(ContainerError, match="was rewritten while it was open; open it again"):
            reader.read(0, ROOT)
        with pytest.raises(ContainerError, match="rewritten"):
            list(reader.payloads())


def test_tiles_of_the_same_place_and_length_are_still_told_apart(path, tmp_path):
    """The head tells files apart even where every payload of the other passes its checksum."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    with open_reader(path) as reader:
        end = reader.header.data_offset
        assert end < len(data)
        data[end - 1] ^= 1  # the payloads are the same, the head is not
        (tmp_path / "new").write_bytes(data)
        rewrite(tmp_path / "new", path)
        with pytest.raises(ContainerError, match="rewritten"):
            reader.read(0, ROOT)


def test_duplicates_are_of_the_open_file_and_close_on_their_own(path, mountain_file):
    reader = open_reader(path)
    before = reader.payload_bytes(0, ROOT)
    put(mountain_file, path)
    with reader.duplicate() as other:
        reader.close()
        reader.close()
        assert other.payload_bytes(0, ROOT) == before
        assert other.traffic.requests == 1
        np.testing.assert_array_equal(other.ids, reader.ids)
        with pytest.raises(ContainerError, match="cannot be read"):
            reader.payload_bytes(0, ROOT)
        with pytest.raises(ContainerError, match="cannot be read"):
            reader.duplicate()
    with pytest.raises(ContainerError, match="cannot be read"):
        other.payload_bytes(0, ROOT)


def test_stamps_tell_states_and_files(path, tmp_path):
    stamp = FileStamp.of(path)
    assert FileStamp.at(tmp_path / "absent") is None
    assert FileStamp.at("a\0b") is None
    shutil.copy2(path, tmp_path / "copy")
    copy = FileStamp.of(tmp_path / "copy")
    assert copy.size == stamp.size
    assert not copy.is_same_file(stamp)
    touch(path)
    moved = FileStamp.of(path)
    assert moved.is_same_file(stamp)
    assert moved != stamp


def test_a_copy_with_another_payload_is_a_change(path):
    with open(path, "rb") as file:
        data = bytearray(file.read())
    with open_reader(path) as reader:
        data[-3] ^= 1
        with open(f"{path}.new", "wb") as file:
            file.write(data)
        os.replace(f"{path}.new", path)
        assert not reader.is_current()
