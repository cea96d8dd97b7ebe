"""Figure of a profile for reports, drawn with numpy: no window, no OpenGL, no plotting library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from viewer.measuring.profiles import Profile
from viewer.measuring.terrain import REFERENCE, difference_name
from viewer.model import text
from viewer.model.settings import SLOTS
from viewer.pictures.lettering import TextPainter, blend

SIZE = (1400, 860)
"""Default width and height, pixels."""

PAPER = (255, 255, 255)
INK = (27, 34, 40)
DIM = (92, 102, 112)
GRID = (224, 228, 232)
COLORS = {REFERENCE: (150, 156, 162), "A": (0, 105, 168), "B": (192, 79, 0)}
"""Colors of curves on white; distinct without red and green (after Okabe and Ito, "Color Universal
Design", 2008)."""
COLORS |= {
    difference_name("A", REFERENCE): COLORS["A"],
    difference_name("B", REFERENCE): COLORS["B"],
}
COLORS |= {difference_name("A", "B"): (156, 63, 118)}

HALF_WIDTH_EM = {REFERENCE: 0.16, "B": 0.1}
"""Half the thickness of a curve in em, if not 0.06: lower curves are thicker."""

BOTTOM_UP = (REFERENCE, "B", "A")
"""Drawing order of the curves."""


@dataclass(frozen=True)
class Frame:
    """Position and data range of one plot."""

    left: int
    top: int
    right: int
    bottom: int
    x: tuple[float, float]
    y: tuple[float, float]

    def column(self, x: np.ndarray | float) -> np.ndarray:
        """Return pixels from the picture's left."""
        return self.left + (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0]) * (
            self.right - self.left
        )

    def row(self, y: np.ndarray | float) -> np.ndarray:
        """Return pixels from the picture's top."""
        return self.bottom - (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0]) * (
            self.bottom - self.top
        )


def draw(
    profile: Profile, title: str, labels: Mapping[str, str], size_px: tuple[int, int] = SIZE
) -> np.ndarray:
    """Draw heights above residuals with their statistics, uint8 [height, width, 3].

    `labels` are titles of the surfaces, such as {"A": "HUVR+SIREN, 8 bits"}. Slot B is left out
    where it holds what A does.
    """
    if _slots_are_one(profile, labels):
        single = {name: values for name, values in profile.heights_m.items() if name != "B"}
        profile = replace(profile, heights_m=single)
    width, height = size_px
    em = max(10, round(min(height / 46, width / 72)))
    letters = TextPainter(em)
    small = TextPainter(max(9, round(0.85 * em)))
    picture = np.full((height, width, 3), PAPER, np.uint8)
    left = round(5.6 * em)
    right = width - round(1.6 * em)
    letters.draw(picture, left, round(0.8 * em), title, INK)
    small.draw(picture, left, round(2.2 * em), _summary(profile), DIM)
    x_range = (0.0, max(float(profile.distance_m[-1]), 1e-9))
    residuals = profile.residuals_m
    top = round(5.6 * em)
    bottom = height - round(3.4 * em)
    split = round(top + (bottom - top) * 0.6) if residuals else bottom
    height_frame = Frame(left, top, right, split, x_range, _span(profile.heights_m))
    legend = {
        name: ": ".join(filter(None, (_title(name), labels.get(name, ""))))
        for name in profile.heights_m
    }
    _plot(
        picture,
        height_frame,
        profile.distance_m,
        profile.heights_m,
        legend,
        "height, m",
        letters,
        small,
        residuals == {},
    )
    if residuals:
        difference_frame = Frame(
            left, split + round(3.4 * em), right, bottom, x_range, _span(residuals, zero=True)
        )
        numbers = profile.statistics()
        legend = {name: f"{name}: {_errors(numbers[name])}" for name in residuals}
        _plot(
            picture,
            difference_frame,
            profile.distance_m,
            residuals,
            legend,
            "difference, m",
            letters,
            small,
            True,
        )
    label = "distance along the line, m"
    small.draw(picture, right - small.width(label), height - round(1.5 * em), label, DIM)
    letters.close()
    small.close()
    return picture


def _slots_are_one(profile: Profile, labels: Mapping[str, str]) -> bool:
    """Return True if both slots hold one layer at the same bits."""
    first, second = (profile.heights_m.get(slot) for slot in SLOTS)
    if first is None or second is None or labels.get("A") != labels.get("B"):
        return False
    return np.array_equal(first, second, equal_nan=True)


def _summary(profile: Profile) -> str:
    (east, north) = profile.points[0]
    (east_1, north_1) = profile.points[-1]
    places = f"from E {east:.1f} N {north:.1f} to E {east_1:.1f} N {north_1:.1f}"
    corners = f", {len(profile.points)} corners" if len(profile.points) > 2 else ""
    spacing = f"{len(profile.distance_m)} samples {profile.spacing_m:.3g} m apart"
    return f"{text.meters(float(profile.distance_m[-1]))} {places}{corners}; {spacing}"


