"""Whole files as this version writes them, frozen with the heights that it reads from their finest
level.

`python -m tests.support.frozen_files` encodes every case below from a GeoTIFF of made-up terrain
into tests/fixtures/files/v<version>/ and refuses a folder that exists, because old files must keep
their heights. Beside <case>.ntile lies <case>.npz: `shape` (rows, columns), `places` (bits of
kept samples) and for layer k `valid_k` (bits of all samples) and `metres_k` (float32, the valid
samples among the places, row by row). Coarser levels are not kept: version 0.1.0 draws those of
lapped_siren displaced.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import neural
from neural.container.reader import Reader, open_reader
from neural.container.verify import verify
from neural.encode import EncodeOptions, encode
from neural.errors import ContainerError
from neural.raster.reading import ReadOptions
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import TILE
from tests.support import areas, rasters

FILES = Path(__file__).parents[1] / "fixtures" / "files"
NODATA = -9999.0
STRIDE = 17  # of the lattice inside; odd, so that it meets every phase of the wavelet's levels
LINE_STRIDE = 3  # along rim and seams; odd for the same reason
METER_PER_DEGREE = 111_000.0


class LayerHeights(NamedTuple):
    """A layer's finest level: meters at the kept places that are valid, and validity of all
    samples."""

    meters: np.ndarray  # float32 or float64 [n]
    valid: np.ndarray  # bool [rows, columns]


@dataclass(frozen=True)
class Case:
    """A raster of made-up terrain and how it is encoded."""

    rows: int
    columns: int
    options: Mapping[str, Any] = field(default_factory=dict)  # of `EncodeOptions`
    holes: tuple[tuple[slice, slice], ...] = ()  # rows and columns without data
    profile: Mapping[str, Any] = field(default_factory=dict)  # of the GeoTIFF
    cell: float = 1.0  # meters
    relief: float = 1.0  # factor of the ridges and the cliff
    noise: float = 0.3  # standard deviation, meters
    all_places: bool = False


_LATTICE_OF_HOLES = tuple(
    (slice(r, r + 5), slice(c, c + 9)) for r in range(20, 240, 40) for c in range(15, 240, 50)
)
# and EGM2008
_DEGREES = {"crs": "EPSG:9518", "transform": rasters.north_up(-119.5, 36.002, 1 / METER_PER_DEGREE)}
_MERCATOR = {"crs": "EPSG:3857", "transform": rasters.north_up(-13_300_000, 4_300_000, 1.0)}

CASES = {
    "lapped_levels": Case(560, 700, {"attribution": "made up"}),
    # Small holes, one on the rim, and tile (2, 2, 1) without any height.
    "lapped_holes": Case(
        530,
        620,
        holes=(
            *_LATTICE_OF_HOLES,
            (slice(300, 360), slice(0, 40)),
            (slice(250, 520), slice(500, 620)),
        ),
    ),
    "lapped_bounded": Case(
        262, 300, {"max_error_m": 0.2}, holes=((slice(90, 130), slice(200, 300)),)
    ),
    "lapped_one_row": Case(257, 300, {"quality": 70.0}),
    "lapped_one_sample": Case(257, 257),
    "lapped_tiny": Case(3, 5, {"quality": 80.0}, all_places=True),
    "lapped_escapes": Case(60, 70, {"step_m": 0.002}, noise=50.0),  # details above 8192 steps
    "lapped_embedded": Case(180, 270, {"link_decoder": False}),
    "lapped_warped": Case(270, 240, profile=_DEGREES),
    "huvr_siren": Case(256, 256, {"methods": ("huvr_siren",)}),
    "huvr": Case(256, 256, {"methods": ("huvr",)}, relief=0.4),  # rounds worst
    "functa": Case(256, 256, {"methods": ("functa",)}),
    "trans_inr": Case(256, 256, {"methods": ("trans_inr",)}),
    "learned_levels": Case(
        290, 240, {"methods": ("trans_inr",), "bits": 5}, holes=((slice(40, 80), slice(100, 180)),)
    ),
    "several_layers": Case(
        300, 250, {"methods": ("lapped_siren", "huvr_siren"), "reference_m": 0.2}
    ),
    "reference_holes": Case(200, 280, {"methods": (), "reference_m": 0.2}, holes=_LATTICE_OF_HOLES),
    "local_feet": Case(
        200,
        280,
        {"reading": ReadOptions(crs="local", unit="ft")},
        profile={"crs": None},
        cell=2.5,
    ),
    # Of schema 2 on: where a meter of the CRS is not one on the ground, and nodata by option.
    "web_mercator": Case(150, 180, profile=_MERCATOR),
    "undeclared_nodata": Case(
        140,
        200,
        {"reading": ReadOptions(nodata=(NODATA,))},
        holes=((slice(40, 90), slice(60, 200)),),
        profile={"nodata": None},
    ),
}


def terrain(case: Case) -> np.ndarray:
    """Ridges of some tens of meters, a cliff of 20 m across them, and noise; meters, float32 [rows,
    columns]."""
    south, east = np.mgrid[0 : case.rows, 0 : case.columns] + 0.5
    ridges = 0.25 * areas.ridges(4.0 * east, 4.0 * south)
    cliff = np.where(east + 0.4 * south > 0.8 * case.columns, 20.0, 0.0)
    noise = np.random.default_rng(13).normal(0.0, case.noise, south.shape)
    return (case.relief * (ridges + cliff) + noise).astype(np.float32)


def frozen_files() -> list[Path]:
    """Every frozen file of every version, in order."""
    return sorted(FILES.glob("v*/*.ntile"))


def finest(reader: Reader, layer: int) -> LayerHeights:
    """All samples of a layer's finest level as this program reads them: float64 [rows, columns],
    validity.

    Raises AssertionError where the decoder that the file names by hash is no longer shipped.
    """
    sha = reader.layers[layer].decoder
    if sha is not None:
        try:
            reader.decoder_bytes(sha)
        except ContainerError as error:
            raise AssertionError(
                f"{error}. Models once shipped must stay in assets/models, unchanged: files "
                "name them by hash."
            ) from error
    decoder = SurfaceDecoder(reader, reader.layers[layer], keep_tiles=4)
    return LayerHeights(*decoder.read(0, 0, reader.grid.height, reader.grid.width))


def load_expected(path: Path) -> tuple[np.ndarray, list[LayerHeights]]:
    """Frozen places, bool [rows, columns], and heights of each layer of a frozen file."""
    with np.load(path.with_suffix(".npz")) as stored:
        rows, columns = stored["shape"].tolist()

        def unpack(name: str) -> np.ndarray:
            bits = np.unpackbits(stored[name], count=rows * columns)
            return bits.astype(bool).reshape(rows, columns)

        layers = sum(name.startswith("metres_") for name in stored)
        return unpack("places"), [
            LayerHeights(stored[f"metres_{k}"], unpack(f"valid_{k}")) for k in range(layers)
        ]


def write_expected(path: Path, all_places: bool) -> None:
    """Store what this program reads of a file beside it."""
    with open_reader(path) as reader:
        shape = reader.grid.height, reader.grid.width
        places = np.ones(shape, bool) if all_places else kept_places(*shape)
        stored = {"shape": np.array(shape), "places": np.packbits(places)}
        for layer in reader.layers:
            heights = finest(reader, layer.index)
            stored[f"valid_{layer.index}"] = np.packbits(heights.valid)
            stored[f"metres_{layer.index}"] = heights.meters[places & heights.valid].astype(
                np.float32
            )
    np.savez_compressed(path.with_suffix(".npz"), **stored)  # type: ignore[arg-type]


def kept_places(rows: int, columns: int) -> np.ndarray:
    """Return a lattice inside and every third sample of the two lines along the rim and on both
    sides of tiles' seams, bool [rows, columns]."""
    row_lines = _lines(rows)
    column_lines = _lines(columns)
    places = np.zeros((rows, columns), bool)
    places[::STRIDE, ::STRIDE] = True
    places[row_lines, ::LINE_STRIDE] = True
    places[::LINE_STRIDE, column_lines] = True
    return places


