"""Mean byte ratios over a range of errors: exact on power laws, honest where curves end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from neural.bench import bd_rate, bd_table
from neural.bench.bd_rate import ERRORS, RANGE_M, Saving

ERRORS_M = [float(e) for e in np.geomspace(*RANGE_M, ERRORS)]


def _curve(
    bytes_ratio: float, first: float = 0.01, last: float = 1.0, exponent: float = 1.5
) -> list[dict[str, float]]:
    """Bits = ratio · error^−exponent between two errors; all levels take 1.25 times the finest
    one."""
    rows = []
    for error in np.geomspace(first, last, 9):
        bits = bytes_ratio * error**-exponent
        slopes = {"gradient_rmse": 0.9 * error, "sampled_gradient_rmse": 0.8 * error}
        rows.append(
            {
                "rmse_m": float(error),
                **slopes,
                "bits_per_sample": bits,
                "stack_bits_per_sample": 1.25 * bits,
            }
        )
    return rows


def test_the_mean_is_exact_on_power_laws() -> None:
    found = bd_rate.saving(_curve(0.4), _curve(1.0), "rmse_m", ERRORS_M)
    # all levels of the series, the finest of the codec
    assert found == (pytest.approx(math.log(0.5)), "")
    assert found.to_json() == {"percent": pytest.approx(-50), "bound": ""}
    steeper = bd_rate.saving(_curve(0.4, exponent=2.5), _curve(1.0), "rmse_m", ERRORS_M)
    assert steeper.log_ratio == pytest.approx(math.log(0.5) - np.log(ERRORS_M).mean())


def test_a_series_that_does_not_get_down_to_the_smallest_error_fails() -> None:
    assert bd_rate.saving(_curve(0.4, first=0.041), _curve(1.0), "rmse_m", ERRORS_M) == (None, "")
    assert (
        bd_rate.saving(_curve(0.4, first=0.039), _curve(1.0), "rmse_m", ERRORS_M).log_ratio
        is not None
    )


@pytest.mark.parametrize(
    ("series", "anchor", "bound"),
    [
        ((0.01, 1.0), (0.01, 0.08), "≥"),  # the codec's fewest bytes are too good
        ((0.01, 0.08), (0.01, 1.0), "≤"),
        ((0.01, 1.0), (0.06, 1.0), "≤"),  # the codec's most bytes are not good enough
        ((0.01, 0.08), (0.01, 0.08), "?"),
    ],
)
def test_ends_of_curves_show_as_bounds(
    series: tuple[float, float], anchor: tuple[float, float], bound: str
) -> None:
    found = bd_rate.saving(_curve(0.4, *series), _curve(1.0, *anchor), "rmse_m", ERRORS_M)
    assert found.bound == bound
    assert found.log_ratio is not None
    if bound != "?":
        exact = math.log(0.5)
        assert found.log_ratio < exact if bound == "≥" else found.log_ratio > exact


def test_means_are_of_logarithms_and_leave_no_failure_out() -> None:
    half = Saving(math.log(0.5), "")
    double = Saving(math.log(2.0), "≥")
    assert bd_rate.mean([half, double]) == (pytest.approx(0), "≥")
    assert bd_rate.mean([half, Saving(None, "")]) == (None, "")


def _place(name: str, data_class: str | None, ratio: float, first: float = 0.01) -> dict[str, Any]:
    codecs = {"jpeg2k_files": _curve(1.0), "sz3": _curve(2.0, 0.01, 0.08)}
    return {
        "name": name,
        "data_class": data_class,
        "learned": {"lapped_siren": _curve(ratio, first)},
        "codecs": codecs,
    }


def _result(places: list[dict[str, Any]]) -> dict[str, Any]:
    titles = {"lapped_siren": "Lapped SIREN", "jpeg2k_files": "JPEG 2000 files", "sz3": "SZ3"}
    rates = bd_rate.bd_rates(places, ["lapped_siren"], list(places[0]["codecs"]))
    return {"titles": titles, "places": places, "bd_rates": rates}


def test_entries_hold_places_means_and_the_worst_place() -> None:
    places = [_place("a", "dtm", 0.4), _place("b", "dtm", 0.2), _place("c", "dsm", 1.6)]
    result = _result(places)
    assert [(e["anchor"], e["measure"]) for e in result["bd_rates"]] == [
        (anchor, measure)
        for anchor in ("jpeg2k_files", "sz3")
        for measure in ("height", "gradient", "analytic_gradient")
    ]
    entry = result["bd_rates"][0]
    assert [p["percent"] for p in entry["places"]] == pytest.approx([-50, -75, 100])
    assert entry["mean_bare_earth"]["percent"] == pytest.approx(100 * (math.sqrt(0.125) - 1))
    assert entry["mean_all"]["percent"] == pytest.approx(100 * (0.25 ** (1 / 3) - 1))
    assert entry["worst"] == {"place": 2, "percent": pytest.approx(100), "bound": ""}
    gradient, analytic = result["bd_rates"][1:3]
    assert gradient["ranges"][0] == pytest.approx([0.8 * RANGE_M[0], 0.8 * RANGE_M[1]])
    assert analytic["ranges"][0] == pytest.approx([0.9 * RANGE_M[0], 0.9 * RANGE_M[1]])
    assert gradient["places"][0]["percent"] == pytest.approx(-50)


def test_tables_say_what_fails_and_where() -> None:
    text = bd_table.lines(_result([_place("a", "dtm", 0.4), _place("b", "dsm", 0.2, first=0.05)]))
    rows = [line for line in text if line.startswith("|")]
    assert rows[0].count("|") == 6
    assert "| 1. a | dtm | −50.0 % / −50.0 % | ≥−" in rows[2]
    assert rows[3] == "| 2. b | dsm | fails / fails | fails / fails | fails |"
    assert rows[4].startswith("| mean, bare earth | dtm | −50.0 % / −50.0 %")
    assert rows[5].startswith("| mean, all places |  | fails / fails")
    assert rows[6].startswith("| worst place (its number) |  | fails (2) / fails (2)")


def test_gradients_are_not_compared_without_their_range() -> None:
    places = [_place("a", None, 0.4)]
    del places[0]["codecs"]["jpeg2k_files"]
    result = _result(places)
    assert [entry["measure"] for entry in result["bd_rates"]] == ["height"]
    assert result["bd_rates"][0]["mean_bare_earth"] is None
    text = "\n".join(bd_table.lines(result))
    assert "bare earth" not in text
    assert "| 1. a | – | ≥−" in text
    assert bd_table.lines({**result, "bd_rates": []}) == []
