"""Damaged lapped_siren payloads, by the thousand: through a file each must be an error, below its
checksum as well or a surface within bounds.

Run: python -m tests.bench.fuzz_lapped 100000 [--seed 0]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from neural.container.byte_source import FileSource
from neural.container.envelope import Envelope
from neural.container.metadata import Layer
from neural.container.reader import Reader
from neural.encode import EncodeOptions, encode
from neural.errors import ContainerError
from neural.methods.lapped.assembly import Assembly
from neural.methods.lapped.coder import LARGEST
from neural.surface.tile_surface import SurfaceDecoder
from neural.tiles import Tile
from tests.support.rasters import hills, write

ROWS = 300
COLUMNS = 290  # the finest tiles are one of 256×256 and three at the rim, which are quick to decode
HOLE = -9999.0
STEP_M = 0.25


def area(folder: Path, bounded: bool) -> Path:
    """A file of two levels of rough ground with a hole; `bounded` layers have residuals as well."""
    noise = np.random.default_rng(1).normal(0, 0.4, (ROWS, COLUMNS))
    heights = (hills(ROWS, COLUMNS) + noise).astype(np.float32)
    heights[240:270, 200:280] = HOLE
    out = folder / f"{'bounded' if bounded else 'plain'}.ntile"
    rate = EncodeOptions(max_error_m=STEP_M) if bounded else EncodeOptions(step_m=STEP_M)
    encode(write(folder / "dem.tif", heights, nodata=HOLE), out, rate)
    return out


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """Other bytes, made in one of the ways in which files come to harm."""
    found = np.frombuffer(data, np.uint8).copy()
    at, stop = np.sort(rng.integers(0, len(data) + 1, 2)) if data else (0, 0)
    kind = rng.integers(0, 7) if data else 3
    if kind == 0:  # flipped bits
        places = rng.integers(0, len(data), rng.integers(1, 9))
        found[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    elif kind == 1:  # cut off
        found = found[:at]
    elif kind == 2:  # a part that is something else
        found[at:stop] = rng.integers(0, 256, stop - at)
    elif kind == 3:  # more at the end
        found = np.append(found, rng.integers(0, 256, rng.integers(1, 64), np.uint8))
    elif kind == 4:  # a part left out, or twice
        found = np.concatenate(
            [found[:at], found[stop:]] if rng.random() < 0.5 else [found[:stop], found[at:]]
        )
    elif kind == 5:  # a part of zeros or ones
        found[at:stop] = rng.choice([0, 255])
    else:  # nothing of it
        found = rng.integers(0, 256, rng.integers(0, 2 * len(data)), np.uint8)
    if found.tobytes() == data:
        return damaged(rng, data)
    return found.tobytes()


class Swapped(Reader):
    """A file in which one tile's stored bytes are others."""

    changed: tuple[Tile, bytes] | None = None

    def payload_bytes(self, layer: Layer | int, tile: Tile) -> bytes | None:
        """As `Reader`."""
        if self.changed is not None and self.changed[0] == tile:
            return self.changed[1]
        return super().payload_bytes(layer, tile)