def _lines(count: int) -> np.ndarray:
    """Which of `count` rows or columns are kept whole."""
    index = np.arange(count)
    seam = (index + 1) % TILE < 2
    return (index < 2) | (index >= count - 2) | seam


def write_case(folder: Path, name: str, scratch: Path) -> None:
    """Encode one case into a folder and store its heights."""
    case = CASES[name]
    heights = terrain(case)
    options = EncodeOptions(**{"link_decoder": True, "jobs": 1, "device": "cpu", **case.options})
    if options.reading.unit == "ft":
        heights = heights / np.float32(0.3048)
    for hole in case.holes:
        heights[hole] = NODATA
    profile = {
        "transform": rasters.north_up(500_000, 4_000_000, case.cell),
        "nodata": NODATA,
        **case.profile,
    }
    source = rasters.write(scratch / f"{name}.tif", heights, **profile)
    out = folder / f"{name}.ntile"
    encode(source, out, options)
    verify(out)
    write_expected(out, case.all_places)


def main() -> None:
    """Freeze this version's files."""
    folder = FILES / f"v{neural.__version__}"
    if folder.exists():
        raise SystemExit(
            f"{folder} exists: frozen files are never rewritten, later versions get a folder of "
            "their own."
        )
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in CASES:
            write_case(folder, name, Path(scratch))


if __name__ == "__main__":
    main()
