"""Whatever ends a command is one sentence on standard error and an exit code; --debug shows
where."""

from __future__ import annotations

import click
import pytest

from neural import cli
from neural.cli import info


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Make `ntile info` raise an exception."""

    def make(error: BaseException) -> None:
        @click.command("info")
        def command() -> None:
            raise error

        monkeypatch.setattr(info, "command", command)

    return make


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "ntile: interrupted; run the same command again."),
        (click.Abort(), 130, "ntile: interrupted; run the same command again."),
        (
            MemoryError(),
            3,
            "ntile: not enough memory; free the resource and run the command again.",
        ),
        (
            OSError(28, "No space left on device"),
            3,
            "ntile: [Errno 28] No space left on device; free the resource and run the command "
            "again.",
        ),
    ],
)
def test_what_ends_a_command_is_said(capsys, failing, error, code, sentence) -> None:
    failing(error)
    with pytest.raises(SystemExit) as ended:
        cli.main(["info"])
    assert ended.value.code == code
    assert capsys.readouterr().err.strip() == sentence


@pytest.mark.parametrize("error", [MemoryError(), OSError("disk"), cli.NtileError("a sentence")])
def test_debug_shows_where_it_happened(failing, error) -> None:
    failing(error)
    with pytest.raises(type(error)) as caught:
        cli.main(["--debug", "info"])
    assert caught.value is error


def test_no_such_command(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["inform"])
    assert ended.value.code == 2
    assert "No such command 'inform'" in capsys.readouterr().err


def test_every_command_is_listed_with_its_sentence(capsys) -> None:
    cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name in cli.COMMANDS:
        assert any(line.startswith(f"  {name} ") for line in lines)
