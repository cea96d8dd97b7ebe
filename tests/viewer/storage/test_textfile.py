"""JSON files of the viewer, and what goes wrong with them; writing itself is in `test_outputs`."""

from pathlib import Path

import pytest

from neural.errors import NtileError
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
