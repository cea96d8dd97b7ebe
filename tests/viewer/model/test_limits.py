"""Sizes of pictures: what does not fit into memory is refused with the limit, and what does needs
no more of it."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import viewer
from neural.errors import UsageError
from tests.support.scene_tools import whole_area
from viewer.__main__ import main
from viewer.film import output
from viewer.film.job import _PART
from viewer.model import limits
from viewer.pictures import offscreen
from viewer.pictures.decorations import Decorations
from viewer.pictures.lettering import rounded_rect
from viewer.scene.legend import Legend

ROOT = Path(__file__).resolve().parents[3]
GIGABYTE = 10**9


@pytest.fixture
def small_machine(monkeypatch):
    """Four gigabytes are free."""
    monkeypatch.setattr(limits, "available_bytes", lambda: 4 * GIGABYTE)


@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize(
    ("use", "size_px"),
    [
        (limits.VIDEO, (16_000, 9_000)),
        (limits.FRAMES, (60_000, 20_000)),
        (limits.ARRAY, (100_000, 100_000)),
        (limits.WINDOW, (16_000, 16_000)),
    ],
)
def test_what_is_refused_says_the_limit_and_that_is_one(use, size_px):
    with pytest.raises(UsageError, match="4 GB are free: it takes ") as refused:
        limits.check(size_px, use)
    largest = tuple(map(int, str(refused.value).split("it takes ")[1].split(" ")[0].split("x")))
    assert abs(largest[0] / largest[1] - size_px[0] / size_px[1]) < 0.01
    limits.check(largest, use)
    with pytest.raises(UsageError):
        limits.check((largest[0] + 20, largest[1] + 20), use)


@pytest.mark.usefixtures("small_machine")
def test_pictures_in_strips_are_of_any_size():
    limits.check((100_000, 100_000), limits.STRIPS)
    assert limits.needed_bytes((100_000, 100_000), limits.STRIPS) < GIGABYTE


@pytest.mark.parametrize("size", [(0, 0), (-5, 700), (15, 700), (700, 100_001), (10**12, 10**12)])
def test_what_is_no_size(size, mountain_file):
    for use in (limits.STRIPS, limits.VIDEO):
        with pytest.raises(UsageError, match="16 to 100000"):
            limits.check(size, use)
    with pytest.raises(UsageError, match="16 to 100000"):
        viewer.render(mountain_file, size=size)


def test_hardly_any_memory_is_said(monkeypatch):
    monkeypatch.setattr(limits, "available_bytes", lambda: 1000)
    with pytest.raises(UsageError, match="free some"):
        limits.check((1280, 720), limits.STRIPS)
    monkeypatch.setattr(limits, "available_bytes", lambda: None)  # the system does not say
    limits.check((1280, 720), limits.STRIPS)


def test_memory_is_what_the_system_leaves():
    """At most what the kernel calls available, and under `ulimit -v` at most that."""
    lines = Path("/proc/meminfo")
    if not lines.exists():
        pytest.skip("needs Linux")
    free = next(
        int(line.split()[1])
        for line in lines.read_text().splitlines()
        if line.startswith("MemAvailable")
    )
    found = limits.available_bytes()
    assert found is not None
    assert 0 < found < 1024 * free + 8 * GIGABYTE
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({GIGABYTE}, {GIGABYTE}))\n"
        "from viewer.model import limits\n"
        "print(limits.available_bytes())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 0 < int(run.stdout) < GIGABYTE


@pytest.mark.usefixtures("small_machine")
@pytest.mark.parametrize("out", ["film.mp4", "frames"])
def test_the_command_refuses_a_film(tmp_path, mountain_file, out):
    options = ["--flythrough", "--size", "100000x100000", "--render", str(tmp_path / out)]
    done = CliRunner().invoke(main, [str(mountain_file), *options])
    assert done.exit_code == 2
    assert "at most" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_machine")
def test_the_command_refuses_a_window(mountain_file):
    done = CliRunner().invoke(main, [str(mountain_file), "--size", "16000x16000"])
    assert done.exit_code == 2
    assert "--headless" in done.stderr


@pytest.mark.usefixtures("small_machine")
def test_python_refuses_what_would_be_one_array(mountain_file, tmp_path):
    with viewer.Viewer(mountain_file, size=(50_000, 50_000)) as v:
        with pytest.raises(UsageError, match=r"Viewer\.save"):
            v.render()
        with pytest.raises(UsageError, match="A film of PNG"):
            v.film("orbit", tmp_path / "frames")


def test_a_strip_costs_what_it_holds():
    """Cards, legends, arrows and dividers of a picture of 60 000 × 60 000 pixels, in 64 of its
    rows."""
    legend = Legend("A", "Lapped SIREN", "Aspect", table=np.zeros((256, 3), np.uint8), rose=True)
    rows = np.zeros((64, 60_000, 3), np.uint8)
    decorations = Decorations((60_000, 60_000), legend, 1.0, True, (30.0, -40.0), "credit " * 20)
    rounded_rect(rows, (0, 0, 10, 10), (1, 2, 3), 1.0, 2)
    tracemalloc.start()
    rounded_rect(rows, (100, -20_000, 20_000, 30_000), (1, 2, 3), 0.5, 5_000)
    decorations.paint(rows, 1_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * rows.nbytes
    assert rows.any()


def test_a_card_in_strips_is_the_card():
    whole = np.full((90, 80, 3), 200, np.uint8)
    strips = [whole[top : top + 13].copy() for top in range(0, 90, 13)]
    rounded_rect(whole, (-5, 7, 60, 71), (10, 20, 30), 0.8, 12)
    for k, strip in enumerate(strips):
        rounded_rect(strip, (-5, 7 - 13 * k, 60, 71 - 13 * k), (10, 20, 30), 0.8, 12)
    np.testing.assert_array_equal(np.concatenate(strips), whole)
    assert (whole[20, 20] == [48, 56, 64]).all()
    assert (whole[:7] == 200).all()
    assert (whole[7, 59] == 200).all()  # the corner is round


def test_pieces_are_counted(scene, mountain_file):
    scene.open(mountain_file)
    told = []
    strips = offscreen.strips(
        scene, whole_area(scene), (100, 60), (30, 20), progress=lambda *parts: told.append(parts)
    )
    assert [len(strip) for strip in strips] == [20, 20, 20]
    assert told == [(k, 12) for k in range(1, 13)]


def test_the_command_says_pieces(mountain_file, tmp_path, monkeypatch):
    monkeypatch.setattr(offscreen, "WHOLE_PX", 40 * 40)
    monkeypatch.setattr(offscreen, "PIECE_PX", 32)
    options = ["--headless", "--size", "64x40", "--screenshot", str(tmp_path / "a.png")]
    done = CliRunner().invoke(main, [str(mountain_file), *options])
    assert done.exit_code == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-2] == "piece 4 of 4"
    assert _PART.match(lines[-2]).groups() == ("4", "4")  # the window's job shows them


def test_films_check_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "available_bytes", lambda: 4 * GIGABYTE)
    for name in ("a.mp4", "frames"):
        with pytest.raises(UsageError, match="of memory"):
            output.open_output(str(tmp_path / name), (50_000, 50_000), 30.0, {}, resume=False)
    assert list(tmp_path.iterdir()) == []
