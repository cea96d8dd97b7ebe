"""Runs of the global benchmark, and their results on disk: a run whose settings have a result is
not repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench.places import Place
from neural.bench.whole.areas import WholeArea
from neural.bench.whole.errors import Extent
from neural.system import output

BASELINES = ("siren", "relu_pe")
"""Networks without blocks: they get the CPU time that ACORN took."""


@dataclass(frozen=True)
class Goal:
    """Length of a run: steps, or CPU-seconds of one thread."""

    steps: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class StagedArea:
    """An area as its runs see it."""

    area: WholeArea
    place: Place
    heights: Path
    extent: Extent
    samples: int  # valid
    default: str
    """Method that `acorn` is here."""


@dataclass(frozen=True)
class Run:
    """One training of one network on one area."""

    staged: StagedArea
    method: str
    seed: int
    preset: str
    blocks: int | None
    goal: Goal
    settings: dict[str, Any] = field(hash=False)
    """All settings of the network and its training."""
    time_of: Run | None = None
    """Run whose CPU time it gets in place of a goal."""

    @property
    def title(self) -> str:
        """Name in messages."""
        blocks = "" if self.blocks is None else f", {self.blocks} blocks"
        return f"{self.staged.area.name}: {self.method}{blocks}, seed {self.seed}"

    @property
    def trained(self) -> str:
        """Method with its rule: what `acorn` is by default shares the run of that name."""
        return self.staged.default if self.method == "acorn" else self.method

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that the result depends on, as plain JSON values."""
        area = self.staged.area
        extent = self.staged.extent
        return {
            "area": area.name,
            "raster": [area.path, area.reading.to_json()],
            "heights": [extent.width, extent.height, extent.low_m, extent.high_m],
            "method": self.trained,
            "seed": self.seed,
            "settings": self.settings,
            "steps": self.goal.steps,
            "seconds": self.goal.seconds,
            "time_of": None if self.time_of is None else self.time_of.stem,
        }

    @cached_property
    def stem(self) -> str:
        """Name of its files: area, method, seed and a digest of its identity."""
        text = json.dumps(self.identity, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return f"{self.staged.area.slug}-{self.trained}-{self.seed}-{digest}"


class Results:
    """Results of runs in a folder: NAME.json, arrays in NAME.npz, NAME.state while in training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self, run: Run) -> Path:
        """Return the path of the state of training."""
        return self.folder / f"{run.stem}.state"

    def result(self, run: Run) -> dict[str, Any] | None:
        """Return the result of a run; None where it is not done."""
        path = self.folder / f"{run.stem}.json"
        if not path.is_file():
            return None
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return result | {"method": run.method}

    def arrays(self, run: Run) -> dict[str, np.ndarray]:
        """Return the arrays of a run that is done."""
        with np.load(self.folder / f"{run.stem}.npz") as file:
            return dict(file)

    def write(self, run: Run, result: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Write the result of a run, and remove its state."""
        with output.binary(self.folder / f"{run.stem}.npz") as file:
            save: Any = np.savez_compressed  # an array's name may be any keyword
            save(file, **arrays)
        values = {"identity": run.identity, **result}
        text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
        output.write_text(self.folder / f"{run.stem}.json", text + "\n")
        self.state(run).unlink(missing_ok=True)


def plan(
    areas: Sequence[StagedArea],
    methods: Sequence[str],
    seeds: int,
    preset: str,
    budgets: Sequence[int | None],
    goal: Goal,
) -> list[Run]:
    """Return all runs, those of the first seed first; a baseline follows the ACORN whose time it
    gets, if it gets one's."""
    runs: list[Run] = []
    for seed in range(seeds):
        for staged in areas:
            runs += _of_area(staged, methods, seed, preset, budgets, goal)
    return runs


def _of_area(
    staged: StagedArea,
    methods: Sequence[str],
    seed: int,
    preset: str,
    budgets: Sequence[int | None],
    goal: Goal,
) -> Iterator[Run]:
    from neural.models.whole_area import described

    shape = staged.extent.height, staged.extent.width
    first: Run | None = None
    for method in sorted(methods, key=lambda name: name in BASELINES):
        is_baseline = method in BASELINES
        for blocks in budgets[:1] if is_baseline else budgets:
            trained = staged.default if method == "acorn" else method
            settings = described(trained, shape, staged.samples, preset, blocks)
            timed = is_baseline and goal.steps is not None
            run = Run(
                staged,
                method,
                seed,
                preset,
                None if is_baseline else blocks,
                Goal() if timed else goal,
                settings,
                first if timed else None,
            )
            if first is None and not is_baseline:
                first = run
            yield run
