"""Which samples are heights: the same on a raster's own grid and when it is reprojected, whatever
says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.cli import main
from neural.errors import DemError
from neural.raster.dem import Dem, open_dem
from neural.raster.reading import ReadOptions
from tests.support.rasters import UTM, north_up, write

ROWS = 90
COLS = 120
GRIDS: dict[str, dict[str, Any]] = {
    "metric": {"crs": UTM, "transform": north_up(500_000, 4_000_000)},
    "warped": {"crs": "EPSG:4326", "transform": north_up(-115, 36, 1 / 3600)},
}
GARBAGE = 20_000


def plane() -> np.ndarray:
    """Heights that rise by 1 m a column and 2 m a row, float64."""
    y, x = np.mgrid[0:ROWS, 0:COLS]
    return 300.0 + x + 2.0 * y


def corner() -> np.ndarray:
    """Samples that a mask takes away, in two places and one of one sample."""
    missing = np.zeros((ROWS, COLS), bool)
    missing[:30, :40] = missing[60:70, 80:95] = missing[50, 20] = True
    return missing


def block() -> np.ndarray:
    """Samples that a nodata value takes away, partly under the mask."""
    missing = np.zeros((ROWS, COLS), bool)
    missing[20:45, 30:60] = missing[80:, 100:] = True
    return missing


def filled(missing: np.ndarray, value: float, dtype: str) -> np.ndarray:
    """The plane with a value in the samples that are missing."""
    return np.where(missing, value, plane()).astype(dtype)


def check(dem: Dem, missing: np.ndarray) -> None:
    """Valid are exactly the cells whose nearest sample is; their heights are the plane's."""
    from rasterio.transform import Affine
    from rasterio.warp import transform

    heights, valid = dem.read(0, 0, dem.grid.height, dem.grid.width)
    if not dem.source["resampled"]:
        np.testing.assert_array_equal(valid, ~missing)
        np.testing.assert_allclose(heights[valid], plane()[valid], atol=0.01)
        return
    a, _, c, _, e, f = dem.grid.transform
    east, north = np.meshgrid(
        c + a * (np.arange(dem.grid.width) + 0.5), f + e * (np.arange(dem.grid.height) + 0.5)
    )
    lon, lat = transform(dem.grid.crs_wkt, "EPSG:4326", east.ravel(), north.ravel())
    column, row = ~Affine(*GRIDS["warped"]["transform"]) @ (np.array(lon), np.array(lat))
    near_row = np.floor(row).astype(int)
    near_column = np.floor(column).astype(int)
    inside = (near_row >= 0) & (near_row < ROWS) & (near_column >= 0) & (near_column < COLS)
    kept = np.zeros(inside.shape, bool)
    kept[inside] = ~missing[near_row[inside], near_column[inside]]
    clear = (np.abs(row - np.round(row)) > 1e-3) & (np.abs(column - np.round(column)) > 1e-3)
    np.testing.assert_array_equal(valid.ravel()[clear], kept[clear])
    error = np.abs(heights.ravel() - (300 + column - 0.5 + 2 * (row - 0.5)))
    assert error[valid.ravel()].max() < 3.1  # half a sample either way, where neighbors are missing
    full = kept & (error < 3e-3)
    assert full.sum() > 0.9 * kept.sum()


def write_alpha(
    path: Path, samples: np.ndarray, missing: np.ndarray, opaque: float, **profile: Any
) -> Path:
    """Heights and an alpha band of the same type."""
    bands = np.stack([samples, np.where(missing, 0, opaque).astype(samples.dtype)])
    return write(path, bands, ALPHA="YES", photometric="MINISBLACK", **profile)


def internal(path: Path, grid: dict[str, Any]) -> np.ndarray:
    write(
        path,
        filled(corner(), GARBAGE, "float32"),
        mask=np.where(corner(), 0, 255).astype(np.uint8),
        **grid,
    )
    return corner()


def internal_and_nodata(path: Path, grid: dict[str, Any]) -> np.ndarray:
    samples = filled(block(), -9999, "float32")
    write(path, samples, mask=np.where(corner(), 0, 255).astype(np.uint8), nodata=-9999, **grid)
    return corner() | block()


def sidecar_and_nodata(path: Path, grid: dict[str, Any]) -> np.ndarray:
    import rasterio

    write(path, filled(block(), -32768, "int16"), nodata=-32768, **grid)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(np.where(corner(), 0, 255).astype(np.uint8))
    assert Path(f"{path}.msk").exists()
    return corner() | block()


def alpha_of(dtype: str, opaque: float) -> Callable[[Path, dict[str, Any]], np.ndarray]:
    def make(path: Path, grid: dict[str, Any]) -> np.ndarray:
        write_alpha(path, filled(corner(), 7, dtype), corner(), opaque, **grid)
        return corner()

    return make


