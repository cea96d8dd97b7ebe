"""Staging and finalizing: resumable, all or nothing, and bounded in memory."""

import dataclasses
import errno
import os
import random
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from neural.container import writer
from neural.container.envelope import ChildInfo
from neural.container.reader import open_reader
from neural.container.staging import Stage, StagedTile
from neural.container.writer import write_archive
from neural.errors import NtileError, UsageError
from neural.system import output
from neural.tiles import Tile, tile_from_id, tile_id
from tests.support import archives
from tests.support.archives import SMALL, WIDE, body_of, draft, groups, read_all, staged, write

SCRIPT = Path(archives.__file__)


def check_same(a: StagedTile, b: StagedTile) -> None:
    assert (a.layer, a.tile, a.children, a.info, a.latents) == (
        b.layer,
        b.tile,
        b.children,
        b.info,
        b.latents,
    )
    assert (a.offset_m, a.scale_m) == (np.float32(b.offset_m), np.float32(b.scale_m))
    assert (a.mask is None) == (b.mask is None)
    assert a.mask is None or np.array_equal(a.mask, b.mask)


def test_rows_come_back_in_order_of_id(tmp_path):
    tiles = {k: list(staged(WIDE, k)) for k in (0, 15)}
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        for k, rows in tiles.items():
            stage.put_group(k, rows)
        assert stage.done_groups() == {0, 15}
        for k, rows in tiles.items():
            ordered = sorted(rows, key=lambda row: tile_id(row.tile))
            for found, row in zip(stage.rows(k), ordered, strict=True):
                check_same(found, row)
            assert stage.ids(k).tolist() == [tile_id(row.tile) for row in ordered]
            assert stage.height_range(k) == (
                min(r.info.min_m for r in rows),
                max(r.info.max_m for r in rows),
            )
            check_same(stage.get(k, 0), ordered[0])
        assert list(stage.rows(3)) == []
        with pytest.raises(KeyError):
            stage.get(0, 10**9)


def test_groups_survive_closing_and_replace_themselves(tmp_path):
    out = tmp_path / "a.ntile"
    first, second = list(groups(list(staged(WIDE))))[:2]
    with Stage.open(out, "key") as stage:
        stage.put_group(*first)
    with Stage.open(out, "key") as stage:
        assert stage.done_groups() == {0}
        stage.put_group(*first)
        stage.put_group(*second)
        assert len(list(stage.rows(0))) == 16


def test_a_group_is_stored_whole_or_not_at_all(tmp_path):
    def failing():
        yield from list(staged(WIDE))[:3]
        raise OSError("the raster broke")

    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        with pytest.raises(OSError, match="raster broke"):
            stage.put_group(0, failing())
        assert stage.done_groups() == set()
        assert list(stage.rows(0)) == []


def test_a_tile_can_be_replaced_alone(tmp_path):
    first, second = list(staged(SMALL))[:2]
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        stage.put_group(4, [first, second])
        stage.put(dataclasses.replace(first, latents=b"other"))
        assert stage.get(0, tile_id(first.tile)).latents == b"other"
        check_same(stage.get(0, tile_id(second.tile)), second)
        assert stage.done_groups() == {4}


def test_bodies_are_those_of_their_settings(tmp_path):
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        stage.put_body(1, 5, "fine", b"abc")
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        assert stage.body(1, 5, "fine") == b"abc"
        assert (
            stage.body(1, 5, "coarse")
            is stage.body(0, 5, "fine")
            is stage.body(1, 6, "fine")
            is None
        )
        stage.put_body(1, 5, "coarse", b"")
        stage.put_body(1, 5, "fine", b"again")
        assert (stage.body(1, 5, "coarse"), stage.body(1, 5, "fine")) == (b"", b"again")


def test_facts_are_found_once(tmp_path):
    asked = []

    def find() -> float:
        asked.append(1)
        return 0.1

    for _ in range(2):
        with Stage.open(tmp_path / "a.ntile", "key") as stage:
            assert stage.fact("tenth", find) == stage.fact("tenth", find) == 0.1
    assert len(asked) == 1


