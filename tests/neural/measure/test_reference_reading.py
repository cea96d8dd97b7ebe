"""A reference raster is read as the file's source was: unit, CRS, cells; what does not fit is said,
not compared."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.warp import transform

from neural import encode as encoding
from neural.cli import main
from neural.container.reader import open_reader
from neural.errors import UsageError
from neural.measure.reference_raster import WINDOW_CELLS, open_reference, percent
from neural.raster.reading import Declared, Reading, ReadOptions, ReferenceRaster, from_sentences
from tests.support.rasters import TOLERANCE_M, UTM, encode, hills, north_up, write

FT = np.float32(1 / 0.3048)
US_FT = np.float32(3937 / 1200)
PLACE = north_up(500_000, 4_000_000)
DEGREES = (1 / 3600, 0.0, -117.0, 0.0, -1 / 3600, 38.0)
STATE_PLANE = ("EPSG:2229", (3.0, 0.0, 6_000_000.0, 0.0, -3.0, 2_000_000.0))
_TURN = math.radians(20)
ROTATED = (
    math.cos(_TURN),
    math.sin(_TURN),
    500_000.0,
    math.sin(_TURN),
    -math.cos(_TURN),
    4_000_000.0,
)


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Any:
    """`ntile evaluate FILE --reference DEM … --json`: its first result and its notes; a failure is
    a SystemExit."""

    def run(file: Path, dem: object, *options: object) -> dict[str, Any]:
        capsys.readouterr()
        main(
            [
                str(argument)
                for argument in ("evaluate", file, "--reference", dem, "--json", *options)
            ]
        )
        said = json.loads(capsys.readouterr().out)
        return {**said["results"][0], "notes": said["notes"]}

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Any:
    """The same where it fails: its exit status and its sentence."""

    def run(file: Path, dem: object, *options: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in ("evaluate", file, "--reference", dem, *options)])
        return int(str(ended.value.code)), capsys.readouterr().err

    return run


def declare(path: Path, unit: str) -> Path:
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.units = (unit,)
    return path


@pytest.mark.parametrize(
    ("samples", "profile", "options"),
    [
        (FT * hills(90, 120), {}, ("--unit", "ft")),
        (
            US_FT * hills(90, 120),
            dict(zip(("crs", "transform"), STATE_PLANE, strict=True)),
            ("--unit", "us-ft"),
        ),
        (hills(90, 120), {"crs": None}, ("--crs", UTM)),
        (hills(90, 120), {"crs": None}, ("--crs", "local")),
        (hills(90, 120), {}, ("--crs", "local")),
        (hills(90, 120), {"crs": "EPSG:4326", "transform": DEGREES}, ()),
        (hills(90, 120), {"crs": None, "transform": DEGREES}, ("--crs", "EPSG:4326")),
        (hills(90, 120), {"crs": "EPSG:32612"}, ("--crs", UTM)),
        (hills(90, 120), {"crs": "EPSG:32612"}, ("--src-crs", UTM)),
        (hills(90, 120), {"transform": (1.0, 0.0, 500_000.0, 0.0, 1.0, 3_999_910.0)}, ()),
        (hills(90, 120), {"transform": ROTATED}, ()),
        (hills(90, 120), {"crs": None, "transform": ROTATED}, ("--crs", "local")),
        (
            FT * hills(90, 120),
            {"crs": "EPSG:7415", "transform": north_up(1e5 + 0.3, 4.5e5 + 0.7)},
            ("--unit", "ft"),
        ),
    ],
    ids=[
        *(
            "feet",
            "us-ft, reprojected",
            "CRS given",
            "local",
            "CRS set aside",
            "geographic",
            "geographic, given",
        ),
        *(
            "another zone",
            "corrected CRS",
            "south-up",
            "rotated",
            "rotated, local",
            "compound CRS, feet",
        ),
    ],
)
def test_a_file_is_as_good_as_its_codec_against_its_own_source(
    samples: np.ndarray,
    profile: dict[str, Any],
    options: tuple[str, ...],
    tmp_path: Path,
    evaluate: Any,
) -> None:
    dem = write(tmp_path / "dem.tif", samples, **profile)
    row = evaluate(encode(dem, *options), dem)
    assert row["max_error_m"] <= TOLERANCE_M + 1e-4
    assert 0.01 < row["rmse_m"] < TOLERANCE_M
    assert row["samples"] == row["layer_samples"] > 90 * 119


def test_a_wrongly_declared_unit_is_corrected_for_the_source_alone(
    tmp_path: Path, evaluate: Any
) -> None:
    dem = declare(write(tmp_path / "says_meters.tif", FT * hills(60, 80)), "m")
    file = encode(dem, "--unit", "ft")
    assert evaluate(file, dem)["rmse_m"] < TOLERANCE_M
    feet = declare(write(tmp_path / "says_feet.tif", FT * hills(60, 80)), "ft")
    assert evaluate(file, feet)["rmse_m"] < TOLERANCE_M


def test_what_the_rasters_file_declares_wins_over_the_record_and_options_over_both(
    tmp_path: Path, evaluate: Any
) -> None:
    file = encode(write(tmp_path / "feet.tif", FT * hills(60, 80)), "--unit", "ft")
    meters = write(tmp_path / "meters.tif", hills(60, 80))
    row = evaluate(file, meters)
    assert row["rmse_m"] > 50  # it does not say that it is in meters
    assert row["notes"] == [f"{meters}: heights are read in ft, like those of the file's source."]
    assert evaluate(file, meters, "--unit", "m")["rmse_m"] < TOLERANCE_M
    declare(meters, "metre")
    assert evaluate(file, meters)["rmse_m"] < TOLERANCE_M
    assert evaluate(file, meters, "--unit", "ft")["rmse_m"] > 50


def test_meters_of_the_source_are_not_taken_for_a_raster_in_feet(
    tmp_path: Path, evaluate: Any, refused: Any
) -> None:
    dem = write(
        tmp_path / "dem.tif",
        hills(60, 80),
        crs="EPSG:26911",
        transform=north_up(236_900, 3_818_400),
    )
    file = encode(dem)
    feet = write(tmp_path / "feet.tif", hills(60, 80), crs="EPSG:2229", transform=STATE_PLANE[1])
    status, said = refused(file, feet)
    assert (status, "add --unit m" in said) == (2, True)


def test_the_record_is_in_the_file_and_info_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dem = write(
        tmp_path / "dem.tif", US_FT * hills(60, 80), crs=STATE_PLANE[0], transform=STATE_PLANE[1]
    )
    file = encode(dem, "--unit", "us-ft", "--nodata", -1, "--nodata", "nan")
    with open_reader(file) as reader:
        used = reader.reading.options
        declared = reader.reading.declared
        assert (used.unit, used.crs, used.encoding) == ("us-ft", reader.grid.crs_wkt, None)
        assert used.nodata[0] == -1
        assert math.isnan(used.nodata[1])
        assert declared is not None
        assert (declared.unit, declared.nodata, declared.bands) == (None, None, 1)
        assert used.src_crs == declared.crs_wkt
        assert 'ID["EPSG",2229]' in (used.src_crs or "")
    capsys.readouterr()
    main(["info", str(file)])
    shown = capsys.readouterr().out
    assert (
        "source: heights in us-ft, coordinates in NAD83 / California zone 5 (ftUS), also "
        "missing: -1, nan" in shown
    )


def test_files_without_a_record_say_what_they_can(
    tmp_path: Path, evaluate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = encoding.write_archive
    monkeypatch.setattr(encoding, "write_archive", lambda *arguments: kept(*arguments[:-1]))
    dem = write(tmp_path / "feet.tif", FT * hills(60, 80), crs=None)
    file = encode(dem, "--unit", "ft", "--crs", UTM)
    with open_reader(file) as reader:
        assert "reading" not in reader.metadata["ntile"]
    assert evaluate(file, dem)["rmse_m"] < TOLERANCE_M
    dem = write(tmp_path / "degrees.tif", hills(60, 80), crs=None, transform=DEGREES)
    assert evaluate(encode(dem, "--crs", "EPSG:4326"), dem)["rmse_m"] < TOLERANCE_M


def test_sentences_of_older_files_are_understood() -> None:
    lines = [
        "The file names no CRS: its coordinates are taken as EPSG:4326.",
        "Heights are read in us-ft, as given.",
    ]
    assert from_sentences("WKT", lines, None) == Reading(ReadOptions("WKT", "EPSG:4326", "us-ft"))
    lines = ["The file names no vertical unit: heights are taken as meters."]
    assert from_sentences("", lines, "EPSG:2229") == Reading(ReadOptions("local", "EPSG:2229", "m"))
    assert from_sentences("WKT", [], None).options.unit is None


def test_readings_survive_json() -> None:
    options = ReadOptions("local", None, "ft", (-9999.0, math.inf), "mapbox")
    reading = Reading(options, Declared("WKT", "m", -math.inf, 3))
    stored = json.loads(json.dumps(reading.to_json(), allow_nan=False))
    assert Reading.from_json(stored, "") == reading
    assert (
        ReadOptions.from_json(json.loads(json.dumps(options.to_json(), allow_nan=False))) == options
    )
    assert ReadOptions().to_json() == {}
    for broken in (
        {},
        {"declared": None, "unit": 3},
        {"declared": None, "nodata": ["x"]},
        {"declared": {"crs": 1}},
    ):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Reading.from_json(broken, "")


def test_a_part_is_compared_and_its_share_said(tmp_path: Path, evaluate: Any) -> None:
    file = encode(write(tmp_path / "dem.tif", hills(100, 120)))
    part = write(
        tmp_path / "part.tif", hills(100, 120)[40:, 30:], transform=north_up(500_030, 3_999_960)
    )
    row = evaluate(file, part)
    whole = evaluate(file, tmp_path / "dem.tif")
    assert (row["samples"], row["layer_samples"]) == (60 * 90, 100 * 120)
    assert row["max_error_m"] <= TOLERANCE_M
    assert row["notes"] == [
        f"{part} has heights at 45 % of the layer's samples; errors are over these."
    ]
    for name in ("bits_per_sample", "stack_bits_per_sample"):
        assert row[name] == whole[name]  # of the layer, whatever it is compared with


def test_a_part_in_degrees_is_compared_where_it_is_not_extended(
    tmp_path: Path, evaluate: Any
) -> None:
    dem = write(tmp_path / "dem.tif", hills(100, 120), crs="EPSG:4326", transform=DEGREES)
    step = DEGREES[0]
    west = DEGREES[2]
    north = DEGREES[5]
    placed = (step, 0.0, west + 30 * step, 0.0, -step, north - 20 * step)
    part = write(
        tmp_path / "part.tif", hills(100, 120)[20:80, 30:100], crs="EPSG:4326", transform=placed
    )
    row = evaluate(encode(dem), part)
    assert row["max_error_m"] <= TOLERANCE_M + 1e-4
    assert 0.3 < row["samples"] / row["layer_samples"] < 60 * 70 / (100 * 120)


@pytest.mark.parametrize(
    ("rows", "profile", "sentence"),
    [
        (
            slice(None),
            {"transform": north_up(900_000, 4_000_000)},
            r"far\.tif lies outside the area of .*dem\.ntile",
        ),
        (
            slice(None),
            {"transform": DEGREES},
            r"far\.tif lies outside the area of .*; give .* its CRS with --src-crs",
        ),
        (
            slice(None),
            {"transform": north_up(500_000.5, 4_000_000)},
            r"far\.tif has another grid \(80×60 cells of 1 m",
        ),
        (
            slice(None, None, 2),
            {"transform": (1.0, 0, 500_000, 0, -2.0, 4_000_000)},
            r"far\.tif has another grid",
        ),
        (
            slice(None),
            {"nodata": 100.0, "samples": np.full((60, 80), 100.0, np.float32)},
            r"far\.tif has no height",
        ),
    ],
    ids=["far away", "degrees named UTM", "half a cell", "larger cells", "no heights"],
)
def test_what_cannot_be_compared_is_one_sentence(
    rows: slice, profile: dict[str, Any], sentence: str, tmp_path: Path, refused: Any
) -> None:
    file = encode(write(tmp_path / "dem.tif", hills(60, 80)))
    samples = profile.pop("samples", hills(60, 80)[rows])
    status, said = refused(file, write(tmp_path / "far.tif", samples, **profile))
    assert status == 2
    assert len(said.strip().splitlines()) == 1
    assert re.search(sentence, said)


def test_options_need_a_raster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = encode(write(tmp_path / "dem.tif", hills(60, 80)))
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(file), "--unit", "ft"])
    assert ended.value.code == 2
    assert "add --reference DEM" in capsys.readouterr().err


def test_a_crs_is_not_said_of_local_coordinates(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", hills(60, 80), crs=None)
    with open_reader(encode(dem, "--crs", "local")) as reader:
        for reading in (ReadOptions(src_crs=UTM), ReadOptions(crs=UTM)):
            with pytest.raises(UsageError, match="has local coordinates without a CRS"):
                open_reference(ReferenceRaster(str(dem), reading), reader)
        open_reference(ReferenceRaster(str(dem), ReadOptions(crs="local")), reader).close()


def plane(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Heights that bilinear interpolation keeps, in meters at UTM coordinates."""
    return 100 + 0.3 * (x - 500_000) - 0.2 * (y - 4_000_000)


