"""The ladder: who is told when, in quiet hours, business hours, over and over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.model import Level, Severity
from levelhead.policy.calendar import parse_hours, parse_span
from levelhead.policy.ladder import climb, first, permitted
from levelhead.policy.types import Calendar, LadderPolicy, Rung

ZONE = ZoneInfo("Europe/Berlin")
OFFICE = Calendar(zone=ZONE, hours=parse_hours("Mon-Fri 09:00-17:30"))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LADDER = LadderPolicy(
    rungs=(
        Rung(after=0 * HOUR, notify=("phone", "phone", "desk")),
        Rung(after=HOUR, notify=("partner",)),
        Rung(after=3 * HOUR, notify=("mentor",), business_hours=True),
    ),
    quiet=parse_span("21:00-07:30"),
)
QUIETLESS = replace(LADDER, quiet=None)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZONE).astimezone(UTC)


MONDAY = at(2026, 11, 23, 10, 0)


def test_a_new_alert_waits_for_its_group_before_anybody_is_told():
    assert first(Severity.WARNING, MONDAY, LADDER, OFFICE) == MONDAY + MINUTE


def test_nobody_to_tell_is_never():
    assert first(Severity.WARNING, MONDAY, LadderPolicy(), OFFICE) is None
    step = climb(Severity.WARNING, 0, MONDAY, LadderPolicy(), OFFICE, MONDAY)
    assert (step.notify, step.next_at) == ((), None)


def test_each_rung_tells_its_channels_once_and_names_the_next():
    step = climb(Severity.WARNING, 0, MONDAY, LADDER, OFFICE, MONDAY + MINUTE)
    assert (step.notify, step.next_rung) == (("phone", "desk"), 1)
    assert step.next_at == MONDAY + HOUR + MINUTE


def test_a_late_rung_postpones_those_after_it_so_that_nobody_is_told_at_the_same_moment():
    step = climb(Severity.WARNING, 0, MONDAY, LADDER, OFFICE, MONDAY + 5 * HOUR)
    assert step.next_at == MONDAY + 6 * HOUR


def test_after_the_last_rung_it_is_told_again_and_again():
    step = climb(Severity.WARNING, 2, MONDAY, LADDER, OFFICE, MONDAY + HOUR)
    assert (step.notify, step.next_rung, step.next_at) == (("mentor",), 3, MONDAY + 5 * HOUR)
    again = climb(Severity.WARNING, 9, MONDAY, LADDER, OFFICE, MONDAY + HOUR)
    assert (again.notify, again.next_rung) == (("mentor",), 10)


def test_without_repeat_the_ladder_ends():
    assert climb(Severity.WARNING, 2, MONDAY, replace(LADDER, repeat=None), OFFICE, MONDAY).next_at is None


def test_quiet_hours_postpone_what_does_not_break_through():
    night = at(2026, 11, 23, 23, 0)
    step = climb(Severity.WARNING, 0, night, LADDER, OFFICE, night)
    assert (step.notify, step.next_rung, step.next_at) == ((), 0, at(2026, 11, 24, 7, 30))
    assert first(Severity.WARNING, night, LADDER, OFFICE) == at(2026, 11, 24, 7, 30)


@pytest.mark.parametrize(
    ("level", "loud"),
    [
        (Level.HOSTILE, {Severity.CRITICAL}),
        (Level.HEATED, {Severity.CRITICAL, Severity.WARNING}),
        (Level.TENSE, {Severity.CRITICAL, Severity.WARNING, Severity.INFO}),
    ],
)
def test_severities_break_through_as_the_level_they_stand_for(level, loud):
    night = at(2026, 11, 23, 23, 0)
    policy = replace(LADDER, break_through=level)
    told = {severity for severity in Severity if climb(severity, 0, night, policy, OFFICE, night).notify}
    assert told == loud


def test_a_business_rung_waits_for_business_hours_and_counts_in_them():
    friday = at(2026, 11, 20, 16, 0)
    step = climb(Severity.CRITICAL, 1, friday, QUIETLESS, OFFICE, friday + HOUR)
    # Three hours of work after Friday 16:00 is Monday 10:30; two hours of work after Friday 17:00 is the same.
    assert step.next_at == at(2026, 11, 23, 10, 30)
    closed = climb(Severity.CRITICAL, 2, friday, QUIETLESS, OFFICE, at(2026, 11, 21, 12, 0))
    assert (closed.notify, closed.next_at) == ((), at(2026, 11, 23, 9, 0))


def test_a_business_rung_whose_hours_are_all_quiet_is_told_when_quiet_ends():
    policy = LadderPolicy(rungs=LADDER.rungs, quiet=parse_span("08:00-18:00"))
    told = permitted(Severity.WARNING, policy.rungs[2], policy, OFFICE, at(2026, 11, 23, 12, 0))
    assert told.astimezone(ZONE).hour == 18


@given(
    st.sampled_from(list(Severity)),
    st.integers(0, 5),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(0 * HOUR, timedelta(days=30)),
)
def test_a_ladder_always_goes_on_in_the_future_and_never_backwards(severity, rung, raised_at, later):
    now = raised_at + later
    step = climb(severity, rung, raised_at, LADDER, OFFICE, now)
    assert step.next_at > now and step.next_rung in (rung, rung + 1)
    assert bool(step.notify) == (step.next_rung == rung + 1)
