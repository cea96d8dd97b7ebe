"""Sizes and training settings of ACORN (arXiv 2105.02788), published and for terrain."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

PARTITIONS = ("uniform", "paper", "cut", "adaptive")
"""Rules that move blocks (`neural.encoding.acorn.rules`)."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network."""

    frequencies: int = 10  # of the position encoding, code's form
    channels: int = 16
    rows: int = 16  # of a block's feature grid
    columns: int = 16
    encoder_width: int = 256
    encoder_layers: int = 4  # hidden to hidden
    decoder_width: int = 64
    decoder_layers: int = 1  # hidden to hidden
    outputs: int = 1
    dimension: int = 2

    @property
    def inputs(self) -> int:
        """Values of an encoded block index."""
        return (self.dimension + 1) * (1 + 2 * self.frequencies)

    @property
    def encoder(self) -> list[tuple[int, int]]:
        """Fan-in and fan-out of the encoder's layers."""
        features = self.rows * self.columns * self.channels
        return _layers(self.inputs, self.encoder_width, self.encoder_layers, features)

    @property
    def decoder(self) -> list[tuple[int, int]]:
        """Fan-in and fan-out of the decoder's layers."""
        return _layers(self.channels, self.decoder_width, self.decoder_layers, self.outputs)

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in self.encoder + self.decoder)

    @property
    def smallest_block(self) -> int:
        """Side of the smallest block in finest cells: one per node, a power of two."""
        return 1 << math.ceil(math.log2(max(self.rows, self.columns)))


@dataclass(frozen=True)
class AcornSettings:
    """A network's sizes and how it is trained."""

    sizes: Sizes = Sizes()
    blocks: int = 256  # budget
    partition: str = "auto"  # by the area, or one of PARTITIONS
    lod_nodes: bool = False  # trained interior nodes, against the coarser levels
    per_step: int | None = 64  # blocks drawn per step; None: all, as published
    chunk: int = 16384  # samples in memory at once
    rate: float = 1e-3  # of Adam
    average: float = 0.99  # per step, of the moving average of the weights
    cool_down: float = 0.2  # share of a run at its end in which the rate falls linearly
    final_share: float = 0.02  # last rate over the constant one
    first_retiling: int = 600  # step; the intervals double
    retile_every: int = 500  # steps, of the published rule
    by_error: float = 0.0  # exponent of a block's error in its chance to be drawn
    moved_steps: int = 0  # after a re-tiling, in which half of the blocks drawn are moved ones
    from_predecessor: bool = False  # these are then fitted to the former network's output

    @property
    def samples(self) -> tuple[int, int]:
        """Rows and columns of the strata of a block, one sample in each."""
        return self.sizes.rows, self.sizes.columns


PUBLISHED = {
    "pluto": Sizes(rows=32, columns=32, encoder_width=512, outputs=3),
    "pluto_6": Sizes(frequencies=6, rows=32, columns=32, encoder_width=512, outputs=3),
    "tokyo": Sizes(
        channels=64, rows=19, columns=50, encoder_width=2048, encoder_layers=8, outputs=3
    ),
    "pluto_1k": Sizes(rows=8, columns=8, outputs=3),
    "shape": Sizes(
        frequencies=6, channels=18, rows=12, columns=144, encoder_width=512, dimension=3
    ),
}
"""Networks of the paper and its code, three outputs being red, green and blue.

Pluto has 9,493,827 parameters with the code's 10 frequencies and 9,481,539 with the paper's 6.
Tokyo has 158,289,603: the 168.0 million that the paper names do not follow from the 19 × 50 nodes
that it states, but from 32 × 32, which have 167,993,667. `shape` has 12·144 = 12³ nodes.
"""


def _for_terrain(sizes: Sizes) -> Sizes:
    """Return sizes with one output and as many nodes in both directions, a power of two, since
    blocks are square."""
    side = 1 << round(math.log2(math.sqrt(sizes.rows * sizes.columns)))
    return replace(sizes, rows=side, columns=side, outputs=1)


PRESETS = {
    "tiny": AcornSettings(
        Sizes(channels=8, rows=8, columns=8, encoder_width=64, encoder_layers=2), blocks=64
    ),
    "compact": AcornSettings(Sizes(channels=8, encoder_width=128, encoder_layers=3), blocks=64),
    "small": AcornSettings(),
    "pluto": AcornSettings(_for_terrain(PUBLISHED["pluto"]), blocks=1024),
    "tokyo": AcornSettings(_for_terrain(PUBLISHED["tokyo"]), blocks=16384),
}
"""Networks for terrain: of 50 and 327 thousand, 1.3, 9.5 and 168 million
parameters."""

AUTO = "auto"

_AUTO = {"tiny": 1 << 18, "compact": 1 << 21, "small": 1 << 26}
"""Most samples of an area for each; the network then takes some 3 bits per sample, or less."""

_CELLS_PER_BLOCK = 1 << 14
"""Of `small` on 2048², on which it was measured."""


def preset_for(name: str, samples: int) -> AcornSettings:
    """Return a preset by name; `auto` has a network and a budget that fit an area of so many
    samples."""
    if name != AUTO:
        return PRESETS[name]
    for preset, most in _AUTO.items():
        if samples <= most:
            blocks = max(64, -(-samples // _CELLS_PER_BLOCK))
            return replace(PRESETS[preset], blocks=blocks)
    return replace(PRESETS["pluto"], blocks=max(1024, samples >> 16))


def rate_share(share: float, settings: AcornSettings) -> float:
    """Return the learning rate over the constant one after a share of the run: 1, at the end
    falling linearly."""
    fall = max(0.0, share - (1 - settings.cool_down)) / max(settings.cool_down, 1e-9)
    return 1 - (1 - settings.final_share) * min(1.0, fall)


def _layers(fan_in: int, width: int, hidden: int, fan_out: int) -> list[tuple[int, int]]:
    return [(fan_in, width), *[(width, width)] * hidden, (width, fan_out)]
