"""Hooks of mkdocs: pages of the tree, the commands' reference, a tutorial whose commands are run.

Markdown files of the tree become pages as `PAGES` says; their links lead to pages, pictures are
copied, and a link to any other file becomes its text, since the site has no source files.
Blocks of tutorial.md that begin with ```` ``` { .sh .run } ```` are run one after the other in one
folder before the site is built; a command that fails ends the build. Pictures of the folder are
the tutorial's, and standard output of a block follows it.
"""

from __future__ import annotations

import html
import inspect
import os
import posixpath
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the commands are imported for their reference

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    ".github/SECURITY.md": "security.md",
    "neural/FORMAT.md": "format.md",
    "neural/BENCHMARK.md": "benchmark.md",
    "neural/AMORTIZED.md": "amortized.md",
    "viewer/storage/PROJECT.md": "project.md",
    "viewer/film/FILM.md": "film.md",
    "assets/samples/LICENSES.md": "sample.md",
    "assets/models/lapped_siren-base.md": "models/lapped_siren-base.md",
    "assets/models/huvr_siren-small.md": "models/huvr_siren-small.md",
    "assets/models/huvr-small.md": "models/huvr-small.md",
    "assets/models/functa-small.md": "models/functa-small.md",
    "assets/models/trans_inr-small.md": "models/trans_inr-small.md",
}
"""Markdown files of the tree → pages of the site."""

LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^][]*)\]\((?P<target>[^)\s]+)\)")
BLOCK = re.compile(r"^``` ?\{ ?\.sh \.run ?\}\n(?P<script>.*?)^```\n", re.MULTILINE | re.DOTALL)

VERBATIM = "\x00"
"""Mark of paragraphs that click does not wrap."""


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, their pictures, and the tutorial's pictures."""
    for name, uri in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=site_links(text, name)))
    for name, command in commands().items():
        text = "\n".join(reference(command, name))
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    for picture in sorted((ROOT / "assets/pictures").glob("*.png")):
        uri = f"pictures/{picture.name}"
        files.append(File.generated(config, uri, abs_src_path=str(picture)))
    tutorial = files.get_file_from_path("tutorial.md")
    assert tutorial is not None
    text = tutorial.content_string
    with tempfile.TemporaryDirectory() as folder:
        tutorial.content_string = BLOCK.sub(lambda block: run(block["script"], folder), text)
        for picture in sorted(Path(folder).glob("*.png")):
            uri = f"tutorial/{picture.name}"
            files.append(File.generated(config, uri, content=picture.read_bytes()))
    return files


def site_links(text: str, name: str) -> str:
    """Return a Markdown file's text with the links of the site."""
    base = posixpath.dirname(PAGES[name])

    def site_link(link: re.Match[str]) -> str:
        target, hash_, anchor = link["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if path in PAGES:
            uri = PAGES[path]
        elif path.startswith("assets/pictures/"):
            uri = f"pictures/{posixpath.basename(path)}"
        else:
            return link["text"]
        return (
            f"{link['image']}[{link['text']}]({posixpath.relpath(uri, base or '.')}{hash_}{anchor})"
        )

    return LINK.sub(site_link, text)


def commands() -> dict[str, click.Command]:
    """Import the program's commands."""
    from neural.cli import group
    from viewer.__main__ import main

    return {"ntile": group, "terrain-viewer": main}


def reference(command: click.Command, path: str, depth: int = 1) -> list[str]:
    """Return the lines of a command's section and of its subcommands', from what --help shows."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    about = inspect.cleandoc((command.help or "").replace("\b\n", VERBATIM + "\n"))
    lines = ["#" * depth + f" {path}", "", *verbatim(about.split("\n\n"))]
    lines += ["``` text", usage, "```", ""]
    by_group: dict[str, list[click.Option]] = {}
    for option in command.get_params(context):
        if isinstance(option, click.Option):
            by_group.setdefault(getattr(option, "group", ""), []).append(option)
    for group, options in by_group.items():
        if group:
            lines += ["#" * (depth + 1) + f" {group}", ""]
        lines += ["| option | meaning |", "|---|---|"]
        for option in options:
            spelling, meaning = option.get_help_record(context) or ("", "")
            lines.append(f"| `{spelling}` | {cell(meaning)} |")
        lines.append("")
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            subcommand = command.get_command(context, name)
            assert subcommand is not None
            lines += reference(subcommand, f"{path} {name}", depth + 1)
    return lines


def verbatim(paragraphs: list[str]) -> Iterator[str]:
    """Yield paragraphs of a command's help as Markdown; marked ones keep their lines."""
    for paragraph in paragraphs:
        if paragraph.startswith(VERBATIM):
            yield f"``` sh{paragraph.removeprefix(VERBATIM)}\n```\n"
        else:
            yield html.escape(paragraph, quote=False) + "\n"


def cell(text: str) -> str:
    """Return text for a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def run(script: str, folder: str) -> str:
    """Run a block of the tutorial; return it, followed by its standard output."""
    programs = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "152",
    }
    ended = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise PluginError(f"tutorial.md: `{script.strip()}` failed:\n{ended.stderr}")
    output = "\n".join(line.rstrip() for line in ended.stdout.splitlines()).strip("\n")
    block = f"``` sh\n{script}```\n"
    return f"{block}\n``` text\n{output}\n```\n" if output else block


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Pages of the tree are edited there: the site offers no edit link."""
    page.edit_url = None
    return markdown
