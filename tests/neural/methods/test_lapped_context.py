"""The context model: its definition in Python's integers, the same classes on any machine, and what
it refuses."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from neural.container.reader import MODEL_FOLDER
from neural.methods.lapped import context
from neural.methods.lapped.coder import Distributions, RangeReader, RangeWriter
from neural.methods.lapped.context import (
    ACTIVATION,
    BAND_COUNT,
    CLASSES,
    CODE_SCALE,
    FIRST,
    FURTHER_BITS,
    HIGHEST_CODE,
    NEAR_SCALE,
    NETWORKS,
    PHASES,
    SCALE,
    STEP_RATIO_LIMIT,
    SYMBOLS,
    WIDE,
    Context,
    codes,
    known_offsets,
    shapes,
    symbols_of,
)

Weights = dict[str, np.ndarray]
EXPECTED_CLASSES = {
    "context_same": 500,
    "context_before": 500,
    "context_parent": 500,
    "context_wide": 1500,
    "context_bias1": 400_000,
    "context_weight2": 4000,
    "context_bias2": 400_000,
    "context_weight3": 15_000,
    "context_bias3": 4_000_000,
}
"""Largest weights of random models; those of trained ones are about as large."""

FROZEN = "29c7efcdcf82fc2e2832b0d92f30f1ce1e45090706ae1fadcc863240934c6a9a"
"""SHA-256 of the classes of `fingerprint`."""


def scrambled(seed: int, *shape: int, below: int) -> np.ndarray:
    """Integers 0 … below − 1 without a pattern that are the same under every version of numpy,
    int64."""
    found = np.arange(math.prod(shape), dtype=np.uint64) + np.uint64(seed << 40)
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (29, 0xC4CEB9FE1A85EC53), (32, 1)):
        found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
    return (found % np.uint64(below)).astype(np.int64).reshape(shape)


def random_weights(seed: int, hidden1: int = 32, hidden2: int = 16) -> Weights:
    found = {}
    for number, (name, shape) in enumerate(shapes(hidden1, hidden2).items()):
        spread = EXPECTED_CLASSES.get(name)
        if spread is not None:
            found[name] = (
                scrambled(10 * seed + number, *shape, below=2 * spread + 1) - spread
            ).astype(np.float32)
    table = 1 + scrambled(10 * seed + 9, CLASSES, SYMBOLS, below=900)
    table[:, 0] += 65536 - table.sum(axis=1)
    return found | {"probability": table, "centroid": np.full((CLASSES, 3), 0.05)}


def details(seed: int, n: int, dense: int) -> np.ndarray:
    """Signed magnitudes int32 [BAND_COUNT, n, n], `dense` of 100 of them not 0, a few large."""
    some = scrambled(seed, BAND_COUNT, n, n, below=100) < dense
    size = 1 + scrambled(seed + 1, BAND_COUNT, n, n, below=9) ** scrambled(
        seed + 2, BAND_COUNT, n, n, below=5
    )
    sign = 2 * scrambled(seed + 3, BAND_COUNT, n, n, below=2) - 1
    return (some * size * sign).astype(np.int32)


Case = tuple[np.ndarray, np.ndarray | None, np.ndarray, int]
"""Details, the parent's, which are coded, slope."""


