"""Times of ACORN's decode with numpy on one core: `python -m tests.bench.acorn [--repeat N]`.

A tile of the `small` preset whose features are known, 256 × 256 samples: blocks in it, kind of
borders, heights alone or with slopes; and the bare products of the decoder, 16 → 64 → 64 → 1 in
pieces of 1,024 samples, as the unit. CPU time of the thread, the fastest of N.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from neural.methods.acorn import Acorn
from neural.system.blas import single_threaded
from neural.tiles import TILE, Tile, centers

LEVELS = 3
INNER = Tile(LEVELS - 1, 1, 1)


def cases() -> dict[str, Callable[[], object]]:
    """Return what is timed, by name."""
    rng = np.random.default_rng(0)
    shapes = Acorn().weight_shapes()
    weights = {
        name: (np.sqrt(2 / shape[0]) * rng.normal(size=shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    w0, w1, w2 = (weights[f"decoder{layer}_weight"] for layer in range(3))
    samples = rng.normal(size=(TILE * TILE, len(w0))).astype(np.float32)

    def bare() -> None:
        for start in range(0, len(samples), 1024):
            samples[start : start + 1024] @ w0 @ w1 @ w2

    timed: dict[str, Callable[[], object]] = {"bare products": bare}
    for borders in ("paper", "blended"):
        for scale in (2, 4, 6):
            side = TILE << (LEVELS - 1)
            method = Acorn(side, side, borders=borders)
            count = 1 << scale
            rows = [(scale, x, y, 1, 0, 0) for y in range(count) for x in range(count)]
            prepared = method.prepare(weights, method.tile_table(INNER, np.array(rows)))
            for order, what in ((0, "heights"), (1, "heights and slopes")):

                def decode(method=method, prepared=prepared, order=order) -> object:
                    return method.evaluate(weights, prepared, centers(), centers(), order=order)

                timed[f"{4 ** (scale - 2)} blocks, {borders}, {what}"] = decode
    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=30)
    repeat = parser.parse_args().repeat
    timed = cases()
    fastest = dict.fromkeys(timed, np.inf)
    with single_threaded():
        # in turn, so that a load on the machine meets all alike
        for _ in range(repeat):
            for name, run in timed.items():
                begin = time.thread_time()
                run()
                fastest[name] = min(fastest[name], time.thread_time() - begin)
    unit = fastest["bare products"]
    for name, seconds in fastest.items():
        print(f"{name:45s} {1e3 * seconds:6.1f} ms  {seconds / unit:5.2f}")


if __name__ == "__main__":
    main()
