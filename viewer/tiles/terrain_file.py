"""Open file: its sources by layer and bit depth, and its error reference."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from neural.container.reader import Reader
from neural.errors import NtileError, UsageError
from neural.raster.crs import same_crs
from neural.raster.reading import Raster
from neural.surface.tile_surface import available_bits
from viewer.model.height_range import HeightRange
from viewer.model.settings import LayerChoice
from viewer.model.text import crs_name
from viewer.tiles import reference, sampled_heights
from viewer.tiles.quadtree import ROOT
from viewer.tiles.source import LoadedTile, SourceKey, TileSource

_SERIALS = itertools.count()


class TerrainFile:
    """Reader with its sources and reference. Closes the reader with itself, also when its
    constructor fails (NtileError).

    `serial` distinguishes its tiles from those of other files, also of closed ones.
    """

    def __init__(self, reader: Reader, reference_dem: Raster | None) -> None:
        self.reader = reader
        self.serial = next(_SERIALS)
        self.problems: dict[SourceKey, str] = {}
        """Error sentences of sources that cannot be shown."""
        self.reference_dem = reference_dem
        self.begins: SourceKey | None = None
        """First source, set by `first`."""
        self.roots: dict[SourceKey, tuple[LoadedTile, float]] = {}
        """Root tiles loaded before a tile store exists, and their load times in seconds."""
        self.heights = HeightRange(0.0, 1.0, 0.0, 1.0)
        """Range of the heights of all layers, set by `first`."""
        self._numpy_decode = True
        self._sources: dict[SourceKey, TileSource] = {}
        try:
            self.reference: reference.ErrorReference | None = reference.find(reader, reference_dem)
        except BaseException:
            reader.close()
            raise

    def close(self) -> None:
        """Close the reader and the reference raster; no worker may be reading them."""
        if isinstance(self.reference, reference.DemReference):
            self.reference.close()
        self.reader.close()

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on the reference raster, empty without one."""
        return self.reference.remarks if isinstance(self.reference, reference.DemReference) else ()

    def key(self, choice: LayerChoice) -> SourceKey:
        """Return the key of a slot's choice, with layer and bits clamped to valid ones."""
        index = min(max(choice.index, 0), len(self.reader.layers) - 1)
        kept = choice.keep_bits in available_bits(self.reader.layers[index])[1:]
        return SourceKey(index, choice.keep_bits if kept else None, self.serial)

    def source(self, key: SourceKey) -> TileSource:
        """Return the source of a key, made on first use. Raises NtileError."""
        if key not in self._sources:
            self._sources[key] = TileSource(self.reader, key, numpy_decode=self._numpy_decode)
        return self._sources[key]

    def first(self, choice: LayerChoice, numpy_decode: Callable[[], bool]) -> SourceKey:
        """Load the root of the first displayable source and return its key: `choice`, or the next
        layer.

        Callable on any thread before the file is shared. `numpy_decode` blocks until the decode
        backend is known and returns True for "numpy". Raises the first NtileError.
        """
        preferred = self.key(choice)
        count = len(self.reader.layers)
        keys = [
            preferred,
            *(
                SourceKey((preferred.layer + step) % count, None, self.serial)
                for step in range(1, count)
            ),
        ]
        for key in keys:
            try:
                source = self.source(key)
                start = time.perf_counter()
                read = source.read(ROOT)
                seconds = time.perf_counter() - start
                self._numpy_decode = source.numpy_decode = numpy_decode()
                start = time.perf_counter()
                self.roots[key] = source.finish(ROOT, read), seconds + time.perf_counter() - start
                self.heights = sampled_heights.of_source(source, read.surface)
            except NtileError as error:
                self.problems[key] = str(error)
            else:
                self.begins = key
                return key
        raise NtileError(self.problems[keys[0]])

    @property
    def first_source(self) -> TileSource:
        """Source of `first`. Raises RuntimeError before that."""
        if self.begins is None:
            raise RuntimeError("no source has been loaded")
        return self.source(self.begins)

    @property
    def keys(self) -> list[SourceKey]:
        """Keys of all sources made or failed so far."""
        return list(self._sources.keys() | self.problems.keys())


def check_crs(first: Reader, other: Reader) -> None:
    """Raise UsageError unless two files have the same coordinate system."""
    one = first.grid.crs_wkt
    two = other.grid.crs_wkt
    if not same_crs(one, two):
        raise UsageError(
            f"{other.path}: its coordinate system is {crs_name(two)}, that of {first.path} is "
            f"{crs_name(one)}; only "
            "files in the same one can be compared, so encode one of them again with the "
            "other's --crs."
        )