def _errors(numbers: Mapping[str, float]) -> str:
    return f"RMSE {text.meters(numbers['rmse_m'])}, largest {text.meters(numbers['max_error_m'])}"


def _title(name: str) -> str:
    return "Reference" if name == REFERENCE else name


def _span(curves: Mapping[str, np.ndarray], *, zero: bool = False) -> tuple[float, float]:
    """Return the range of an axis, with a margin."""
    finite = [values[np.isfinite(values)] for values in curves.values()]
    values = np.concatenate([*finite, np.zeros(1)] if zero else finite) if finite else np.zeros(0)
    if not len(values):
        return 0.0, 1.0
    low = float(values.min())
    high = float(values.max())
    margin = max(0.06 * (high - low), 1e-3)
    return low - margin, high + margin


def _plot(
    picture: np.ndarray,
    frame: Frame,
    distance_m: np.ndarray,
    curves: Mapping[str, np.ndarray],
    legend: Mapping[str, str],
    title: str,
    letters: TextPainter,
    small: TextPainter,
    draw_x_labels: bool,
) -> None:
    em = letters.size_px
    _axes(picture, frame, title, small, draw_x_labels)
    area = picture[frame.top : frame.bottom + 1, frame.left : frame.right + 1]
    for name in sorted(
        curves, key=lambda name: BOTTOM_UP.index(name) if name in BOTTOM_UP else -len(name)
    ):
        half = HALF_WIDTH_EM.get(name, 0.06) * em
        blend(area, 0, 0, curve(frame, distance_m, curves[name], max(half, 0.7)), COLORS[name])
    x = frame.left
    for name, label in legend.items():
        bar = np.ones((max(2, round(2 * HALF_WIDTH_EM.get(name, 0.08) * em)), round(1.6 * em)))
        blend(picture, x, frame.top - round(0.75 * em) - len(bar) // 2, bar, COLORS[name])
        x += round(2.0 * em)
        small.draw(picture, x, frame.top - round(1.35 * em), label, INK)
        x += small.width(label) + round(1.6 * em)


def _axes(
    picture: np.ndarray, frame: Frame, title: str, small: TextPainter, draw_x_labels: bool
) -> None:
    """Draw grid lines, numbers, and the vertical axis's name."""
    em = small.size_px
    for values, horizontal in (
        (text.ticks(*frame.y, max(3, (frame.bottom - frame.top) // (3 * em))), True),
        (text.ticks(*frame.x, max(3, (frame.right - frame.left) // (8 * em))), False),
    ):
        step = values[1] - values[0] if len(values) > 1 else 1.0
        for value in values:
            label = text.tick_label(value, step)
            if horizontal:
                y = round(float(frame.row(value)))
                picture[y, frame.left : frame.right] = GRID if value else DIM
                small.draw(
                    picture,
                    frame.left - small.width(label) - em // 2,
                    y - round(0.6 * em),
                    label,
                    DIM,
                )
            else:
                x = round(float(frame.column(value)))
                picture[frame.top : frame.bottom, min(x, frame.right)] = GRID
                if draw_x_labels:
                    small.draw(
                        picture, x - small.width(label) // 2, frame.bottom + em // 3, label, DIM
                    )
    picture[frame.top : frame.bottom + 1, frame.left] = DIM
    picture[frame.bottom, frame.left : frame.right + 1] = DIM
    small.draw(picture, em // 2, frame.top - round(1.35 * em), title, DIM)


def curve(frame: Frame, x: np.ndarray, y: np.ndarray, half_px: float) -> np.ndarray:
    """Return the share of a frame's pixels covered by a curve, in [0, 1]: [rows, columns]. Gaps
    where y is NaN."""
    columns = frame.right - frame.left + 1
    rows = frame.bottom - frame.top + 1
    subsamples_per_column = 6  # the curve's own samples in between count too
    sample_x = frame.column(x) - frame.left
    row = frame.row(y) - frame.top
    subsample_x = (np.arange(columns * subsamples_per_column) + 0.5) / subsamples_per_column - 0.5
    samples = np.concatenate([subsample_x, sample_x])
    height = np.concatenate([np.interp(subsample_x, sample_x, row), row])
    column = np.clip(np.rint(samples).astype(int), 0, columns - 1)
    finite = np.isfinite(height)
    low = np.full(columns, np.inf)
    high = np.full(columns, -np.inf)
    np.minimum.at(low, column[finite], height[finite])
    np.maximum.at(high, column[finite], height[finite])
    # where the curve is steep, neighboring columns meet at their common side
    sides = np.interp(np.arange(columns + 1) - 0.5, sample_x, row, np.nan, np.nan)
    for side in (sides[:-1], sides[1:]):
        low = np.fmin(low, np.where(np.isfinite(low), side, np.nan))
        high = np.fmax(high, np.where(np.isfinite(high), side, np.nan))
    line = np.arange(rows)[:, None]
    with np.errstate(invalid="ignore"):
        coverage = np.minimum(line + 0.5, high + half_px) - np.maximum(line - 0.5, low - half_px)
    return np.where(np.isfinite(low), np.clip(coverage, 0.0, 1.0), 0.0)
