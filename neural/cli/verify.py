"""`ntile verify`."""

from __future__ import annotations

from pathlib import Path

import click

from neural.cli import options


@click.command("verify")
@click.argument("source", metavar="FILE", type=options.PATH)
@options.as_json
def command(source: Path, as_json: bool) -> None:
    """Check every byte of a file: header, directories, checksums, pyramids."""
    from neural.container.verify import verify

    report = verify(source)
    if as_json:
        options.print_json(report)
    else:
        click.echo(f"{source}: sound, {report['tiles']} tiles in {len(report['layers'])} layer(s)")
