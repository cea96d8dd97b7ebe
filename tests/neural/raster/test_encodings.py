"""Heights packed into the colors of pictures: decoded when asked, offered when recognized, never a
red channel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.cli import main
from neural.errors import DemError, UsageError
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from tests.support.rasters import hills, north_up, write

PICTURES = Path(__file__).resolve().parents[3] / "assets" / "pictures"
GEOGRAPHIC = {"crs": "EPSG:4326", "transform": north_up(-115, 36, 1 / 3600)}
STEP_M = {"mapbox": 0.1, "terrarium": 1 / 256}


def packed(heights: Any, encoding: str) -> np.ndarray:
    """Red, green and blue bytes by the publishers' formulas, digit by digit."""
    if encoding == "mapbox":
        digits = np.rint((np.asarray(heights, np.float64) + 10_000) * 10)
        return np.stack([digits // 65536, digits // 256 % 256, digits % 256]).astype(np.uint8)
    meters = np.asarray(heights, np.float64) + 32_768
    return np.stack([meters // 256, meters % 256 // 1, np.floor(meters % 1 * 256)]).astype(np.uint8)


def ground(rows: int = 200, cols: int = 240) -> np.ndarray:
    """Hills around 3100 m and 768 m, where the high bytes of both encodings step."""
    return (hills(rows, cols).astype(np.float64) - 100) * 3 + 3105


def rough(seed: int, amplitude: float, exponent: float) -> np.ndarray:
    """Fractal heights [256, 256] meters about 2500."""
    noise = np.random.default_rng(seed).normal(size=(256, 256))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256))
    frequency[0, 0] = 1
    terrain = np.fft.ifft2(np.fft.fft2(noise) * frequency**-exponent).real
    return 2500 + np.clip(amplitude * terrain / terrain.std(), -2400, 6000)


@pytest.mark.parametrize("encoding", STEP_M)
def test_decoded_as_published(tmp_path: Path, encoding: str) -> None:
    heights = ground()
    with open_dem(
        write(tmp_path / "a.tif", packed(heights, encoding)), ReadOptions(encoding=encoding)
    ) as dem:
        read, valid = dem.read(0, 0, *heights.shape)
        assert valid.all()
        assert np.abs(read - heights).max() <= STEP_M[encoding] + 3e-4
        assert dem.grid.assumptions == ()  # the unit is the encoding's


def test_published_examples(tmp_path: Path) -> None:
    samples = np.zeros((3, 2, 4), np.uint8)
    samples[:, 0] = [[0, 1, 1, 2], [0, 134, 134, 0], [0, 160, 161, 0]]
    samples[:, 1] = [[128, 131, 127, 0], [0, 76, 255, 0], [0, 128, 255, 0]]
    path = write(tmp_path / "a.tif", samples)
    with open_dem(path, ReadOptions(encoding="mapbox")) as dem:
        np.testing.assert_allclose(dem.read(0, 0, 1, 4)[0][0], [-10000, 0, 0.1, 3107.2], atol=1e-3)
    with open_dem(path, ReadOptions(encoding="terrarium")) as dem:
        np.testing.assert_allclose(
            dem.read(1, 0, 1, 4)[0][0], [0, 844.5, -1 / 256, -32768], atol=1e-5
        )


@pytest.mark.parametrize("encoding", STEP_M)
def test_decoded_before_it_is_interpolated(tmp_path: Path, encoding: str) -> None:
    """Mixed bytes would leap by 6553 m or 256 m where the high one steps."""
    heights = ground()
    plain = write(tmp_path / "plain.tif", heights.astype(np.float32), **GEOGRAPHIC)
    coded = write(tmp_path / "coded.tif", packed(heights, encoding), **GEOGRAPHIC)
    with open_dem(plain) as one, open_dem(coded, ReadOptions(encoding=encoding)) as other:
        assert other.source["resampled"]
        assert one.grid.transform == other.grid.transform
        (want, valid), (read, same) = (
            d.read(0, 0, d.grid.height, d.grid.width) for d in (one, other)
        )
        np.testing.assert_array_equal(same, valid)
        assert np.abs(read - want)[valid].max() <= STEP_M[encoding] + 3e-4


@pytest.mark.parametrize("grid", [{}, GEOGRAPHIC], ids=["metric", "warped"])
def test_what_is_missing_in_pictures(tmp_path: Path, grid: dict[str, Any]) -> None:
    heights = ground(60, 80)
    missing = np.zeros((60, 80), bool)
    missing[:20, :30] = True
    colors = packed(heights, "mapbox")
    alpha = np.where(missing, 0, 255).astype(np.uint8)
    black = np.where(missing, 0, colors).astype(np.uint8)
    kinds = {
        "alpha": (np.concatenate([colors, alpha[None]]), {}, ReadOptions(encoding="mapbox")),
        "mask": (colors, {"mask": alpha}, ReadOptions(encoding="mapbox")),
        "nodata": (black, {"nodata": 0}, ReadOptions(encoding="mapbox")),
        "given": (black, {}, ReadOptions(encoding="mapbox", nodata=(-10_000.0,))),
    }
    for name, (samples, profile, options) in kinds.items():
        with open_dem(write(tmp_path / f"{name}.tif", samples, **profile, **grid), options) as dem:
            read, valid = dem.read(0, 0, dem.grid.height, dem.grid.width)
            assert abs((~valid).sum() - missing.sum()) <= (
                0 if not grid else 0.15 * missing.size
            ), name
            assert read[valid].min() > 2900, name
    with open_dem(tmp_path / "given.tif", ReadOptions(encoding="mapbox")) as dem:
        dem.read(0, 0, dem.grid.height, dem.grid.width)
        assert "-10000 m, far below all others" in dem.fills.sentences()[0]


@pytest.mark.parametrize("encoding", STEP_M)
@pytest.mark.parametrize(
    "heights",
    [
        ground(),
        np.rint(ground()),
        np.maximum(ground() - 3100, 0),
        rough(1, 300, 2.2) - 6000,
        rough(2, 1500, 1.6),
        rough(3, 1500, 1.2),
        np.rint(5 + hills(256, 256) / 20),
    ],
    ids=[
        "hills",
        "whole meters",
        "coast",
        "sea bed",
        "mountains",
        "coarse mountains",
        "plain in whole meters",
    ],
)
def test_recognized_and_offered(tmp_path: Path, heights: np.ndarray, encoding: str) -> None:
    path = write(tmp_path / "a.tif", packed(heights, encoding))
    with pytest.raises(
        UsageError, match=f"its colors are heights, packed as .*; add --encoding {encoding}"
    ):
        open_dem(path)


def test_recognized_beside_what_is_missing(tmp_path: Path) -> None:
    heights = ground(600, 700)
    colors = packed(heights, "terrarium")
    colors[:, :, :500] = 0
    alpha = np.full((1, 600, 700), 255, np.uint8)
    alpha[:, :, 600:] = 0
    colors[:, :, 600:] = 200
    path = write(tmp_path / "a.tif", np.concatenate([colors, alpha]))
    with pytest.raises(UsageError, match="add --encoding terrarium"):
        open_dem(path)


def photographs() -> dict[str, np.ndarray]:
    y, x = np.mgrid[0:200, 0:240]
    noise = np.random.default_rng(5)
    return {
        "gray gradient": np.stack([x, x, x]),
        "warm gradient": np.stack([100 + x // 13, 90 + y // 9, 80 + x // 20]),
        "sky": np.stack([100 + y // 20, 130 + y // 10, 200 + y // 8]),
        "noise": noise.integers(0, 256, (3, 200, 240)),
        "night": noise.integers(0, 3, (3, 200, 240)),
        "teal": np.stack([0 * x + 1, 100 + x // 4, 100 + y // 4]),
        "one color": np.stack([0 * x + 1, 0 * x + 134, 0 * x + 160]),
        "black": np.zeros((3, 200, 240)),
        "mid gray with grain": 128 + noise.integers(-4, 5, (3, 200, 240)),
    }


@pytest.mark.parametrize("name", photographs())
def test_pictures_are_refused_as_pictures(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.tif", photographs()[name].astype(np.uint8))
    with pytest.raises(DemError, match="it is a color picture, not elevations") as caught:
        open_dem(path)
    assert "bidx 1" not in str(caught.value)


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.png")), ids=lambda path: path.stem)
def test_pictures_of_terrain_are_pictures(path: Path) -> None:
    with pytest.raises(DemError, match="color picture"):
        open_dem(path)


def test_lossy_codes_are_no_heights(tmp_path: Path) -> None:
    """JPEG spoils the low bytes: what is left is a picture."""
    path = write(
        tmp_path / "a.tif",
        packed(rough(2, 800, 1.8), "terrarium"),
        compress="JPEG",
        photometric="YCBCR",
    )
    with pytest.raises(DemError, match="color picture"):
        open_dem(path)


@pytest.mark.parametrize(
    ("samples", "profile", "options", "words"),
    [
        (
            hills(8, 8),
            {},
            {"encoding": "mapbox"},
            "three 8-bit bands, red, green and blue; it has 1 of float32",
        ),
        (np.zeros((3, 8, 8), np.uint16), {}, {"encoding": "terrarium"}, "it has 3 of uint16"),
        (
            np.zeros((3, 8, 8), np.uint8),
            {},
            {"encoding": "mapbox", "unit": "ft"},
            "whose heights are meters",
        ),
        (np.zeros((3, 8, 8), np.uint16), {"photometric": "RGB"}, {}, "color picture"),
        (np.zeros((4, 8, 8), np.uint8), {"photometric": "MINISBLACK"}, {}, "color picture"),
        (
            np.zeros((2, 8, 8), np.float32),
            {},
            {},
            "2 bands where a DEM has one; extract the one of the heights",
        ),
    ],
)
def test_one_clear_sentence(
    tmp_path: Path,
    samples: np.ndarray,
    profile: dict[str, Any],
    options: dict[str, Any],
    words: str,
) -> None:
    path = write(tmp_path / "a.tif", samples, **profile)
    with pytest.raises((DemError, UsageError), match=words) as caught:
        open_dem(path, ReadOptions(**options))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_encode_with_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heights = ground(60, 80)
    path = write(tmp_path / "a.png", packed(heights, "mapbox"), driver="PNG")
    out = tmp_path / "a.ntile"
    arguments = ["encode", str(path), str(out), "--method", "reference", "--reference", "0.05"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "add --encoding mapbox" in capsys.readouterr().err
    main([*arguments, "--encoding", "mapbox"])
    main(["decode", str(out), str(tmp_path / "back.tif")])
    with open_dem(tmp_path / "back.tif") as dem:
        read, valid = dem.read(0, 0, 60, 80)
        assert valid.all()
        assert np.abs(read - heights).max() < 0.15
