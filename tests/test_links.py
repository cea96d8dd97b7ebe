"""Relative links of all Markdown files lead to files of the tree and to headings of these; names in
the Python reference import."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from tests.test_layering import ROOT, project_files

CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^][]*\]\(([^)\s]+)\)|<(?:img|a)[^>]*(?:src|href)=\"([^\"]+)\"")
PAGES = Path(".docs/pages")
"""Its links are those of the site: `./dev docs` checks them."""

FILES = [
    path for path in project_files() if path.suffix == ".md" and not path.is_relative_to(PAGES)
]


def slug(heading: str) -> str:
    """Return the anchor that GitHub and mkdocs give a heading."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def broken_links(path: Path) -> list[str]:
    """Return the relative links of a Markdown file that lead nowhere."""
    broken = []
    for groups in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        link = groups[0] or groups[1]
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists():
            broken.append(link)
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", FILES, ids=str)
def test_relative_links_lead_somewhere(path: Path) -> None:
    assert broken_links(ROOT / path) == []


@pytest.mark.parametrize("path", sorted((ROOT / PAGES).rglob("*.md")), ids=lambda path: path.name)
def test_names_of_the_reference_import(path: Path) -> None:
    for name in re.findall(r"^::: ([\w.]+)$", path.read_text(encoding="utf-8"), re.M):
        pkgutil.resolve_name(name)


def test_broken_links_are_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`\n[a](page.md#one-two) [b](#one-two) ![c](no.png) [d](page.md#none)\n"
        "[e](https://example.org/no) `[f](no.md)`\n```\n[g](no.md)\n```\n",
        encoding="utf-8",
    )
    assert broken_links(page) == ["no.png", "page.md#none"]
