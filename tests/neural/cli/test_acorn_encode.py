"""`ntile encode --method acorn`: files, limits, interruptions, bad input."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neural.cli.encode import closing_lines
from neural.cli.options import human_bytes
from neural.container.reader import open_reader
from neural.encode import EncodeOptions, encode
from neural.encoding.acorn.options import AcornOptions
from neural.errors import ModelError, NtileError, UsageError
from neural.models import acorn_run
from neural.models.acorn_training import AcornFit
from neural.surface.sampling import SurfaceSampler
from neural.tiles import Tile, centers
from tests.support.commands import POSIX, fails, ntile, ntile_json, start, wait_for
from tests.support.rasters import hills, write

OPTIONS = EncodeOptions(
    methods=("acorn",), acorn=AcornOptions(preset="tiny", blocks=20, steps=40, seed=5)
)
ARGUMENTS = ("--method", "acorn", "--preset", "tiny", "--blocks", "20")


class Killed(BaseException):
    """Stands for a kill: nothing of the program may handle it."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("acorn") / "hills.tif"
    write(path, hills(300, 340))
    return path


@pytest.fixture(scope="module")
def whole(source: Path) -> bytes:
    """The file of an encode that was not interrupted."""
    out = source.with_name("whole.ntile")
    encode(source, out, OPTIONS)
    return out.read_bytes()


def killed_at(source: Path, out: Path, options: EncodeOptions, step: int, steps: int) -> None:
    def report(done: int, total: int) -> None:
        if (done, total) == (step, steps):
            raise Killed

    with pytest.raises(Killed):
        encode(source, out, options, report)


def leftovers(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.glob(f"{out.name}.*"))