def alpha_and_nodata(path: Path, grid: dict[str, Any]) -> np.ndarray:
    write_alpha(path, filled(block(), 65535, "uint16"), corner(), 65535, nodata=65535, **grid)
    return corner() | block()


def alpha_mask_and_nodata(path: Path, grid: dict[str, Any]) -> np.ndarray:
    third = np.zeros((ROWS, COLS), bool)
    third[85:] = True
    mask = np.where(third, 0, 255).astype(np.uint8)
    write_alpha(
        path, filled(block(), 65535, "uint16"), corner(), 65535, nodata=65535, mask=mask, **grid
    )
    return corner() | block() | third


def not_a_number(path: Path, grid: dict[str, Any]) -> np.ndarray:
    write(path, filled(block(), np.nan, "float32"), **grid)
    return block()


def not_a_number_declared(path: Path, grid: dict[str, Any]) -> np.ndarray:
    samples = filled(block(), np.nan, "float32")
    samples[0, 0] = np.inf
    write(path, samples, nodata=np.nan, **grid)
    missing = block()
    missing[0, 0] = True
    return missing


def infinity_declared(path: Path, grid: dict[str, Any]) -> np.ndarray:
    write(path, filled(block(), -np.inf, "float32"), nodata=-np.inf, **grid)
    return block()


def rounded(path: Path, grid: dict[str, Any]) -> np.ndarray:
    """−9999.9 as text is not the float32 that is stored."""
    write(path, filled(block(), -9999.9, "float32"), nodata=-9999.9, **grid)
    return block()


def all_bands(path: Path, grid: dict[str, Any]) -> np.ndarray:
    import rasterio

    write(
        path,
        filled(block(), -9999, "float32"),
        mask=np.where(corner(), 0, 255).astype(np.uint8),
        **grid,
    )
    with rasterio.open(path, "r+") as file:
        file.update_tags(NODATA_VALUES="-9999")
    return corner() | block()


def scaled(path: Path, grid: dict[str, Any]) -> np.ndarray:
    stored = np.where(block(), -32768, np.rint((plane() - 1000) * 10)).astype(np.int16)
    write(path, stored, nodata=-32768, band={"scales": 0.1, "offsets": 1000.0}, **grid)
    return block()


def unfit(nodata: str) -> Callable[[Path, dict[str, Any]], np.ndarray]:
    """A nodata value that the band's type cannot hold: no sample has it."""

    def make(path: Path, grid: dict[str, Any]) -> np.ndarray:
        source = write(path.with_name("source.tif"), filled(corner() & False, 0, "int16"), **grid)
        _vrt(path, source, f"<NoDataValue>{nodata}</NoDataValue>", grid)
        return np.zeros((ROWS, COLS), bool)

    return make


def _vrt(path: Path, source: Path, band: str, grid: dict[str, Any], mask: str = "") -> None:
    from rasterio.crs import CRS

    a, b, c, d, e, f = grid["transform"]
    source_text = f"<SourceFilename>{source}</SourceFilename>"
    path.write_text(
        f'<VRTDataset rasterXSize="{COLS}" '
        f'rasterYSize="{ROWS}"><SRS>{CRS.from_user_input(grid["crs"]).to_wkt()}</SRS>'
        f"<GeoTransform>{c}, {a}, {b}, {f}, {d}, {e}</GeoTransform>"
        '<VRTRasterBand dataType="Int16" '
        f'band="1">{band}<SimpleSource>{source_text}<SourceBand>1</SourceBand>'
        f"</SimpleSource></VRTRasterBand>{mask.format(source=source_text)}</VRTDataset>"
    )


def mask_of_vrt_and_nodata(path: Path, grid: dict[str, Any]) -> np.ndarray:
    mask = np.where(corner(), 0, 255).astype(np.uint8)
    source = write(path.with_name("source.tif"), filled(block(), -9999, "int16"), mask=mask, **grid)
    band = (
        "<MaskBand><VRTRasterBand "
        'dataType="Byte"><SimpleSource>{source}<SourceBand>mask,1</SourceBand></SimpleSource>'
        "</VRTRasterBand></MaskBand>"
    )
    _vrt(path, source, "<NoDataValue>-9999</NoDataValue>", grid, band)
    return corner() | block()