def test_windows_and_places_are_true_to_the_ground_whatever_the_cells(tmp_path: Path) -> None:
    file = encode(write(tmp_path / "dem.tif", hills(60, 80)))
    fine = north_up(500_000 - 1.13, 4_000_000 + 2.2, 0.25)
    x = 500_000 - 1.13 + 0.25 * (np.arange(340) + 0.5)
    y = 4_000_000 + 2.2 - 0.25 * (np.arange(300) + 0.5)
    raster = write(tmp_path / "fine.tif", plane(x[None], y[:, None]), transform=fine)
    with open_reader(file) as reader, open_reference(raster, reader) as reference:
        assert not reference.same_cells
        heights, valid = reference.read(-3, -2, 70, 90)
        columns = 500_000 - 2 + np.arange(90) + 0.5
        rows = 4_000_000 + 3 - np.arange(70) - 0.5
        inside = (abs(columns[None] - x.mean()) < 42.375) & (abs(rows[:, None] - y.mean()) < 37.375)
        np.testing.assert_array_equal(valid, inside)
        np.testing.assert_allclose(
            heights[valid], plane(columns[None], rows[:, None])[valid], atol=1e-4
        )
        at = reference.heights_at([500_010.7, 500_900.0], [3_999_970.2, 3_999_970.2])
        np.testing.assert_allclose(
            at[0], plane(np.array(500_010.7), np.array(3_999_970.2)), atol=1e-4
        )
        assert np.isnan(at[1])


