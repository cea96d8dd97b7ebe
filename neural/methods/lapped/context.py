"""The context model: the probability of each detail's magnitude, given the details decoded before
it.

A small network per band and phase looks at the codes of known magnitudes — of the same band around,
of the bands before it, of the parent level's bands above — and gives each detail one of CLASSES
distributions. Encoder and decoder must agree to the last bit on every machine, so everything here
is an integer, over a fixed power of two: sums in float32 stay below 2²⁴ of its units and sums in
float64 below 2⁵³, where any order of additions gives the same number; the rest is look-ups and
floors.

Nothing outside a tile is read but the parent's quarter above it, so tiles are entropy-decoded in
any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from neural.methods.lapped.wavelet import reflect

BAND_COUNT = 3
"""Bands of details of a level (`neural.methods.lapped.wavelet.BANDS`), coded one after the
other."""

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Parity (row, column) of the details of a band that are coded together, in this order."""

NETWORKS = BAND_COUNT * len(PHASES)
CODE_SCALE = 8
"""Steps of a magnitude's code per doubling of 1 + magnitude."""

HIGHEST_CODE = 95
CLASSES = 253
"""Distributions, four to a unit of the network's answer."""

SYMBOLS = 29
"""Magnitudes 0 … 7, then halves of the octaves up to 8192, then all larger ones."""

FIRST = np.array([*range(8), *(half << k for k in range(2, 12) for half in (2, 3)), 1 << 13])
"""Lowest magnitude of each symbol."""

FURTHER_BITS = np.append(np.log2(np.diff(FIRST)).astype(np.int32), 0)
"""Bits that say which of a symbol's magnitudes it is; of the last symbol an escape does."""

SCALE = 1 << 20
"""One of a sum as an integer."""

ACTIVATION = 1 << 8
"""One of a hidden value as an integer."""

NEAR_SCALE = 1 << 9
"""One of a weight of a neighbor's code as an integer."""

STEP_RATIO_SCALE = 256
"""Fixed-point unit of a log step ratio: integer steps per doubling of step / cell size."""

WIDE = (9 * 9 * BAND_COUNT * CODE_SCALE, 7 * 7 * BAND_COUNT * CODE_SCALE)
"""One of the two wide sums as an integer: over known details around, over the parent's."""

STEP_RATIO_LIMIT = 16 * STEP_RATIO_SCALE
"""Largest absolute log step ratio."""

_SAME = 2
_NEXT = 1
_ABOVE = 1
_AROUND = 4
_FAR = 3  # reach of the windows
_NEAR_TO_SUM = SCALE // (NEAR_SCALE * CODE_SCALE)
_TO_HIDDEN = ACTIVATION / SCALE
_TO_CLASS = 4 / SCALE
_BELOW = float(1 << 50)  # 2⁵³, and room for the rounding of bounds
_KEEP_STEP_RATIOS = 64
_ROWS = 1024  # details whose networks run at once: more would leave the processor's cache

VisitDetails = Callable[[int, np.ndarray, np.ndarray], np.ndarray]
"""(band, flat positions [n] within it, classes [n]) → the details' signed magnitudes int32 [n]."""


