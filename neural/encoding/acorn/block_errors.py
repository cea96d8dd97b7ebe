"""Errors of blocks measured in training: moving averages of the active ones, the last known of
others."""

from __future__ import annotations

from typing import Any

import numpy as np

from neural.encoding.acorn.moves import KEPT, Moves


class BlockErrors:
    """Exponential moving averages, corrected for their start at zero (÷ (1 − γ^n))."""

    def __init__(self, blocks: int, decay: float) -> None:
        """Create for a number of blocks that were never measured."""
        self._decay = decay
        self.sums = np.zeros(blocks)
        self.weights = np.zeros(blocks)

    def observe(self, indexes: np.ndarray, errors: np.ndarray) -> None:
        """Add one measurement of blocks [k]; values that are not finite are left out."""
        errors = np.asarray(errors, np.float64)
        finite = np.isfinite(errors)
        indexes = np.asarray(indexes)[finite]
        gain = 1 - self._decay
        self.sums[indexes] = self._decay * self.sums[indexes] + gain * errors[finite]
        self.weights[indexes] = self._decay * self.weights[indexes] + gain

    @property
    def means(self) -> np.ndarray:
        """The averages, float64 [n]; NaN where none was measured."""
        means = np.full(len(self.sums), np.nan)
        measured = self.weights > 0
        means[measured] = self.sums[measured] / self.weights[measured]
        return means

    def moved(self, moves: Moves) -> BlockErrors:
        """Return the errors of the next partition: those of kept blocks."""
        errors = BlockErrors(len(moves.after), self._decay)
        kept = (moves.kinds == KEPT) & (moves.predecessors >= 0)
        errors.sums[kept] = self.sums[moves.predecessors[kept]]
        errors.weights[kept] = self.weights[moves.predecessors[kept]]
        return errors


class ErrorMemory:
    """The last known errors of all blocks that ever were active."""

    def __init__(self) -> None:
        self._codes = np.zeros(0, np.int64)
        self._errors = np.zeros(0)
        self._stamps = np.zeros(0, np.int64)
        self._time = 0

    def store(self, codes: np.ndarray, errors: np.ndarray) -> None:
        """Keep the errors of active blocks at a re-tiling, in place of older ones."""
        self._time += 1
        older = ~np.isin(self._codes, codes)
        stamps = np.full(len(codes), self._time)
        merged = np.concatenate([self._codes[older], codes])
        order = np.argsort(merged)
        self._codes = merged[order]
        self._errors = np.concatenate([self._errors[older], errors])[order]
        self._stamps = np.concatenate([self._stamps[older], stamps])[order]

    def forget(self, age: int) -> None:
        """Drop errors stored more than a number of re-tilings ago; 0 leaves the last ones."""
        fresh = self._time - self._stamps <= age
        self._codes = self._codes[fresh]
        self._errors = self._errors[fresh]
        self._stamps = self._stamps[fresh]

    def errors(self, codes: np.ndarray) -> np.ndarray:
        """Return the last known errors of blocks [n]; NaN for others."""
        errors = np.full(len(codes), np.nan)
        if len(self._codes):
            slots = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
            stored = self._codes[slots] == codes
            errors[stored] = self._errors[slots[stored]]
        return errors

    def state(self) -> dict[str, Any]:
        """Return the arrays that `restore` needs."""
        return {
            "memory_codes": self._codes,
            "memory_errors": self._errors,
            "memory_stamps": self._stamps,
            "memory_time": np.array(self._time),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._codes = np.asarray(state["memory_codes"], np.int64)
        self._errors = np.asarray(state["memory_errors"], np.float64)
        self._stamps = np.asarray(state["memory_stamps"], np.int64)
        self._time = int(state["memory_time"])
