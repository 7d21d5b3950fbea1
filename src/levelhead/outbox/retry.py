"""When to try again: exponential back-off with full jitter. Pure; the dice are handed in."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(seconds=30)
CAP = timedelta(hours=1)
LEAST = timedelta(seconds=1)
BUSY_FACTOR = 4
"""A server that asks for patience ([UNAVAILABLE], throttling) is left alone this many times longer."""


def again_at(attempt: int, now: datetime, roll: float, *, busy: bool = False) -> datetime:
    """When to try after attempt number `attempt` (from 0) has failed; `roll` is a random number from 0 to 1.

    The pause is spread over the whole span, so that many who failed together do not come back together.
    A busy server gets the upper three quarters of a span that is longer.
    """
    factor = BUSY_FACTOR if busy else 1
    # Beyond twenty doublings the cap has long been reached, and a timedelta would overflow.
    span = min(CAP * factor, FIRST * factor * (1 << min(max(attempt, 0), 20)))
    least = span / 4 if busy else LEAST
    return now + least + (span - least) * max(0.0, min(1.0, roll))