def shapes(hidden1: int, hidden2: int) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of the model's weights, all integers; networks are numbered band by
    band, phase by phase."""
    return {
        "context_same": (NETWORKS, 25, hidden1),
        "context_before": (NETWORKS, (BAND_COUNT - 1) * 9, hidden1),
        "context_parent": (NETWORKS, BAND_COUNT * 9, hidden1),
        "context_wide": (NETWORKS, 3, hidden1),
        "context_bias1": (NETWORKS, hidden1),
        "context_weight2": (NETWORKS, hidden1, hidden2),
        "context_bias2": (NETWORKS, hidden2),
        "context_weight3": (NETWORKS, hidden2),
        "context_bias3": (NETWORKS,),
        "probability": (CLASSES, SYMBOLS),
        "centroid": (CLASSES, 3),
    }


def symbols_of(magnitudes: np.ndarray) -> np.ndarray:
    """Return symbols of magnitudes, int64 of the same shape."""
    return np.searchsorted(FIRST, magnitudes, side="right") - 1


def known_offsets(phase: int) -> np.ndarray:
    """Return the places of a band's 5×5 window around a detail of this phase that earlier phases
    filled, bool [25]."""
    row, column = PHASES[phase]
    window = range(-_SAME, _SAME + 1)
    parities = [((row + dy) % 2, (column + dx) % 2) for dy in window for dx in window]
    return np.array([PHASES.index(parity) < phase for parity in parities])


def codes(magnitudes: np.ndarray) -> np.ndarray:
    """Map magnitudes to integers that grow by CODE_SCALE per doubling of 1 + magnitude, float32."""
    codes_of: np.ndarray = _CODES[np.minimum(np.abs(magnitudes), len(_CODES) - 1)]
    return codes_of


def _code_table() -> np.ndarray:
    """Code c begins where (1 + m)^16 ≥ 2^(2 c − 1): rounding without a logarithm."""
    table = []
    code = 0
    for m in range(4096):
        while code < HIGHEST_CODE and (1 + m) ** 16 >= 1 << (2 * code + 1):
            code += 1
        table.append(code)
    return np.array(table, np.float32)


_CODES = _code_table()


class _Network(NamedTuple):
    """Weights of one band and phase, scaled so that every sum needs only a floor afterwards."""

    near: np.ndarray  # [codes known of this tile, hidden1]
    # [codes of the parent, their wide sum, that of this tile, 1 (at a step ratio); hidden1]
    above: np.ndarray
    log_step_ratio: np.ndarray  # [hidden1]
    bias1: np.ndarray  # [hidden1]
    second: np.ndarray  # [hidden1, hidden2]
    bias2: np.ndarray  # [hidden2]
    third: np.ndarray  # [hidden2]
    bias3: float
    empty: int = 0


class Context:
    """A context model ready for use, from a decoder's weights.

    Raises ValueError for weights that are no integers, or so large that sums could depend on the
    machine.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        whole = {}
        for name in (
            "same",
            "before",
            "parent",
            "wide",
            "bias1",
            "weight2",
            "bias2",
            "weight3",
            "bias3",
        ):
            whole[name] = np.asarray(weights[f"context_{name}"], np.float64)
            if not np.array_equal(whole[name], np.rint(whole[name])):
                raise ValueError(f"the weight 'context_{name}' has values that are no integers")
        self._networks = []
        for number in range(NETWORKS):
            parts = {name: values[number] for name, values in whole.items()}
            self._networks.append(_network(number, parts))
        self._by_step_ratio: dict[int, list[_Network]] = {}

    def walk(
        self, coded: np.ndarray, parent: np.ndarray | None, log_step_ratio: int, visit: VisitDetails
    ) -> np.ndarray:
        """Visit the details of a level in coding order; return their signed magnitudes.

        `coded` [BAND_COUNT, n, n] bool marks those that exist, `parent` [BAND_COUNT, n / 2, n / 2]
        holds the signed magnitudes above (None: there are none), `log_step_ratio` is
        log2(quantization step / cell size), fixed point with STEP_RATIO_SCALE per doubling. Returns
        int32 [BAND_COUNT, n, n], 0 where not coded.
        """
        n = coded.shape[1]
        values = np.zeros(coded.shape, np.int32)
        # mirrored at the rim
        decoded_codes = np.zeros((BAND_COUNT, n + 2 * _SAME, n + 2 * _SAME))
        added = np.zeros((n, n), np.float32)  # codes of all bands
        above = _above(parent, -(-n // 2))
        far = above[:, -3].copy()
        for number, network in enumerate(self._at_step_ratio(log_step_ratio)):
            band, phase = divmod(number, len(PHASES))
            y, x = PHASES[phase]
            chosen = np.flatnonzero(coded[band, y::2, x::2])
            if not len(chosen):
                continue
            around = _boxes(n, _AROUND, y) @ added @ _boxes(n, _AROUND, x).T
            flat, windows, parents = (indices[chosen] for indices in _geometry(n, phase))
            around = around.ravel()[chosen]
            # all other windows lie within the wide ones
            busy = np.flatnonzero(around + far[parents])
            classes = np.full(len(chosen), network.empty)
            for start in range(0, len(busy), _ROWS):
                rows = busy[start : start + _ROWS]
                inputs = np.take(above, parents[rows], axis=0)
                inputs[:, -2] = around[rows]
                near = np.take(decoded_codes, windows[rows] + _offsets(n, number)[:, None])
                classes[rows] = _classes(network, near, inputs)
            symbols = visit(band, flat, classes)
            if symbols.any():
                values[band].ravel()[flat] = symbols
                new = codes(values[band, y::2, x::2])
                added[y::2, x::2] += new
                decoded_codes[band, _SAME + y : _SAME + n : 2, _SAME + x : _SAME + n : 2] = new
                _mirror(decoded_codes[band])
        return values

    def _at_step_ratio(self, log_step_ratio: int) -> list[_Network]:
        """Return the networks at a step ratio, cached: each level has one."""
        networks = self._by_step_ratio.get(log_step_ratio)
        if networks is None:
            if len(self._by_step_ratio) >= _KEEP_STEP_RATIOS:
                self._by_step_ratio.clear()
            networks = self._by_step_ratio[log_step_ratio] = [
                _at_step_ratio(network, log_step_ratio) for network in self._networks
            ]
        return networks


def _network(number: int, w: dict[str, np.ndarray]) -> _Network:
    band, phase = divmod(number, len(PHASES))
    near = np.concatenate([w["same"][known_offsets(phase)], w["before"][: 9 * band]]) * _NEAR_TO_SUM
    above = np.concatenate([w["parent"] * _NEAR_TO_SUM, w["wide"][1::-1]])
    # Sums of absolute values bound all partial sums, in whatever order.
    highest = HIGHEST_CODE * np.array(
        [1] * 9 * BAND_COUNT + [WIDE[1] / CODE_SCALE, WIDE[0] / CODE_SCALE]
    )
    one = HIGHEST_CODE * np.abs(near).sum(axis=0) + highest @ np.abs(above)
    one += STEP_RATIO_LIMIT * np.abs(w["wide"][2]) + np.abs(w["bias1"])
    two = one * _TO_HIDDEN @ np.abs(w["weight2"]) + np.abs(w["bias2"])
    three = two * _TO_HIDDEN @ np.abs(w["weight3"]) + np.abs(w["bias3"])
    if max(one.max(), two.max(), three) >= _BELOW:
        raise ValueError("the context model has weights so large that sums could be rounded")
    return _Network(
        near * _TO_HIDDEN,
        above * _TO_HIDDEN,
        w["wide"][2] * _TO_HIDDEN,
        w["bias1"] * _TO_HIDDEN,
        w["weight2"] * _TO_HIDDEN,
        w["bias2"] * _TO_HIDDEN,
        w["weight3"] * _TO_CLASS,
        float(w["bias3"]) * _TO_CLASS + 0.5,
    )


def _at_step_ratio(network: _Network, log_step_ratio: int) -> _Network:
    """Fold a step ratio into a network, with its class where all codes around are zero."""
    constant = log_step_ratio * network.log_step_ratio + network.bias1
    above = np.concatenate([network.above, constant[None]])
    network = network._replace(above=above)
    nothing = np.zeros((1, len(above)))
    nothing[0, -1] = 1
    return network._replace(
        empty=int(_classes(network, np.zeros((len(network.near), 1)), nothing)[0])
    )


def _classes(network: _Network, near: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return the classes [n] of a network with a step ratio folded in.

    `near` [codes of this tile, n], `above` [n, codes of the parent …] as in `_Network`.
    """
    sums = above @ network.above
    if len(near):
        sums += near.T @ network.near
    hidden = _activate(sums) @ network.second
    hidden += network.bias2
    _activate(hidden)
    outputs = np.floor(hidden @ network.third + network.bias3)
    classes: np.ndarray = np.clip(outputs, 0, CLASSES - 1).astype(np.intp)
    return classes


def _activate(sums: np.ndarray) -> np.ndarray:
    """Apply ReLU and round down to whole units of ACTIVATION, in place."""
    np.clip(sums, 0.0, np.inf, out=sums)  # np.maximum takes thrice as long
    floored: np.ndarray = np.floor(sums, out=sums)
    return floored


def _above(parent: np.ndarray | None, half: int) -> np.ndarray:
    """Return the parent's inputs per place: codes around it, their wide sum, 0 and 1, [half², 9 ·
    BAND_COUNT + 3]."""
    planes = np.zeros((9 * BAND_COUNT + 3, half, half))
    planes[-1] = 1
    if parent is not None and parent.any():
        bands = codes(parent)
        indices = reflect(-_ABOVE, half + _ABOVE, 0, half)
        mirrored = bands[:, indices[:, None], indices]
        for number in range(9 * BAND_COUNT):
            band = number // 9
            dy = number % 9 // 3
            dx = number % 3
            planes[number] = mirrored[band, dy : dy + half, dx : dx + half]
        box = _boxes(half, _FAR)
        planes[-3] = box @ bands.sum(axis=0) @ box.T
    return np.ascontiguousarray(planes.reshape(len(planes), -1).T)


def _mirror(plane: np.ndarray) -> None:
    """Reflect an n × n band about its rim, _SAME places far, in place: [n + 2·_SAME, the same].
    Parities are kept."""
    rim, inner = _rim(len(plane) - 2 * _SAME)
    plane[rim] = plane[inner]
    plane[:, rim] = plane[:, inner]


@lru_cache(maxsize=16)
def _rim(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places beyond the ends of a line of n, and those they mirror, counted from the first
    of them."""
    rim = np.r_[:_SAME, n + _SAME : n + 2 * _SAME]
    return rim, reflect(-_SAME, n + _SAME, 0, n)[rim] + _SAME


@lru_cache(maxsize=64)
def _geometry(n: int, phase: int) -> tuple[np.ndarray, ...]:
    """Return flat indices of all details of one phase, row by row: in their band, of their windows
    in mirrored bands, and of the parent's details."""
    row, column = np.meshgrid(*(np.arange(parity, n, 2) for parity in PHASES[phase]), indexing="ij")
    places = row * n + column, row * (n + 2 * _SAME) + column, row // 2 * -(-n // 2) + column // 2
    return tuple(indices.ravel() for indices in places)


@lru_cache(maxsize=128)
def _offsets(n: int, network: int) -> np.ndarray:
    """Return flat offsets from the first place of a detail's window to the network's inputs, in
    mirrored bands."""
    band, phase = divmod(network, len(PHASES))
    side = n + 2 * _SAME
    window = np.arange(2 * _SAME + 1)
    places = side * window[:, None] + window
    next_to = places[_SAME - _NEXT : _SAME + _NEXT + 1, _SAME - _NEXT : _SAME + _NEXT + 1].ravel()
    before = [next_to + other * side * side for other in range(band)]
    return np.concatenate([places.ravel()[known_offsets(phase)] + band * side * side, *before])


@lru_cache(maxsize=64)
def _boxes(n: int, reach: int, parity: int | None = None) -> np.ndarray:
    """Return sums over windows of a line of n places, reflected at its ends, as a matrix float32
    [m, n].

    Around each place, or around those of one parity.
    """
    matrix = np.zeros((n, n), np.float32)
    source = reflect(-reach, n + reach, 0, n)
    for offset in range(2 * reach + 1):
        np.add.at(matrix, (np.arange(n), source[offset : offset + n]), 1)
    return matrix if parity is None else matrix[parity::2].copy()
