"""The range coder: all comes back in any grouping, damaged bytes are errors, and so are damaged
distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neural.methods.lapped.coder import LARGEST, TOTAL, Distributions, RangeReader, RangeWriter
from neural.methods.lapped.context import CLASSES, FIRST, FURTHER_BITS, SYMBOLS
from tests.support.strategies import damaged


def laplace_table() -> np.ndarray:
    """Distributions of ever larger magnitudes, integers of sum TOTAL, [CLASSES, SYMBOLS]."""
    scale = np.exp(np.linspace(np.log(0.06), np.log(3000), CLASSES))[:, None]
    above = np.exp(-(np.append(FIRST[1:], np.inf) - 0.4) / scale)
    chance = -np.diff(np.concatenate([np.ones((CLASSES, 1)), above], axis=1), axis=1)
    table = np.maximum(np.rint(chance * TOTAL), 1)
    table[np.arange(CLASSES), table.argmax(axis=1)] += TOTAL - table.sum(axis=1)
    return table


def weights() -> dict[str, np.ndarray]:
    """A table, and centroids of all values that there may be."""
    centroid = np.linspace(-0.5, 0.5, CLASSES * 3).reshape(CLASSES, 3)
    return {
        "probability": laplace_table().astype(np.float32),
        "centroid": centroid.astype(np.float32),
    }


OF = Distributions(weights())


def drawn(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Signed magnitudes int32 [n] as their classes [n] say, some far larger."""
    rng = np.random.default_rng([seed, count])
    classes = (
        rng.integers(0, CLASSES, count) if seed % 2 else np.full(count, rng.integers(0, CLASSES))
    )
    scale = np.exp(np.linspace(np.log(0.06), np.log(3000), CLASSES))[classes]
    size = rng.laplace(0, scale) * np.where(rng.random(count) < 0.02, 1e4, 1)
    return np.clip(np.rint(size), -LARGEST, LARGEST).astype(np.int32), classes


def written(*groups: tuple[np.ndarray, np.ndarray]) -> bytes:
    writer = RangeWriter(OF)
    for signed, classes in groups:
        writer.put(signed, classes)
    return writer.finish()


Call = tuple[str, Any, Any]
"""A writer's method, its values, and what they are coded by: classes, chances or nothing."""


