"""Bytes of learned series against each classical codec at equal error, as one number per place
(after Bjøntegaard).

The mean over 16 errors, evenly spaced in the logarithm, of the logarithm of the ratio of bytes,
interpolated in log–log (G. Bjøntegaard, VCEG-M33, 2001, with lines in place of the cubic). A mean
that skips a place because a method cannot reach its errors would reward failure: a method that does
not get down to the smallest error fails there, and so does every mean over that place.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from neural.bench.curves import Curve, common_bound, rate_at

ANCHORS = (
    "jpeg2k_files",
    "jpeg2k_headerless",
    "jpeg2k_image",
    "avif",
    "jpegxl",
    "sz3",
    "lerc",
    "zfp",
)
RANGE_M = (0.04, 0.11)
"""Range of height RMSE over which bytes are compared, meters."""

ERRORS = 16
SERIES_RATE = "stack_bits_per_sample"
ANCHOR_RATE = "bits_per_sample"
"""A learned layer counts all its levels and the directory, a codec its finest level alone."""

RANGE_ANCHOR = "jpeg2k_files"
MEASURES = {
    "height": "rmse_m",
    "gradient": "sampled_gradient_rmse",
    "analytic_gradient": "gradient_rmse",
}
"""Error of both sides by measure. sampled_gradient_rmse takes central differences of decoded
samples inside tiles, whatever was decoded; gradient_rmse the analytic gradient of a learned surface
and the mosaic of a codec."""

BARE_EARTH = "dtm"


class Saving(NamedTuple):
    """Mean logarithm of the ratio of bytes, None where the series fails; and which bound it is (""
    when none)."""

    log_ratio: float | None
    bound: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the ratio as a change in percent."""
        return {
            "percent": None if self.log_ratio is None else 100 * math.expm1(self.log_ratio),
            "bound": self.bound,
        }


def saving(series: Curve, anchor: Curve, key: str, errors: Sequence[float]) -> Saving:
    """Return bytes of a series over an anchor's at equal errors `key`.

    Where the fewest bytes of a side give less error than asked for they count: "≥" when it is the
    anchor, whose need is smaller still, "≤" when it is the series. "≤" as well where the anchor's
    most bytes give more error.
    """
    logs = []
    bounds = []
    for error in errors:
        series_bits, series_bound = rate_at(series, key, error, SERIES_RATE)
        anchor_bits, anchor_bound = rate_at(anchor, key, error, ANCHOR_RATE)
        if series_bound == "≥":
            return Saving(None, "")
        logs.append(math.log(series_bits / anchor_bits))
        bounds += [series_bound, {"≤": "≥", "≥": "≤", "": ""}[anchor_bound]]
    return Saving(float(np.mean(logs)), common_bound(bounds))


def errors_at(measure: str, place: Mapping[str, Any]) -> list[float]:
    """Return the errors of a measure at which bytes are compared on a place, ascending.

    Gradients span those of JPEG 2000 files at the ends of the height range.
    """
    low, high = RANGE_M
    if measure != "height":
        files = place["codecs"][RANGE_ANCHOR]
        low, high = (rate_at(files, "rmse_m", error, MEASURES[measure])[0] for error in RANGE_M)
    return [float(error) for error in np.geomspace(low, high, ERRORS)]


def bd_rates(
    places: Sequence[Mapping[str, Any]], series: Sequence[str], codecs: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a comparison per series, anchor and measure: per place, means, worst place. Gradients
    need JPEG 2000 files."""
    measures = [measure for measure in MEASURES if measure == "height" or RANGE_ANCHOR in codecs]
    anchors = [anchor for anchor in ANCHORS if anchor in codecs]
    bare_earth = [place["data_class"] == BARE_EARTH for place in places]
    rows = []
    for name, anchor, measure in itertools.product(series, anchors, measures):
        savings = []
        ranges = []
        for place in places:
            errors = errors_at(measure, place)
            learned = place["learned"][name]
            savings.append(saving(learned, place["codecs"][anchor], MEASURES[measure], errors))
            ranges.append([errors[0], errors[-1]])
        row = {"series": name, "anchor": anchor, "measure": measure}
        rows.append(row | _comparison(savings, bare_earth) | {"ranges": ranges})
    return rows


def _comparison(savings: Sequence[Saving], bare_earth: Sequence[bool]) -> dict[str, Any]:
    earth = [
        place_saving for place_saving, is_bare in zip(savings, bare_earth, strict=True) if is_bare
    ]
    worst = max(range(len(savings)), key=lambda k: _rank(savings[k]))
    return {
        "places": [place_saving.to_json() for place_saving in savings],
        "mean_bare_earth": mean(earth).to_json() if earth else None,
        "mean_all": mean(savings).to_json(),
        "worst": {"place": worst, **savings[worst].to_json()},
    }


def _rank(place_saving: Saving) -> float:
    return math.inf if place_saving.log_ratio is None else place_saving.log_ratio


def mean(savings: Sequence[Saving]) -> Saving:
    """Return the arithmetic mean of the logarithms; fails where one fails."""
    logs = [
        place_saving.log_ratio for place_saving in savings if place_saving.log_ratio is not None
    ]
    if len(logs) < len(savings):
        return Saving(None, "")
    return Saving(
        float(np.mean(logs)), common_bound([place_saving.bound for place_saving in savings])
    )
