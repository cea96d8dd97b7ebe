"""Read options of an elevation raster, and the record of them in a .ntile file."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from neural.raster.crs import LOCAL
from neural.system import arguments


@dataclass(frozen=True)
class ReadOptions:
    """Overrides of a raster's declarations of its samples; None or empty: as declared."""

    crs: str | None = None
    """CRS of the grid that heights are read on: a metric one, or "local" for coordinates taken as
    meters."""
    src_crs: str | None = None
    """CRS of the raster's own coordinates, in place of the one that its file names."""
    unit: str | None = None
    """Unit of its samples, one of `neural.raster.crs.UNITS`."""
    nodata: tuple[float, ...] = ()
    """Values of missing samples, besides those that the file declares: as stored; meters where
    `encoding` is given."""
    encoding: str | None = None
    """Packing of heights into the bands of an RGB picture: "mapbox" or "terrarium"."""

    def __post_init__(self) -> None:
        """Take values of any library's types. Raises UsageError for others."""
        for name in ("crs", "src_crs", "unit", "encoding"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, arguments.text(name, value))
        remedy = "give a number, or a tuple of numbers as the file stores them"
        values = arguments.several("nodata", self.nodata, remedy)
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
            arguments.refuse("nodata", self.nodata, remedy)
        try:
            object.__setattr__(self, "nodata", tuple(map(float, values)))
        except OverflowError:
            arguments.refuse("nodata", self.nodata, remedy)

    def to_json(self) -> dict[str, Any]:
        """Return the options given, as plain JSON values."""
        values = vars(self) | {"nodata": [_plain(value) for value in self.nodata]}
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ReadOptions:
        """Return the inverse of `to_json`; other keys are left aside. Raises TypeError or
        ValueError for other values."""
        return cls(
            _text(data.get("crs")),
            _text(data.get("src_crs")),
            _text(data.get("unit")),
            tuple(float(value) for value in data.get("nodata") or ()),
            _text(data.get("encoding")),
        )


AS_STORED = ReadOptions()
"""No overrides: everything as the file says."""


@dataclass(frozen=True)
class ReferenceRaster:
    """A raster to measure errors against, with overrides of its own declarations."""

    name: str
    """Path, or any name that GDAL opens."""
    reading: ReadOptions = AS_STORED

    @classmethod
    def of(cls, raster: str | os.PathLike[str] | ReferenceRaster) -> ReferenceRaster:
        """Return the raster of this name, or the raster itself."""
        if isinstance(raster, ReferenceRaster):
            return raster
        return cls(arguments.path("reference", raster))


Raster = str | os.PathLike[str] | ReferenceRaster
"""Raster to open: its path, alone or with options."""


@dataclass(frozen=True)
class Declared:
    """Declarations of a raster's own file about its samples; None: nothing."""

    crs_wkt: str | None = None
    """WKT2 of its coordinates."""
    unit: str | None = None
    """One of `neural.raster.crs.UNITS`, or the file's own word where that is none of them."""
    nodata: float | None = None
    bands: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `Declared.from_json` takes them back."""
        nodata = None if self.nodata is None else _plain(self.nodata)
        return {"crs": self.crs_wkt, "unit": self.unit, "nodata": nodata, "bands": self.bands}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Declared:
        """Return the inverse of `to_json`. Raises KeyError, TypeError or ValueError for other
        values."""
        nodata = data["nodata"]
        return cls(
            _text(data["crs"]),
            _text(data["unit"]),
            None if nodata is None else float(nodata),
            int(data["bands"]),
        )


@dataclass(frozen=True)
class Reading:
    """Record of how a raster was read: options in effect (given, declared or assumed) and its
    file's declarations.

    `declared` None: not known. The options' `crs` is that of the grid made of it.
    """

    options: ReadOptions
    declared: Declared | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values (FORMAT.md §7.4); `crs` is left out, as the grid says it."""
        options = replace(self.options, crs=None).to_json()
        return options | {"declared": None if self.declared is None else self.declared.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], crs_wkt: str) -> Reading:
        """Return the inverse of `to_json`, with the WKT of the grid ("": local meters). Raises
        KeyError, TypeError, ValueError."""
        declared = data["declared"]
        options = replace(ReadOptions.from_json(data), crs=crs_wkt or LOCAL)
        return cls(options, None if declared is None else Declared.from_json(declared))


_TAKEN_CRS = re.compile(r"The file names no CRS: its coordinates are taken as (.+)\.")
_GIVEN_UNIT = re.compile(r"Heights are read in (\S+), as given\.")
_ASSUMED_METERS = "The file names no vertical unit: heights are taken as meters."


def from_sentences(crs_wkt: str, assumptions: Sequence[str], source_crs: str | None) -> Reading:
    """Return the reading of a file that was written before readings were recorded.

    Of its grid, the WKT and the sentences on what was assumed; of its provenance, the label of the
    source's CRS.
    """
    unit_name = next(
        (match[1] for line in assumptions if (match := _GIVEN_UNIT.fullmatch(line))), None
    )
    unit = unit_name or ("m" if _ASSUMED_METERS in assumptions else None)
    taken = next((match[1] for line in assumptions if (match := _TAKEN_CRS.fullmatch(line))), None)
    label = source_crs if taken in (None, "local meters") else taken
    return Reading(ReadOptions(crs_wkt or LOCAL, label, unit))


def _plain(value: float) -> float | str:
    """Return a number as JSON can hold it: "nan", "inf" and "-inf" are text."""
    return value if math.isfinite(value) else str(value)


def _text(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise TypeError(f"{value!r} is no text")
    return value
