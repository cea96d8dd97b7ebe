"""The user's home folder, and what an environment without one means for libraries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def home() -> Path | None:
    """Return the user's home folder; None where the account has none: it is not told, missing, or
    the root."""
    name = os.environ.get("HOME", "")
    try:
        folder = Path(name) if os.path.isabs(name) and os.name == "posix" else _registered_home()
    except (KeyError, RuntimeError):  # an account without an entry, as in containers
        return None
    is_root = folder == Path(folder.anchor)
    return folder if folder.is_absolute() and not is_root and os.path.isdir(folder) else None


def _registered_home() -> Path:
    """Return the home folder that the system has for the user."""
    if os.name != "posix":
        return Path.home()
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def working_directory() -> Path | None:
    """Return the working directory; None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


def leave_removed_directory() -> None:
    """Change to the home folder, or the root, where the working directory was removed; for a
    program whose libraries cannot do without one."""
    if working_directory() is None:
        os.chdir(home() or os.sep)


@contextmanager
def some_working_directory() -> Iterator[None]:
    """Let libraries that ask for the working directory, as imgui's does at its import, have the
    root while the block runs where it was removed."""
    if working_directory() is not None:
        yield
        return
    removed = os.open(os.curdir, os.O_RDONLY)
    os.chdir(os.sep)
    try:
        yield
    finally:
        os.fchdir(removed)
        os.close(removed)


def keep_libraries_in_place() -> None:
    """Have the libraries of this process, such as OpenGL's shader cache, write nothing into the
    working directory or the root, where the environment would lead them."""
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        if name in os.environ and not os.path.isabs(os.environ[name]):
            del os.environ[name]
    account = home()
    if account is None:
        os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    elif not os.path.isabs(os.environ.get("HOME", "")) and os.name == "posix":
        os.environ["HOME"] = str(account)
