"""JSON files of the viewer, and what goes wrong with them; writing itself is in `test_outputs`."""

import os
from pathlib import Path

import pytest

from neural.errors import NtileError
from tests.support.commands import POSIX
from viewer.storage import textfile


def test_sentences_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        NtileError, match=r"gone/a\.json cannot be written: its folder does not exist; go away\.$"
    ):
        textfile.write_json(tmp_path / "gone" / "a.json", "", "go away")
    with pytest.raises(
        NtileError, match=r"a\.json cannot be read \(No such file or directory\); check the name\.$"
    ):
        textfile.read_json(tmp_path / "a.json", "a test")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(
        NtileError, match=r"a\.json: this is not a test \(.*\); it has to be JSON\.$"
    ):
        textfile.read_json(tmp_path / "a.json", "a test")


@POSIX
def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(NtileError, match=r"a\.json cannot be read \(it is a pipe, not a file\)"):
        textfile.read_json(tmp_path / "a.json", "a test")
    reading, writing = os.pipe()
    os.write(writing, b"[1]")
    os.close(writing)
    assert textfile.read_json(f"/dev/fd/{reading}", "a test") == [1]  # as a shell's <(…)
    os.close(reading)
