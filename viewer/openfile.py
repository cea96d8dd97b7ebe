"""One open file: its layers at the bits they were asked for, and what its errors are measured against."""

from __future__ import annotations

from pathlib import Path

from neural.container import Reader
from neural.surface import available_bits
from viewer import reference
from viewer.settings import LayerChoice
from viewer.source import Source, SourceKey


class OpenFile:
    """A reader and what is known of its layers. The reader is closed with it, also when it cannot be made (NtileError).

    `serial` tells its tiles from those of other files, also of files closed before.
    """

    def __init__(self, reader: Reader, serial: int, reference_dem: str | Path | None, *, numpy_decode: bool) -> None:
        self.reader = reader
        self.serial = serial
        self.problems: dict[SourceKey, str] = {}
        """What cannot be shown, and why."""
        self._numpy_decode = numpy_decode
        self._sources: dict[SourceKey, Source] = {}
        try:
            self.reference: reference.Reference | None = reference.find(reader, reference_dem)
        except BaseException:
            reader.close()
            raise

    def close(self) -> None:
        """Close the reader and the reference raster; no worker may be reading them."""
        if isinstance(self.reference, reference.DemReference):
            self.reference.close()
        self.reader.close()

    def key(self, choice: LayerChoice) -> SourceKey:
        """What a slot's choice means here; an impossible layer or number of bits becomes a possible one."""
        index = min(max(choice.index, 0), len(self.reader.layers) - 1)
        kept = choice.keep_bits in available_bits(self.reader.layers[index])[1:]
        return SourceKey(index, choice.keep_bits if kept else None, self.serial)

    def source(self, key: SourceKey) -> Source:
        """The layer at those bits, made on first use. Raises NtileError."""
        if key not in self._sources:
            self._sources[key] = Source(self.reader, key, numpy_decode=self._numpy_decode)
        return self._sources[key]

    @property
    def keys(self) -> list[SourceKey]:
        """Everything that was asked for so far."""
        return list(self._sources.keys() | self.problems.keys())