class Target:
    """A file's tiles, ready to be damaged."""

    def __init__(self, path: Path) -> None:
        self.reader = Swapped(str(path), FileSource(path))
        self.decoder = SurfaceDecoder(self.reader, self.reader.layers[0])
        self.tiles = list(self.reader.tiles(0))
        self.payloads = [self.reader.payload_bytes(0, tile) or b"" for tile in self.tiles]
        linked = self.decoder.method.link(self.decoder.weights, self.decoder.layer.params, 8, self)
        assert isinstance(linked, Assembly)
        self.whole = linked
        self.grid = self.reader.grid
        self.envelopes: list[Envelope] = []
        for tile in self.tiles:
            envelope = self.reader.read(0, tile)
            assert envelope is not None
            self.envelopes.append(envelope)
            self.whole.stack(tile)
        steps = 4 * LARGEST * self.whole.step_m + 4 * LARGEST * (self.whole.bound_m or 0)
        self.highest_m = abs(self.whole.base_m) + 100 * steps
        """More than any magnitudes that can be coded add up to."""

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()

    def body(self, tile: Tile) -> bytes | None:
        """See `neural.methods.base.Payloads`."""
        return self.envelopes[self.tiles.index(tile)].body if tile in self.tiles else None

    def pick(self, rng: np.random.Generator) -> int:
        """A tile's number, mostly that of a small one."""
        cells = np.array([self.grid.tile_cells(tile) for tile in self.tiles]).prod(axis=1)
        share = np.where([tile.z == 0 for tile in self.tiles], 0.02, (40 * 40 / cells) ** 0.8)
        return int(rng.choice(len(self.tiles), p=share / share.sum()))

    def through_file(self, rng: np.random.Generator) -> str:
        """Damage a stored payload and open its tile; returns what came of it."""
        number = self.pick(rng)
        return self.open(number, damaged(rng, self.payloads[number]))

    def open(self, number: int, payload: bytes) -> str:
        """Open a tile of a file that stores another payload; returns what came of it."""
        self.reader.changed = self.tiles[number], payload
        try:
            self.decoder.open_tile(self.tiles[number])
        except ContainerError as error:
            return (
                "error"
                if str(error).startswith(self.reader.path)
                else f"a message that names no file: {error}"
            )
        finally:
            self.reader.changed = None
        return "opened"

    def below_checksum(self, rng: np.random.Generator) -> str:
        """Damage a body and decode its tile; returns what came of it."""
        number = self.pick(rng)
        return self.decode(number, damaged(rng, self.envelopes[number].body))

    def decode(self, number: int, body: bytes) -> str:
        """Decode a tile with another body; returns what came of it."""
        tile = self.tiles[number]
        envelope = self.envelopes[number]
        whole = self.whole
        payloads = _Body(self, tile, body)
        changed = Assembly(whole.model, payloads, whole.step_m, whole.base_m, 0, whole.bound_m)
        for other in self.tiles:
            if other != tile:
                changed.stacks.put(other, whole.stack(other))
        try:
            latents = changed.latents(tile, envelope.offset_m)
        except ValueError as error:
            return f"error: {error}"
        surface = replace(self.decoder.prepare(tile, envelope), latents=latents)
        heights = surface.heights(np.linspace(0, 1, 5), np.linspace(0, 1, 5), order=1)
        assert np.isfinite(latents).all()
        assert np.isfinite(heights.east).all()
        assert np.abs(heights.meters).max() < self.highest_m
        return "surface"


class _Body:
    def __init__(self, target: Target, tile: Tile, body: bytes) -> None:
        self.grid = target.grid
        self._target = target
        self._tile = tile
        self._body = body

    def body(self, tile: Tile) -> bytes | None:
        return self._body if tile == self._tile else self._target.body(tile)


def count(
    trial: Callable[[np.random.Generator], str], trials: int, seed: int
) -> tuple[Counter[str], float]:
    """How often each thing came of a trial, and the longest time that one took, in seconds."""
    found: Counter[str] = Counter()
    longest = 0.0
    for number in range(trials):
        began = time.perf_counter()
        try:
            found[trial(np.random.default_rng([seed, number]))] += 1
        except Exception as error:
            raise AssertionError(
                f"{trial.__qualname__} with seed {seed}, number {number}: {error!r}"
            ) from error
        longest = max(longest, time.perf_counter() - began)
    return found, longest


def main() -> None:
    """Print counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for bounded in (False, True):
            with Target(area(Path(name), bounded)) as target:
                for trial in (target.through_file, target.below_checksum):
                    found, longest = count(trial, options.trials // 4, options.seed)
                    layer = "bounded" if bounded else "plain"
                    print(f"{layer} layer, {trial.__name__}: longest {1000 * longest:.0f} ms")
                    for what, times in found.most_common():
                        print(f"  {times:7d} {what}", flush=True)


if __name__ == "__main__":
    main()
