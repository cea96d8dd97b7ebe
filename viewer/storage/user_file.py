"""Files of the user's settings, which several windows and versions of the program read and write.

A change reads the file anew, merges and writes it whole under a lock of the folder, so that
nothing is lost that another window wrote meanwhile. A damaged file is put aside under a name of
its own. Times of files decide nothing: clocks jump.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from neural.errors import NtileError
from neural.system import locks, output

LOCK = ".lock"
"""File in the settings folder whose lock is held while any of its files is written."""

ADVICE = "changes last until you quit"

Say = Callable[[str], object]


class NoFolderError(NtileError):
    """There is no folder in which settings can be kept; the sentence is that of all of them."""


class UserFile:
    """A file of settings: bytes that are read, and changed under a lock."""

    def __init__(self, path: Path | None, title: str, say: Say, folder: Path | None = None) -> None:
        """`title` begins sentences, such as "Preferences". Without a `path` nothing is kept.

        `folder` holds the lock where that is not the file's.
        """
        self.path = path
        self._title = title
        self._say = say
        self._folder = folder or (None if path is None else path.parent)
        self.is_unreadable = False
        """True if the file could not be read, which was said."""

    def read(self, check: Callable[[bytes], object]) -> bytes | None:
        """Return the content, None where there is none or none that is sound; the reason is said.

        `check` raises ValueError for damaged content; the file is then put aside.
        """
        self.is_unreadable = False
        if self.path is None:
            return None
        try:
            content = _content(self.path)
            if content is None or self._problem(content, check) is None:
                return content
            with locks.locked(self._lock):
                return self._sound(check)
        except OSError as error:
            folder = self.path.parent
            self._say(
                f"{self.path} cannot be read ({_why(error)}); it counts as empty, and changes last "
                "until you quit."
                if os.access(folder, os.X_OK)
                else _no_folder(f"{folder} cannot be written")
            )
        except NtileError as error:
            self._say(str(error))
        self.is_unreadable = True
        return None

    def change(
        self, check: Callable[[bytes], object], change: Callable[[bytes | None], bytes | None]
    ) -> None:
        """Replace the content by that which `change` makes of it; None changes nothing.

        Raises NtileError where that is impossible; the file is then as it was.
        """
        if self.path is None or self._folder is None:
            raise NoFolderError(_no_folder("there is no home folder (set HOME to one)"))
        try:
            _make_folders(self._folder, self.path)
            with locks.locked(self._lock):
                before = self._sound(check)
                after = change(before)
                if after is not None and after != before:
                    output.write_bytes(self.path, after, advice=ADVICE)
        except OSError as error:
            raise NtileError(f"{self.path} cannot be written ({_why(error)}); {ADVICE}.") from error

    @property
    def _lock(self) -> Path:
        assert self._folder is not None
        return self._folder / LOCK

    @staticmethod
    def _problem(content: bytes, check: Callable[[bytes], object]) -> str | None:
        try:
            check(content)
        except (ValueError, RecursionError) as error:
            return " ".join(str(error).split()).rstrip(".")
        return None

    def _sound(self, check: Callable[[bytes], object]) -> bytes | None:
        """Return the content; put a damaged file aside and say so. The lock is held.

        Raises NtileError where it cannot be put aside.
        """
        assert self.path is not None
        content = _content(self.path)
        problem = None if content is None else self._problem(content, check)
        if problem is None:
            return content
        try:
            aside = put_aside(self.path)
        except OSError as error:
            raise NtileError(
                f"{self.path} is damaged ({problem}) and cannot be put aside ({_why(error)}); "
                "it counts as empty, and changes last until you quit."
            ) from error
        self._say(
            f"{self._title}: {self.path} was damaged ({problem}) and is reset; the old file is "
            f"kept as {aside}."
        )
        return None


class JsonFile:
    """A JSON object of settings."""

    def __init__(
        self,
        path: Path | None,
        title: str,
        say: Say,
        folder: Path | None = None,
        check: Callable[[dict[str, Any]], object] = lambda values: None,
    ) -> None:
        """See `UserFile`; `check` raises ValueError for an object that counts as damaged."""
        self._file = UserFile(path, title, say, folder)
        self._check = check

    @property
    def path(self) -> Path | None:
        """The file; None where nothing is kept."""
        return self._file.path

    @property
    def is_unreadable(self) -> bool:
        """True if the file could not be read, which was said."""
        return self._file.is_unreadable

    def read(self) -> dict[str, Any]:
        """Return the object; empty where there is none."""
        content = self._file.read(self._object)
        return {} if content is None else self._object(content)

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Have a function change the object. Raises NtileError."""

        def rewritten(content: bytes | None) -> bytes | None:
            values = {} if content is None else self._object(content)
            before = json.dumps(values)
            change(values)
            changed = json.dumps(values) != before
            return (json.dumps(values, indent=1) + "\n").encode() if changed else None

        self._file.change(self._object, rewritten)

    def _object(self, content: bytes) -> dict[str, Any]:
        """Return a JSON object, in any of Unicode's encodings. Raises ValueError."""
        values = json.loads(content)
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
        self._check(values)
        json.dumps(values, indent=1)  # what nests too deeply cannot be written back
        return values


def _content(path: Path) -> bytes | None:
    """Return a file's content; None without one. Raises OSError for what is no file."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISREG(os.stat(path).st_mode):
            kind = "it is a directory" if path.is_dir() else "it is no file"
            raise OSError(errno.EINVAL, kind)
        return path.read_bytes()
    return None


def put_aside(path: Path) -> Path:
    """Rename a damaged file, what a link names, to a name that no file has; return that.

    Raises OSError.
    """
    real = Path(os.path.realpath(path))
    for number in itertools.count(1):
        aside = output.beside(real, ".damaged" if number == 1 else f".damaged-{number}")
        try:
            os.link(real, aside)  # never replaces, as a renaming would
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            if os.path.lexists(aside):
                continue
            os.rename(real, aside)
            return aside
        try:
            os.unlink(real)
        except OSError:
            os.unlink(aside)
            raise
        return aside
    raise AssertionError


def _make_folders(folder: Path, path: Path) -> None:
    """Make the settings folder and that of a file in it. Raises NoFolderError."""
    try:
        os.makedirs(folder, exist_ok=True)
        os.makedirs(path.parent, exist_ok=True)
    except OSError as error:
        raise NoFolderError(_no_folder(f"{folder} cannot be a folder ({_why(error)})")) from error
    real = Path(os.path.realpath(path))
    if real.parent.is_dir() and not os.access(real.parent, os.W_OK):
        raise NoFolderError(_no_folder(f"{real.parent} cannot be written"))


def _no_folder(reason: str) -> str:
    return (
        f"Settings cannot be kept: {reason}; preferences, recent files, views and layout last "
        "until you quit."
    )


def unsaved(title: str, error: NtileError) -> str:
    """Return the sentence on settings that could not be saved; one for all where no folder is."""
    return str(error) if isinstance(error, NoFolderError) else f"{title} cannot be saved: {error}"


def _why(error: OSError) -> str:
    return error.strerror or str(error)
