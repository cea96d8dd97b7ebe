"""Encoded tiles on their way into a file, kept in `OUT.work` so that a killed encode goes on where
it stopped.

The work file lies beside the file that is written, where a link leads. A layer of heights takes 5.4
bytes for each sample in it, all levels (measured; 4 · 4/3 and SQLite's own), and its log up to 1000
pages (16 MB) and one group.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neural.container.envelope import ChildInfo, Children, pack_mask, unpack_mask
from neural.errors import NtileError, UsageError
from neural.grid import Grid
from neural.raster import facts
from neural.system import output
from neural.tiles import Tile, tile_from_id, tile_id

_LAYER_SHIFT = 56  # ids of 27 levels take 54 bits
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS done (batch INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS tile (
    key INTEGER PRIMARY KEY,  -- layer << 56 | id: one b-tree in the order that rows() wants
    offset_m REAL NOT NULL, scale_m REAL NOT NULL,
    min_m REAL NOT NULL, max_m REAL NOT NULL, error_m REAL NOT NULL,
    children BLOB NOT NULL, mask BLOB,
    latents BLOB NOT NULL  -- last, so that queries of the numbers do not page it in
);
CREATE TABLE IF NOT EXISTS body (
    key INTEGER NOT NULL, settings TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, settings)
);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value REAL NOT NULL);
"""
COMPANIONS = ("heights", "training")
"""Names of files that an encoder may keep beside the work file (`Stage.companion`)."""

_PAGE_BYTES = 16384
_ROW_BYTES = 512  # numbers and mask beside the latents
_FILLED = 1.02  # the file over its rows, measured 1.011 for rows of 256 kB
_LOG_PAGES = 1000  # SQLite's own limit before it empties the log
_COLUMNS = "key, offset_m, scale_m, min_m, max_m, error_m, children, mask, latents"


@dataclass(frozen=True, eq=False)
class StagedTile:
    """One encoded tile before its last quantization; fields as in
    `neural.container.envelope.Envelope`.

    Offset and scale come back rounded to float32, as the file stores them.
    """

    layer: int
    tile: Tile
    offset_m: float
    scale_m: float
    children: Children
    info: ChildInfo  # the tile's own bounds
    mask: np.ndarray | None  # bool [256, 256]
    latents: bytes


def valid_cells(row: StagedTile, grid: Grid) -> np.ndarray:
    """Return cells of a staged tile that hold a height, bool [256, 256]."""
    return grid.tile_inside(row.tile) if row.mask is None else row.mask


