"""Files that change on disk while they are open: said once, until they are opened again."""

from __future__ import annotations

import contextlib
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from neural.raster import raster_name
from neural.system.file_stamp import FileStamp
from viewer.session.document import CurrentDocument
from viewer.session.messages import Messages
from viewer.tiles.background import Latest
from viewer.tiles.reference import DemReference
from viewer.tiles.terrain_file import TerrainFile

PERIOD_S = 2.0
"""Time between two looks at the files of a window, seconds."""

RELOAD = "file.reload"
"""Command that opens changed files again."""

WHERE = "File › Reload (F5)"
"""Place of that command in a window."""

_STAYS = "picture and numbers remain those of the file as it was opened"

Changes = dict[str, FileStamp | None]
"""Changed files by path or name, with their present states; None for those that are gone."""


class FileChangedWarning(UserWarning):
    """An open file has changed on disk; pictures and numbers remain those of the opened one."""


def warn(sentence: str, category: type[UserWarning]) -> None:
    """Issue a warning at the line that called the package."""
    inside = str(Path(__file__).parents[1]), contextlib.__file__  # the latter runs generators
    level = 1
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inside):
        frame = frame.f_back
        level += 1
    warnings.warn(sentence, category, stacklevel=level)


class FileWatch:
    """Comparison of the open files with those that their names lead to now."""

    def __init__(self, current: CurrentDocument, messages: Messages) -> None:
        self._current = current
        self._messages = messages
        self._thread = Latest("file-watch")
        self._looks = 0
        self._next_s = 0.0
        self._before: Changes = {}
        self._said: Changes = {}
        self._retried: Changes = {}

    def update(self) -> None:
        """Look at the files on a thread every `PERIOD_S` and warn of changes; once a frame.

        A file that is still being written is waited for: two looks have to agree.
        """
        document = self._current.document
        if document is None:
            return
        answer = self._thread.answer
        if answer is not None and answer.key == (self._looks, id(document)):
            changes: Changes = answer.value or {}
            self._thread.forget()
            before = self._before.items()
            steady = {name: stamp for name, stamp in changes.items() if (name, stamp) in before}
            self._before = changes
            for sentence in self._news(steady):
                self._messages.warning(f"{sentence} {WHERE} opens it again.", RELOAD)
        now_s = time.monotonic()
        if now_s >= self._next_s and not self._thread.busy:
            self._next_s = now_s + PERIOD_S
            self._looks += 1
            files = tuple(document.scene.files)
            key = self._looks, id(document)
            self._thread.ask(key, lambda outdated: changes_of(files))

    def news(self) -> list[str]:
        """Look at the files now; return a sentence for each that changed, once."""
        document = self._current.document
        return [] if document is None else self._news(changes_of(document.scene.files))

    def _news(self, changes: Changes) -> list[str]:
        sentences = []
        for name, stamp in changes.items():
            if name in self._said or (name, stamp) in self._retried.items():
                continue
            self._said[name] = stamp
            title = raster_name.label(name)
            if stamp is None:
                sentences.append(f"{title} is gone from its place; {_STAYS}.")
            else:
                sentences.append(f"{title} has changed on disk; {_STAYS}.")
        return sentences

    def begin_reload(self) -> None:
        """Forget the changes said: those still in place after a reload that fails are not said
        again, later ones are."""
        self._retried = {**self._retried, **self._said}
        self._said = {}

    def enter(self) -> None:
        """Follow files that were just opened."""
        self._said = {}
        self._retried = {}
        self._before = {}
        self._messages.dismiss(RELOAD)

    def close(self) -> None:
        """End the thread."""
        self._thread.close()


def changes_of(files: Sequence[TerrainFile]) -> Changes:
    """Return the files, and reference rasters, whose names lead to other contents than those that
    were opened."""
    changes: Changes = {}
    for file in files:
        path = file.reader.path
        if not file.reader.is_current():
            changes[path] = FileStamp.at(path)
        reference = file.reference
        if isinstance(reference, DemReference) and not reference.is_current():
            changes[reference.path] = FileStamp.at(reference.path)
    return changes
