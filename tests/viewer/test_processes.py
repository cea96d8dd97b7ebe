"""Viewers in threads, in forked children, and viewers that nobody closed."""

import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import viewer
from neural.container.reader import open_reader
from neural.errors import NtileError, UsageError
from neural.surface.sampling import SurfaceSampler
from neural.system import output
from neural.system.forks import ForkLock
from viewer.graphics.gl import ForkedError

SIZE = (48, 32)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(scope="module")
def shown(hills_file):
    with viewer.Viewer(hills_file, size=SIZE, decorations=()) as it:
        it.render()
        yield it


def middle_of(grid):
    west, south, east, north = grid.bounds
    return (west + east) / 2, (south + north) / 2


def answers(work):
    """Return the texts that forked children send: of a fork, a pool, and a pool of futures."""
    global _work  # children inherit it; functions of tests cannot be pickled
    _work = work
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        texts = [pool.apply_async(_answer).get(60)]
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        texts.append(pool.submit(_answer).result(60))
    return texts


def _answer():
    try:
        return str(_work())
    except NtileError as error:
        return f"{type(error).__name__}: {error}"


@forks
@pytest.mark.parametrize(
    "draw",
    [
        lambda v: v.render(),
        lambda v: v.legend,
        lambda v: next(v.frames("orbit", fps=1, duration_s=2)),
        lambda v: v.scene.update(v.camera, SIZE),
        lambda v: viewer.render(v.path, size=SIZE),
        lambda v: viewer.Viewer(v.path, gl_version="4.1"),
    ],
)
def test_a_forked_child_is_told_to_be_spawned(shown, draw):
    for text in answers(lambda: draw(shown)):
        assert text.startswith("ForkedError")
        assert 'get_context("spawn")' in text
    assert issubclass(ForkedError, NtileError)
    shown.render()


@forks
def test_numbers_work_in_a_forked_child(shown):
    east, north = middle_of(shown.scene.reader.grid)
    line = [(east, north), (east + 40, north + 30)]
    ours = str(shown.profile(line).heights_m["A"].sum())
    assert answers(lambda: shown.profile(line).heights_m["A"].sum()) == [ours] * 2
    assert answers(shown.close) == ["None"] * 2
    shown.render()


@forks
def test_a_forked_child_ends(shown):
    code = (
        "import os, sys, viewer\n"
        f"v = viewer.Viewer({shown.path!r}, size=(48, 32)); v.render()\n"
        "pid = os.fork()\n"
        "if not pid: sys.exit(5)\n"
        "assert os.waitpid(pid, 0)[1] >> 8 == 5; v.render()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")  # v was open at the end


@forks
def test_parent_and_child_read_one_file_at_once(hills_file):
    with open_reader(hills_file) as reader:
        sampler = SurfaceSampler.of(reader, reader.layers[0], None)
        tiles = list(reader.tiles(0))
        ours = [reader.payload_bytes(0, tile) for tile in tiles]
        pid = os.fork()
        for _ in range(200):
            same = [reader.payload_bytes(0, tile) for tile in tiles] == ours
            if not same:
                break
        if not pid:
            os._exit(0 if same else 1)
        assert same
        assert os.waitpid(pid, 0)[1] == 0
        assert np.isfinite(sampler.at(*middle_of(reader.grid)).meters)


@forks
def test_locks_are_free_and_output_stays_in_a_forked_child(tmp_path):
    lock = ForkLock()
    with lock, output.whole(tmp_path / "out") as part:
        part.write_bytes(b"whole")
        pid = os.fork()
        if not pid:
            with lock:
                output.discard_all()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    assert (tmp_path / "out").read_bytes() == b"whole"


def test_threads_draw_one_viewer_and_several(shown):
    first = shown.render()

    def draw(number):
        if number % 2:
            return shown.render()
        with viewer.Viewer(shown.path, size=SIZE, decorations=()) as other:
            return other.render()

    with ThreadPoolExecutor(4) as pool:
        for picture in pool.map(draw, range(8)):
            np.testing.assert_array_equal(picture, first)
    np.testing.assert_array_equal(shown.render(), first)


def test_a_viewer_moves_between_threads(hills_file):
    made = []
    thread = threading.Thread(target=lambda: made.append(viewer.Viewer(hills_file, size=SIZE)))
    thread.start()
    thread.join()
    frames = made[0].frames("orbit", fps=1, duration_s=3)
    next(frames)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(next, frames).result()
        pool.submit(made[0].close).result()
    with pytest.raises(UsageError, match="closed"):
        next(frames)


def test_films_end_in_any_order_and_keep_settings(shown, hills_file):
    first = shown.render()
    alone = list(shown.frames("orbit", fps=1, duration_s=3))
    settings = repr(shown.settings)
    films = [shown.frames("orbit", fps=1, duration_s=3) for _ in range(2)]
    with viewer.Viewer(hills_file, size=SIZE, decorations=()) as other:
        films.append(other.frames("tour", fps=1, duration_s=3))
        pictures = [next(film) for film in films]
        assert repr(shown.settings) == settings  # also between two pictures
    pictures += [*films[0], *films[1]]  # the first one, made first, ends first
    for picture, same in zip(pictures[3:], alone[1:] * 2, strict=True):
        np.testing.assert_array_equal(picture, same)
    assert repr(shown.settings) == settings
    np.testing.assert_array_equal(shown.render(), first)


def test_an_opening_is_drawn_whole_or_not_at_all(hills_file):
    with viewer.Viewer(hills_file, size=SIZE, decorations=()) as it:
        it.camera.look(40, 20)
        wanted = {it.render().tobytes()}
        it.open(hills_file)
        wanted.add(it.render().tobytes())
        with ThreadPoolExecutor(2) as pool:
            opening = pool.submit(lambda: [it.open(hills_file) for _ in range(4)])
            while not opening.done():
                assert it.render().tobytes() in wanted


def test_viewers_that_nobody_closed_are_freed(hills_file):
    def left_open(cycle):
        it = viewer.Viewer(hills_file, size=SIZE)
        it.render()
        if cycle:
            it.settings.me = it

    for cycle in (False, True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            left_open(cycle)
            gc.collect()
        before = threading.active_count()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                left_open(cycle)
            gc.collect()
        said = [str(one.message) for one in caught if one.category is ResourceWarning]
        # of a cycle, Python may finalize the file first, which says so too
        assert sum("was not closed" in text for text in said) == 3
        assert threading.active_count() <= before


def test_closing_twice_and_use_afterwards(hills_file, tmp_path):
    it = viewer.Viewer(hills_file, size=SIZE)
    it.close()
    it.close()
    line = [(0, 0), (1, 1)]
    for use in (
        *(it.render, it.look, it.__enter__, it._repr_png_, lambda: it.stats, lambda: it.bookmarks),
        *(lambda: it.open(hills_file), lambda: it.pick(1, 1), lambda: it.profile(line)),
        *(lambda: it.measure("point", line), lambda: it.save(tmp_path / "a.png")),
        *(lambda: it.film("orbit", tmp_path / "b"), lambda: it.frames("orbit")),
        *(lambda: it.save_project(tmp_path / "c"), lambda: it.open_project(tmp_path / "c")),
    ):
        with pytest.raises(UsageError, match="This viewer is closed"):
            use()
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="another process"):
        pickle.dumps(it)
