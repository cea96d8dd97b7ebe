"""lapped_siren from a raster to a file and back, over ordinary and odd areas, at every kind of
rate."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural.cli import main
from neural.container.reader import open_reader
from neural.container.staging import Stage
from neural.container.verify import verify
from neural.encode import EncodeOptions, encode
from neural.encoding.lapped import rate as lapped_rate
from neural.encoding.lapped import staged_layer as lapped_layer
from neural.encoding.lapped import trials as lapped_trials
from neural.encoding.lapped.rate import step_of_quality
from neural.encoding.lapped.search import highest
from neural.evaluate import evaluate
from neural.raster.dem import open_dem
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import Tile
from tests.support.models import save_tiny_model
from tests.support.rasters import hills, write

HOLE = -9999.0


def ntile(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


def rough(rows: int, columns: int) -> np.ndarray:
    """Hills with some noise, float32."""
    return hills(rows, columns) + np.random.default_rng(3).normal(0, 0.3, (rows, columns)).astype(
        np.float32
    )


def waves(rows: int, columns: int) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:columns]
    return np.sin(x / 9) * np.cos(y / 7 + x / 30)


def spike() -> np.ndarray:
    heights = np.full((300, 280), 40.0)
    heights[255, 130] += 1000
    return heights


def blocks() -> np.ndarray:
    """Boxes of up to 30 m on rough ground, as in a surface model of a town."""
    rng = np.random.default_rng(4)
    heights = rough(300, 280)
    for row, column, height in zip(
        *rng.integers(0, 260, (2, 60)), rng.uniform(3, 30, 60), strict=True
    ):
        rows, columns = rng.integers(5, 40, 2)
        heights[row : row + rows, column : column + columns] += height
    return heights


def coast() -> np.ndarray:
    """Land that ends in a diagonal, and a hole that takes all of one tile and parts of its
    neighbors."""
    heights = hills(560, 600)
    y, x = np.mgrid[0:560, 0:600]
    heights[x + 2 * y < 170] = HOLE
    heights[240:530, 250:520] = HOLE
    return heights


def lonely_column() -> np.ndarray:
    """The only heights are in the 257th column, which has a tile of its own."""
    heights = np.full((300, 257), HOLE)
    heights[:, 256] = rough(300, 1)[:, 0]
    return heights


AREAS: dict[str, tuple[Callable[[], np.ndarray], float]] = {
    "a million meters high": (lambda: 999_900 + 30 * waves(270, 300), 0.5),
    "relief of 0.2 mm": (lambda: 2e-4 * waves(270, 300), 5e-5),
    "one height": (lambda: np.full((270, 300), 1234.567), 0.5),
    "a spike of 1000 m": (spike, 0.5),
    "stairs of 1 cm": (lambda: np.round(waves(270, 300), 2), 0.02),
    "checkerboard": (lambda: np.indices((270, 300)).sum(axis=0) % 2 * 3.0, 0.5),
    "noise": (lambda: np.random.default_rng(5).normal(0, 4, (260, 257)), 0.5),
    "boxes": (blocks, 0.2),
    "coast and missing tiles": (coast, 0.3),
    "one cell": (lambda: np.array([[77.25]]), 0.5),
    "a row": (lambda: hills(1, 300), 0.1),
    "a strip": (lambda: hills(3, 300), 0.1),
    "one column beside a missing tile": (lonely_column, 0.1),
    "one cell more than a tile": (lambda: rough(257, 257), 0.1),
}


@pytest.mark.parametrize("name", AREAS)
def test_errors_stay_within_some_steps(name: str, tmp_path: Path) -> None:
    make, step = AREAS[name]
    heights = make().astype(np.float32)
    dem = write(tmp_path / "dem.tif", heights, nodata=HOLE)
    out = tmp_path / "a.ntile"
    encode(dem, out, EncodeOptions(step_m=step))
    assert verify(out)["ok"]
    with open_reader(out) as reader, open_dem(dem) as source:
        layer = reader.layers[0]
        assert (layer.method, layer.params["step_m"]) == ("lapped_siren", np.float32(step))
        decoded, valid = SurfaceDecoder(reader, layer).read(0, 0, *heights.shape)
        found = evaluate(reader, layer, source)
    np.testing.assert_array_equal(valid, heights != np.float32(HOLE))
    errors = (decoded - heights)[valid]
    assert np.isfinite(decoded).all()
    assert np.abs(errors).max() <= 6 * step
    assert np.sqrt(np.mean(errors**2)) <= 0.6 * step
    assert found["samples"] == valid.sum()
    assert found["max_error_m"] == pytest.approx(np.abs(errors).max(), abs=1e-5 * step)
    assert found["edge_gap_m"] <= 1e-4 * max(step, 0.1 * np.ptp(heights[valid]))


def test_absent_tiles_are_absent(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", coast(), nodata=HOLE)
    encode(dem, tmp_path / "a.ntile", EncodeOptions(step_m=1.0))
    with open_reader(tmp_path / "a.ntile") as reader:
        assert Tile(2, 1, 1) not in set(reader.tiles(0))
        assert sum(reader.sizes()["tiles"][0]) == 1 + 4 + 8


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rough DEM of 4 tiles (dem.tif) and its file at the default quality beside a reference layer
    (a.ntile)."""
    folder = tmp_path_factory.mktemp("area")
    write(folder / "dem.tif", rough(280, 300))
    ntile("encode", folder / "dem.tif", folder / "a.ntile", "--reference", 0.01)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rough DEM of 2 tiles (dem.tif) for what encodes many times."""
    folder = tmp_path_factory.mktemp("small")
    write(folder / "dem.tif", rough(150, 270))
    return folder


def measured(path: Path, dem: Path, bits: int | None = None) -> dict[str, Any]:
    with open_reader(path) as reader, open_dem(dem) as source:
        return evaluate(reader, reader.layers[0], source, bits)


def encoded(area: Path, out: Path, **rate: float) -> dict[str, Any]:
    """Measures of the area encoded at a rate, with the step that was chosen."""
    encode(area / "dem.tif", out, EncodeOptions(**rate))  # type: ignore[arg-type]
    with open_reader(out) as reader:
        step = float(reader.layers[0].params["step_m"][0])
    return {**measured(out, area / "dem.tif"), "step_m": step}


def test_it_is_the_default_at_quality_50(area: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    ntile("info", area / "a.ntile", "--json")
    first, second = json.loads(capsys.readouterr().out)["layers"]
    assert (first["method"], first["step_m"], first["tolerance_m"]) == ("lapped_siren", 0.5, None)
    assert (second["method"], second["step_m"]) == ("reference", None)
    ntile("info", area / "a.ntile")
    assert "step 0.5 m" in capsys.readouterr().out


def test_quality_halves_the_step_every_ten(small: Path, tmp_path: Path) -> None:
    steps = [step_of_quality(quality) for quality in (0, 50, 60, 100)]
    assert steps == [16.0, 0.5, 0.25, 0.015625]
    coarse, fine = (encoded(small, tmp_path / "a.ntile", quality=quality) for quality in (40, 70))
    assert (coarse["step_m"], fine["step_m"]) == (1.0, 0.125)
    assert fine["rmse_m"] < coarse["rmse_m"]
    assert fine["stack_bits_per_sample"] > coarse["stack_bits_per_sample"]


def test_target_rmse_is_kept_and_nearly_reached(small: Path, tmp_path: Path) -> None:
    found = encoded(small, tmp_path / "a.ntile", target_rmse_m=0.08)
    assert 0.97 * 0.08 <= found["rmse_m"] <= 0.08
    again = (tmp_path / "a.ntile").read_bytes()
    encoded(small, tmp_path / "a.ntile", target_rmse_m=0.08)
    assert (tmp_path / "a.ntile").read_bytes() == again


def test_bits_per_sample_are_kept_and_nearly_used(small: Path, tmp_path: Path) -> None:
    found = encoded(small, tmp_path / "a.ntile", bits_per_sample=1.5)
    assert 0.97 * 1.5 <= found["stack_bits_per_sample"] <= 1.5


@pytest.mark.parametrize(
    "name", ["boxes", "coast and missing tiles", "one cell more than a tile", "one height", "a row"]
)
def test_no_sample_is_further_off_than_promised(name: str, tmp_path: Path) -> None:
    heights = AREAS[name][0]().astype(np.float32)
    dem = write(tmp_path / "dem.tif", heights, nodata=HOLE)
    out = tmp_path / "a.ntile"
    encode(dem, out, EncodeOptions(max_error_m=0.2))
    with open_reader(out) as reader:
        assert (reader.layers[0].tolerance_m, set(reader.layers[0].params)) == (
            0.2,
            {"step_m", "base_m", "bound_m"},
        )
        decoded, valid = SurfaceDecoder(reader, reader.layers[0]).read(0, 0, *heights.shape)
    np.testing.assert_array_equal(valid, heights != np.float32(HOLE))
    assert np.abs(decoded.astype(np.float32) - heights)[valid].max() <= 0.2
    found = measured(out, dem)
    assert found["max_error_m"] <= 0.2
    assert found["edge_gap_m"] < 1e-4


def test_bounded_error_takes_the_cheapest_of_some_steps(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = {}
    for share in lapped_rate.STEP_SHARES:
        with monkeypatch.context() as patch:
            patch.setattr(lapped_rate, "STEP_SHARES", (share,))
            found = encoded(small, tmp_path / "a.ntile", max_error_m=0.4)
        assert found["step_m"] == np.float32(share * 0.4)
        sizes[share] = found["stack_bits_per_sample"]
    best = encoded(small, tmp_path / "a.ntile", max_error_m=0.4)
    assert best["stack_bits_per_sample"] == min(sizes.values()) < max(sizes.values())
    capsys.readouterr()
    ntile("info", tmp_path / "a.ntile")
    assert "± 0.4 m" in capsys.readouterr().out


def test_fewer_bits_of_a_bounded_layer_leave_its_residuals_out(small: Path, tmp_path: Path) -> None:
    encode(small / "dem.tif", tmp_path / "a.ntile", EncodeOptions(max_error_m=0.1))
    stored, fewer = (measured(tmp_path / "a.ntile", small / "dem.tif", bits) for bits in (8, 7))
    assert stored["max_error_m"] <= 0.1 < fewer["max_error_m"]
    assert fewer["bits_per_sample"] < stored["bits_per_sample"]


@pytest.mark.parametrize(
    ("rate", "limit", "key", "name"),
    [
        ("target_rmse_m", 0.15, "rmse_m", "rmse_m"),
        ("bits_per_sample", 1.0, "stack_bits_per_sample", "bits_per_sample"),
    ],
)
def test_a_large_area_is_searched_in_part_first(
    rate: str,
    limit: float,
    key: str,
    name: str,
    area: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As large count areas from four tiles on; the answer is that of a search in all of it."""
    monkeypatch.setattr(lapped_trials, "SUBSET_FROM_TILES", 4)
    monkeypatch.setattr(lapped_trials, "SUBSET_TILES", 2)
    asked: list[int] = []
    measure = getattr(lapped_trials.Trials, name)

    def counted(self: Any, step_m: float, tiles: Any = ()) -> float:
        asked.append(len(tiles))
        return measure(self, step_m, tiles)

    monkeypatch.setattr(lapped_trials.Trials, name, counted)
    assert 0.97 * limit <= encoded(area, tmp_path / "a.ntile", **{rate: limit})[key] <= limit
    assert asked[0] == 2
    assert asked[-1] == 0


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ({"target_rmse_m": 1e-7}, "the finest step leaves"),
        ({"bits_per_sample": 1e-3}, "the lowest rate for this area is"),
        ({"step_m": 1e-9}, "too fine for this relief"),
        ({"max_error_m": 1e-6}, "finer than 32-bit heights"),
    ],
)
def test_what_is_out_of_reach(
    rate: dict[str, float], words: str, small: Path, tmp_path: Path
) -> None:
    """The sentence names what is in reach, and that is, without staging the area again."""
    from neural.errors import UsageError

    with pytest.raises(UsageError, match=words) as caught:
        encoded(small, tmp_path / "a.ntile", **rate)
    numbers = [word.rstrip(";.") for word in str(caught.value).split()]
    least = next(
        float(n) for n in reversed(numbers) if n.replace("e-", "").replace(".", "").isdigit()
    )
    encoded(small, tmp_path / "a.ntile", **dict.fromkeys(rate, least))
    assert (tmp_path / "a.ntile").exists()


