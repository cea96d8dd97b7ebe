"""Damaged payloads of lapped_siren are errors, below the checksum at most wrong surfaces.

`python -m tests.bench.fuzz_lapped` tries as many as it is asked to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural.tiles import TILE
from tests.bench.fuzz_lapped import Target, area
from tests.support.strategies import damaged


@pytest.fixture(scope="module", params=["plain", "bounded"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    with Target(area(tmp_path_factory.mktemp("area"), request.param == "bounded")) as opened:
        yield opened


def small_tiles(target: Target) -> list[int]:
    """Numbers of the tiles that are quick to decode: those at the rim."""
    sides = [target.grid.tile_cells(tile) for tile in target.tiles]
    return [number for number, side in enumerate(sides) if min(side) < TILE]


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_payload_is_always_an_error(target: Target, draws: Any) -> None:
    number = draws.draw(st.integers(0, len(target.tiles) - 1))
    payload = draws.draw(damaged(target.payloads[number]))
    assert target.open(number, payload) == "error"


def test_undamaged_tiles_open(target: Target) -> None:
    for number, payload in enumerate(target.payloads):
        assert target.open(number, payload) == "opened"


def test_a_damaged_body_is_an_error_or_a_surface(target: Target) -> None:
    """Anything else that is raised, or heights beyond bounds, would fail within `decode`."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=40)
    @given(st.data())
    def decode(draws: Any) -> None:
        number = draws.draw(st.sampled_from(small_tiles(target)))
        body = draws.draw(damaged(target.envelopes[number].body))
        outcomes[target.decode(number, body).partition(":")[0]] += 1

    decode()
    assert set(outcomes) <= {"error", "surface"}
    assert outcomes["error"] > outcomes["surface"]


@pytest.mark.parametrize("size", [0, 1, 4, 200])
def test_bodies_of_nothing_but_one_byte(target: Target, size: int) -> None:
    """Among them what drives every symbol to the first or the last of its alphabet."""
    for value in (0, 1, 0x7F, 0x80, 0xFF):
        assert target.decode(len(target.tiles) - 1, bytes([value]) * size)
