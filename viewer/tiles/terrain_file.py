"""One open file: its layers at the bits they were asked for, and what its errors are measured
against."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from neural.container.reader import Reader
from neural.errors import NtileError, UsageError
from neural.raster.crs import same_crs
from neural.raster.reading import Raster
from neural.surface.tile_surface import available_bits
from viewer.model.settings import LayerChoice
from viewer.model.text import crs_name
from viewer.tiles import reference
from viewer.tiles.quadtree import ROOT
from viewer.tiles.source import LoadedTile, SourceKey, TileSource

_SERIALS = itertools.count()


class TerrainFile:
    """A reader and what is known of its layers. The reader is closed with it, also when it cannot
    be made (NtileError).

    `serial` tells its tiles from those of other files, also of files closed before.
    """

    def __init__(self, reader: Reader, reference_dem: Raster | None) -> None:
        self.reader = reader
        self.serial = next(_SERIALS)
        self.problems: dict[SourceKey, str] = {}
        """Reasons by source that cannot be shown."""
        self.reference_dem = reference_dem
        self.begins: SourceKey | None = None
        """The source that `first` found."""
        self.roots: dict[SourceKey, tuple[LoadedTile, float]] = {}
        """Root tiles loaded before there was a place to put them, and the seconds that took."""
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
        """Sentences on the reference raster, if there is one."""
        return self.reference.remarks if isinstance(self.reference, reference.DemReference) else ()

    def key(self, choice: LayerChoice) -> SourceKey:
        """Return the key of a slot's choice; an impossible layer or number of bits becomes a
        possible one."""
        index = min(max(choice.index, 0), len(self.reader.layers) - 1)
        kept = choice.keep_bits in available_bits(self.reader.layers[index])[1:]
        return SourceKey(index, choice.keep_bits if kept else None, self.serial)

    def source(self, key: SourceKey) -> TileSource:
        """The layer at those bits, made on first use. Raises NtileError."""
        if key not in self._sources:
            self._sources[key] = TileSource(self.reader, key, numpy_decode=self._numpy_decode)
        return self._sources[key]

    def first(self, choice: LayerChoice, numpy_decode: Callable[[], bool]) -> SourceKey:
        """Return the first source of the file, its root loaded: `choice`, or the next layer that
        can be shown.

        May be called by any thread, before others know of the file. `numpy_decode` says, once that
        is known, whether tiles are decoded here and not on the GPU. Raises the first NtileError.
        """
        asked = self.key(choice)
        count = len(self.reader.layers)
        keys = [
            asked,
            *(
                SourceKey((asked.layer + step) % count, None, self.serial)
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
            except NtileError as error:
                self.problems[key] = str(error)
            else:
                self.begins = key
                return key
        raise NtileError(self.problems[keys[0]])

    @property
    def keys(self) -> list[SourceKey]:
        """Everything that was asked for so far."""
        return list(self._sources.keys() | self.problems.keys())


def check_crs(first: Reader, other: Reader) -> None:
    """Raise UsageError unless eastings and northings of two files mean the same places."""
    one = first.grid.crs_wkt
    two = other.grid.crs_wkt
    if not same_crs(one, two):
        raise UsageError(
            f"{other.path}: its coordinate system is {crs_name(two)}, that of {first.path} is "
            f"{crs_name(one)}; only "
            "files in the same one can be compared, so encode one of them again with the "
            "other's --crs."
        )