def test_search_brackets_functions_of_any_steepness() -> None:
    for power in (0.05, 1.0, 4.0):
        asked: list[float] = []

        def value(place: float, power: float = power, asked: list[float] = asked) -> float:
            asked.append(place)
            return 2.0 ** (power * place)

        found = highest(value, 2.0 ** (power * 3.3), start=-9.0, low=-10.0, high=10.0)
        assert found is not None
        assert found <= 3.3
        assert value(found) >= 0.98 * value(3.3)
        assert len(asked) <= 12
    assert highest(lambda place: 0.0, 1.0, 0.0, -10.0, 10.0) == 10.0
    assert highest(lambda place: 2.0, 1.0, 0.0, -10.0, 10.0) is None
    jump = highest(lambda place: 0.1 if place < 1 else 9.0, 1.0, 0.0, -10.0, 10.0)
    assert jump is not None
    assert 0.5 <= jump < 1


@pytest.fixture(scope="module")
def fine(area: Path) -> Path:
    """The area at a step so fine that most details are many steps."""
    encode(area / "dem.tif", area / "fine.ntile", EncodeOptions(step_m=0.02))
    return area / "fine.ntile"


def test_fewer_bits_are_fewer_bytes_and_larger_errors(area: Path, fine: Path) -> None:
    rows = [measured(fine, area / "dem.tif", bits) for bits in (8, 7, 5, 3)]
    assert rows[0] == measured(fine, area / "dem.tif")
    for more, less in pairwise(rows):
        assert less["rmse_m"] > more["rmse_m"]
        assert less["bits_per_sample"] < more["bits_per_sample"]
        assert less["stack_bits_per_sample"] < more["stack_bits_per_sample"]
        assert less["edge_gap_m"] < 1e-4