def cases() -> Iterator[Case]:
    for seed, (n, dense, slope) in enumerate(
        ((1, 100, 0), (2, 60, -700), (4, 30, 33), (8, 90, -3584), (32, 40, 900))
    ):
        parent = None if n == 1 else details(20 * seed + 4, n // 2, dense // 2)
        coded = scrambled(20 * seed + 8, BAND_COUNT, n, n, below=100) < 90
        yield details(20 * seed, n, dense), parent, coded, slope
    coded = np.ones((BAND_COUNT, 64, 64), bool)
    yield details(200, 64, 1), details(204, 32, 1), coded, -500


def classes_of(model: Context, case: Case) -> np.ndarray:
    """Class of each detail [BAND_COUNT, n, n], −1 where there is none."""
    signed, parent, coded, slope = case
    found = np.full(signed.shape, -1, np.int64)

    def visit(band: int, at: np.ndarray, classes: np.ndarray) -> np.ndarray:
        assert (found[band].ravel()[at] == -1).all()
        found[band].ravel()[at] = classes
        return signed[band].ravel()[at]

    assert np.array_equal(model.walk(coded, parent, slope, visit), np.where(coded, signed, 0))
    assert np.array_equal(found >= 0, coded)
    return found


def fingerprint() -> str:
    digest = hashlib.sha256()
    for seed in (1, 2):
        model = Context(random_weights(seed))
        for case in cases():
            digest.update(classes_of(model, case).astype("<i2").tobytes())
    return digest.hexdigest()


def mirrored(at: int, n: int) -> int:
    """A place within 0 … n − 1, reflected about the first and the last as often as it takes."""
    while n > 1 and not 0 <= at < n:
        at = -at if at < 0 else 2 * (n - 1) - at
    return at if n > 1 else 0


def class_by_definition(weights: Weights, case: Case, band: int, row: int, column: int) -> int:
    """One detail's class in Python's integers, from what is known when it is coded."""
    signed, parent, coded, slope = case
    n = signed.shape[1]
    phase = PHASES.index((row % 2, column % 2))
    number = band * len(PHASES) + phase
    w = {name: weights[f"context_{name}"][number].astype(int).tolist() for name in _NAMES}

    def code(which: int, y: int, x: int) -> int:
        y = mirrored(y, n)
        x = mirrored(x, n)
        earlier = which < band or PHASES.index((y % 2, x % 2)) < phase
        return (
            int(codes(signed[which, y, x]))
            if earlier and which <= band and coded[which, y, x]
            else 0
        )

    def above(which: int, y: int, x: int) -> int:
        half = -(-n // 2)
        return (
            0 if parent is None else int(codes(parent[which, mirrored(y, half), mirrored(x, half)]))
        )

    window = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    square = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    inputs = [
        (w["same"][k], code(band, row + dy, column + dx)) for k, (dy, dx) in enumerate(window)
    ]
    before = [(b, *offset) for b in range(band) for offset in square]
    inputs += [
        (w["before"][k], code(b, row + dy, column + dx)) for k, (b, dy, dx) in enumerate(before)
    ]
    parents = [(b, *offset) for b in range(BAND_COUNT) for offset in square]
    inputs += [
        (w["parent"][k], above(b, row // 2 + dy, column // 2 + dx))
        for k, (b, dy, dx) in enumerate(parents)
    ]
    around = range(-4, 5)
    near = sum(
        code(b, row + dy, column + dx) for b in range(band + 1) for dy in around for dx in around
    )
    far = range(-3, 4)
    wide = sum(
        above(b, row // 2 + dy, column // 2 + dx)
        for b in range(BAND_COUNT)
        for dy in far
        for dx in far
    )
    unit = SCALE // (NEAR_SCALE * CODE_SCALE)
    hidden = []
    for k in range(len(w["bias1"])):
        total = (
            w["bias1"][k]
            + slope * w["wide"][2][k]
            + near * w["wide"][0][k]
            + wide * w["wide"][1][k]
        )
        total += unit * sum(weight[k] * value for weight, value in inputs)
        hidden.append(max(total, 0) // (SCALE // ACTIVATION))
    second = []
    for k in range(len(w["bias2"])):
        total = w["bias2"][k] + sum(
            value * row[k] for value, row in zip(hidden, w["weight2"], strict=True)
        )
        second.append(max(total, 0) // (SCALE // ACTIVATION))
    score = w["bias3"] + sum(a * b for a, b in zip(second, w["weight3"], strict=True))
    return min(max((4 * score + SCALE // 2) // SCALE, 0), CLASSES - 1)


_NAMES = ("same", "before", "parent", "wide", "bias1", "weight2", "bias2", "weight3", "bias3")


@pytest.mark.parametrize("number", range(6))
def test_classes_are_those_of_the_definition(number: int) -> None:
    weights = random_weights(3, 6, 4)
    case = list(cases())[number]
    got = classes_of(Context(weights), case)
    places = np.argwhere(case[2])
    for band, row, column in places[scrambled(77, 150, below=len(places))].tolist():
        assert got[band, row, column] == class_by_definition(weights, case, band, row, column)
    assert number in (0, 5) or len(np.unique(got)) > 4


def test_frozen_classes() -> None:
    """Files hold what these classes decode to: they must stay as they are."""
    assert fingerprint() == FROZEN


@pytest.mark.parametrize(
    "kernels", [{"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Prescott"}], ids=str
)
def test_frozen_classes_with_other_matrix_products(kernels: dict[str, str]) -> None:
    """More threads, and the kernels of an old processor, add up in other orders."""
    command = (
        "from tests.neural.methods.test_lapped_context import FROZEN, fingerprint; assert "
        "fingerprint() == FROZEN"
    )
    environment = {**os.environ, **kernels}
    subprocess.run(
        [sys.executable, "-c", command], env=environment, check=True, cwd=Path(__file__).parents[3]
    )


@pytest.mark.parametrize("rows", [1, 7, 1 << 20])
def test_classes_do_not_depend_on_what_is_computed_together(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Context(random_weights(4))
    case = list(cases())[3]
    want = classes_of(model, case)
    monkeypatch.setattr(context, "_ROWS", rows)
    assert np.array_equal(classes_of(model, case), want)


def test_classes_follow_from_what_a_decoder_knows() -> None:
    """Details that come later change nothing, whatever they are."""
    model = Context(random_weights(5))
    signed, parent, coded, slope = list(cases())[4]
    want = classes_of(model, (signed, parent, coded, slope))
    for band in range(BAND_COUNT):
        for phase, (y, x) in enumerate(PHASES):
            changed = signed.copy()
            changed[band + 1 :] = 99
            for later in PHASES[phase:]:
                changed[band, later[0] :: 2, later[1] :: 2] = -7
            got = classes_of(model, (changed, parent, coded, slope))
            assert np.array_equal(got[:band], want[:band])
            assert np.array_equal(got[band, y::2, x::2], want[band, y::2, x::2])


@pytest.mark.parametrize("number", range(6))
def test_what_is_coded_along_a_walk_comes_back(number: int) -> None:
    weights = random_weights(6)
    (signed, parent, coded, slope) = list(cases())[number]
    model = Context(weights)
    distributions = Distributions(weights)
    writer = RangeWriter(distributions)

    def write(band: int, at: np.ndarray, classes: np.ndarray) -> np.ndarray:
        found = signed[band].ravel()[at]
        writer.put(found, classes)
        return found

    want = model.walk(coded, parent, slope, write)
    reader = RangeReader(writer.finish(), distributions)
    assert np.array_equal(
        model.walk(coded, parent, slope, lambda band, at, classes: reader.take(classes)), want
    )
    reader.finish()


def test_many_slopes_are_told_apart() -> None:
    """The model keeps what it found at some slopes; more of them push these out."""
    model = Context(random_weights(7, 8, 4))
    case = list(cases())[2]
    slopes = [*range(-1600, 1600, 40), -1600]
    found = [classes_of(model, (*case[:3], slope)) for slope in slopes]
    assert len({each.tobytes() for each in found}) > 10
    assert np.array_equal(found[0], found[-1])
    assert np.array_equal(
        found[7], classes_of(Context(random_weights(7, 8, 4)), (*case[:3], slopes[7]))
    )


def test_codes_are_logarithms() -> None:
    magnitudes = np.arange(6000)
    wanted = np.minimum(np.floor(CODE_SCALE * np.log2(1 + magnitudes) + 0.5), HIGHEST_CODE)
    assert np.array_equal(codes(magnitudes), wanted)
    assert np.array_equal(codes(-magnitudes), wanted)
    assert codes(np.array([2**24 - 1, -(2**24)])).tolist() == [HIGHEST_CODE] * 2
    for magnitude in range(1, 4096):  # exactly: 16 · log2(1 + m) ≥ 2 · code − 1, and not one more
        code = int(codes(np.array(magnitude)))
        assert (1 + magnitude) ** 16 >= 1 << (2 * code - 1)
        assert code == HIGHEST_CODE or (1 + magnitude) ** 16 < 1 << (2 * code + 1)


def test_symbols_divide_the_magnitudes() -> None:
    magnitudes = np.arange(20_000)
    symbols = symbols_of(magnitudes)
    assert len(FIRST) == len(FURTHER_BITS) == SYMBOLS
    assert np.array_equal(np.unique(symbols), np.arange(SYMBOLS))
    assert (np.diff(symbols) >= 0).all()
    beyond = magnitudes - FIRST[symbols]
    assert (beyond >= 0).all()
    assert (beyond < 1 << FURTHER_BITS[symbols])[symbols < SYMBOLS - 1].all()


def test_known_places_are_those_of_earlier_phases() -> None:
    assert [int(known_offsets(phase).sum()) for phase in range(len(PHASES))] == [0, 4, 12, 16]


def largest_sums(weights: Weights) -> tuple[float, float, float]:
    """Upper bounds of the magnitudes of partial sums in the three layers, in their units, over all
    networks."""
    found = np.zeros((NETWORKS, 3))
    w = {name: np.abs(np.asarray(weights[f"context_{name}"], np.float64)) for name in _NAMES}
    unit = SCALE / (NEAR_SCALE * CODE_SCALE)
    for number in range(NETWORKS):
        near = sum(w[name][number].sum(axis=0) for name in ("same", "before", "parent"))
        first = (
            unit * HIGHEST_CODE * near
            + STEP_RATIO_LIMIT * w["wide"][number, 2]
            + w["bias1"][number]
        )
        first += HIGHEST_CODE / CODE_SCALE * np.array(WIDE) @ w["wide"][number, :2]
        second = first * (ACTIVATION / SCALE) @ w["weight2"][number] + w["bias2"][number]
        third = second * (ACTIVATION / SCALE) @ w["weight3"][number] + w["bias3"][number]
        found[number] = first.max(), second.max(), third
    return tuple(found.max(axis=0).tolist())


def shipped() -> Weights:
    (path,) = MODEL_FOLDER.glob("lapped_siren-*.decoder.safetensors")
    return load_file(path)


def test_sums_of_the_shipped_weights_are_exact() -> None:
    weights = shipped()
    Context(weights)
    Distributions(weights)
    assert max(largest_sums(weights)) < 1 << 50
    for reach in (4, 3):  # the wide sums are of float32
        assert BAND_COUNT * HIGHEST_CODE * (2 * reach + 1) ** 2 < 1 << 24


@pytest.mark.parametrize("name", sorted(EXPECTED_CLASSES))
def test_weights_that_could_be_rounded_are_refused(name: str) -> None:
    def refused(change: Callable[[np.ndarray], None]) -> None:
        changed = {key: value.copy() for key, value in weights.items()}
        change(changed[name].reshape(-1))
        with pytest.raises(ValueError, match=r"^the (weight|context model)"):
            Context(changed)

    weights = random_weights(8, 4, 3)
    Context(weights)

    def halve(values: np.ndarray) -> None:
        values[0] += 0.5

    def grow(values: np.ndarray) -> None:
        values[:] = 2.0**60

    def spoil(values: np.ndarray) -> None:
        values[-1] = np.nan

    for change in (halve, grow, spoil):
        refused(change)


def test_large_weights_that_cannot_be_rounded_are_taken() -> None:
    weights = random_weights(9, 4, 3)
    assert max(largest_sums(weights)) < 2.0**45
    weights["context_bias3"][:] = 2.0**49
    Context(weights)
    weights["context_bias3"][:] = 2.0**51
    with pytest.raises(ValueError, match="rounded"):
        Context(weights)
