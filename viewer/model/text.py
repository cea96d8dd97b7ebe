"""Human-readable numbers and names: meters, bytes, counts, coordinate systems."""

from __future__ import annotations

import re
from collections.abc import Callable

MINUS = "−"
DASH = "–"  # placeholder of an unknown value


def meters(value: float | None, *, signed: bool = False) -> str:
    """Format a length with its unit, about four significant digits and never finer than a
    millimeter: `0.042 m`."""
    if value is None or value != value:
        return DASH
    size = abs(value)
    digits = 3 if size < 10 else 2 if size < 100 else 1
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(text) == 0:
        text = f"{0:.{digits}f}"
    return f"{text.replace('-', MINUS)} m"


def ratio(value: float) -> str:
    """Format a dimensionless number, such as a slope in m/m, to three significant digits:
    `0.0417`."""
    return f"{value:.3g}".replace("-", MINUS)


def share(value: float) -> str:
    """Format a share of a whole: `3.2 %`; a share above 0 but below 0.01 % is `< 0.01 %`."""
    percent = 100 * value
    return "< 0.01 %" if 0 < percent < 0.01 else f"{percent:.{2 if percent < 10 else 1}f} %"


def length(value: float) -> str:
    """Format a distance on the ground: `84.2 m`, `12.345 km`."""
    return meters(value) if not abs(value) >= 10_000 else f"{value / 1000:.3f} km"


def side(value: float) -> str:
    """Format the side of a square to four significant digits: `320 m`, `12.8 km`."""
    return f"{value:.4g} m" if value < 10_000 else f"{value / 1000:.4g} km"


def area(value: float | None) -> str:
    """Format an area: `1 234.5 m²`, `12.3 ha`, `4.56 km²`."""
    if value is None or value != value:
        return DASH
    if value >= 1e6:
        return f"{value / 1e6:.4g} km²"
    if value >= 1e5:
        return f"{value / 1e4:.4g} ha"
    return f"{value:,.{2 if value < 100 else 1 if value < 10_000 else 0}f} m²".replace(
        ",", "\u2009"
    )


def angle(value: float | None) -> str:
    """Format degrees: `48.2°`."""
    return DASH if value is None or value != value else f"{value:.1f}°".replace("-", MINUS)


def signed_meters(value: float | None) -> str:
    """Format a difference of heights: `+0.042 m`."""
    return meters(value, signed=True)


def percent(value: float | None) -> str:
    """Format a gradient: `+12.3 %`."""
    return DASH if value is None or value != value else f"{value:+.2f} %".replace("-", MINUS)


def curvature(value: float | None) -> str:
    """Format a curvature in 1/m to three significant digits: `−0.0123`."""
    return DASH if value is None or value != value else f"{value:.3g}".replace("-", MINUS)


def longitude_latitude(longitude_deg: float, latitude_deg: float) -> str:
    """Format a geographic position, latitude first, to about a decimeter: `35.274861° N,
    119.826612° W`."""
    if longitude_deg != longitude_deg or latitude_deg != latitude_deg:
        return DASH
    north = "NS"[latitude_deg < 0]
    east = "EW"[longitude_deg < 0]
    return f"{abs(latitude_deg):.6f}° {north}, {abs(longitude_deg):.6f}° {east}"


def coordinate(value: float) -> str:
    """Format an easting or northing to the centimeter, thousands apart: `5 213 047.25`."""
    return f"{value:,.2f}".replace(",", "\u2009").replace("-", MINUS)


def count(value: int) -> str:
    """Format a count, thousands apart: `524 288`."""
    return f"{value:,}".replace(",", "\u2009")


def levels(coarsest: int, finest: int, cell_m: Callable[[int], float]) -> str:
    """Format levels of detail with their cell sizes, `cell_m` of a level: `levels 1–3 (8–2 m)`."""
    if coarsest == finest:
        return f"level {finest} ({cell_m(finest):.4g} m)"
    return f"levels {coarsest}–{finest} ({cell_m(coarsest):.4g}–{cell_m(finest):.4g} m)"


def duration(seconds: float) -> str:
    """Format a time to a second, from ten minutes on to a minute: `75 s`, `42 min`, `3 h 5 min`."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def data_size(size: float) -> str:
    """Format a number of bytes in a suitable unit: `4.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 999.5 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 100 else f"{size:.1f} {unit}"


def crs_name(wkt: str) -> str:
    """Return the name of a WKT's coordinate system, with its EPSG code where it has one."""
    if not wkt:
        return "local grid"
    name = re.match(r'\s*\w+\s*\[\s*"([^"]+)"', wkt)
    code = re.search(r'(?:ID|AUTHORITY)\s*\[\s*"EPSG"\s*,\s*"?(\d+)"?\s*\]\s*\]\s*$', wkt)
    title = name.group(1) if name else "unnamed"
    return f"{title} (EPSG:{code.group(1)})" if code else title


def ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Return round values inside [low, high], 1, 2 or 5 times a power of ten apart; empty for an
    empty range."""
    if not high > low:
        return []
    raw = (high - low) / at_most
    power = 10.0 ** _floor_log10(raw)
    step = next(k * power for k in (1, 2, 5, 10) if k * power >= raw * (1 - 1e-9))
    first = int(-(-low // step))
    values = []
    while first * step <= high + step * 1e-9:
        values.append(first * step)
        first += 1
    return values


def tick_label(value: float, step: float) -> str:
    """Format a tick with as many decimals as its spacing needs; very small and large ones with a
    power of ten."""
    decade = _floor_log10(step) if step > 0 else 0
    digits = max(0, -decade)
    size = abs(value) if abs(value) > step / 2 else 0.0
    if size >= 1e7 or digits > 6:
        significant = max(_floor_log10(size) - decade, 0) if size else 0
        return f"{value if size else 0:.{min(significant, 15)}e}".replace("-", MINUS)
    return f"{value if size else 0:.{digits}f}".replace("-", MINUS)


def height_span(low: float, high: float) -> str:
    """Format two heights to about a hundredth of their distance: `67.2 … 144.7 m`."""
    step = 10.0 ** _floor_log10(max(high - low, 0.01) / 100) if high > low else 0.01
    return f"{tick_label(low, max(step, 0.01))} … {tick_label(high, max(step, 0.01))} m"


def _floor_log10(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def shortened(line: str, length: int) -> str:
    """Shorten a line to at most `length` characters by an ellipsis in its middle."""
    if len(line) <= length:
        return line
    end = (length - 1) * 2 // 3
    return f"{line[: length - 1 - end]}…{line[-end:]}"
