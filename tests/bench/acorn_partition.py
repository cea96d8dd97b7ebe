"""Times of the integer program on the costs of real terrain, and the gain of the best cut.

    python -m tests.bench.acorn_partition DEM [--window COLUMN,ROW,WIDTH,HEIGHT] [--grid 16]
        [--blocks 256 1024 4096 16384] [--json]

From blocks of one scale, programs with the bilinear grids' errors as costs are solved until nothing
moves: longest times of HiGHS, of dynamic programming and of the Lagrangian, all of which come to
the same costs; the largest gap between the three and the bound; re-tilings until nothing moves, and
the error then over that of the best cut. The gain is that of the best cut over blocks of one scale.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from neural.encoding.acorn.cut import best_cut
from neural.encoding.acorn.partition import Program, highs, lagrangian, program_cost
from neural.encoding.acorn.rules import RuleSettings
from neural.encoding.acorn.statistics import BlockStatistics
from neural.encoding.acorn.uniform import uniform_leaves
from neural.raster.dem import open_dem
from neural.raster.reading import ReadOptions
from tests.support.partitions import ExactRule, knapsack

READING = ReadOptions(crs="local", unit="m")
NO_PRUNING = RuleSettings(prune=False, time_limit_s=60)


def solvers(program: Program) -> dict[str, float]:
    """CPU-milliseconds of the three solvers, and the largest relative gap between their costs."""
    start = time.process_time()
    choices = highs(program, 60)
    solved = time.process_time()
    assert choices is not None
    relaxed, bound = lagrangian(program)
    bounded = time.process_time()
    exact = knapsack(program)
    done = time.process_time()
    costs = [program_cost(program, choices), program_cost(program, relaxed), bound, exact]
    return {
        "highs_ms": 1e3 * (solved - start),
        "lagrangian_ms": 1e3 * (bounded - solved),
        "dp_ms": 1e3 * (done - bounded),
        "gap": (max(costs) - min(costs)) / max(costs) if max(costs) > 0 else 0.0,
    }


def measure(statistics: BlockStatistics, blocks: int) -> dict[str, float]:
    """One row of the table."""
    rule = ExactRule(statistics, blocks, NO_PRUNING)
    rows = []
    moved = True
    while moved:
        rows.append(solvers(rule.program()[0]))
        moves = rule.update(len(rows))
        moved = moves.kept < len(moves.after)
    start = time.process_time()
    cut = best_cut(statistics, blocks, prune=False)
    seconds = time.process_time() - start
    uniform = statistics.errors_of(uniform_leaves(statistics, blocks, prune=False)).sum()
    reached = statistics.errors_of(rule.partition.active).sum()
    return {
        "blocks": blocks,
        **{name: max(row[name] for row in rows) for name in rows[0]},
        "retilings": len(rows) - 1,
        "reached_over_cut": float(reached / cut.error) if cut.error else 1.0,
        "cut_ms": 1e3 * seconds,
        "cut_gap": (cut.error - cut.bound) / cut.error if cut.error else 0.0,
        "gain_db": 10 * math.log10(uniform / cut.error) if cut.error else math.nan,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dem", type=Path)
    parser.add_argument("--window", help="COLUMN,ROW,WIDTH,HEIGHT in cells")
    parser.add_argument("--grid", type=int, default=16, help="nodes along a block's side")
    parser.add_argument("--blocks", type=int, nargs="+", default=[256, 1024, 4096, 16384])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with open_dem(arguments.dem, READING) as dem:
        window = arguments.window or f"0,0,{dem.grid.width},{dem.grid.height}"
        column, row, width, height = (int(number) for number in window.split(","))
        heights, valid = dem.read(row, column, height, width)
    start = time.process_time()
    statistics = BlockStatistics.of_heights(heights, valid, grid=arguments.grid)
    seconds = time.process_time() - start
    rows = [measure(statistics, blocks) for blocks in arguments.blocks]
    if arguments.json:
        print(json.dumps({"statistics_seconds": seconds, "rows": rows}))
        return
    print(f"statistics of all blocks: {seconds:.1f} CPU-seconds")
    print("  ".join(rows[0]))
    for line in rows:
        print("  ".join(f"{line[name]:{max(len(name), 5)}.4g}" for name in line))


if __name__ == "__main__":
    main()
