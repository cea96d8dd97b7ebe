"""Damaged payloads of lapped_siren are errors, below the checksum at most wrong surfaces.

`python -m tests.bench.fuzz_lapped` tries as many as it is asked to.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.bench.fuzz_lapped import Target, area, count, damaged


@pytest.fixture(scope="module", params=["plain", "bounded"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    with Target(area(tmp_path_factory.mktemp("area"), request.param == "bounded")) as opened:
        yield opened


def test_damage_changes_bytes() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        for data in (b"", b"a", b"\x01" * 40):
            assert damaged(rng, data) != data


def test_a_damaged_payload_is_always_an_error(target: Target) -> None:
    found, _ = count(target.through_file, 200, seed=5)
    assert found == {"error": 200}
    for tile in target.tiles:
        assert target.decoder.open_tile(tile) is not None  # undamaged ones still open


def test_a_damaged_body_is_an_error_or_a_surface(target: Target) -> None:
    """Anything else that is raised, or heights beyond bounds, would fail within `count`."""
    found, _ = count(target.below_checksum, 40, seed=6)
    errors = sum(times for what, times in found.items() if what.startswith("error: "))
    assert errors + found["surface"] == 40
    assert errors > 20


@pytest.mark.parametrize("size", [0, 1, 4, 200])
def test_bodies_of_nothing_but_one_byte(target: Target, size: int) -> None:
    """Among them what drives every symbol to the first or the last of its alphabet."""
    for value in (0, 1, 0x7F, 0x80, 0xFF):
        assert target.decode(len(target.tiles) - 1, bytes([value]) * size)
