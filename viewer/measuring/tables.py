"""Profiles and measurements as JSON and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from viewer.measuring.profiles import Profile
from viewer.measuring.quantities import MeasurementResult


def profile_json(profile: Profile) -> dict[str, Any]:
    """Return a profile's numbers and samples as plain values, None where unknown."""
    numbers = profile.to_json()
    for name, values in numbers["residuals"].items():
        numbers["residuals"][name] = {key: _json_number(value) for key, value in values.items()}
    columns = {}
    for name, column in profile.columns().items():
        columns[name] = [_json_number(round(float(value), 4)) for value in column]
    return numbers | {"columns": columns}


def _json_number(value: Any) -> Any:
    """Return a value, None in place of NaN."""
    return None if value != value else value


def to_csv(measurements: Sequence[MeasurementResult]) -> str:
    """Return measurements as a CSV table, one number or note a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("number", "kind", "points", "surface", "quantity", "value"))
    for number, measurement in enumerate(measurements, 1):
        plain = measurement.to_json()
        places = "; ".join(f"{east:.3f} {north:.3f}" for east, north in measurement.points)
        for surface, values in (("", plain["common"]), *plain["surfaces"].items()):
            for quantity, value in values.items():
                cell = (
                    ""
                    if value is None
                    else "/".join(map(str, value))
                    if isinstance(value, list)
                    else value
                )
                writer.writerow((number, measurement.kind, places, surface, quantity, cell))
        if measurement.note:
            writer.writerow((number, measurement.kind, places, "", "note", measurement.note))
    return out.getvalue()
