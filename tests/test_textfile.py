"""Text files written whole or not at all: links, pipes, failures."""

import os
import threading
from pathlib import Path

import pytest

from neural.errors import NtileError
from viewer.storage import textfile


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    textfile.write_text(out, "first\n")

    def interrupted() -> None:
        with textfile.whole(out) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert out.read_text() == "first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_file_behind_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.json").write_text("{}")
    link = tmp_path / "a.json"
    link.symlink_to(tmp_path / "real" / "a.json")
    textfile.write_json(link, {"a": 1})
    assert link.is_symlink()
    assert textfile.read_json(tmp_path / "real" / "a.json", "a test") == {"a": 1}


def test_a_pipe_gets_the_text_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    textfile.write_text(pipe, "rows\n")
    reader.join(10)
    assert got == ["rows\n"]
    assert pipe.is_fifo()


def test_sentences_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NtileError, match=r"gone/a\.txt cannot be written \(No such file or directory\); go away\.$"):
        textfile.write_text(tmp_path / "gone" / "a.txt", "", "go away")
    with pytest.raises(NtileError, match=r"a\.json cannot be read \(No such file or directory\); check the name\.$"):
        textfile.read_json(tmp_path / "a.json", "a test")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(NtileError, match=r"a\.json: this is not a test \(.*\); it has to be JSON\.$"):
        textfile.read_json(tmp_path / "a.json", "a test")
