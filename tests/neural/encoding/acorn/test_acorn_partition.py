"""The integer program against brute force, exact dynamic programming and its bound."""

import subprocess
import sys

import numpy as np
import pytest

from neural.encoding.acorn import partition
from neural.encoding.acorn.partition import (
    KEEP,
    MERGE,
    SPLIT,
    Program,
    highs,
    lagrangian,
    program_blocks,
    program_cost,
    solve,
)
from neural.errors import UsageError
from tests.support.partitions import knapsack


def random_program(rng: np.random.Generator, siblings: int) -> Program:
    """A small program with groups that can merge (some of them short: nodata), others, forbidden
    splits and children that take nothing; every second one full of ties."""
    sizes = rng.choice([siblings, siblings, siblings - 1, 2], rng.integers(0, 3))
    singles = rng.integers(0 if len(sizes) else 1, 7)
    groups = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.full(singles, -1)])
    n = len(groups)
    if rng.random() < 0.5:
        keep = rng.integers(0, 5, n).astype(float)
    else:
        keep = rng.lognormal(0, 2, n)
    split = keep * rng.choice([0.1, 0.25, 0.9, 1.2], n)
    blocks = rng.choice([siblings, siblings, siblings - 2, 1, 0], n)
    split[rng.random(n) < 0.2] = np.inf
    sums = np.bincount(groups[groups >= 0], keep[groups >= 0], len(sizes))
    merge = sums * rng.choice([0.5, 1, 2, 4], len(sizes))
    order = rng.permutation(n)
    budget = int(rng.integers(len(sizes) + singles, n * 2 + 1))
    return Program(groups[order], merge, keep[order], split[order], blocks[order], budget)


def brute_force(program: Program) -> float:
    """Least cost over all combinations of choices."""
    costs = np.zeros(1)
    blocks = np.zeros(1, int)
    for unit in [*range(len(program.merge_costs)), -1]:
        members = np.flatnonzero(program.groups == unit)
        unit_costs = np.zeros(1)
        unit_blocks = np.zeros(1, int)
        for member in members:
            choices = [program.keep_costs[member], program.split_costs[member]]
            unit_costs = np.add.outer(unit_costs, choices).ravel()
            unit_blocks = np.add.outer(unit_blocks, [1, program.split_blocks[member]]).ravel()
        if unit >= 0:
            unit_costs = np.append(unit_costs, program.merge_costs[unit])
            unit_blocks = np.append(unit_blocks, 1)
        costs = np.add.outer(costs, unit_costs).ravel()
        blocks = np.add.outer(blocks, unit_blocks).ravel()
        within = (blocks <= program.budget) & np.isfinite(costs)
        costs = costs[within]
        blocks = blocks[within]
    return float(costs.min()) if len(costs) else np.inf


def check_choices(program: Program, choices: np.ndarray) -> None:
    """Budget kept, groups merged as a whole or not at all, no forbidden split."""
    assert program_blocks(program, choices) <= program.budget
    assert np.isfinite(program.split_costs[choices == SPLIT]).all()
    assert (program.groups[choices == MERGE] >= 0).all()
    for group in range(len(program.merge_costs)):
        merging = choices[program.groups == group] == MERGE
        assert merging.all() or not merging.any()


@pytest.mark.parametrize("siblings", [4, 8])
def test_optimum_is_that_of_brute_force(siblings: int) -> None:
    rng = np.random.default_rng(siblings)
    feasible = 0
    for _ in range(80):
        program = random_program(rng, siblings)
        least = brute_force(program)
        if np.isinf(least):
            with pytest.raises(UsageError, match="cannot be merged"):
                solve(program)
            continue
        feasible += 1
        solution = solve(program)
        check_choices(program, solution.choices)
        assert solution.solver == "highs"
        np.testing.assert_allclose(solution.cost, least, rtol=1e-9, atol=1e-12)
        assert solution.bound <= least * (1 + 1e-12) + 1e-12
        assert (solution.gap <= 1e-6) == (solution.note == "")
        relaxed, bound = lagrangian(program)
        check_choices(program, relaxed)
        assert program_cost(program, relaxed) >= least * (1 - 1e-12)
        assert bound <= least * (1 + 1e-12) + 1e-12
    assert feasible > 60


def terrain_like(leaves: int, siblings: int = 4) -> Program:
    """A program of full groups and single blocks whose budget is their number."""
    rng = np.random.default_rng(leaves)
    grouped = leaves * 3 // 4
    groups = np.full(leaves, -1)
    groups[:grouped] = np.arange(grouped) // siblings
    keep = rng.lognormal(0, 1.5, leaves) / leaves
    split = keep * rng.uniform(0.05, 0.6, leaves)
    split[rng.random(leaves) < 0.1] = np.inf
    sums = np.bincount(groups[:grouped], keep[:grouped])
    merge = sums * rng.uniform(1.5, 5, len(sums))
    return Program(groups, merge, keep, split, np.full(leaves, siblings), leaves)


@pytest.mark.parametrize("leaves", [1024, 16384])
def test_optimum_is_that_of_dynamic_programming(leaves: int) -> None:
    program = terrain_like(leaves)
    solution = solve(program, 60)
    check_choices(program, solution.choices)
    exact = knapsack(program)
    np.testing.assert_allclose(solution.cost, exact, rtol=1e-9)
    assert solution.gap <= 1e-6
    assert solution.note == ""
    relaxed, bound = lagrangian(program)
    np.testing.assert_allclose(program_cost(program, relaxed), exact, rtol=1e-6)
    np.testing.assert_allclose(bound, exact, rtol=1e-6)


def test_partition_of_the_lagrangian_is_taken_at_a_time_out() -> None:
    program = terrain_like(16384)
    solution = solve(program, 1e-3)
    check_choices(program, solution.choices)
    assert solution.solver == "lagrangian"
    assert solution.note.startswith("HiGHS was stopped after 0.001 s; the Lagrangian's partition")
    assert solution.gap <= 1e-6


def test_a_solution_below_its_solver_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    program = terrain_like(1024)
    monkeypatch.setattr(partition, "highs", lambda *_: np.full(1024, KEEP, np.int8))
    assert solve(program).cost < program.keep_costs.sum()


def test_costs_of_zero_and_no_blocks() -> None:
    zeros = Program(np.full(3, -1), np.zeros(0), np.zeros(3), np.zeros(3), np.full(3, 4), 6)
    solution = solve(zeros)
    assert solution.cost == solution.gap == 0
    nothing = np.zeros(0)
    assert len(highs(Program(nothing.astype(int), nothing, nothing, nothing, nothing, 1), 1)) == 0


def test_small_costs_beside_large_ones_count() -> None:
    keep = np.array([1e6, 3e-4, 1e-4])
    split = np.array([np.inf, 2e-4, 0.5e-4])
    program = Program(np.full(3, -1), np.zeros(0), keep, split, np.full(3, 4), 6)
    assert solve(program).choices.tolist() == [KEEP, SPLIT, KEEP]


def test_the_solver_is_imported_and_heard_by_nobody() -> None:
    code = (
        "import sys\n"
        "from neural.encoding.acorn import rules\n"
        "assert not {'torch', 'highspy', 'rasterio'} & set(sys.modules)\n"
        "from tests.neural.encoding.acorn.test_acorn_partition import solve, terrain_like\n"
        "solve(terrain_like(64))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
