"""Threads that are kept alive."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from levelhead.clock import FrozenClock
from levelhead.daemon.supervise import Supervisor

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEADLINE = 10


def test_a_crashed_loop_starts_again_and_the_crash_is_told() -> None:
    told: list[str] = []
    third = threading.Event()
    runs = 0

    def body(stop: threading.Event, pulse: Callable[[], None]) -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise OSError("boom")
        third.set()
        stop.wait(DEADLINE)

    supervisor = Supervisor(FrozenClock(NOON), on_crash=lambda name, exc: told.append(f"{name}: {exc}"))
    supervisor.start("mail", body)
    assert third.wait(DEADLINE)
    assert told == ["mail: boom", "mail: boom"]
    assert supervisor.join(DEADLINE) == ()


def test_a_loop_that_ends_unasked_counts_as_crashed() -> None:
    again = threading.Event()
    runs = 0

    def body(stop: threading.Event, pulse: Callable[[], None]) -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            again.set()
            stop.wait(DEADLINE)

    supervisor = Supervisor(FrozenClock(NOON))
    supervisor.start("work", body)
    assert again.wait(DEADLINE)
    assert supervisor.join(DEADLINE) == ()


def test_a_loop_that_does_not_move_is_stuck_and_one_that_moves_is_not() -> None:
    clock = FrozenClock(NOON)
    moves = threading.Event()
    moved = threading.Event()

    def still(stop: threading.Event, pulse: Callable[[], None]) -> None:
        stop.wait(DEADLINE)

    def moving(stop: threading.Event, pulse: Callable[[], None]) -> None:
        moves.wait(DEADLINE)
        pulse()
        moved.set()
        stop.wait(DEADLINE)

    supervisor = Supervisor(clock)
    supervisor.start("still", still)
    supervisor.start("moving", moving)
    clock.advance(seconds=200)
    moves.set()
    assert moved.wait(DEADLINE)
    assert supervisor.stuck(180) == ("still",)
    assert supervisor.join(DEADLINE) == ()


def test_one_crashing_loop_never_stops_another() -> None:
    alive = threading.Event()

    def bad(stop: threading.Event, pulse: Callable[[], None]) -> None:
        raise ValueError("always")

    def good(stop: threading.Event, pulse: Callable[[], None]) -> None:
        alive.set()
        stop.wait(DEADLINE)

    supervisor = Supervisor(FrozenClock(NOON))
    supervisor.start("bad", bad)
    supervisor.start("good", good)
    assert alive.wait(DEADLINE)
    assert supervisor.join(DEADLINE) == ()