CASES: dict[str, Callable[[Path, dict[str, Any]], np.ndarray]] = {
    "internal mask": internal,
    "internal mask and nodata": internal_and_nodata,
    "sidecar mask and nodata": sidecar_and_nodata,
    "alpha uint16": alpha_of("uint16", 65535),
    "alpha int16": alpha_of("int16", 32767),
    "alpha float32": alpha_of("float32", 1.0),
    "alpha and nodata": alpha_and_nodata,
    "alpha, mask and nodata": alpha_mask_and_nodata,
    "NaN": not_a_number,
    "NaN declared": not_a_number_declared,
    "infinity declared": infinity_declared,
    "nodata rounded": rounded,
    "NODATA_VALUES under a mask": all_bands,
    "scaled": scaled,
    "nodata beyond the type": unfit("-99999"),
    "nodata between integers": unfit("305.5"),
    "NaN nodata of integers": unfit("nan"),
    "mask of a VRT and nodata": mask_of_vrt_and_nodata,
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_one_rule(
    tmp_path: Path, make: Callable[[Path, dict[str, Any]], np.ndarray], grid: str
) -> None:
    path = tmp_path / "a.tif"
    missing = make(path, GRIDS[grid])
    with open_dem(path) as dem:
        assert dem.source["resampled"] == (grid == "warped")
        check(dem, missing)


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint16"])
def test_a_raster_warped_with_alpha(tmp_path: Path, dtype: str) -> None:
    """As `gdalwarp -dstalpha` leaves it: valid where GDAL's own alpha is above 0."""
    import rasterio
    import rasterio.shutil
    from rasterio.vrt import WarpedVRT

    source = write(tmp_path / "s.tif", plane().astype(dtype), **GRIDS["warped"])
    with (
        rasterio.open(source) as file,
        WarpedVRT(file, crs="EPSG:32611", add_alpha=True) as view,
    ):
        rasterio.shutil.copy(view, tmp_path / "a.tif", driver="GTiff")
    with rasterio.open(tmp_path / "a.tif") as file:
        heights, alpha = file.read()
        assert (alpha == 0).any()
    with open_dem(tmp_path / "a.tif") as dem:
        read, valid = dem.read(0, 0, *alpha.shape)
        assert not dem.source["resampled"]
        np.testing.assert_array_equal(valid, alpha > 0)
        np.testing.assert_array_equal(read[valid], heights[valid])


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("dtype", "value", "given"),
    [
        ("float32", -9999.0, -9999.0),
        ("float32", 1e20, 1e20),
        ("float32", -3.4028234663852886e38, -3.4e38),
        ("float64", -9999.9, -9999.9),
        ("int16", -32768, -32768.0),
        ("uint16", 65535, 65535.0),
        ("int32", -2147483648, -2147483648.0),
        ("int64", -(2.0**63), -(2.0**63)),
    ],
)
def test_nodata_given(tmp_path: Path, dtype: str, value: float, given: float, grid: str) -> None:
    samples = filled(block(), value, dtype)
    samples[0, :3] = 123  # a second value
    missing = block()
    missing[0, :3] = True
    with open_dem(
        write(tmp_path / "a.tif", samples, **GRIDS[grid]), ReadOptions(nodata=(given, 123.0))
    ) as dem:
        check(dem, missing)
        assert dem.fills.sentences() == ()


def test_nodata_given_is_of_the_samples_as_stored(tmp_path: Path) -> None:
    stored = np.where(block(), -999, np.rint(plane())).astype(np.int16)
    path = write(tmp_path / "a.tif", stored, band={"scales": 0.1})
    with open_dem(path, ReadOptions(nodata=(-999.0,))) as dem:
        np.testing.assert_array_equal(dem.read(0, 0, ROWS, COLS)[1], ~block())


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", -9999),
        ("float32", -99999),
        ("int16", -32767),
        ("int16", -32768),
        ("uint16", 65535),
        ("int32", 9999),
    ],
)
def test_undeclared_fill_is_said_with_its_count(
    tmp_path: Path, dtype: str, value: int, grid: str
) -> None:
    path = write(tmp_path / "a.tif", filled(block(), value, dtype), **GRIDS[grid])
    with open_dem(path) as dem:
        heights, valid = dem.read(0, 0, dem.grid.height, dem.grid.width)
        (said,) = dem.fills.sentences()
        where = "below" if value < 0 else "above"
        assert f"are {value} m, far {where} all others (300 … 577 m)" in said
        assert said.endswith(f"if they are missing, add --nodata {value}.")
        count = int(said.split(" samples")[0].replace(" ", ""))
        assert (heights[valid] == value).any()  # never dropped
        if grid == "metric":
            assert count == block().sum()
            np.testing.assert_array_equal(heights[block()], value)
        else:
            assert abs(count - block().sum()) < 0.05 * block().sum()
        dem.fills.restart()
        for row in range(0, dem.grid.height, 32):  # in any windows
            for col in range(0, dem.grid.width, 50):
                dem.read(row, col, 32, 50)
        assert dem.fills.sentences() == (said,)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.linspace(-10_300, -9_400, 900).round(), 0),  # a deep sea that reaches −9999
        (np.r_[np.full(251, -9999.0), np.linspace(-10_500, -9_500, 649)], 0),
        (np.linspace(-400, 8800, 900).round(), 0),  # 0 and −399 amid others
        (np.r_[np.zeros(50), np.linspace(0.5, 3000, 850)], 0),  # the sea
        (np.zeros(900), 0),
        (np.r_[np.zeros(890), np.full(10, -9999.0)], 1),
        (np.r_[np.full(5, -9999.0), np.full(5, -32768.0), np.linspace(5, 90, 890)], 2),
        (np.r_[np.zeros(5), np.linspace(1200, 1900, 895)], 1),
    ],
)
def test_only_what_lies_far_outside_is_said(tmp_path: Path, samples: np.ndarray, said: int) -> None:
    with open_dem(write(tmp_path / "a.tif", samples.reshape(30, 30).astype(np.float32))) as dem:
        dem.read(0, 0, 30, 30)
        assert len(dem.fills.sentences()) == said


