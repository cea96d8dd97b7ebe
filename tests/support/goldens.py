"""Golden images: pictures of made-up areas as llvmpipe draws them, kept in tests/golden.

    python -m tests.support.goldens                 draw them all again (after an intended change)
    python -m tests.support.goldens shadows tint    only these

A new one is a row in CASES. They are stored with LEVELS levels per channel, which makes them small;
a picture agrees with its golden when no more than ODD_SHARE of its pixels differ by more than
ODD_LEVELS of 255 in any channel, and, stored alike, no more than OTHER_SHARE differ at all: light
that is off by 2 of 255 everywhere is noticed.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import NamedTuple

import moderngl
import numpy as np

from tests.support import acorn_area, hills, mountains
from viewer.graphics import gl
from viewer.model.camera import Camera
from viewer.model.settings import Settings
from viewer.pictures import offscreen
from viewer.pictures.png import write_png
from viewer.scene import overview
from viewer.scene.scene import Scene

FOLDER = Path(__file__).parents[1] / "golden"
SIZE = (320, 200)
LEVELS = 22
ODD_LEVELS = 18
"""Three half steps of a golden's levels."""
ODD_SHARE = 0.004
"""A few edges may fall differently with another version of Mesa."""
OTHER_SHARE = 0.1
"""Another rounding puts a few pixels into the next level."""

AREAS = {"hills": hills.write, "mountains": mountains.write, "plains": acorn_area.write}
"""Writers of the areas' files."""


class Case(NamedTuple):
    """One picture."""

    area: str  # one of AREAS
    layer: int
    settings: dict[str, object]  # such as {"shading.fog": 0.5}
    camera: Camera | None = None  # None: the whole area


OVER = Camera(2600.0, 6300.0, 1900.0, -10.0, -30.0)
ABOVE = Camera(2850.0, 5300.0, 4000.0, 0.0, -57.0)
LOW = Camera(600_120.0, 5_199_500.0, 640.0, 20.0, -14.0)

CASES = {
    "default": Case("hills", 1, {}),
    "standard": Case("hills", 1, {"shading.mode": "hillshade", "shading.hillshade": "standard"}),
    "multidirectional": Case(
        "hills", 1, {"shading.mode": "hillshade", "shading.hillshade": "multidirectional"}
    ),
    "igor": Case("hills", 1, {"shading.hillshade": "igor", "view.exaggeration": 1.5}),
    "contours": Case("hills", 1, {"shading.mode": "elevation", "contours.on": True}),
    "shadows": Case("hills", 1, {"shading.shadows": True, "shading.sun_altitude_deg": 18.0}),
    "haze": Case(
        "hills", 1, {"shading.fog": 0.5, "shading.edl": True, "shading.sun_altitude_deg": 12.0}, LOW
    ),
    "error": Case("hills", 0, {"overlay.name": "error", "overlay.reach": {"error": 10.0}}),
    "slope": Case("hills", 1, {"overlay.name": "slope", "overlay.reach": {"slope": 45.0}}),
    "blocks": Case("plains", 0, {"overlay.name": "blocks"}, ABOVE),
    "tint": Case(
        "mountains", 0, {"debug.lod_tint": True, "debug.bounds": True, "view.sse_px": 6.0}, OVER
    ),
}
"""Names and pictures."""


def draw(ctx: moderngl.Context, case: Case, file: Path) -> np.ndarray:
    """The picture of a case, uint8 [h, w, 3]."""
    settings = Settings()
    settings.layer.index = case.layer
    for path, value in case.settings.items():
        group, name = path.split(".")
        assert hasattr(getattr(settings, group), name), path
        setattr(getattr(settings, group), name, value)
    scene = Scene(ctx, settings)
    try:
        scene.open(file)
        return offscreen.draw(scene, case.camera or overview.whole_area(scene, SIZE), SIZE)
    finally:
        scene.release()


def coarse(picture: np.ndarray) -> np.ndarray:
    """A picture as goldens store it."""
    step = 255 / (LEVELS - 1)
    return np.rint(np.rint(picture / step) * step).astype(np.uint8)


def read(name: str) -> np.ndarray:
    """A golden image."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a picture has no place on Earth
        with rasterio.open(FOLDER / f"{name}.png") as file:
            return file.read().transpose(1, 2, 0)


def write(name: str, picture: np.ndarray) -> None:
    """Keep a picture as a golden image: PNG without filters, in which few levels take least."""
    height, width, _ = picture.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)
    rows[:, 1:] = coarse(picture).reshape(height, 3 * width)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    (FOLDER / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def odd(picture: np.ndarray, golden: np.ndarray) -> np.ndarray:
    """Pixels that do not agree, bool [h, w]."""
    return np.abs(picture.astype(int) - golden).max(axis=-1) > ODD_LEVELS


def disagreement(picture: np.ndarray, golden: np.ndarray) -> str:
    """In which respect a picture is not the golden one; "" where it is."""
    share = odd(picture, golden).mean()
    other = (coarse(picture) != golden).any(axis=-1).mean()
    if share > ODD_SHARE:
        return f"{100 * share:.2f} % of the pixels differ by more than {ODD_LEVELS}"
    return f"{100 * other:.1f} % of the pixels are in another level" if other > OTHER_SHARE else ""


def save_difference(out: Path, picture: np.ndarray, golden: np.ndarray) -> None:
    """Save the golden picture, the drawn one, and four times the difference on gray, side by
    side."""
    difference = np.clip(128 + 4 * (picture.astype(int) - golden), 0, 255).astype(np.uint8)
    write_png(out, np.ascontiguousarray(np.concatenate([golden, picture, difference], axis=1)))


def main(names: list[str]) -> None:
    """Draw the goldens of these names, or all."""
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"There is no golden picture of {unknown[0]}; there are {', '.join(CASES)}.")
    ctx = gl.create_context()
    if "llvmpipe" not in ctx.info["GL_RENDERER"]:
        sys.exit(
            f"Goldens are drawn with llvmpipe; this is {gl.describe(ctx)} (try "
            "LIBGL_ALWAYS_SOFTWARE=1)."
        )
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: write(Path(folder) / f"{name}.ntile") for name, write in AREAS.items()}
        for name in names or list(CASES):
            write(name, draw(ctx, CASES[name], files[CASES[name].area]))
    total = sum(path.stat().st_size for path in FOLDER.glob("*.png"))
    print(f"{FOLDER}: {len(CASES)} pictures, {total / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
