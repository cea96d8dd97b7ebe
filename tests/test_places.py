"""Where heights stand: formula terrain at every level, up to the rim, through Python, commands and
shaders."""

from pathlib import Path

import numpy as np
import pytest

from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.surface.sampling import SurfaceSampler
from neural.surface.tile_surface import SurfaceDecoder
from tests.support.commands import ntile_json
from tests.support.rasters import north_up, write

WEST = 500_000.0
NORTH = 4_000_000.0
CELL_M = 2.0


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Hills some kilometers long, so that every level of a small raster shows them."""
    return 1000 + 300 * np.sin((x - WEST) / 400) * np.cos((y - NORTH) / 430)


def slopes(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Their exact slopes east and north."""
    a = (x - WEST) / 400
    b = (y - NORTH) / 430
    return 300 / 400 * np.cos(a) * np.cos(b), -300 / 430 * np.sin(a) * np.sin(b)


def centers(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    j, i = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    return WEST + CELL_M * j, NORTH - CELL_M * i


@pytest.fixture(scope="module", params=[(1024, 1024), (700, 901)], ids=["whole tiles", "ragged"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("places")
    source = write(
        folder / "dem.tif",
        waves(*centers(*request.param)).astype(np.float32),
        crs="EPSG:32611",
        transform=north_up(WEST, NORTH, CELL_M),
    )
    encode(source, folder / "a.ntile", EncodeOptions(quality=90.0, link_decoder=True))
    return folder / "a.ntile"


def displacement_cells(
    error: np.ndarray, slope: tuple[np.ndarray, np.ndarray], cell_m: float
) -> np.ndarray:
    """Shift (east, north) in cells of the level that explains heights off by `error` best."""
    east, north = slope
    shift, *_ = np.linalg.lstsq(
        np.stack([east.ravel(), north.ravel()], axis=1), error.ravel(), rcond=None
    )
    return np.abs(shift) / cell_m


def test_features_stay_at_every_level(file: Path) -> None:
    with open_reader(file) as reader:
        sampler = SurfaceSampler.of(reader, reader.layers[0])
        grid = reader.grid
        for level in range(grid.levels):
            cell_m = CELL_M * 2 ** (grid.levels - 1 - level)
            inset = 4 * cell_m
            x = np.linspace(grid.bounds.west + inset, grid.bounds.east - inset, 150)
            y = np.linspace(grid.bounds.south + inset, grid.bounds.north - inset, 140)
            decoded = sampler.lattice(x, y, order=1, level=level)
            at = np.meshgrid(x, y)
            assert displacement_cells(decoded.meters - waves(*at), slopes(*at), cell_m).max() < 0.02
            east, north = slopes(*at)
            assert np.abs(decoded.east - east).max() < 0.02
            assert np.abs(decoded.north - north).max() < 0.02


@pytest.mark.parametrize("resolution_m", [2.0, 4.0, 8.0])
def test_decoded_rasters_stay(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], resolution_m: float
) -> None:
    import rasterio

    out = tmp_path / "back.tif"
    ntile_json(capsys, "decode", file, out, "--resolution", resolution_m)
    with rasterio.open(out) as raster:
        heights = raster.read(1).astype(float)
        place = raster.transform
    j, i = np.meshgrid(np.arange(heights.shape[1]) + 0.5, np.arange(heights.shape[0]) + 0.5)
    at = place.c + j * place.a, place.f + i * place.e
    inner = np.s_[4:-4, 4:-4]
    east, north = slopes(*at)
    error = (heights - waves(*at))[inner]
    assert displacement_cells(error, (east[inner], north[inner]), resolution_m).max() < 0.02
    assert np.sqrt((error**2).mean()) < 0.02


@pytest.mark.parametrize("size", [(300, 400), (257, 301), (258, 512)], ids=str)
@pytest.mark.parametrize("tilt", [(0.5, -0.25), (-2.0, 3.0)], ids=["gentle", "steep"])
def test_a_tilted_plane_is_right_up_to_the_outline(
    tmp_path: Path, size: tuple[int, int], tilt: tuple[float, float]
) -> None:
    def plane(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 100 + tilt[0] * (x - WEST) + tilt[1] * (y - NORTH)

    place = north_up(WEST, NORTH, CELL_M)
    source = write(
        tmp_path / "dem.tif",
        plane(*centers(*size)).astype(np.float32),
        crs="EPSG:32611",
        transform=place,
    )
    encode(source, tmp_path / "a.ntile", EncodeOptions(link_decoder=True))
    with open_reader(tmp_path / "a.ntile") as reader:
        sampler = SurfaceSampler.of(reader, reader.layers[0])
        bounds = reader.grid.bounds
        along = np.linspace(0, 1, 97)
        for x, y in (
            (np.full(97, bounds.west), bounds.south + along * (bounds.north - bounds.south)),
            (np.full(97, bounds.east), bounds.south + along * (bounds.north - bounds.south)),
            (bounds.west + along * (bounds.east - bounds.west), np.full(97, bounds.north)),
            (bounds.west + along * (bounds.east - bounds.west), np.full(97, bounds.south)),
        ):
            assert np.abs(sampler.at(x, y).meters - plane(x, y)).max() < 0.05


def test_evaluate_counts_the_rim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outermost samples and the outline half a cell further out, computed here from the raster
    alone."""
    rng = np.random.default_rng(4)
    heights = (waves(*centers(270, 300)) + rng.normal(0, 0.6, (270, 300))).astype(np.float32)
    source = write(
        tmp_path / "dem.tif", heights, crs="EPSG:32611", transform=north_up(WEST, NORTH, CELL_M)
    )
    out = tmp_path / "a.ntile"
    ntile_json(capsys, "encode", source, out, "--step", 1.0)
    row = ntile_json(capsys, "evaluate", out, "--reference", source)["results"][0]
    with open_reader(out) as reader:
        decoder = SurfaceDecoder(reader, reader.layers[0], keep_tiles=8)
        decoded, _ = decoder.read(0, 0, 270, 300)
        outline = {
            "west": decoder.lattice(np.array([0.0]), np.arange(270) + 0.5)[0][:, 0],
            "north": decoder.lattice(np.arange(300) + 0.5, np.array([0.0]))[0][0],
        }
    source_heights = heights.astype(float)
    errors = [decoded[0] - source_heights[0], decoded[-1] - source_heights[-1]]
    errors += [decoded[:, 0] - source_heights[:, 0], decoded[:, -1] - source_heights[:, -1]]
    outermost = np.sqrt(np.mean(np.concatenate(errors) ** 2))
    west = source_heights[:, 0] + (source_heights[:, 0] - source_heights[:, 3]) / 6
    north = source_heights[0] + (source_heights[0] - source_heights[3]) / 6
    beyond = np.concatenate([outline["west"] - west, outline["north"] - north])
    assert row["rim_rmse_m"] == pytest.approx(outermost, rel=1e-3)
    # two of the four sides
    assert row["outline_rmse_m"] == pytest.approx(np.sqrt(np.mean(beyond**2)), rel=0.15)
    inside = np.sqrt(np.mean((decoded - source_heights)[8:-8, 8:-8] ** 2))
    assert row["rim_rmse_m"] < 1.1 * inside


def test_the_rim_is_as_true_as_the_inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rough terrain on a slope, whole tiles: every line ends with a detail in the east and
    south."""
    y, x = np.mgrid[0:512, 0:512].astype(float)
    rng = np.random.default_rng(7)
    rough = np.cumsum(np.cumsum(rng.normal(0, 0.03, (512, 512)), axis=0), axis=1) + rng.normal(
        0, 0.3, (512, 512)
    )
    heights = (500 + 0.3 * x - 0.2 * y + rough).astype(np.float32)
    source = write(
        tmp_path / "dem.tif", heights, crs="EPSG:32611", transform=north_up(WEST, NORTH, 1.0)
    )
    out = tmp_path / "a.ntile"
    ntile_json(capsys, "encode", source, out, "--target-rmse", 0.3)
    with open_reader(out) as reader:
        decoded, _ = SurfaceDecoder(reader, reader.layers[0], keep_tiles=8).read(0, 0, 512, 512)
    error = decoded - heights
    inside = np.sqrt(np.mean(error[8:-8, 8:-8] ** 2))
    sides = [error[0], error[-1], error[:, 0], error[:, -1]]
    assert np.sqrt(np.mean(np.concatenate(sides) ** 2)) < 1.1 * inside
    assert max(np.sqrt(np.mean(side**2)) for side in sides) < 1.25 * inside
    row = ntile_json(capsys, "evaluate", out, "--reference", source)["results"][0]
    assert row["rim_rmse_m"] < 1.1 * inside
