"""A reader of WKT, as far as naming a CRS's datum and units needs it. Pure text, no GDAL.

Grammar: OGC 18-010r7 (WKT2), `KEYWORD[value, value, …]`, values being "text", numbers, words or
nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r'\s*("(?:[^"]|"")*"|[\[\](),]|[^\s\[\](),"]+)')


@dataclass
class Node:
    """One bracketed node; plain values are kept as written, text with its quotes."""

    keyword: str
    values: list[str | Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The quoted text that nearly every node starts with, or ""."""
        first = self.values[0] if self.values else ""
        return (
            first[1:-1].replace('""', '"')
            if isinstance(first, str) and first.startswith('"')
            else ""
        )

    @property
    def nodes(self) -> list[Node]:
        """The values that are nodes."""
        return [value for value in self.values if isinstance(value, Node)]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it, in the order written."""
        yield self
        for node in self.nodes:
            yield from node.walk()

    def find(self, *keywords: str) -> Node | None:
        """Return the first node, in the order written, whose keyword is one of these."""
        return next((node for node in self.walk() if node.keyword in keywords), None)

    def __str__(self) -> str:
        return f"{self.keyword}[{','.join(map(str, self.values))}]"


def parse(text: str) -> Node:
    """Parse WKT text to its root node. Raises ValueError for brackets that do not match."""
    root = Node("")
    stack = [root]
    for match in _TOKEN.finditer(text):
        token = match[1]
        if token in "[(":
            keyword = stack[-1].values.pop() if stack[-1].values else None
            if not isinstance(keyword, str):
                raise ValueError("a WKT bracket follows no keyword")
            node = Node(keyword)
            stack[-1].values.append(node)
            stack.append(node)
        elif token in "])":
            stack.pop()
            if not stack:
                raise ValueError("the WKT closes a bracket too many")
        elif token != ",":
            stack[-1].values.append(token)
    if len(stack) != 1 or len(root.nodes) != 1:
        raise ValueError("the WKT is not one bracketed node")
    return root.nodes[0]
