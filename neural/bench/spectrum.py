"""Effective dimension of a method's payloads: principal components of their tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neural.bench import plots
from neural.bench.learned import Series, encoded
from neural.bench.markdown import table
from neural.bench.places import Place
from neural.methods import METHODS
from neural.methods.base import TileMethod

SHARES = (0.9, 0.95, 0.99)


def principal_shares(tokens: np.ndarray) -> np.ndarray:
    """Return the cumulative shares of the variance [min(n, d)] explained by the first principal
    components of tokens [n, d]."""
    centered = tokens - tokens.mean(axis=0)
    variances = np.linalg.svd(centered, compute_uv=False) ** 2
    total = variances.sum()
    return np.cumsum(variances) / total if total > 0 else np.ones(len(variances))


def dimensions(shares: np.ndarray, share: float) -> int:
    """Return the smallest number of components that explain a share of the variance."""
    return int(np.searchsorted(shares, share - 1e-12)) + 1


def run(
    places: Sequence[Place], all_series: Sequence[Series], threads: int | None, device: str
) -> dict[str, Any]:
    """Return spectra of all tokens of the finest tiles of all places, by series."""
    return {
        "places": [place.name for place in places],
        "spectra": [_spectrum(places, series, threads, device) for series in all_series],
    }


def _spectrum(
    places: Sequence[Place], series: Series, threads: int | None, device: str
) -> dict[str, Any]:
    tokens: list[np.ndarray] = []
    for place in places:
        with encoded(
            place, series, {"bits": 32}, threads, device, lambda done, total: None
        ) as reader:
            layer = reader.layers[0]
            method = METHODS[layer.method](**layer.config)
            assert isinstance(method, TileMethod)  # has payloads of tokens
            for tile in reader.tiles(layer):
                if tile.z == reader.grid.levels - 1:
                    envelope = reader.read(layer, tile)
                    assert envelope is not None  # listed by the directory
                    tokens.append(
                        method.unpack(envelope.body, layer.bits, layer.params).astype(np.float64)
                    )
    all_tokens = np.concatenate(tokens)
    shares = principal_shares(all_tokens)
    counts = {f"{share:.0%}": dimensions(shares, share) for share in SHARES}
    facts = {
        "name": series.name,
        "title": series.title,
        "tokens": len(all_tokens),
        "dim": all_tokens.shape[1],
    }
    return {**facts, "dimensions": counts, "cumulative": shares.tolist()}


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table of a result."""
    rows = [
        [
            s["title"],
            str(s["tokens"]),
            str(s["dim"]),
            *(str(s["dimensions"][f"{share:.0%}"]) for share in SHARES),
        ]
        for s in result["spectra"]
    ]
    header = ["", "tokens", "dimensions", *(f"for {share:.0%}" for share in SHARES)]
    note = (
        "Principal components of the payload tokens of all finest tiles, and how many explain "
        "that share of their variance. Components are at most as many as tokens."
    )
    return (
        "\n".join(["# Principal components of payloads", "", note, "", *table(header, rows)]) + "\n"
    )


def plot(result: Mapping[str, Any], path: Path) -> Path:
    """Plot the unexplained variance over the number of components; return the file's path."""
    drawing, axis = plots.figure()
    for index, spectrum in enumerate(result["spectra"]):
        remainder = np.maximum(1 - np.array(spectrum["cumulative"]), 1e-6)
        axis.plot(
            np.arange(1, len(remainder) + 1),
            remainder,
            color=f"C{index}",
            marker=".",
            label=spectrum["title"],
        )
    for share in SHARES:
        axis.axhline(1 - share, color="0.6", lw=0.8, ls=":")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="principal components",
        ylabel="unexplained variance",
    )
    axis.grid(which="both", alpha=0.25)
    axis.legend(fontsize=8)
    return plots.save(drawing, path)