def test_scaled_fill_is_named_as_stored(tmp_path: Path) -> None:
    stored = np.where(block(), -32768, np.rint(plane() * 10)).astype(np.int16)
    path = write(tmp_path / "a.tif", stored, band={"scales": 0.1, "units": "ft"})
    with open_dem(path) as dem:
        dem.read(0, 0, ROWS, COLS)
        (said,) = dem.fills.sentences()
        assert "-32768 (-998.8 m), far below all others (91 … 176 m)" in said
        assert said.endswith("--nodata -32768.")


def test_encode_says_it_once_and_keeps_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.tif", filled(block(), -9999, "float32"))
    out = tmp_path / "a.ntile"
    main(["encode", str(path), str(out), "--method", "reference", "--reference", "0.05"])
    said = capsys.readouterr().err
    assert said.count(f"{block().sum():,} samples are -9999 m".replace(",", " ")) == 1
    main(["info", str(out), "--json"])
    assert "add --nodata -9999" in " ".join(
        json.loads(capsys.readouterr().out)["grid"]["assumptions"]
    )
    out.unlink()
    main(
        [
            "encode",
            str(path),
            str(out),
            "--method",
            "reference",
            "--reference",
            "0.05",
            "--nodata",
            "-9999",
        ]
    )
    assert "missing" not in capsys.readouterr().err
    main(["decode", str(out), str(tmp_path / "back.tif")])
    import rasterio

    with rasterio.open(tmp_path / "back.tif") as file:
        np.testing.assert_array_equal(file.read_masks(1) > 0, ~block())


def test_an_unfinished_encode_with_other_nodata_is_not_resumed(tmp_path: Path) -> None:
    from neural.encode import EncodeOptions, encode
    from neural.errors import UsageError

    path = write(tmp_path / "a.tif", filled(block(), -9999, "float32"))
    out = tmp_path / "a.ntile"

    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        encode(path, out, EncodeOptions(methods=(), reference_m=0.05), stop)
    with pytest.raises(UsageError, match="--nodata was not given and is -9999"):
        encode(
            path,
            out,
            EncodeOptions(methods=(), reference_m=0.05, reading=ReadOptions(nodata=(-9999.0,))),
        )


def test_no_height_is_an_error_in_both_paths(tmp_path: Path) -> None:
    samples = filled(block(), 1e20, "float32")
    for name, grid in GRIDS.items():
        with (
            open_dem(write(tmp_path / f"{name}.tif", samples, **grid)) as dem,
            pytest.raises(DemError, match=r"1e\+20, which is no height .* add --nodata 1e\+20\."),
        ):
            dem.read(0, 0, dem.grid.height, dem.grid.width)


def test_a_raster_of_nothing_but_a_fill_value_is_said(tmp_path: Path) -> None:
    with open_dem(write(tmp_path / "a.tif", np.full((20, 30), -9999, np.float32))) as dem:
        dem.read(0, 0, 20, 30)
        (said,) = dem.fills.sentences()
    assert said.startswith("600 samples, all there are, are -9999")
    assert said.endswith("add --nodata -9999.")


def test_a_picture_with_a_color_table_is_refused(tmp_path: Path) -> None:
    import rasterio

    path = write(tmp_path / "a.tif", np.arange(600, dtype=np.uint8).reshape(20, 30))
    with rasterio.open(path, "r+") as raster:
        raster.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})
    with pytest.raises(DemError, match="color table"):
        open_dem(path)
