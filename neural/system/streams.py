"""Standard output and error of the commands: any text in any encoding, and an end of the reader.

Characters that an encoding lacks are replaced by others that say the same (`_SIGNS`), else by
their escapes. Names of files that are no text in the encoding of the system come out byte by byte
on standard output, as a shell passes them, and escaped on standard error.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from encodings import ascii as ascii_codec
from functools import partial
from typing import Any, NoReturn

from neural.errors import NtileError

_SIGNS = str.maketrans(
    {
        "×": "x",
        "·": "*",
        "−": "-",
        "±": "+-",
        "°": " deg",
        "µ": "u",
        "σ": "sigma",
        "ω": "omega",
        "≤": "<=",
        "≥": ">=",
        "≈": "~",
        "≠": "!=",
        "√": "sqrt",
        "∞": "inf",
        "→": "->",
        "←": "<-",
        "↔": "<->",
        "‐": "-",
        "‑": "-",
        "–": "-",
        "—": "-",
        "‘": "'",
        "’": "'",
        "‚": ",",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "…": "...",
        "•": "*",
        "✓": "ok",
        "─": "-",
        "━": "-",
        "╸": "-",
        "╺": "-",
        "│": "|",
        "█": "#",
    }
)
_ENDED_BY_PIPE = 128 + getattr(signal, "SIGPIPE", 13)
_CLOSED = {errno.EPIPE, errno.ESHUTDOWN} | ({errno.EINVAL} if os.name == "nt" else set())
_ASCII = "ntile-ascii"
_BYTES_KEPT = "ntile-bytes-kept"
_ESCAPED = "ntile-escaped"


class StreamError(NtileError):
    """Standard output cannot be written (exit status 3)."""


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make standard output and error fit for any text while the block runs; flush them after it.

    A reader of standard output that has gone ends the command in silence, status 141 as shells
    have it. Where standard output cannot be written, such as on a full disk, the writer gets a
    StreamError; uncaught it becomes a sentence and status 3. Where standard error cannot, the
    command goes on without it.
    """
    before = sys.stdout, sys.stderr
    replaced = [
        _replace("stdout", _BYTES_KEPT, _end),
        _replace("stderr", _ESCAPED, lambda _error: None),
    ]
    try:
        yield
        for stream in filter(None, replaced):
            stream.flush()
            if stream.failure is not None:
                stream.fail(stream.failure)
    except StreamError as error:  # nothing above has said it
        sys.stderr.write(f"Error: {error}\n")
        raise SystemExit(error.exit_code) from error
    finally:
        for stream in filter(None, replaced):
            with suppress(Exception, SystemExit):  # it has been reported
                stream.flush()
            with suppress(Exception):
                stream.detach()
        sys.stdout, sys.stderr = before


def printable(text: str, encoding: str = "ascii") -> str:
    """Return text with the characters that `encoding` lacks replaced; for files that are not ours
    to choose the encoding of."""
    return text.encode(encoding, _ESCAPED).decode(encoding)


class _Stream(io.TextIOWrapper):
    """Text stream that hands its first failure to `fail`, and writes nowhere from then on."""

    fail: Callable[[OSError], None]
    failure: OSError | None = None
    below: io.TextIOWrapper  # it would close the file when collected

    def write(self, text: str, /) -> int:
        """See `io.TextIOBase`."""
        if text == "":  # click's test of a stream, which swallows its exceptions
            return 0
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """See `io.IOBase`."""
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Send the text that waits, and all to come, to the null device."""
        self.failure = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
        self.fail(error)


def _replace(name: str, errors: str, fail: Callable[[OSError], None]) -> _Stream | None:
    """Put a `_Stream` in the place of a standard stream; None where that is no file's.

    A closed one becomes the null device: else the next file to be opened would be in its place.
    """
    stream = getattr(sys, name)
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper) or isinstance(stream, _Stream):
        return None
    with suppress(OSError):
        stream.flush()
    # `replace` and the like are the user's choice, by PYTHONIOENCODING
    chosen = stream.errors in ("ignore", "replace", "xmlcharrefreplace", "namereplace")
    encoding = codecs.lookup(stream.encoding).name
    if "a".encode(encoding) != b"a":  # UTF-16 and the like: single bytes have no place in it
        errors = _ESCAPED
    new = _Stream(
        stream.buffer,
        # click takes plain ASCII for a mistake and writes UTF-8
        encoding=_ASCII if encoding == "ascii" else stream.encoding,
        errors=stream.errors if chosen else errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    new.fail = fail
    new.below = stream
    setattr(sys, name, new)
    return new


def _end(error: OSError) -> NoReturn:
    if error.errno in _CLOSED:
        raise SystemExit(_ENDED_BY_PIPE) from error
    raise StreamError(
        f"Standard output cannot be written ({error.strerror or error}); send it elsewhere."
    ) from error


def _in_other_signs(error: UnicodeError, *, bytes_kept: bool) -> tuple[Any, int]:
    """Replace the characters that an encoding lacks; a handler of errors (`codecs`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter = error.object[error.start]
    if "\udc80" <= letter <= "\udcff":  # a byte of a name: see os.fsdecode
        byte = ord(letter) - 0xDC00
        return (bytes([byte]) if bytes_kept else f"\\x{byte:02x}"), error.start + 1
    said = letter.translate(_SIGNS)
    if said == letter:
        simple = unicodedata.normalize("NFKC", letter)  # ² is 2, a narrow blank a blank
        said = simple if simple.isascii() else letter.encode("ascii", "backslashreplace").decode()
    return said, error.start + 1


def _find_ascii(name: str) -> codecs.CodecInfo | None:
    if name.replace("_", "-") != _ASCII:
        return None
    plain = ascii_codec.getregentry()
    return codecs.CodecInfo(
        plain.encode,
        plain.decode,
        plain.streamreader,
        plain.streamwriter,
        plain.incrementalencoder,
        plain.incrementaldecoder,
        name=_ASCII,
    )


codecs.register(_find_ascii)
codecs.register_error(_BYTES_KEPT, partial(_in_other_signs, bytes_kept=True))
codecs.register_error(_ESCAPED, partial(_in_other_signs, bytes_kept=False))
