"""Customary fill values that a raster does not declare as missing: counted while it is read, named
once."""

from __future__ import annotations

import math

import numpy as np

CUSTOMARY = (
    *(-9999.0, -99999.0, -999999.0, -999.0, -10000.0, -32768.0, -32767.0),
    *(9999.0, 99999.0, 999999.0, 32767.0, 65535.0, 0.0, 255.0),
)
"""Values that programs write for missing heights. Those beyond ±10⁶ m are never heights:
`Samples`."""

LEAST_GAP_M = 100.0
"""A value nearer than this to other heights may well be one of them."""


def written(value: float) -> str:
    """Return a value as `--nodata` takes it: -9999, not -9999.0."""
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e15 else repr(value)


class FillCounts:
    """Counts of each customary fill value among samples that count as valid, and the range of all
    others.

    Values are as stored; `scale_m` and `offset_m` make them meters.
    """

    def __init__(self, dtype: np.dtype, scale_m: float, offset_m: float) -> None:
        self.scale_m = scale_m
        self.offset_m = offset_m
        self.values = [value for value in CUSTOMARY if _holds(dtype, value)]
        self.restart()

    def restart(self) -> None:
        """Forget all counts: the raster is read from its beginning."""
        self.counts = np.zeros(len(self.values) + 1, np.int64)
        """Samples of each value, after those of none."""
        self.low = math.inf
        self.high = -math.inf

    def codes(self, stored: np.ndarray, valid: np.ndarray) -> np.ndarray | None:
        """Return 1 + the index of the customary value that each sample is, else 0: uint8; None
        where all are 0.

        The range of the other samples is noted. `stored` is finite where `valid`.
        """
        if not valid.any():
            return None
        low, high = _range(stored, valid)
        codes: np.ndarray | None = None
        for index, value in enumerate(self.values, start=1):
            if (
                low <= value <= high
                and (same := valid & (stored == stored.dtype.type(value))).any()
            ):
                codes = np.zeros(stored.shape, np.uint8) if codes is None else codes
                codes[same] = index
        if codes is not None:
            others = valid & (codes == 0)
            if not others.any():
                return codes
            low, high = _range(stored, others)
        self.low = min(self.low, low)
        self.high = max(self.high, high)
        return codes

    def count(self, codes: np.ndarray) -> None:
        """Add samples of the grid that is read, by code."""
        self.counts += np.bincount(codes.ravel(), minlength=len(self.counts))

    def sentences(self) -> tuple[str, ...]:
        """Return one sentence per value that lies far outside all other heights."""
        low = self.low
        high = self.high
        if low > high:  # nothing else: a level plain at 0
            if 0.0 not in self.values or not self.counts[1 + self.values.index(0.0)]:
                return self._alone()
            low = high = 0.0
        low_m, high_m = sorted((self._meters(low), self._meters(high)))
        digits = 0 if high_m - low_m >= 10 else 2
        sentences = []
        for value, count in zip(self.values, self.counts[1:].tolist(), strict=True):
            height_m = self._meters(value)
            gap_m = max(low_m - height_m, height_m - high_m)
            if count and gap_m > max(LEAST_GAP_M, high_m - low_m):
                noun = "sample is" if count == 1 else "samples are"
                where = "below" if height_m < low_m else "above"
                same = (self.scale_m, self.offset_m) == (1.0, 0.0)
                text = f"{written(value)} m" if same else f"{written(value)} ({height_m:.1f} m)"
                sentences.append(
                    f"{count:,} ".replace(",", " ") + f"{noun} {text}, far {where} all others "
                    f"({low_m:.{digits}f} … {high_m:.{digits}f} m), and kept as heights: if "
                    "they are missing, "
                    f"add --nodata {written(value)}."
                )
        return tuple(sentences)

    def _alone(self) -> tuple[str, ...]:
        """Return one sentence per customary value of a raster that holds nothing else."""
        return tuple(
            f"{count:,} ".replace(",", " ")
            + f"samples, all there are, are {written(value)} and kept as heights: "
            f"if they are missing, add --nodata {written(value)}."
            for value, count in zip(self.values, self.counts[1:].tolist(), strict=True)
            if count
        )

    def _meters(self, value: float) -> float:
        return value * self.scale_m + self.offset_m


def _holds(dtype: np.dtype, value: float) -> bool:
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


def _range(stored: np.ndarray, where: np.ndarray) -> tuple[float, float]:
    """Return the lowest and highest of some samples, at least one."""
    limits = np.finfo(stored.dtype) if stored.dtype.kind == "f" else np.iinfo(stored.dtype)
    return float(stored.min(where=where, initial=limits.max)), float(
        stored.max(where=where, initial=limits.min)
    )
