"""Writing files whole: complete, checked and on the disk under the final name, or the earlier file
untouched.

Every file that either command writes for its user is written here. A symbolic link is followed, and
what it names is replaced; what is no regular file (a device, a pipe, a folder) is refused.

A file takes shape in a folder of its own beside the target, `NAME.0.tmp`, whose making is exclusive
and which the writing process keeps locked (flock). So several processes that write one target do
not meet: the last to finish wins. A folder that nobody has locked is of a process that was killed;
the next that writes the same target removes it. Where the file system has no locks, nothing is
removed.
"""

from __future__ import annotations

import atexit
import errno
import io
import itertools
import os
import shutil
import stat
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from neural.errors import NtileError, UsageError
from neural.system import file_kinds

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

StrPath = str | os.PathLike[str]
Check = Callable[[Path], object]
"""Reads a file that is complete but not yet in its place; raises an exception of any kind where it
is not sound."""

ADVICE = "choose another place"
"""Advice of the sentences unless another is given."""

_ENDING = ".tmp"
_PART = "part"  # begins the names of all files in such a folder
_PATIENCE_S = 2.0  # a folder is made in less than a millisecond
_RETRY_S = 0.005
_LONGEST_NAME = 120  # bytes of names beside the target; the strictest file systems take 143
_CHUNK = 1 << 20
_PROBE_BYTES = 4 << 20  # GDAL and FFmpeg write in pieces no larger
_UNSYNCED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}  # file systems that cannot flush on demand

_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # may be the working directory, too

_places: set[Path] = set()  # folders of this process, for `discard_all`

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_places.clear)


def check(
    path: StrPath, inputs: Iterable[StrPath] = (), raised: type[NtileError] = UsageError
) -> None:
    """Refuse an output before the work begins; nothing is changed.

    Raises UsageError where `path` is no regular file or one of the files `inputs`, `raised` where
    its folder does not exist, NtileError where it cannot be written.
    """
    with _explained(path, ADVICE, NtileError, raised):
        real = target(path)
    for other in inputs:
        with suppress(OSError, ValueError):  # names that are no files of this machine
            if os.path.samefile(real, other):
                name = os.fspath(path)
                same = os.fspath(other)
                alias = "" if name == same else f" ({same})"
                raise UsageError(f"{name}: is the input itself{alias}; choose another output.")
    with _explained(path, ADVICE, NtileError), _place(real):
        pass


def check_room(path: StrPath, needed: float, held: float = 0.0) -> None:
    """Raise NtileError where a disk is too small for `needed` bytes at `path`, of which it has
    `held` already."""
    real = Path(os.path.realpath(path))
    free = shutil.disk_usage(real.parent).free
    if needed - held > free:
        raise NtileError(
            f"{os.fspath(path)} cannot be written: about {_size(needed - held)} are needed and "
            f"{_size(free)} are free "
            f"in {real.parent}; make room or {ADVICE}."
        )


def target(path: StrPath) -> Path:
    """Return the file that writing to `path` creates or replaces: every link followed, also one to
    nothing.

    Raises UsageError where that is no regular file, OSError where it cannot be reached.
    """
    name = os.fspath(path)
    real = Path(os.path.realpath(name))
    try:
        state = os.stat(name)
    except FileNotFoundError:
        if not os.path.isdir(real.parent):
            raise
        return real
    kind = file_kinds.kind(state.st_mode)
    if kind is None and (_is_standard_stream(state) or not real.exists()):
        kind = "an open stream"
    if kind is not None:
        raise UsageError(
            f"{name} cannot be written: it is {kind}, not a file; give the name of a file."
        )
    return real


def beside(real: Path, ending: str) -> Path:
    """Return the path of a file's companion `NAME` + `ending`, its name shortened where that would
    be too long."""
    name = os.fsencode(real.name)
    if len(name) + len(ending) > _LONGEST_NAME:
        start = name[: _LONGEST_NAME - len(ending) - 9].decode("utf-8", "ignore")
        return real.with_name(f"{start}~{zlib.crc32(name):08x}{ending}")
    return real.with_name(real.name + ending)