class Stage:
    """The work file of one output. `open` it; use as a context manager, or `close` or `discard`
    it."""

    def __init__(self, work: Path, db: sqlite3.Connection) -> None:
        self.path = work
        self._db = db

    @classmethod
    def open(cls, out_path: str | os.PathLike[str], job: Any, restart: bool = False) -> Stage:
        """Open or create `OUT.work` for a job with these facts, plain JSON values
        (`neural.raster.facts`).

        Raises UsageError when the work file was begun with other facts and `restart` is not set,
        and where `out_path` is no regular file; NtileError when it is in use, damaged, or cannot be
        written.
        """
        work = work_file(out_path)
        with _explained(work), _cleared_if_new(work):
            try:
                stage = cls(work, _connect(work))
            except sqlite3.DatabaseError as error:
                if not (restart and error.sqlite_errorname in ("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                    raise
                restart = False
                stage = cls(work, _connect(_without(work)))
            if restart:
                stage.close()
                stage = cls(work, _connect(_without(work)))
            begun = stage._db.execute("SELECT key FROM job").fetchone()
            if begun is None:
                with stage._db:
                    stage._db.execute(
                        "INSERT INTO job VALUES (?)", (json.dumps(job, sort_keys=True),)
                    )
        if begun is not None and (changed := _changes(begun[0], job)):
            stage.close()
            raise UsageError(
                f"{work} holds an unfinished encode that began otherwise: "
                f"{facts.summary(changed)}; "
                "undo that to finish it, or add --restart to discard it"
            )
        return stage

    @property
    def size_bytes(self) -> int:
        """Bytes that the work file and its log take."""
        return sum(path.stat().st_size for path in _parts(self.path) if path.exists())

    def done_groups(self) -> set[int]:
        """Return groups that are stored for good."""
        with _explained(self.path):
            return {batch for (batch,) in self._db.execute("SELECT batch FROM done")}

    def put_group(self, group: int, rows: Iterable[StagedTile]) -> None:
        """Store a group's tiles, all or none; a group or tile stored before is replaced."""
        with _explained(self.path), self._db:
            self._put(rows)
            self._db.execute("INSERT OR REPLACE INTO done VALUES (?)", (group,))

    def put(self, row: StagedTile) -> None:
        """Store one tile, replacing an earlier version."""
        with _explained(self.path), self._db:
            self._put([row])

    def _put(self, rows: Iterable[StagedTile]) -> None:
        marks = ",".join("?" * 9)
        self._db.executemany(f"INSERT OR REPLACE INTO tile VALUES ({marks})", map(_to_row, rows))

    def rows(self, layer: int) -> Iterator[StagedTile]:
        """Yield a layer's tiles in order of id, one in memory at a time."""
        query = f"SELECT {_COLUMNS} FROM tile WHERE key BETWEEN ? AND ? ORDER BY key"
        with _explained(self.path):
            yield from map(_from_row, self._db.execute(query, _span(layer)))

    def get(self, layer: int, id_: int) -> StagedTile:
        """Return the layer's tile with this id; raises KeyError."""
        with _explained(self.path):
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM tile WHERE key = ?", (_key(layer, id_),)
            ).fetchone()
        if row is None:
            raise KeyError(id_)
        return _from_row(row)

    def ids(self, layer: int) -> np.ndarray:
        """Return ids of the layer's tiles, rising, int64 [n]."""
        with _explained(self.path):
            keys = self._db.execute(
                "SELECT key FROM tile WHERE key BETWEEN ? AND ? ORDER BY key", _span(layer)
            )
            return np.fromiter((key for (key,) in keys), np.int64) - _key(layer, 0)

    def height_range(self, layer: int, level: int | None = None) -> tuple[float, float]:
        """Return the lowest and highest height of all the layer's tiles, or of those of one level,
        meters."""
        with _explained(self.path):
            query = "SELECT min(min_m), max(max_m) FROM tile WHERE key BETWEEN ? AND ?"
            low_high: tuple[float, float] = self._db.execute(query, _span(layer, level)).fetchone()
            return low_high

    def put_body(self, layer: int, id_: int, settings: str, data: bytes) -> None:
        """Store a tile's bits as coded with these settings."""
        with _explained(self.path), self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO body VALUES (?, ?, ?)", (_key(layer, id_), settings, data)
            )

    def body(self, layer: int, id_: int, settings: str) -> bytes | None:
        """Return a tile's bits as coded with these settings; None before that."""
        query = "SELECT data FROM body WHERE key = ? AND settings = ?"
        with _explained(self.path):
            row = self._db.execute(query, (_key(layer, id_), settings)).fetchone()
        return None if row is None else row[0]

    def fact(self, name: str, find: Callable[[], float]) -> float:
        """Return a number that takes long to find, found once in the life of the work file."""
        with _explained(self.path):
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        if row is not None:
            number: float = row[0]
            return number
        value = find()
        with _explained(self.path), self._db:
            self._db.execute("INSERT INTO fact VALUES (?, ?)", (name, value))
        return value

    def companion(self, name: str) -> Path:
        """Return the path of a file of an encoder, one of COMPANIONS, that ends with the work
        file."""
        return self.path.with_name(f"{self.path.name}-{name}")

    def close(self) -> None:
        """Close the work file and keep it."""
        self._db.close()

    def discard(self) -> None:
        """Close the work file and delete it."""
        self.close()
        _without(self.path)

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def work_file(out_path: str | os.PathLike[str]) -> Path:
    """Return the work file of an output; raises UsageError where that is no regular file,
    NtileError where it is nowhere."""
    try:
        return output.beside(output.target(out_path), ".work")
    except OSError as error:
        raise NtileError(
            f"{os.fspath(out_path)} cannot be written ({error.strerror}); {output.ADVICE} for "
            "the output."
        ) from error


