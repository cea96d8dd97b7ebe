"""Data files that ship with the program: colormaps, decoder weights and sample areas, found by
path."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent
"""Folder that holds the shipped data."""


def colormap_files() -> dict[str, Path]:
    """Colormap name → its control-point table; dropping a CSV file into the folder is all it takes
    to add one."""
    return {path.stem: path for path in sorted((ROOT / "colormaps").glob("*.csv"))}


def model_files() -> tuple[Path, ...]:
    """Shipped decoder and encoder weights (*.safetensors), in name order."""
    return tuple(sorted((ROOT / "models").glob("*.safetensors")))


def sample_files() -> tuple[Path, ...]:
    """Shipped sample areas (*.ntile), in name order; the viewer opens the first when it is given no
    file."""
    return tuple(sorted((ROOT / "samples").glob("*.ntile")))