def test_size_at_fewer_bits_is_that_of_the_coded_details(
    area: Path, fine: Path, tmp_path: Path
) -> None:
    """As stored nothing is saved; at two bits less about what a step four times as coarse saves."""
    from neural.methods.lapped.requantize import saved_bytes

    with open_reader(fine) as reader:
        stored = SurfaceDecoder(reader, reader.layers[0]).linked
        assert {saved_bytes(stored, tile) for tile in reader.tiles(0)} == {0}
    shown = measured(fine, area / "dem.tif", 6)
    coarse = encoded(area, tmp_path / "a.ntile", step_m=0.08)
    assert shown["bits_per_sample"] == pytest.approx(coarse["bits_per_sample"], rel=0.15)
    assert shown["stack_bits_per_sample"] == pytest.approx(coarse["stack_bits_per_sample"], rel=0.1)
    assert shown["rmse_m"] == pytest.approx(coarse["rmse_m"], rel=0.1)


def test_windows_are_parts_of_the_whole(
    area: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import rasterio

    with open_reader(area / "a.ntile") as reader:
        whole, _ = SurfaceDecoder(reader, reader.layers[0]).read(0, 0, 280, 300)
    out = tmp_path / "part.tif"
    ntile("decode", area / "a.ntile", out, "--bbox", 500_200, 3_999_730, 500_290, 3_999_760)
    with rasterio.open(out) as part:
        np.testing.assert_allclose(part.read(1), whole[240:270, 200:290], atol=1e-4)
    ntile("decode", area / "a.ntile", out, "--resolution", 2)
    with rasterio.open(out) as coarse, rasterio.open(area / "dem.tif") as source:
        means = source.read(1).reshape(140, 2, 150, 2).mean(axis=(1, 3))
        assert np.sqrt(np.mean((coarse.read(1) - means) ** 2)) < 0.5


def interrupted(
    area: Path, out: Path, patch: pytest.MonkeyPatch, owner: type, name: str, calls: int
) -> None:
    """Encode with a search, stopped at a call of a method."""
    work = getattr(owner, name)
    count = 0

    def stopped(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == calls:
            raise KeyboardInterrupt
        return work(*arguments)

    with patch.context() as there:
        there.setattr(owner, name, stopped)
        with pytest.raises(KeyboardInterrupt):
            encode(area / "dem.tif", out, EncodeOptions(target_rmse_m=0.1))
    assert not out.exists()


def test_an_interrupted_encode_goes_on(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while levels are lowered, in the search, and while the last step is coded; nothing is
    coded twice."""
    options = EncodeOptions(target_rmse_m=0.1)
    coded = []
    encoding = lapped_layer.LayerCoder.encode

    def counted(self: Any, *arguments: Any) -> bytes:
        coded.append((self.settings, arguments[0]))
        return encoding(self, *arguments)

    monkeypatch.setattr(lapped_layer.LayerCoder, "encode", counted)
    encode(small / "dem.tif", tmp_path / "whole.ntile", options)
    everything = len(coded)
    want = (tmp_path / "whole.ntile").read_bytes()
    coded.clear()
    out = tmp_path / "stopped.ntile"
    interrupted(small, out, monkeypatch, Stage, "put", 1)
    interrupted(small, out, monkeypatch, Stage, "put_body", 3)
    interrupted(small, out, monkeypatch, Stage, "put_body", 9)
    encode(small / "dem.tif", out, options)
    assert out.read_bytes() == want
    assert len(coded) == everything + 2  # the tiles whose bytes were not stored yet
    assert {path.name for path in tmp_path.iterdir()} == {"whole.ntile", "stopped.ntile"}


def test_beside_other_layers(area: Path, tmp_path: Path) -> None:
    """A learned method, lapped_siren and a reference in one file; the bytes of each are those it
    has alone."""
    stem = save_tiny_model(tmp_path)
    out = tmp_path / "all.ntile"
    methods = ("--method", "huvr_siren", "--method", "lapped_siren", "--model", stem)
    ntile("encode", area / "dem.tif", out, *methods, "--reference", 0.01, "--quality", 50)
    with open_reader(out) as reader, open_reader(area / "a.ntile") as alone:
        assert [layer.method for layer in reader.layers] == [
            "huvr_siren",
            "lapped_siren",
            "reference",
        ]
        for tile in alone.tiles(0):
            both = reader.read(1, tile), alone.read(0, tile)
            assert both[0] is not None
            assert both[1] is not None
            assert both[0].body == both[1].body


def test_it_needs_no_torch(area: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from neural.cli import main; main(sys.argv[1:])"
    )
    run = [sys.executable, "-c", code, "encode", area / "dem.tif", tmp_path / "a.ntile"]
    root = Path(__file__).parents[3]
    assert subprocess.run(run, cwd=root, check=False).returncode == 0
    again = subprocess.run(
        [*run, "--method", "huvr"], cwd=root, capture_output=True, text=True, check=False
    )
    assert again.returncode == 2
    assert "encoding huvr needs torch" in again.stderr