def staged_bytes(latents_bytes: Iterable[int], tiles: float, group: int) -> float:
    """Return bytes that a work file takes with its log, tiles having latents of these lengths, one
    for each layer.

    `tiles` are those of one layer, `group` so many are stored at once.
    """
    a_tile = _FILLED * sum(length + _ROW_BYTES for length in latents_bytes)
    log = min(_LOG_PAGES * _PAGE_BYTES, a_tile * tiles)
    return a_tile * (tiles + group) + log


def _changes(begun: str, job: Any) -> list[str]:
    """Describe in half sentences how the facts of a job differ from those of its work file."""
    try:
        before = json.loads(begun)
    except ValueError:
        return ["by another version of this program"]
    return facts.changes(before, json.loads(json.dumps(job)))


@contextlib.contextmanager
def _cleared_if_new(work: Path) -> Iterator[None]:
    """Leave no work file behind that could not even be begun."""
    is_new = not work.exists()
    try:
        yield
    except sqlite3.Error:
        if is_new:
            _without(work)
        raise


def _connect(work: Path) -> sqlite3.Connection:
    """Open a work file for this process alone (the lock ends with the process, however it ends)."""
    db = sqlite3.connect(work, timeout=0.2)
    try:
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _parts(work: Path) -> tuple[Path, ...]:
    """Return the paths of a work file and of the files beside it, the file itself last."""
    beside = [work.with_name(f"{work.name}-{name}") for name in ("wal", "shm", *COMPANIONS)]
    return *beside, work


def _without(work: Path) -> Path:
    """Return the same path with nothing there."""
    try:
        for path in _parts(work):
            path.unlink(missing_ok=True)
    except OSError as error:
        raise NtileError(
            f"{work} cannot be deleted ({error.strerror}); delete it by hand"
        ) from error
    return work


@contextlib.contextmanager
def _explained(work: Path) -> Iterator[None]:
    """Turn database errors into one sentence about the work file."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_BUSY"):
            text = f"{work} is in use; wait until the other encode of this file has ended"
        elif name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            text = f"{work} is damaged; add --restart to begin anew"
        else:
            why = output.explain(error, work)
            text = f"{work} cannot be written ({why}); make room or {output.ADVICE} for the output"
        raise NtileError(text) from error


def _key(layer: int, id_: int) -> int:
    return layer << _LAYER_SHIFT | id_


def _span(layer: int, level: int | None = None) -> tuple[int, int]:
    """Return the first and last key of a layer, or of one of its levels."""
    if level is None:
        return _key(layer, 0), _key(layer + 1, 0) - 1
    return _key(layer, tile_id(Tile(level, 0, 0))), _key(layer, tile_id(Tile(level + 1, 0, 0)) - 1)


def _to_row(tile: StagedTile) -> tuple[Any, ...]:
    bounds = np.array([[np.nan] * 3 if child is None else child for child in tile.children], "<f8")
    return (
        _key(tile.layer, tile_id(tile.tile)),
        *(float(np.float32(tile.offset_m)), float(np.float32(tile.scale_m))),
        *map(float, tile.info),
        bounds.tobytes(),
        None if tile.mask is None else pack_mask(tile.mask),
        tile.latents,
    )


def _from_row(row: tuple[Any, ...]) -> StagedTile:
    key, offset_m, scale_m, low, high, error_m, bounds, mask, latents = row
    layer = key >> _LAYER_SHIFT
    a, b, c, d = (
        None if child[0] != child[0] else ChildInfo(*child)
        for child in np.frombuffer(bounds, "<f8").reshape(4, 3).tolist()
    )
    return StagedTile(
        layer=layer,
        tile=tile_from_id(key - _key(layer, 0)),
        offset_m=offset_m,
        scale_m=scale_m,
        children=(a, b, c, d),
        info=ChildInfo(low, high, error_m),
        mask=None if mask is None else unpack_mask(mask),
        latents=latents,
    )