@st.composite
def calls(draw: Any) -> Call:
    """Anything that may be put into a writer next."""
    name = draw(st.sampled_from(("put", "put_bits", "put_large")))
    count = draw(st.integers(0, 60))
    if name == "put_large":
        return name, draw(st.integers(-LARGEST, LARGEST)), None
    if name == "put_bits":
        chances = st.floats(2.0**-20, 1 - 2.0**-20)
        return name, draw(arrays(bool, count)), draw(arrays(np.float64, count, elements=chances))
    few = st.sampled_from((0, CLASSES // 2, CLASSES - 1))
    classes = draw(arrays(np.intp, count, elements=few | st.integers(0, CLASSES - 1)))
    magnitudes = st.integers(-3, 3) | st.integers(-LARGEST, LARGEST)
    return name, draw(arrays(np.int32, count, elements=magnitudes)), classes


def put(calls: list[Call]) -> bytes:
    writer = RangeWriter(OF)
    for name, values, by in calls:
        getattr(writer, name)(*[values] if by is None else [values, by])
    return writer.finish()


def taken(data: bytes, calls: list[Call]) -> list[Any]:
    """Return the reader's result for the bytes. Raises ValueError as the reader does."""
    reader = RangeReader(data, OF)
    values = [
        getattr(reader, name.replace("put", "take"))(*[] if by is None else [by])
        for name, _, by in calls
    ]
    reader.finish()
    return values


@given(st.lists(calls(), max_size=8))
def test_all_comes_back_in_any_grouping(calls: list[Call]) -> None:
    for (_, values, _), back in zip(calls, taken(put(calls), calls), strict=True):
        assert np.asarray(back).dtype == np.asarray(values).dtype
        np.testing.assert_array_equal(back, values)


@given(st.lists(calls(), max_size=8), st.data())
def test_damaged_bytes_are_an_error_or_other_values(calls: list[Call], draws: Any) -> None:
    """Below a checksum that is all that can be asked; no value is one that no writer takes."""
    data = draws.draw(damaged(put(calls)))
    try:
        found = taken(data, calls)
    except ValueError:
        return
    for (_, values, _), back in zip(calls, found, strict=True):
        assert np.shape(back) == np.shape(values)
        assert np.abs(np.asarray(back, np.int64)).max(initial=0) <= LARGEST


def test_long_groups_come_back() -> None:
    groups = [drawn(seed, 5000) for seed in range(6)]
    reader = RangeReader(written(*groups), OF)
    for signed, classes in groups:
        got = reader.take(classes)
        assert got.dtype == np.int32
        np.testing.assert_array_equal(got, signed)
    reader.finish()


def test_groups_keep_their_shape() -> None:
    signed, classes = (each.reshape(4, 6, 5) for each in drawn(1, 120))
    np.testing.assert_array_equal(RangeReader(written((signed, classes)), OF).take(classes), signed)


def test_every_magnitude_that_there_may_be() -> None:
    edges = np.concatenate([FIRST, FIRST - 1, 1 << np.arange(24), (1 << np.arange(25)) - 1])
    edges = np.unique(edges[(edges >= 0) & (edges <= LARGEST)])
    signed = np.concatenate([edges, -edges]).astype(np.int32)
    for number in (0, CLASSES // 2, CLASSES - 1):
        classes = np.full(len(signed), number)
        np.testing.assert_array_equal(
            RangeReader(written((signed, classes)), OF).take(classes), signed
        )


@pytest.mark.parametrize("value", [0, 1, -1, 2, -700, 12345, LARGEST - 1, LARGEST, -LARGEST])
def test_integers_without_a_class(value: int) -> None:
    writer = RangeWriter(OF)
    writer.put_large(value)
    writer.put_large(-value)
    reader = RangeReader(writer.finish(), OF)
    assert (reader.take_large(), reader.take_large()) == (value, -value)
    reader.finish()


def test_nothing_takes_no_bytes() -> None:
    assert written() == written((np.zeros(0, np.int32), np.zeros(0, np.intp))) == b""
    # zeros are the likeliest of class 0
    assert written((np.zeros(200, np.int32), np.zeros(200, np.intp))) == b""
    reader = RangeReader(b"", OF)
    assert not reader.take(np.zeros(200, np.intp)).any()
    reader.finish()


def test_bits_are_those_of_the_distributions() -> None:
    """Bits counted by the encoder's decisions are those the coder takes, escapes aside."""
    rng = np.random.default_rng(4)
    for number in (0, 10, CLASSES // 2, CLASSES - 1):
        chance = laplace_table()[number] / TOTAL
        symbols = np.repeat(np.arange(SYMBOLS - 1), np.round(chance[:-1] * 4000).astype(int))
        size = FIRST[symbols] + rng.integers(0, 1 << FURTHER_BITS[symbols])
        signed = (size * rng.choice([-1, 1], len(size))).astype(np.int32)
        taken = 8 * len(written((signed, np.full(len(size), number))))
        assert abs(taken - OF.bits[number, symbols].sum()) < 40 + 0.001 * taken


def test_distributions_are_whole_and_symmetric() -> None:
    assert len(OF.models) == CLASSES
    np.testing.assert_allclose(
        (2.0 ** -(OF.bits - (OF.bits - -np.log2(laplace_table() / TOTAL)))).sum(axis=1), 1
    )
    magnitudes = np.arange(40)
    for number in (0, 100, CLASSES - 1):
        classes = np.full(40, number)
        above = OF.values(magnitudes, classes)
        below = OF.values(-magnitudes, classes)
        np.testing.assert_array_equal(above, -below)
        assert above[0] == 0
        assert (np.diff(above) >= 0).all()
        pull = weights()["centroid"][number].astype(np.float64)
        np.testing.assert_array_equal(
            above[1:], magnitudes[1:] - pull[np.minimum(magnitudes[1:], 3) - 1]
        )


@pytest.mark.parametrize("data", [b"\0", b"\x12\x34\0", bytes(40)])
def test_no_writer_leaves_zeros_at_the_end(data: bytes) -> None:
    with pytest.raises(ValueError, match="zeros"):
        RangeReader(data, OF)


def test_bytes_left_over_are_an_error() -> None:
    signed, classes = drawn(1, 500)
    data = written((signed, classes))
    for more in (b"\x01" * 8, b"\0" * 11 + b"\x01", bytes(range(1, 200))):
        reader = RangeReader(data + more, OF)
        np.testing.assert_array_equal(reader.take(classes)[:-4], signed[:-4])
        with pytest.raises(ValueError, match="left"):
            reader.finish()


def test_magnitudes_beyond_the_largest_are_an_error() -> None:
    """An escape's length can say so; a writer is given no such number."""
    for value in (LARGEST + 1, -LARGEST - 900):
        writer = RangeWriter(OF)
        classes = np.array([CLASSES - 1])
        writer.put_large(value)
        with pytest.raises(ValueError, match="above"):
            RangeReader(writer.finish(), OF).take_large()
        data = written((np.array([value], np.int32), classes))
        with pytest.raises(ValueError, match="above"):
            RangeReader(data, OF).take(classes)


def test_damaged_distributions_are_refused() -> None:
    def refused(name: str, place: tuple[int, int], value: float, words: str) -> None:
        changed = {key: values.copy() for key, values in weights().items()}
        changed[name][place] = value
        with pytest.raises(ValueError, match=words):
            Distributions(changed)

    table = laplace_table()
    refused("probability", (3, 1), table[3, 1] + 1, "sum")
    refused("probability", (0, SYMBOLS - 1), 0, "positive")
    refused("probability", (5, 2), table[5, 2] + 0.5, "integers")
    refused("probability", (5, 2), np.nan, "integers")
    refused("centroid", (7, 0), 0.51, "half a step")
    refused("centroid", (7, 2), -0.51, "half a step")
    refused("centroid", (7, 1), np.nan, "half a step")