@contextmanager
def whole(
    path: StrPath,
    *,
    advice: str = ADVICE,
    raised: type[NtileError] = NtileError,
    check: Check | None = None,
    library: tuple[type[Exception], ...] = (),
) -> Iterator[Path]:
    """Yield the path to write a file to; it gets its final name when the block is done and `check`
    has read it.

    The path lies in an empty folder that is removed with all its files, however the block ends. The
    earlier file's permissions are kept. Raises `raised`, a sentence with the system's reason that
    ends in `advice`, for an OSError and for the exceptions of a `library` that hides such reasons;
    UsageError as `target` does.
    """
    with _explained(path, advice, raised):
        real = target(path)
        name = os.path.abspath(path)  # the working directory may change meanwhile
        with _place(real) as folder:
            part = folder / _PART
            try:
                yield part
                _sync(part)
            except library as error:
                raise _reason(folder, " ".join(str(error).split())) from error
            if check is not None:
                try:
                    check(part)
                except Exception as error:
                    if isinstance(error, OSError) and error.errno:
                        raise
                    raise _reason(
                        folder, f"what was written does not read back: {error.__cause__ or error}"
                    ) from error
            _take_place(part, name, real)


@contextmanager
def binary(
    path: StrPath, *, advice: str = ADVICE, raised: type[NtileError] = NtileError
) -> Iterator[IO[bytes]]:
    """Open a file to write from its first to its last byte; it is read back and compared, then put
    in place as by `whole`."""
    summed = _Summed()
    with (
        whole(path, advice=advice, raised=raised, check=summed.compare) as part,
        summed.begin(part),
    ):
        yield cast(IO[bytes], summed)


def write_bytes(
    path: StrPath, data: bytes, *, advice: str = ADVICE, raised: type[NtileError] = NtileError
) -> None:
    """Write a whole file, as `binary` does."""
    with binary(path, advice=advice, raised=raised) as file:
        file.write(data)


def write_text(
    path: StrPath, text: str, *, advice: str = ADVICE, raised: type[NtileError] = NtileError
) -> None:
    """Write a whole text file in UTF-8, as `binary` does."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"), advice=advice, raised=raised)


def make_folder(path: StrPath, advice: str = ADVICE) -> Path:
    """Make a folder and those above it, unless it exists. Raises NtileError."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise NtileError(
            f"{os.fspath(path)} cannot be a folder ({_why(error)}); {advice}."
        ) from error
    return Path(path)


def explain(error: Exception, path: StrPath) -> str:
    """Return the reason that a file could not be written by a library that hides the system's."""
    try:
        with _place(Path(os.path.realpath(path))) as folder:
            return _why(_reason(folder, str(error)))
    except OSError as refused:
        return _why(refused)


def scratch_folder(prefix: str) -> Path:
    """Make an empty folder for temporary files, removed when this process ends.

    Raises OSError where the system has no place for it; the working directory is none, unless the
    environment names it.
    """
    place = tempfile.gettempdir()
    named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if place not in {os.path.abspath(name) for name in named if name}:
        with suppress(FileNotFoundError):  # the working directory may have been removed
            if os.path.samefile(place, os.getcwd()) and place not in _TEMPORARY:
                raise NotADirectoryError(errno.ENOTDIR, "there is no folder for temporary files")
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    remove_at_end(folder)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder of `remove_at_end` before that."""
    _clear(folder)
    _places.discard(folder)


def remove_at_end(folder: Path) -> None:
    """Have a folder of files or links removed when this process ends, in whatever way."""
    _places.add(folder)
    atexit.register(_clear_own, folder)


def discard_all() -> None:
    """Remove all that this process is writing; for a process that ends at once."""
    for place in list(_places):
        _clear(place)


@contextmanager
def _explained(
    path: StrPath, advice: str, raised: type[NtileError], astray: type[NtileError] | None = None
) -> Iterator[None]:
    """Turn an OSError into one sentence about the output: `raised`, or `astray` where the path
    leads nowhere."""
    try:
        yield
    except FileNotFoundError as error:
        try:
            folder = os.path.dirname(os.path.realpath(path))
        except OSError:  # the working directory was removed
            folder = ""
        why = "its folder does not exist" if not os.path.isdir(folder) else _why(error)
        raise (astray or raised)(
            f"{os.fspath(path)} cannot be written: {why}; {advice}."
        ) from error
    except OSError as error:
        raise raised(f"{os.fspath(path)} cannot be written ({_why(error)}); {advice}.") from error


def _why(error: Exception) -> str:
    why = (getattr(error, "strerror", None) or str(error)).rstrip(". ")
    refused = isinstance(error, PermissionError) and str(error.filename).endswith(_ENDING)
    return f"{why} in its folder" if refused else why


def _size(count: float) -> str:
    return f"{count / 1e9:.3g} GB" if count >= 1e9 else f"{count / 1e6:.3g} MB"


def _is_standard_stream(state: os.stat_result) -> bool:
    """Return True if a file is this process's standard input, output or error, which must not be
    replaced."""
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), state):
                return True
    return False


@contextmanager
def _place(real: Path) -> Iterator[Path]:
    """Make an empty folder next to a file, locked while the block runs and then removed."""
    folder, lock = _new_folder(real)
    _places.add(folder)
    try:
        # it could be replaced, but is meant to stay
        if real.exists() and not os.access(real, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        yield folder
    finally:
        _clear_own(folder)
        if lock is not None:
            os.close(lock)


def _new_folder(real: Path) -> tuple[Path, int | None]:
    """Make a folder next to a file and lock it (None where that fails); a dead process's is removed
    first."""
    alone = _lock(real.parent, _PATIENCE_S)  # one at a time: no folder is seen before it is locked
    try:
        for number in itertools.count():
            folder = beside(real, f".{number}{_ENDING}")
            if alone is not None and folder.exists():
                _remove_unlocked(folder)
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)
                return folder, _lock(folder)
    finally:
        if alone is not None:
            os.close(alone)
    raise AssertionError


def _lock(folder: Path, patience_s: float = 0.0) -> int | None:
    """Lock a folder until the descriptor is closed; None where another process keeps it, or it
    cannot be locked."""
    if fcntl is None:
        return None
    deadline = time.monotonic() + patience_s
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if not isinstance(error, BlockingIOError) or time.monotonic() >= deadline:
                os.close(descriptor)
                return None
        except BaseException:
            os.close(descriptor)
            raise
        time.sleep(_RETRY_S)


def _remove_unlocked(folder: Path) -> None:
    """Remove a folder whose process has ended."""
    lock = _lock(folder)
    if lock is not None:
        with suppress(OSError):
            if all(name.startswith(_PART) for name in os.listdir(folder)):  # ours
                _clear(folder)
        os.close(lock)


def _clear_own(folder: Path) -> None:
    """Remove a folder of this process; a forked child leaves its parent's."""
    if folder in _places:
        _clear(folder)
        _places.discard(folder)


