"""Curves of profile figures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from viewer.measuring.profiles import Profile
from viewer.pictures.profile_figure import Frame, curve, draw


def _rows_of_columns(covered: np.ndarray) -> list[tuple[int, int]]:
    """First and last row of each column that a curve covers."""
    rows = [np.flatnonzero(column > 0) for column in covered.T]
    return [(int(found[0]), int(found[-1])) for found in rows]


def test_a_steep_curve_has_no_gap() -> None:
    frame = Frame(left=0, top=0, right=99, bottom=199, x=(0.0, 99.0), y=(0.0, 9000.0))
    x = np.arange(0.0, 99.5, 0.5)
    y = 400.0 + 8000.0 * np.exp(-(((x - 50.0) / 1.2) ** 2))
    spans = _rows_of_columns(curve(frame, x, y, 0.7))
    for (first, last), (next_first, next_last) in pairwise(spans):
        assert first <= next_last + 1
        assert next_first <= last + 1


def test_gaps_stay_gaps() -> None:
    frame = Frame(left=0, top=0, right=99, bottom=199, x=(0.0, 99.0), y=(0.0, 100.0))
    x = np.arange(0.0, 99.5, 0.5)
    y = np.where((x > 40) & (x < 60), np.nan, 50.0)
    covered = curve(frame, x, y, 0.7).max(axis=0) > 0
    assert covered[:40].all()
    assert covered[61:].all()
    assert not covered[42:59].any()


def test_slots_with_one_layer_are_one_curve() -> None:
    line = np.linspace(0.0, 100.0, 101)
    heights = 400.0 + np.sin(line / 9.0)

    def figure(labels: dict[str, str], **curves: np.ndarray) -> np.ndarray:
        points = np.array([[0.0, 0.0], [100.0, 0.0]])
        profile = Profile(points, line, line, 0 * line, curves, spacing_m=1.0, cell_m=1.0)
        return draw(profile, "area.ntile", labels, (640, 360))

    alone = figure({"A": "Functa"}, A=heights)
    labels = {"A": "Functa", "B": "Functa"}
    np.testing.assert_array_equal(figure(labels, A=heights, B=heights.copy()), alone)
    assert (figure(labels, A=heights, B=heights + 0.1) != alone).any()
    assert (figure(labels | {"B": "HUVR"}, A=heights, B=heights) != alone).any()
