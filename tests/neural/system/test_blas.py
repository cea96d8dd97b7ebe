"""BLAS threads: one while tiles are coded, as many as before afterwards; the user's own choice is
obeyed."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from neural.system import blas
from neural.system.blas import VARIABLES, single_threaded
from tests.support import rasters

ROOT = Path(__file__).resolve().parents[3]


def numpy_threads() -> set[int]:
    """Return threadpoolctl's facts of the BLAS libraries that lie with numpy, apart from
    torch's."""
    libraries = threadpoolctl.threadpool_info()
    return {
        each["num_threads"]
        for each in libraries
        if each["user_api"] == "blas" and "numpy" in each["filepath"]
    }


@pytest.fixture
def three_threads(monkeypatch):
    """BLAS with three threads that nobody asked for, as on a machine of three cores."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    blas._libraries.cache_clear()
    with threadpoolctl.threadpool_limits(3, user_api="blas"):
        if numpy_threads() != {3}:
            pytest.skip("numpy's BLAS is not one whose threads can be set")
        yield
    blas._libraries.cache_clear()


@pytest.mark.usefixtures("three_threads")
def test_one_thread_inside_and_as_before_afterwards():
    with single_threaded():
        assert numpy_threads() == {1}
        with single_threaded():
            assert numpy_threads() == {1}
        assert numpy_threads() == {1}
    assert numpy_threads() == {3}
    with pytest.raises(ValueError, match="inside"), single_threaded():
        raise ValueError("inside")
    assert numpy_threads() == {3}


@pytest.mark.usefixtures("three_threads")
def test_the_last_of_several_threads_restores():
    entered = threading.Barrier(5)
    leave = threading.Event()

    @single_threaded()
    def work():
        entered.wait()
        leave.wait()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    entered.wait(10.0)
    with single_threaded():
        pass
    assert numpy_threads() == {1}
    leave.set()
    for thread in threads:
        thread.join()
    assert numpy_threads() == {3}


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.usefixtures("three_threads")
def test_what_the_user_says_wins(monkeypatch, name):
    monkeypatch.setenv(name, "3")
    with single_threaded():
        assert numpy_threads() == {3}


@pytest.mark.slow
@pytest.mark.usefixtures("three_threads")
def test_decoding_and_encoding_use_one_thread(monkeypatch, tmp_path):
    from neural.container.reader import open_reader
    from neural.encode import EncodeOptions, encode
    from neural.evaluate import evaluate
    from neural.raster import dem as dems
    from neural.surface.tile_surface import SurfaceDecoder

    rasters.write(tmp_path / "dem.tif", rasters.hills(140, 130))
    seen = {}
    for owner, name in ((np, "matmul"), (dems.Dem, "read")):
        called = getattr(owner, name)

        def spy(*args, called=called, **kwargs):
            seen.setdefault(step, set()).update(numpy_threads())
            return called(*args, **kwargs)

        monkeypatch.setattr(owner, name, spy)
    step = "encode"
    encode(tmp_path / "dem.tif", tmp_path / "dem.ntile", EncodeOptions())
    with open_reader(tmp_path / "dem.ntile") as reader, dems.open_dem(tmp_path / "dem.tif") as dem:
        step = "evaluate"
        evaluate(reader, reader.layers[0], dem)
        step = "read"
        SurfaceDecoder(reader, reader.layers[0]).read(0, 0, 130, 140)
    assert seen == {"encode": {1}, "evaluate": {1}, "read": {1}}
    assert numpy_threads() == {3}


def test_the_viewers_workers_use_one_thread(three_threads):
    from viewer.tiles.streaming import LoadJob, Streamer

    streamer = Streamer(threads=2)
    streamer.submit([LoadJob("threads", numpy_threads)])
    assert streamer.wait(10.0)
    seen = streamer.take()
    streamer.close()
    assert seen.value == {1}
    assert numpy_threads() == {3}


def test_it_costs_nothing_before_it_is_used():
    """Importing loads neither numpy nor threadpoolctl on its account."""
    code = (
        "import sys, neural.system.blas; print('numpy' in sys.modules, 'threadpoolctl' in "
        "sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "False"]
    code = "import sys, viewer.__main__; print('threadpoolctl' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert run.stdout.split() == ["False"]