def test_a_raster_in_degrees_is_read_at_the_files_cells(tmp_path: Path) -> None:
    columns, rows = np.meshgrid(np.arange(120) + 0.5, np.arange(100) + 0.5)
    x, y = transform("EPSG:4326", UTM, (-117 + columns / 3600).ravel(), (38 - rows / 3600).ravel())
    degrees = plane(np.array(x), np.array(y)).reshape(100, 120).astype(np.float32)
    raster = write(tmp_path / "degrees.tif", degrees, crs="EPSG:4326", transform=DEGREES)
    dem = write(tmp_path / "dem.tif", hills(60, 60), transform=north_up(500_201, 4_205_203, 27.0))
    with open_reader(encode(dem)) as reader, open_reference(raster, reader) as reference:
        assert reference.same_cells
        heights, valid = reference.read(0, 0, 60, 60)
        east = 500_201 + 27 * (np.arange(60) + 0.5)
        north = 4_205_203 - 27 * (np.arange(60) + 0.5)
        assert valid.mean() > 0.5
        np.testing.assert_allclose(
            heights[valid], plane(east[None], north[:, None])[valid], atol=0.02
        )


def test_windows_stay_small_whatever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 100 m cells against a raster of 1 cm: a tile would span a million cells of it each
    way."""
    import rasterio
    from rasterio.transform import Affine

    file = encode(
        write(tmp_path / "dem.tif", hills(60, 80), transform=north_up(500_000, 4_000_000, 100))
    )
    profile = {
        "driver": "GTiff",
        "width": 60_000,
        "height": 50_000,
        "count": 1,
        "dtype": "float32",
        "crs": UTM,
    }
    placed = Affine(0.01, 0, 500_000, 0, -0.01, 4_000_000)
    options = {
        "nodata": -9999,
        "tiled": True,
        "blockxsize": 4096,
        "blockysize": 4096,
        "sparse_ok": True,
    }
    with rasterio.open(tmp_path / "fine.tif", "w", **profile, **options, transform=placed):
        pass
    asked: list[int] = []
    with open_reader(file) as reader, open_reference(tmp_path / "fine.tif", reader) as reference:
        kept = reference._dem.read

        def read(row: int, col: int, rows: int, cols: int) -> Any:
            asked.append(rows * cols)
            missing = np.zeros((rows, cols), np.float32), np.zeros((rows, cols), bool)
            return kept(row, col, rows, cols) if rows * cols < 100 else missing

        monkeypatch.setattr(reference._dem, "read", read)
        heights, valid = reference.read(-100, -100, 512, 512)
        assert heights.shape == valid.shape == (512, 512)
        reference.heights_at(*np.meshgrid(np.linspace(0, 1e6, 40), np.linspace(0, 5e6, 40)))
    assert 0 < max(asked) <= WINDOW_CELLS


def test_percent_is_all_only_where_it_is() -> None:
    assert [percent(share) for share in (1.0, 0.99999, 0.4321, 1e-6)] == [
        *("100 %", "over 99.9 %", "43.2 %", "less than 0.1 %"),
    ]


def packed(meters: np.ndarray) -> np.ndarray:
    """Terrain-RGB bytes [3, rows, cols]: meters = −10000 + 0.1 · (65536 R + 256 G + B)."""
    code = np.round((meters.astype(float) + 10_000) * 10).astype(np.uint32)
    return np.stack([code >> 16 & 255, code >> 8 & 255, code & 255]).astype(np.uint8)


def test_missing_values_given_for_the_source_are_missing_in_it_again(
    tmp_path: Path, evaluate: Any
) -> None:
    heights = hills(60, 80)
    heights[10:30, 20:50] = 0
    dem = write(tmp_path / "dem.tif", heights)
    file = encode(dem, "--nodata", 0)
    row = evaluate(file, dem)
    assert row["max_error_m"] <= TOLERANCE_M
    assert row["samples"] == row["layer_samples"] == 60 * 80 - 20 * 30
    assert row["notes"] == [f"{dem}: 0 is missing, as in the file's source."]
    whole = encode(write(tmp_path / "whole.tif", hills(60, 80)))
    assert evaluate(whole, dem)["rmse_m"] > 30
    row = evaluate(whole, dem, "--nodata", 0)
    assert (row["samples"], row["layer_samples"]) == (60 * 80 - 20 * 30, 60 * 80)
    assert row["max_error_m"] <= TOLERANCE_M
    declaring = write(
        tmp_path / "declaring.tif", hills(60, 80) - hills(60, 80)[5, 5], nodata=-32768
    )
    # its own heights of 0 m are heights
    assert evaluate(file, declaring)["samples"] == 60 * 80 - 20 * 30


def test_packed_heights_are_unpacked_again(tmp_path: Path, evaluate: Any) -> None:
    dem = write(tmp_path / "rgb.tif", packed(hills(60, 80)))
    file = encode(dem, "--encoding", "mapbox")
    assert evaluate(file, dem)["max_error_m"] <= TOLERANCE_M
    plain = write(tmp_path / "plain.tif", hills(60, 80))
    assert evaluate(file, plain)["max_error_m"] <= 0.05 + TOLERANCE_M
    feet = encode(write(tmp_path / "feet.tif", FT * hills(60, 80)), "--unit", "ft")
    assert evaluate(feet, dem, "--encoding", "mapbox")["max_error_m"] <= 0.05 + TOLERANCE_M