def test_another_job_needs_restart(tmp_path):
    out = tmp_path / "a.ntile"
    with Stage.open(out, "key") as stage:
        stage.put_group(0, staged(SMALL))
    with pytest.raises(UsageError, match="--restart"):
        Stage.open(out, "other")
    with Stage.open(out, "other", restart=True) as stage:
        assert stage.done_groups() == set()
        assert list(stage.rows(0)) == []
        stage.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_work_file_needs_restart(tmp_path):
    out = tmp_path / "a.ntile"
    (tmp_path / "a.ntile.work").write_bytes(b"no database" * 1000)
    with pytest.raises(NtileError, match="--restart"):
        Stage.open(out, "key")
    with Stage.open(out, "key", restart=True) as stage:
        assert stage.done_groups() == set()


@pytest.mark.parametrize("restart", [False, True])
def test_one_encode_at_a_time(tmp_path, restart):
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        stage.put_group(0, staged(SMALL))
        with pytest.raises(NtileError, match="in use"):
            Stage.open(tmp_path / "a.ntile", "key", restart)
        assert len(list(stage.rows(0))) == 3


def test_rows_stream_with_little_memory(tmp_path):
    latents = os.urandom(33_000)
    none = (None,) * 4
    with Stage.open(tmp_path / "a.ntile", "key") as stage:
        first = (4**6 - 1) // 3
        for group in range(8):
            tiles = (tile_from_id(first + 100 * group + k) for k in range(100))
            stage.put_group(
                group,
                (StagedTile(0, t, 0, 1, none, ChildInfo(0, 1, 0), None, latents) for t in tiles),
            )
        tracemalloc.start()
        assert sum(len(row.latents) for row in stage.rows(0)) == 800 * 33_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


def test_equal_tiles_give_equal_bytes(tmp_path):
    expected = write(tmp_path / "a.ntile", WIDE, 2).read_bytes()
    with Stage.open(tmp_path / "b.ntile", "key") as stage:
        mixed = [*staged(WIDE, 1), *staged(WIDE, 0)]
        random.Random(5).shuffle(mixed)
        for group, rows in groups(mixed, 5):
            stage.put_group(group, rows)
        decoders = {archives.SHA: archives.DECODER}
        drafts = [draft(0), draft(1)]
        report = write_archive(
            tmp_path / "b.ntile", WIDE, drafts, stage, body_of, decoders, archives.PROVENANCE
        )
    assert (tmp_path / "b.ntile").read_bytes() == expected
    assert report["file"] == str(tmp_path / "b.ntile")
    assert {path.name for path in tmp_path.iterdir()} == {"a.ntile", "b.ntile"}


def full_disk(*_args):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("module", "step"),
    [
        *((writer, step) for step in ("_write_payloads", "_assemble", "_sync", "verify")),
        *((output, step) for step in ("_sync", "_take_place")),
    ],
)
def test_a_full_disk_harms_nothing(tmp_path, monkeypatch, module, step):
    out = write(tmp_path / "a.ntile")
    before = out.read_bytes()
    with Stage.open(out, "key") as stage:
        stage.put_group(0, staged(WIDE))
        arguments = (out, WIDE, [draft()], stage, body_of, {archives.SHA: archives.DECODER}, {})
        with monkeypatch.context() as patch:
            patch.setattr(module, step, full_disk)
            with pytest.raises(NtileError, match=r"a\.ntile cannot be written \(No space left"):
                write_archive(*arguments)
        assert out.read_bytes() == before
        assert {path.name for path in tmp_path.iterdir()} >= {"a.ntile", "a.ntile.work"}
        assert not list(tmp_path.glob("*.tmp"))
        assert write_archive(*arguments)["tiles"] == 33
    assert [path.name for path in tmp_path.iterdir()] == ["a.ntile"]


