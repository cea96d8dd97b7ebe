"""The multiplier of a budget: cost + λ · blocks minimized for the λ at which the blocks come to the
budget.

Whatever minimizes cost + λ · blocks has the least cost of all choices with its number of blocks, or
fewer; and min(cost + λ · blocks) − λ · budget is a lower bound for the cost within the budget
(Everett 1963). The critical λ is the slope between a choice within the budget and one beyond it,
until no choice lies below the line through both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Choice(NamedTuple, Generic[T]):
    """A minimum of cost + λ · blocks."""

    cost: float
    blocks: int
    content: T


class Bracket(NamedTuple, Generic[T]):
    """The best choices on both sides of a budget, and a lower bound for the cost within it."""

    within: Choice[T]
    beyond: Choice[T]
    bound: float


def bracket(
    minimum: Callable[[float], Choice[T]], budget: int, largest: float
) -> Bracket[T] | None:
    """Return the choices next to a budget; None if even the fewest blocks exceed it.

    `minimum` returns a minimum of cost + λ · blocks for a λ ≥ 0; `largest` exceeds all differences
    of costs.
    """
    beyond = minimum(0.0)
    if beyond.blocks <= budget:
        return Bracket(beyond, beyond, beyond.cost)
    within = minimum(2 * largest)
    if within.blocks > budget:
        return None
    while True:
        slope = (within.cost - beyond.cost) / (beyond.blocks - within.blocks)
        choice = minimum(slope)
        value = choice.cost + slope * choice.blocks
        line = within.cost + slope * within.blocks
        if choice.blocks in (within.blocks, beyond.blocks) or value >= line * (1 - 1e-15):
            return Bracket(within, beyond, min(value, line) - slope * budget)
        if choice.blocks <= budget:
            within = choice
        else:
            beyond = choice
