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
        """Seconds since some fixed moment; never goes back, and stands still while the machine sleeps."""

    def elapsed(self) -> float:
        """Seconds since some fixed moment, those included that the machine slept; never goes back."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Pause until `stop` is set (then True) or `seconds` have passed (then False)."""


class SystemClock:
    """The machine's own clock. `wait` returns at once for a time that is not above zero."""

    def now(self) -> datetime:
        """As the machine has it; it can jump when somebody sets the clock, which `monotonic` never does."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def elapsed(self) -> float:
        """CLOCK_BOOTTIME where there is one (Linux, clock_gettime(2)); elsewhere sleep cannot be told from a jump."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds))


class SteadyClock:
    """A clock that runs on evenly when somebody sets the machine's, until it is told to follow.

    Whoever waits for a moment by this clock waits as long as was meant. `jump` says how far the machine's clock has
    gone away; when what waits has been moved by as much, `follow` makes it the time. Time in which the machine slept
    is time, and no jump.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._start = machine.now() - timedelta(seconds=machine.elapsed())

    def now(self) -> datetime:
        """The machine's time as of the start, and what has passed since; what `follow` was told included."""
        return self._start + timedelta(seconds=self._machine.elapsed())

    def monotonic(self) -> float:
        return self._machine.monotonic()

    def elapsed(self) -> float:
        return self._machine.elapsed()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return self._machine.wait(stop, seconds)

    def jump(self) -> timedelta:
        """How far the machine's clock is ahead of this one; below zero when it is behind."""
        # Asked in between: a process that is held up for a while must not look like one whose clock was set.
        before, wall, after = self.now(), self._machine.now(), self.now()
        return sorted((wall - after, timedelta(), wall - before))[1]

    def follow(self, by: timedelta) -> None:
        """From now on the time is later by that much."""
        self._start += by


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

    def elapsed(self) -> float:
        """As `monotonic`: its machine never sleeps."""
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
