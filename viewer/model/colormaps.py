"""Color tables made from control points in OKLCh, so that equal steps of value look like equal
steps of color.

A table is a CSV file in assets/colormaps: `# key: value` lines (title, kind, source, license) and
rows of OKLCh lightness, chroma and hue in degrees. The points are joined by a monotone cubic in
OKLab and walked at constant color difference. OKLab: B. Ottosson, "A perceptual color space for
image processing" (2020, public domain).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from assets import colormap_files

SIZE = 256
"""Entries of a table."""

USES = ("elevation", "amount", "error", "cyclic")
"""Uses of tables: heights, from dark to light; sizes, from pale nothing to dark; signed values,
with a pale middle; directions, whose two ends are one color."""

MASK = (214, 0, 110)
"""Color of marked cells, sRGB bytes: no colormap comes near it."""

WITHIN = (209, 209, 209)
"""Color of cells that are not marked, sRGB bytes."""

_LMS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@dataclass(frozen=True)
class Colormap:
    """Name, use (one of `USES`), origin and control points of one table."""

    name: str
    title: str
    kind: str
    source: str
    license: str
    points: np.ndarray  # [n, 3] OKLCh, hue in degrees


def read(path: Path) -> Colormap:
    """Read a control-point table; a line that is neither `# key: value` nor three numbers is a
    ValueError."""
    about: dict[str, str] = {}
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            about[key.strip()] = value.strip()
        elif line.strip():
            rows.append([float(cell) for cell in line.split(",")])
    points = np.asarray(rows)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 2:
        raise ValueError(f"{path}: a colormap needs at least two rows of lightness, chroma, hue")
    return Colormap(
        path.stem, about["title"], about["kind"], about["source"], about["license"], points
    )


@cache
def colormap(name: str) -> Colormap:
    """Return the table called `name`; an unknown name is a KeyError that lists the known ones."""
    paths = colormap_files()
    if name not in paths:
        raise KeyError(f"no colormap {name!r}; there are {', '.join(paths)}")
    return read(paths[name])


@cache
def names(kind: str | None = None) -> tuple[str, ...]:
    """Return names of all tables, or of those for one of the `USES`."""
    return tuple(name for name in colormap_files() if kind is None or colormap(name).kind == kind)


@cache
def lut(name: str) -> np.ndarray:
    """Return the table as sRGB bytes, uint8 [256, 3], read-only."""
    chosen = colormap(name)
    table = np.round(
        255 * srgb_from_oklab(_walk(_oklab(chosen.points), chosen.kind == "cyclic"))
    ).astype(np.uint8)
    table.flags.writeable = False
    return table


def srgb_from_oklab(lab: np.ndarray) -> np.ndarray:
    """Convert OKLab [n, 3] to gamma-encoded sRGB in [0, 1], clipped to the gamut."""
    linear = (lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T
    linear = np.clip(linear, 0, 1)
    curve = 1.055 * linear ** (1 / 2.4) - 0.055
    srgb: np.ndarray = np.where(linear <= 0.0031308, 12.92 * linear, curve)
    return srgb


def oklab_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """Convert gamma-encoded sRGB in [0, 1] to OKLab [n, 3]: inverse of `srgb_from_oklab` inside the
    gamut."""
    lms = np.cbrt(linear_from_srgb(srgb) @ np.linalg.inv(_RGB_FROM_LMS).T)
    lab: np.ndarray = lms @ np.linalg.inv(_LMS_FROM_LAB).T
    return lab


def linear_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """Convert gamma-encoded sRGB in [0, 1] to linear light (IEC 61966-2-1), the shaders'
    encoding."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _oklab(oklch: np.ndarray) -> np.ndarray:
    lightness, chroma, hue = oklch.T
    hue = np.radians(hue)
    return np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)


def _walk(points: np.ndarray, closed: bool) -> np.ndarray:
    """Return `SIZE` colors along the curve through `points`, at equal distances in OKLab; `closed`
    ends as it begins.

    A closed curve keeps its points at equal steps, so that each quarter of it belongs to one
    quarter of directions.
    """
    if closed:
        turns = np.concatenate([points[:-1], points[:-1], points])
        knots = np.arange(len(turns), dtype=float)
        count = len(points) - 1
        return _monotone_cubic(knots, turns, np.linspace(count, 2 * count, SIZE))
    knots = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    fine = _monotone_cubic(knots, points, np.linspace(0, knots[-1], 1025))
    length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1)))
    distances = np.linspace(0, length[-1], SIZE)
    return np.stack([np.interp(distances, length, channel) for channel in fine.T], axis=1)


def _monotone_cubic(x: np.ndarray, y: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Interpolate by cubic Hermite pieces without overshoot (harmonic-mean slopes, Fritsch and
    Butland 1984)."""
    step = np.diff(x)[:, None]
    slope = np.diff(y, axis=0) / step
    before = slope[:-1]
    after = slope[1:]
    same_sign = before * after > 0
    harmonic = 2 * before * after / np.where(same_sign, before + after, 1.0)
    tangent = np.concatenate([slope[:1], np.where(same_sign, harmonic, 0.0), slope[-1:]])
    k = np.clip(np.searchsorted(x, positions, side="right") - 1, 0, len(x) - 2)
    h = step[k]
    t = ((positions - x[k]) / h[:, 0])[:, None]
    values: np.ndarray = (
        (1 + 2 * t) * (1 - t) ** 2 * y[k]
        + t * (1 - t) ** 2 * h * tangent[k]
        + t**2 * (3 - 2 * t) * y[k + 1]
        + t**2 * (t - 1) * h * tangent[k + 1]
    )
    return values