def run(out: Path, die_at: int = 0, file_limit: int = 0) -> subprocess.Popen:
    command = [sys.executable, SCRIPT, out, str(die_at), str(file_limit)]
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parents[2])}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[bytes, int, float]:
    """Bytes of a whole run, the number of steps it took, and its seconds after the start."""
    out = tmp_path_factory.mktemp("undisturbed") / "a.ntile"
    process = run(out)
    assert process.stdout.readline() == "ready\n"
    start = time.perf_counter()
    code, stdout, stderr = finish(process)
    assert (code, stderr) == (0, "")
    return out.read_bytes(), int(stdout.split()[-1]), time.perf_counter() - start


@pytest.mark.slow
@pytest.mark.parametrize("staged_before", [False, True])
def test_the_system_refuses_to_write(tmp_path, undisturbed, staged_before):
    """The kernel stops every file at 400 kB: the work file, or, when that is complete, the archive
    of 600 kB."""
    expected, steps, _ = undisturbed
    out = tmp_path / "a.ntile"
    out.write_bytes(b"earlier")
    if staged_before:
        assert finish(run(out, die_at=steps - 6))[0] == -signal.SIGKILL
        assert list(tmp_path.glob("*.tmp"))
    code, _, stderr = finish(run(out, file_limit=400_000))
    assert code == 1
    assert f"{out}{'' if staged_before else '.work'} cannot be written" in stderr
    assert len(stderr.splitlines()) == 1
    assert out.read_bytes() == b"earlier"
    assert not list(tmp_path.glob("*.tmp"))
    code, _, stderr = finish(run(out))
    assert (code, stderr) == (0, "")
    assert out.read_bytes() == expected


def check_after_kill(out: Path, expected: bytes) -> None:
    """Whatever has the final name is complete: the earlier file or the new one."""
    assert out.read_bytes() in (b"earlier", expected)


@pytest.mark.slow
def test_killed_at_chosen_steps(tmp_path, undisturbed):
    """Every 17th step while staging and coding, each of the last ones: flush, rename, deletion of
    the work file."""
    expected, steps, _ = undisturbed
    for die_at in [*range(1, steps - 7, 17), *range(steps - 7, steps + 1)]:
        out = tmp_path / f"{die_at}.ntile"
        out.write_bytes(b"earlier")
        code, _, stderr = finish(run(out, die_at))
        assert (code, stderr) == (-signal.SIGKILL, "")
        check_after_kill(out, expected)
        code, _, stderr = finish(run(out))
        assert (code, stderr) == (0, "")
        assert out.read_bytes() == expected
    assert {path.suffix for path in tmp_path.iterdir()} == {".ntile"}


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, undisturbed):
    expected, _, seconds = undisturbed
    out = tmp_path / "a.ntile"
    out.write_bytes(b"earlier")
    delays = random.Random(6)
    kills = 0
    while kills < 5:
        process = run(out)
        process.stdout.readline()
        time.sleep(delays.uniform(0, seconds))
        process.kill()
        kills += finish(process)[0] == -signal.SIGKILL
        check_after_kill(out, expected)
    code, _, stderr = finish(run(out))
    assert (code, stderr) == (0, "")
    assert out.read_bytes() == expected
    with open_reader(out) as reader:
        assert len(read_all(reader)) == 66


def test_places_that_cannot_be_written(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.geteuid() == 0:
        locked = Path("/proc/self")  # where root may not create files either
        if not locked.exists():
            pytest.skip("no place here that root cannot write to")
    with pytest.raises(NtileError, match="cannot be written"):
        Stage.open(locked / "a.ntile", "key")
    with pytest.raises(NtileError, match="cannot be written"):
        Stage.open(tmp_path / "absent" / "a.ntile", "key")
    with pytest.raises(NtileError, match="is a directory"):
        Stage.open(tmp_path, "key")


def test_the_place_vanishes_while_encoding(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with Stage.open(place / "a.ntile", "key") as stage:
        stage.put_group(0, staged(SMALL))
        place.rename(tmp_path / "elsewhere")
        with pytest.raises(NtileError, match="cannot be written"):
            write_archive(place / "a.ntile", SMALL, [draft(0, None)], stage, body_of, {}, {})


def test_tiles_of_a_level_keep_their_address():
    for tile in (Tile(0, 0, 0), Tile(26, (1 << 26) - 1, 5)):
        assert tile_id(tile) < 1 << 56
