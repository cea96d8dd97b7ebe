"""The `ntile` command. Each subcommand is a module of this package, imported only when it is
called."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress

import click

import neural
from neural.errors import NtileError
from neural.system.home import keep_libraries_in_place
from neural.system.signals import Ended, ended_by_signals
from neural.system.streams import standard_streams

COMMANDS = ("encode", "decode", "info", "verify", "evaluate", "bench", "train")


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"neural.cli.{cmd_name}").command
        return command


@click.group(cls=_LazyGroup)
@click.version_option(neural.__version__, prog_name="ntile")
@click.option("--debug", is_flag=True, help="Print the traceback of an error.")
def group(debug: bool) -> None:
    """Compact neural terrain files: encode, decode, inspect, evaluate.

    Results go to standard output, progress and messages to standard error. Exit codes: 0 done, 2
    wrong usage, 3 input or output failed, 129, 130 and 143 ended by SIGHUP, Ctrl+C and SIGTERM, 141
    by a reader of standard output that has gone.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the `ntile` command: every expected failure is one sentence on standard error and an exit
    status."""
    arguments = sys.argv[1:] if argv is None else argv
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    keep_libraries_in_place()
    with standard_streams():
        _run(arguments, debug)


def _run(arguments: list[str], debug: bool) -> None:
    try:
        with ended_by_signals():
            group.main(arguments, prog_name="ntile", standalone_mode=False)
    except Ended as ended:
        with suppress(OSError):  # the terminal may be gone, as after SIGHUP
            click.echo(f"ntile: ended by {ended.name}; {ended.advice}.", err=True)
        raise
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("ntile: interrupted; run the same command again.", err=True)
        sys.exit(130)
    except NtileError as error:
        if debug:
            raise
        click.echo(f"ntile: {error}", err=True)
        sys.exit(error.exit_code)
    except (OSError, MemoryError) as error:
        if debug:
            raise
        reason = str(error) or "not enough memory"
        click.echo(f"ntile: {reason}; free the resource and run the command again.", err=True)
        sys.exit(3)