def _clear(folder: Path) -> None:
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            os.unlink(entry)
        os.rmdir(folder)


def _reason(folder: Path, text: str) -> OSError:
    """Return the system's reason for a failure in a folder that is known by a text alone, found by
    writing there again."""
    probe = folder / f"{_PART}.probe"
    try:
        with open(probe, "wb") as file:
            for _ in range(_PROBE_BYTES // _CHUNK):
                file.write(bytes(_CHUNK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error
    finally:
        with suppress(OSError):
            os.unlink(probe)
    return OSError(text)


def _take_place(part: Path, path: StrPath, real: Path) -> None:
    """Put a complete file in the place of its target, with that one's owner and permissions."""
    if target(path) != real:
        raise OSError("its links were changed meanwhile")
    with suppress(FileNotFoundError):
        old = os.stat(real)
        new = os.stat(part)
        if hasattr(os, "chown") and (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            with suppress(OSError):  # only some may
                os.chown(part, old.st_uid, old.st_gid)
        os.chmod(part, stat.S_IMODE(old.st_mode))
    os.replace(part, real)
    if os.name == "posix":
        _sync(real.parent)


def _sync(path: Path) -> None:
    """Flush a file or folder to the disk. Raises OSError where it does not get there."""
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSYNCED:
            raise
    finally:
        os.close(descriptor)


class _Summed(io.BufferedIOBase):
    """A file that records the size and CRC of all data written to it."""

    def __init__(self) -> None:
        self._size = 0
        self._crc = 0

    def begin(self, path: Path) -> _Summed:
        """Create the file."""
        self._file = open(path, "xb")
        return self

    def writable(self) -> bool:
        """See `io.IOBase`."""
        return True

    def write(self, data: Any, /) -> int:
        """See `io.BufferedIOBase`."""
        count = self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self._size += count
        return count

    def tell(self) -> int:
        """Return the number of bytes written."""
        return self._size

    def flush(self) -> None:
        """See `io.IOBase`."""
        if hasattr(self, "_file") and not self._file.closed:
            self._file.flush()

    def close(self) -> None:
        """See `io.IOBase`."""
        if hasattr(self, "_file"):
            self._file.close()
        super().close()

    def compare(self, path: Path) -> None:
        """Raise ValueError unless the file at `path` holds the bytes written."""
        size = 0
        crc = 0
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                size = size + len(chunk)
                crc = zlib.crc32(chunk, crc)
        if (size, crc) != (self._size, self._crc):
            raise ValueError(f"{size} bytes instead of {self._size}, or others")
