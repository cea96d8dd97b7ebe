"""Hooks of mkdocs: pages that lie elsewhere in the tree, and a tutorial whose commands are run.

Markdown files of the tree become pages as `PAGES` says; their links lead to pages, pictures are
copied, and a link to any other file becomes its text, since the site has no source files.
Blocks of tutorial.md that begin with ```` ``` { .sh .run } ```` are run one after the other in one
folder before the site is built; a command that fails ends the build. Pictures of the folder are
the tutorial's, and standard output of a block follows it.
"""

from __future__ import annotations

import os
import posixpath
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # mkdocs-click imports the commands

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

_folder = tempfile.TemporaryDirectory(prefix="tutorial-")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, their pictures, and the tutorial's pictures."""
    for name, uri in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=site_links(text, name)))
    for picture in sorted((ROOT / "assets/pictures").glob("*.png")):
        uri = f"pictures/{picture.name}"
        files.append(File.generated(config, uri, abs_src_path=str(picture)))
    tutorial = files.get_file_from_path("tutorial.md")
    assert tutorial is not None
    outputs = [run(found["script"]) for found in BLOCK.finditer(tutorial.content_string)]
    tutorial.content_string = BLOCK.sub(
        lambda found: f"``` sh\n{found['script']}```\n{outputs.pop(0)}", tutorial.content_string
    )
    for picture in sorted(Path(_folder.name).glob("*.png")):
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


def run(script: str) -> str:
    """Run a block of the tutorial and return its standard output as a block of text."""
    programs = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PATH": os.pathsep.join([programs, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
    }
    ended = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=_folder.name,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise PluginError(f"tutorial.md: `{script.strip()}` failed:\n{ended.stderr}")
    output = "\n".join(line.rstrip() for line in ended.stdout.splitlines()).strip("\n")
    return f"\n``` text\n{output}\n```\n" if output else ""


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Pages of the tree are edited there: the site offers no edit link."""
    page.edit_url = None
    return markdown


def on_post_build(**_: Any) -> None:
    """Remove the tutorial's folder."""
    _folder.cleanup()
