"""Worker threads: urgent jobs first, nothing twice, stale jobs dropped, failures handed over."""

from __future__ import annotations

import threading
import time

from viewer.tiles.streaming import Done, LoadJob, Streamer


def drain(streamer: Streamer, count: int) -> list[Done]:
    out: list[Done] = []
    deadline = time.monotonic() + 10
    while len(out) < count:
        assert time.monotonic() < deadline
        streamer.wait(0.1)
        while (done := streamer.take()) is not None:
            out.append(done)
    return out


def test_runs_in_order_and_never_twice():
    gate = threading.Event()
    order = []

    def work(key: int) -> int:
        gate.wait(10)
        order.append(key)
        return key * key

    streamer = Streamer(threads=1)
    jobs = [LoadJob(key, lambda key=key: work(key)) for key in range(5)]
    streamer.submit(jobs)
    while streamer.pending and not streamer._running:
        time.sleep(0.001)
    streamer.submit(jobs)  # the first is running and must not be queued again
    gate.set()
    done = drain(streamer, 5)
    assert [d.value for d in done] == [0, 1, 4, 9, 16]
    assert order == [0, 1, 2, 3, 4]
    assert streamer.pending == 0
    streamer.close()


def test_what_is_no_longer_wanted_is_dropped():
    gate = threading.Event()
    ran = []
    streamer = Streamer(threads=1)
    streamer.submit([LoadJob("first", lambda: gate.wait(10))])
    while not streamer._running:
        time.sleep(0.001)
    streamer.submit([LoadJob("stale", lambda: ran.append("stale"))])
    streamer.submit([LoadJob("wanted", lambda: ran.append("wanted"))])
    gate.set()
    assert {done.key for done in drain(streamer, 2)} == {"first", "wanted"}
    assert ran == ["wanted"]
    streamer.close()


def test_a_finished_job_is_not_run_again_before_it_is_taken():
    streamer = Streamer(threads=1)
    runs = []
    job = LoadJob("a", lambda: runs.append(1))
    streamer.submit([job])
    assert streamer.wait(10)
    streamer.submit([job])
    assert streamer.pending == 1
    assert streamer.take() is not None
    assert runs == [1]
    streamer.close()


def test_failures_reach_the_main_thread():
    streamer = Streamer(threads=2)
    streamer.submit([LoadJob("bad", lambda: 1 / 0), LoadJob("good", lambda: "fine")])
    done = {d.key: d for d in drain(streamer, 2)}
    assert isinstance(done["bad"].error, ZeroDivisionError)
    assert done["good"].value == "fine"
    assert done["good"].error is None
    streamer.close()


def test_closing_ends_the_threads():
    streamer = Streamer(threads=3)
    streamer.submit([LoadJob(k, lambda: time.sleep(0.01)) for k in range(50)])
    streamer.close()
    assert not any(thread.is_alive() for thread in streamer._threads)
