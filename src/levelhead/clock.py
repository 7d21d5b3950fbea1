"""The clock: the only file that asks what time it is, and the only way to pause."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from levelhead.errors import ProgrammerError


class Clock(Protocol):
    """Tells the time and waits; everything that depends on time is handed one."""

    def now(self) -> datetime:
        """The wall-clock time, aware and in UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Pause until `stop` is set (then True) or `seconds` have passed (then False)."""


class SystemClock:
    """The machine's own clock. `wait` returns at once for a time that is not above zero."""

    def now(self) -> datetime:
        """As the machine has it; it can jump when somebody sets the clock, which `monotonic` never does."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds))


class FrozenClock:
    """A clock that a test moves by hand; waiting on it moves it and never sleeps."""

    def __init__(self, now: datetime) -> None:
        self._now = utc(now)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The moment that it was made with or moved to, in UTC."""
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Move by that much and return at once; True, and not moved, when `stop` is set already."""
        if stop.is_set():
            return True
        # A microsecond at least: who waits in a loop for less than a datetime can tell would wait for ever.
        self.advance(max(timedelta(seconds=seconds), timedelta.resolution if seconds > 0 else timedelta()))
        return stop.is_set()

    def advance(self, by: timedelta | None = None, **parts: float) -> None:
        """Move forward: `clock.advance(hours=4)` or `clock.advance(timedelta(...))`."""
        step = by if by is not None else timedelta(**parts)
        self._now += step
        self._monotonic += step.total_seconds()


def utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive datetime is a programmer's error and refused."""
    if moment.tzinfo is None:
        raise ProgrammerError(f"a datetime without a time zone: {moment!r}")
    return moment.astimezone(UTC)


def to_text(moment: datetime) -> str:
    """RFC 3339 in UTC with six fractional digits and `Z`, the only form that is stored."""
    # Not strftime, which writes the year 999 with three digits and is ten times slower.
    return utc(moment).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


def from_text(text: str) -> datetime:
    """The moment that `to_text` wrote; raises ValueError for a text without a time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {text}")
    return moment.astimezone(UTC)
