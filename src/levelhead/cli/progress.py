"""How far a long command is, for a person at a terminal, and about how long it will still take."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable

from levelhead.clock import Clock, SystemClock

Tell = Callable[[int, int], None]
"""Told (done, of all); the last call has done equal to all, and clears the line."""

WINDOW = 30.0
"""Seconds that an estimate is made from: what went on before may have been quicker or slower work."""
FIRST = 3.0
"""Seconds of any pace from which an estimate is made; one from less would jump about."""
SOON, SOON_WORDS, SOON_SHARE = 0.3, 4, 0.05
"""Fewer seconds are enough when so many words came in them, and so large a share of all was done."""
EVERY = 0.2
"""Seconds between two lines."""


class Estimate:
    """How long the rest takes at the pace of the last half minute; starting up is no part of a pace that is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock.monotonic(), 0)])
        self._begun: tuple[float, int] | None = None
        """When the first word came that something is done, and how much that was."""
        self._words = 0
        """How many came after it."""

    def left(self, done: int, of: int) -> float | None:
        """Seconds until all is done; None while nothing honest can be said."""
        now = self._clock.monotonic()
        self._seen.append((now, done))
        paced = self._paced(now, done, of)
        while len(self._seen) > 2 and now - self._seen[1][0] >= WINDOW:
            self._seen.popleft()
        then, before = self._seen[0]
        if (now - then < FIRST and not paced) or done <= before:
            return None
        return (of - done) * (now - then) / (done - before)

    def _paced(self, now: float, done: int, of: int) -> bool:
        """Whether enough has come since the first word; what was before it is forgotten then."""
        if self._begun is None:
            self._begun = (now, done) if done else None
            return False
        self._words += 1
        then, before = self._begun
        if self._words < SOON_WORDS or now - then < SOON or done - before < SOON_SHARE * of:
            return False
        while self._seen[0][0] < then:
            self._seen.popleft()
        return True


def roughly(seconds: float) -> str:
    """Seconds in words as exact as an estimate is: `12 s`, `3 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds)) if seconds < 10 else round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60 // 10 * 10} min"


def teller(what: Callable[[int, int], str], clock: Clock | None = None) -> Tell | None:
    """Tells a person at a terminal; None where nobody looks: programs and logs are spared.

    `what` puts (done, of all) into words.
    """
    if not sys.stderr.isatty():
        return None
    clock = clock or SystemClock()
    estimate, last = Estimate(clock), float("-inf")

    def tell(done: int, of: int) -> None:
        nonlocal last
        left, now = estimate.left(done, of), clock.monotonic()
        if done < of and now - last < EVERY:
            return
        last = now
        rest = "" if left is None else f", about {roughly(left)} left"
        # The cursor goes back to where it was, so that a complaint is written over the line and not behind it.
        sys.stderr.write(f"\r\033[K{what(done, of)}{rest}\r" if done < of else "\r\033[K")
        sys.stderr.flush()

    return tell


def entries(clock: Clock | None = None) -> Tell | None:
    """Counts entries of the ledger."""
    return teller(lambda done, of: f"{done} of {of} entries", clock)


def verified(clock: Clock | None = None) -> Tell | None:
    """Tells the share of all that is to be verified."""
    return teller(lambda done, of: f"{100 * done // max(of, 1)} % verified", clock)


def megabytes(clock: Clock | None = None) -> Tell | None:
    """Counts bytes."""
    return teller(lambda done, of: f"{done / 1e6:.0f} of {of / 1e6:.0f} MB", clock)


def messages(clock: Clock | None = None) -> Tell | None:
    """Counts messages."""
    return teller(lambda done, of: f"{done} of {of} messages", clock)