def test_a_file_holds_the_network_and_its_training(source: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.ntile"
    summary = ntile_json(capsys, "encode", source, out, *ARGUMENTS, "--steps", "300")
    assert summary["layers"][0]["method"] == "acorn"
    relief = float(np.ptp(hills(300, 340)))
    assert summary["rmse_m"] < 0.05 * relief
    assert leftovers(out) == []
    with open_reader(out) as reader:
        stats = reader.layers[0].stats
    assert stats["training_steps"] == 300
    assert stats["curve_steps"] == [10, 100, 200, 300]
    assert stats["curve_psnr_db"][-1] > 26
    assert sum(stats["blocks_per_scale"]) <= stats["block_budget"] == 20
    assert stats["parameters"] == 50_497


def test_layers_of_other_methods_are_beside_it(source: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out.ntile"
    methods = ("--method", "acorn", "--method", "lapped_siren", "--reference", "0.05")
    small = ("--preset", "tiny", "--blocks", "20", "--steps", "5")
    summary = ntile_json(capsys, "encode", source, out, *methods, *small)
    assert [layer["method"] for layer in summary["layers"]] == [
        *("acorn", "lapped_siren", "reference")
    ]
    assert summary["layers"][2]["max_error_m"] <= 0.05
    ntile("verify", out)


@pytest.mark.parametrize("step", [1, 17, 40])
def test_a_killed_encode_resumes_to_the_same_bytes(
    source: Path, whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(acorn_run, "SAVE_S", 0.0)
    killed_at(source, out, OPTIONS, step, 40)
    assert (tmp_path / "out.ntile.work-heights").exists()
    resumed = replace(OPTIONS, acorn=replace(OPTIONS.acorn, resume=True))
    encode(source, out, resumed)
    assert out.read_bytes() == whole
    assert leftovers(out) == []


def test_a_damaged_state_is_a_sentence(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(acorn_run, "SAVE_S", 0.0)
    killed_at(source, out, OPTIONS, 3, 40)
    kept = tmp_path / "out.ntile.work-training"
    whole_state = kept.read_bytes()
    for part in (b"", b"garbage" * 99, whole_state[:5000], whole_state[: len(whole_state) // 2]):
        kept.write_bytes(part)
        with pytest.raises(NtileError, match=r"work-training is damaged .* add --restart") as error:
            encode(source, out, OPTIONS)
        assert error.value.exit_code == 3
        assert kept.read_bytes() == part


def test_more_blocks_and_steps_can_be_asked_for(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(acorn_run, "SAVE_S", 0.0)
    killed_at(source, out, OPTIONS, 20, 40)
    encode(source, out, replace(OPTIONS, acorn=replace(OPTIONS.acorn, blocks=60, steps=50)))
    with open_reader(out) as reader:
        stats = reader.layers[0].stats
    assert stats["training_steps"] == 50
    assert 20 < sum(stats["blocks_per_scale"]) <= 60
    assert stats["retiling_steps"] == [0, 19]


def test_no_block_is_written_without_training(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(acorn_run, "SAVE_S", 0.0)
    killed_at(source, out, OPTIONS, 20, 40)
    written = replace(OPTIONS.acorn, steps=None, time_s=0.0, resume=True)
    with pytest.raises(UsageError, match="holds 20 blocks, and no training is left for 60"):
        encode(source, out, replace(OPTIONS, acorn=replace(written, blocks=60)))
    encode(source, out, replace(OPTIONS, acorn=replace(written, blocks=None)))
    with open_reader(out) as reader:
        stats = reader.layers[0].stats
    assert stats["block_budget"] == 20
    assert stats["retiling_steps"] == [0]


def test_a_full_gpu_is_a_sentence_and_keeps_the_training(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    advance = AcornFit.advance

    def full(fit: AcornFit, rate: float = 1.0) -> float:
        if fit.step == 7:
            raise torch.cuda.OutOfMemoryError("full")
        return advance(fit, rate)

    monkeypatch.setattr(AcornFit, "advance", full)
    with pytest.raises(NtileError, match="GPU has too little memory for 20 blocks"):
        encode(source, out, OPTIONS)
    monkeypatch.undo()
    first = []
    encode(source, out, OPTIONS, lambda done, total: first.append((done, total)))
    assert (8, 40) in first
    assert (7, 40) not in first


def test_a_diverged_training_is_a_sentence_and_kept(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(AcornFit, "_backward", lambda fit, drawn: np.full(20, np.nan, np.float32))
    with pytest.raises(ModelError, match="diverged"):
        encode(source, out, OPTIONS)
    monkeypatch.undo()
    encode(source, out, replace(OPTIONS, acorn=replace(OPTIONS.acorn, resume=True)))


def test_a_state_without_room_is_a_sentence(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(state: object, file: object) -> None:
        raise RuntimeError("unexpected pos 449920 vs 449812")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(NtileError, match="work-training cannot be written"):
        encode(source, tmp_path / "out.ntile", OPTIONS)
    assert (tmp_path / "out.ntile.work-heights").exists()


def test_time_ends_a_training(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ntile"
    timed = replace(OPTIONS, acorn=replace(OPTIONS.acorn, steps=None, time_s=1.0))
    encode(source, out, timed)
    with open_reader(out) as reader:
        stats = reader.layers[0].stats
    assert 1 <= stats["training_seconds"] < 10
    assert stats["training_steps"] > 2


def test_a_target_ends_a_training(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ntile"
    target = 0.06 * float(np.ptp(hills(300, 340)))
    options = replace(OPTIONS, target_rmse_m=target, acorn=replace(OPTIONS.acorn, steps=None))
    summary = encode(source, out, options)
    assert summary.layers[0].rmse_m <= 1.1 * target
    lines = closing_lines(str(out), str(source), summary)
    network = summary.layers[0].network_bytes
    assert f"Its network takes {human_bytes(network)} of the file" in lines[2]
    assert network == pytest.approx(summary.sizes["decoder_bytes"], rel=0.01)


@POSIX
def test_an_interrupted_training_is_kept_and_written(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ntile"
    kept = tmp_path / "out.ntile.work-training"
    command = ("neural.cli", "encode", source, out, *ARGUMENTS, "--time")
    run = start(*command, "10min")
    wait_for(run, kept.exists)
    time.sleep(1)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "run the same command again to go on, or with --time 0 --resume" in said
    assert not out.exists()
    state = kept.read_bytes()
    run = start(*command, "10min", "--resume")
    time.sleep(4)
    run.kill()
    run.communicate()
    assert kept.read_bytes() == state
    ntile("encode", source, out, *ARGUMENTS, "--time", "0", "--resume", "--bits", "6")
    with open_reader(out) as reader:
        assert reader.layers[0].stats["training_steps"] > 0
        assert reader.layers[0].bits == 6
    assert leftovers(out) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--resume",), "holds no encode to resume"),
        (("--resume", "--restart"), "give only one of --restart and --resume"),
        (("--steps", "9", "--device", "abacus"), "--device abacus is no device"),
        (("--steps", "9", "--device", "meta"), "--device meta is no device"),
        (("--time", "0"), "give a time above 0"),
        (("--time", "0.001"), "shorter than a step of training"),
        (("--time", "9s", "--steps", "9"), "give only one of --time and --steps"),
        (("--steps", "9", "--refine", "2"), "--refine is not for acorn"),
        (("--steps", "9", "--link-decoder"), "--link-decoder is not for acorn"),
        (("--steps", "9", "--bits", "7"), "--bits 7 is not one of"),
        (("--steps", "9", "--step", "1"), "--step is for lapped_siren"),
    ],
)
def test_bad_options_are_a_sentence(
    source: Path, tmp_path: Path, capsys, arguments: tuple[str, ...], sentence: str
) -> None:
    code, said = fails(capsys, "encode", source, tmp_path / "out.ntile", *ARGUMENTS, *arguments)
    assert code == 2
    assert sentence in said


def test_a_training_of_another_preset_is_not_resumed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.ntile"
    monkeypatch.setattr(acorn_run, "SAVE_S", 0.0)
    killed_at(source, out, OPTIONS, 5, 40)
    for field, value in (("preset", "small"), ("seed", 6), ("partition", "cut")):
        other = replace(OPTIONS, acorn=replace(OPTIONS.acorn, **{field: value}))
        with pytest.raises(UsageError, match=f"--{field} was"):
            encode(source, out, other)
    assert (tmp_path / "out.ntile.work-training").exists()


def test_an_area_without_data_is_a_sentence(tmp_path: Path, capsys) -> None:
    write(tmp_path / "none.tif", np.full((300, 300), -9999, np.float32), nodata=-9999)
    code, said = fails(
        capsys, "encode", tmp_path / "none.tif", tmp_path / "out.ntile", *ARGUMENTS, "--steps", "3"
    )
    assert code == 3
    assert "nodata" in said
    assert leftovers(tmp_path / "out.ntile") == []


def test_a_small_area_is_a_sentence(tmp_path: Path, capsys) -> None:
    write(tmp_path / "small.tif", hills(7, 7))
    code, said = fails(
        capsys, "encode", tmp_path / "small.tif", tmp_path / "out.ntile", *ARGUMENTS, "--steps", "3"
    )
    assert code == 3
    assert "fewer than one block" in said
    assert leftovers(tmp_path / "out.ntile") == []


def test_constant_terrain_is_exact(tmp_path: Path) -> None:
    write(tmp_path / "flat.tif", np.full((300, 300), 12.5, np.float32))
    options = replace(OPTIONS, acorn=replace(OPTIONS.acorn, steps=3))
    assert encode(tmp_path / "flat.tif", tmp_path / "out.ntile", options).layers[0].rmse_m == 0


def test_missing_data_stays_missing(tmp_path: Path) -> None:
    heights = hills(300, 340)
    heights[50:120, 100:330] = -9999
    write(tmp_path / "holes.tif", heights, nodata=-9999)
    summary = encode(tmp_path / "holes.tif", tmp_path / "out.ntile", OPTIONS)
    assert summary.layers[0].max_error_m < 2 * float(np.ptp(hills(300, 340)))
    ntile("decode", tmp_path / "out.ntile", tmp_path / "back.tif")
    import rasterio

    with rasterio.open(tmp_path / "back.tif") as back:
        np.testing.assert_array_equal(back.read_masks(1) == 0, heights == -9999)


@pytest.mark.parametrize("lod_nodes", [False, True])
def test_a_coarse_level_is_the_mean_of_its_cells(tmp_path: Path, lod_nodes: bool) -> None:
    y, x = np.mgrid[:512, :512] + 0.5
    heights = (300 * np.sin(x / 80) + 250 * np.cos(y / 90)).astype(np.float32)
    write(tmp_path / "waves.tif", heights)
    trained = replace(OPTIONS.acorn, steps=120, lod_nodes=lod_nodes, partition="uniform")
    out = tmp_path / "out.ntile"
    encode(tmp_path / "waves.tif", out, replace(OPTIONS, acorn=trained))
    with open_reader(out) as reader:
        surface = SurfaceSampler.of(reader, reader.layers[0]).surface(Tile(0, 0, 0))
        assert surface is not None
        coarse = surface.heights(centers(), centers()).meters
    mean = heights.reshape(256, 2, 256, 2).mean(axis=(1, 3))
    assert np.sqrt(((coarse - mean) ** 2).mean()) < 0.08 * np.ptp(heights)
