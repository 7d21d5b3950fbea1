"""The clock: one written form of a moment, no naive datetimes, and a clock that a test moves by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.clock import FrozenClock, SteadyClock, SystemClock, from_text, to_text, utc
from levelhead.errors import ProgrammerError

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
EAST = timezone(timedelta(hours=5, minutes=30))
MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),
    max_value=datetime(9998, 12, 31),
    timezones=st.timedeltas(min_value=timedelta(hours=-23), max_value=timedelta(hours=23)).map(timezone),
)


@given(MOMENTS)
def test_a_moment_comes_back_as_it_was_written_in_utc(moment: datetime) -> None:
    text = to_text(moment)
    assert from_text(text) == moment
    assert from_text(text).tzinfo is UTC
    assert to_text(from_text(text)) == text


@given(MOMENTS, MOMENTS)
def test_written_moments_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (to_text(one) < to_text(other)) == (one < other)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-03-06T12:00:00.000000Z"),
        (NOON.replace(microsecond=7), "2026-03-06T12:00:00.000007Z"),
        (datetime(2026, 3, 6, 17, 30, tzinfo=EAST), "2026-03-06T12:00:00.000000Z"),
        (datetime(999, 1, 1, tzinfo=UTC), "0999-01-01T00:00:00.000000Z"),
    ],
)
def test_a_moment_is_written_in_one_form(moment: datetime, text: str) -> None:
    assert to_text(moment) == text


@pytest.mark.parametrize("text", ["2026-03-06T12:00:00", "2026-03-06", "", "noon", "2026-13-06T12:00:00Z"])
def test_what_is_no_moment_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


@pytest.mark.parametrize("take", [utc, to_text, FrozenClock])
def test_a_naive_datetime_is_refused(take: type) -> None:
    with pytest.raises(ProgrammerError, match="without a time zone"):
        take(NOON.replace(tzinfo=None))


def test_a_frozen_clock_moves_only_when_it_is_told() -> None:
    clock = FrozenClock(datetime(2026, 3, 6, 17, 30, tzinfo=EAST))
    assert clock.now() == clock.now() == NOON
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() == clock.monotonic() == 0
    clock.advance(hours=4)
    clock.advance(timedelta(seconds=1))
    assert clock.now() == NOON + timedelta(hours=4, seconds=1)
    assert clock.monotonic() == 4 * 3600 + 1


def test_waiting_on_a_frozen_clock_moves_it_and_takes_no_time() -> None:
    clock, stop = FrozenClock(NOON), threading.Event()
    assert clock.wait(stop, 3600) is False
    assert clock.now() == NOON + timedelta(hours=1)
    assert clock.wait(stop, -5) is False
    assert clock.now() == NOON + timedelta(hours=1)
    stop.set()
    assert clock.wait(stop, 3600) is True
    assert clock.now() == NOON + timedelta(hours=1)


def test_the_machine_s_clock_is_aware_and_its_wait_ends_when_told_to() -> None:
    clock, stop = SystemClock(), threading.Event()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
    assert clock.elapsed() <= clock.elapsed()
    assert clock.wait(stop, -1) is False
    stop.set()
    assert clock.wait(stop, 3600) is True


# --- a machine whose clock is set ---------------------------------------------------------------


class Machine(FrozenClock):
    """A frozen clock that can also be set, as somebody sets a machine's, and sent to sleep."""

    asleep = 0.0

    def set(self, by: timedelta) -> None:
        self._now += by

    def sleep(self, **parts: float) -> None:
        self._now += timedelta(**parts)
        self.asleep += timedelta(**parts).total_seconds()

    def elapsed(self) -> float:
        return self._monotonic + self.asleep


SECONDS = st.integers(min_value=-(10**8), max_value=10**8)


@given(st.lists(st.tuples(SECONDS, st.integers(0, 10**6))))
def test_a_steady_clock_runs_evenly_however_the_machine_s_is_set(steps: list[tuple[int, int]]) -> None:
    machine = Machine(NOON)
    clock = SteadyClock(machine)
    real, jumped = timedelta(), timedelta()
    for jump, seconds in steps:
        machine.set(timedelta(seconds=jump))
        machine.advance(seconds=seconds)
        jumped, real = jumped + timedelta(seconds=jump), real + timedelta(seconds=seconds)
        assert clock.now() == NOON + real
        assert clock.jump() == jumped
    clock.follow(jumped)
    assert clock.now() == machine.now()
    assert clock.jump() == timedelta()


def test_sleep_is_time_and_no_jump() -> None:
    machine = Machine(NOON)
    clock = SteadyClock(machine)
    machine.sleep(hours=8)
    assert clock.jump() == timedelta()
    assert clock.now() == NOON + timedelta(hours=8)
    assert clock.elapsed() - clock.monotonic() == 8 * 3600


def test_a_process_that_is_held_up_while_it_asks_the_time_has_not_seen_the_clock_set() -> None:
    class Slow(Machine):
        def elapsed(self) -> float:
            self.advance(seconds=5)
            return super().elapsed()

    machine = Slow(NOON)
    clock = SteadyClock(machine)
    assert abs(clock.jump()) <= timedelta(seconds=5), "what making it took is all that it can be wrong by"
    clock.follow(clock.jump())
    for _ in range(10):
        assert clock.jump() == timedelta()
