"""How much each section works on, by mode: `quick` is for a change in hand and for CI, `full` for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One mode's numbers of messages, of rounds, and of seconds."""

    rounds: int
    """How often everybody's turn comes in a first sync."""
    first_sync: int
    """Messages of the mailbox that is fetched for the first time."""
    slow: int
    """Messages that the slow peers get."""
    slow_rounds: int
    large_archive: int
    """Short messages in the mailbox and archive of `idle`, `answers` and `cores`."""
    idle_seconds: float
    """How long the idle daemon is watched, and how long it polls once a second."""
    arrivals: int
    """Messages that arrive one after another."""
    answers: int
    """Runs of each command."""
    growth: tuple[int, ...]
    """Sizes of the archive at which the cost of a message is told, in order."""
    synthetic: int
    """Rows that are put into the store before the last of these costs."""
    step: int
    """Messages over which a cost is averaged."""
    large: int
    """Megabytes of the large message."""


MODES: Mapping[str, Sizes] = {
    "quick": Sizes(
        rounds=2,
        first_sync=250,
        slow=50,
        slow_rounds=1,
        large_archive=1_000,
        idle_seconds=4.0,
        arrivals=6,
        answers=5,
        growth=(300, 500),
        synthetic=5_000,
        step=100,
        large=150,
    ),
    "full": Sizes(
        rounds=2,
        first_sync=20_000,
        slow=2_000,
        slow_rounds=2,
        large_archive=200_000,
        idle_seconds=60.0,
        arrivals=200,
        answers=21,
        growth=(2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000),
        synthetic=1_000_000,
        step=2_000,
        large=150,
    ),
}
