"""From one complete pass over a mailbox to the next: what lies between is a gap when it is longer than promised. Pure.

A pass that ends is a promise kept: whatever was in the mailbox by then is archived or left out for a reason. What came
and went between two passes nobody has seen. The promise is to look once in every poll.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from levelhead.clock import Clock
from levelhead.facts import Fact, MailboxUnwatched, MailboxWatched
from levelhead.mailbox.api import MailboxSpec
from levelhead.store.api import MailboxRow

GRACE = timedelta(minutes=5)
"""How much later than the poll a pass may end before the time since the last one is a gap: a restart, a slow server."""
ASLEEP = 60.0
"""Seconds of sleep between two passes that are named as the reason."""
LONG = "one look through the whole mailbox took that long"
"""Why there is a gap when nothing broke and the machine did not sleep."""
CRASHED = "the part of levelhead that watches the mailbox had crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When a complete pass ended, in the three ways in which a clock tells it (`clock.py`)."""

    at: datetime
    monotonic: float
    elapsed: float

    @classmethod
    def now(cls, clock: Clock) -> Seen:
        return cls(at=clock.now(), monotonic=clock.monotonic(), elapsed=clock.elapsed())


def facts(
    spec: MailboxSpec, row: MailboxRow | None, before: Seen | None, now: Seen, broke: str
) -> tuple[Fact, ...]:
    """What is to be recorded when a complete pass has ended `now`: the gap before it, and that the mailbox is watched.

    `row` is what the index said of the mailbox until now, `before` the last complete pass of this process, `broke` why
    the last session ended, or empty.
    """
    gap = gap_between(spec, row, before, now, broke)
    found: tuple[Fact, ...] = (gap,) if gap is not None else ()
    if row is not None and row.state == "watched":
        return found
    blind_since = row.since if row is not None else None
    told = gap is not None
    return (*found, MailboxWatched(mailbox=spec.name, blind_since=blind_since, watched_at=now.at, told=told))


def gap_between(
    spec: MailboxSpec, row: MailboxRow | None, before: Seen | None, now: Seen, broke: str
) -> MailboxUnwatched | None:
    """The gap that ends `now`, or None. A mailbox that was never seen whole has none: nobody promised anything yet."""
    lost = row if row is not None and row.state == "lost" else None
    if before is not None:
        lasted = timedelta(seconds=now.elapsed - before.elapsed)
        since = before.at
        if abs(now.at - since - lasted) > timedelta(seconds=ASLEEP):
            since = now.at - lasted  # somebody has set the clock meanwhile
    elif lost is not None and lost.since is not None:
        since, lasted = lost.since, now.at - lost.since
    else:
        return None
    if lasted <= timedelta(seconds=spec.poll_seconds) + GRACE:
        return None
    asleep = before is not None and lasted.total_seconds() - (now.monotonic - before.monotonic) > ASLEEP
    why = "the machine slept" if asleep else lost.why if lost is not None else broke or LONG
    return MailboxUnwatched(mailbox=spec.name, since=since, until=now.at, why=why)
