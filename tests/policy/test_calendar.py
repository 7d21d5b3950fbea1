"""Business time: hours as people write them, nights on which clocks change, and what must hold for any calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.policy.calendar import (
    add_business,
    after_quiet,
    always_open,
    is_open,
    next_open,
    open_spans,
    parse_hours,
    parse_span,
)
from levelhead.policy.types import Calendar

BERLIN, NEW_YORK, HAVANA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("America/Havana")
OFFICE = Calendar(zone=BERLIN, hours=parse_hours("Mon-Fri 09:00-17:30"))
FOUR_HOURS = timedelta(hours=4)


def berlin(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=BERLIN, fold=fold)


def new_york(*parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=NEW_YORK, fold=fold)


# --- how hours are written -------------------------------------------------------------------


def test_a_range_of_days_has_the_same_hours():
    assert parse_hours("Mon-Fri 09:00-17:30") == dict.fromkeys(range(5), ((time(9), time(17, 30)),))


def test_parts_are_separated_by_commas_and_a_part_without_days_repeats_them():
    hours = parse_hours("Mon-Thu 09:00-12:00, 13:00-17:30, fri 9:00-15:00, Saturday 10:00-12:00")
    assert hours[0] == ((time(9), time(12)), (time(13), time(17, 30)))
    assert hours[4] == ((time(9), time(15)),) and hours[5] == ((time(10), time(12)),) and 6 not in hours


def test_a_range_of_days_may_go_over_the_weekend():
    assert set(parse_hours("Sat-Mon 10:00-12:00")) == {5, 6, 0}


def test_twenty_four_hundred_is_the_end_of_the_day():
    assert parse_hours("Sun 00:00-24:00")[6] == ((time(0), time(0)),)
    evening = Calendar(zone=BERLIN, hours=parse_hours("Mon 18:00-24:00"))
    assert is_open(evening, berlin(2026, 11, 23, 23, 59)) and not is_open(evening, berlin(2026, 11, 24, 0, 0))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "days and times"),
        ("Mon-Fri", "Mon-Fri"),
        ("09:00-17:00", "days and times"),
        ("Mo-Fri 09:00-17:00", "mo"),
        ("Mon 09:00-25:00", "09:00-25:00"),
        ("Mon 09:60-17:00", "09:60-17:00"),
        ("Mon 9-17", "9-17"),
        ("Mon 09:00-09:00", "same time"),
        ("Mon 24:00-08:00", "24:00"),
        ("Mon 09:00-17:00,", "days and times"),
    ],
)
def test_hours_that_make_no_sense_are_refused_in_one_sentence_that_names_them(text, names):
    with pytest.raises(ValueError, match=names):
        parse_hours(text)


# --- adding time -----------------------------------------------------------------------------


def test_a_hold_that_begins_on_friday_at_five_ends_on_monday():
    assert add_business(OFFICE, berlin(2026, 11, 20, 17, 0), FOUR_HOURS) == berlin(2026, 11, 23, 12, 30)


def test_a_hold_that_begins_at_night_counts_from_the_morning():
    assert add_business(OFFICE, berlin(2026, 11, 23, 3, 0), timedelta(minutes=30)) == berlin(
        2026, 11, 23, 9, 30
    )


def test_no_duration_ends_where_it_starts_even_at_night():
    assert add_business(OFFICE, berlin(2026, 11, 22, 3, 0), timedelta(0)) == berlin(2026, 11, 22, 3, 0)


def test_a_lunch_break_does_not_count():
    lunch = Calendar(zone=BERLIN, hours=parse_hours("Mon-Fri 09:00-12:00, 13:00-17:00"))
    assert add_business(lunch, berlin(2026, 11, 23, 11, 0), timedelta(hours=2)) == berlin(2026, 11, 23, 14, 0)


def test_a_holiday_is_skipped():
    closed = Calendar(zone=BERLIN, hours=OFFICE.hours, holidays=lambda day: day == date(2026, 11, 23))
    assert add_business(closed, berlin(2026, 11, 20, 17, 0), FOUR_HOURS) == berlin(2026, 11, 24, 12, 30)


def test_a_calendar_that_never_opens_falls_back_to_plain_time():
    start = berlin(2026, 11, 20, 17, 0)
    for never in (
        Calendar(zone=BERLIN, hours={}),
        Calendar(zone=BERLIN, hours=OFFICE.hours, holidays=lambda day: True),
    ):
        assert add_business(never, start, FOUR_HOURS) == start + FOUR_HOURS
        assert next_open(never, start) == start and not is_open(never, start)


def test_a_calendar_that_is_always_open_is_plain_time_also_over_the_nights_on_which_clocks_change():
    for zone in (BERLIN, NEW_YORK, HAVANA, ZoneInfo("Australia/Lord_Howe")):
        for start in (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 10, 15, 13, 7, tzinfo=UTC)):
            for days in range(1, 40, 3):
                assert add_business(always_open(zone), start, timedelta(days=days)) == start + timedelta(
                    days=days
                )


def test_a_span_over_the_short_night_is_an_hour_shorter():
    night = Calendar(zone=BERLIN, hours=parse_hours("Mon-Sun 22:00-06:00"))
    # 2026-03-29: 02:00 becomes 03:00.
    assert add_business(night, berlin(2026, 3, 28, 22, 0), timedelta(hours=7)) == berlin(2026, 3, 29, 6, 0)
    us = Calendar(zone=NEW_YORK, hours=parse_hours("Mon-Sun 22:00-06:00"))
    assert add_business(us, new_york(2026, 3, 7, 22, 0), timedelta(hours=7)) == new_york(2026, 3, 8, 6, 0)


def test_a_span_over_the_long_night_is_an_hour_longer():
    night = Calendar(zone=BERLIN, hours=parse_hours("Mon-Sun 22:00-06:00"))
    # 2026-10-25: 03:00 becomes 02:00.
    assert add_business(night, berlin(2026, 10, 24, 22, 0), timedelta(hours=9)) == berlin(2026, 10, 25, 6, 0)
    us = Calendar(zone=NEW_YORK, hours=parse_hours("Mon-Sun 22:00-06:00"))
    assert add_business(us, new_york(2026, 10, 31, 22, 0), timedelta(hours=9)) == new_york(2026, 11, 1, 6, 0)


def test_office_hours_keep_their_wall_clock_time_across_the_change():
    for friday, monday in ((date(2026, 3, 27), date(2026, 3, 30)), (date(2026, 10, 23), date(2026, 10, 26))):
        start = datetime.combine(friday, time(17, 0), BERLIN)
        assert add_business(OFFICE, start, timedelta(hours=1)) == datetime.combine(
            monday, time(9, 30), BERLIN
        )


def test_a_time_that_clocks_jump_over_begins_when_they_have_jumped():
    early = Calendar(zone=BERLIN, hours=parse_hours("Sun 02:15-04:00"))
    assert next_open(early, berlin(2026, 3, 29, 0, 0)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    inside = Calendar(zone=BERLIN, hours=parse_hours("Sun 02:15-02:45"))
    assert next_open(inside, berlin(2026, 3, 29, 0, 0)) == berlin(2026, 4, 5, 2, 15)


def test_a_time_that_comes_twice_is_open_from_the_first_to_the_second():
    twice = Calendar(zone=BERLIN, hours=parse_hours("Sun 02:15-02:45"))
    opens, closes = next(open_spans(twice, berlin(2026, 10, 25, 0, 0)))
    assert (opens, closes) == (
        datetime(2026, 10, 25, 0, 15, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 45, tzinfo=UTC),
    )


def test_opening_time_is_open_and_closing_time_is_not():
    assert is_open(OFFICE, berlin(2026, 11, 23, 9, 0)) and not is_open(OFFICE, berlin(2026, 11, 23, 17, 30))
    assert next_open(OFFICE, berlin(2026, 11, 23, 17, 30)) == berlin(2026, 11, 24, 9, 0)
    assert next_open(OFFICE, berlin(2026, 11, 23, 12, 0)) == berlin(2026, 11, 23, 12, 0)


spans = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 23), st.integers(0, 59)).map(
    lambda parts: (time(parts[0], parts[1]), time(parts[2], parts[3]))
)
calendars = st.builds(
    Calendar,
    zone=st.sampled_from(
        [BERLIN, NEW_YORK, HAVANA, ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")]
    ),
    hours=st.dictionaries(st.integers(0, 6), st.lists(spans, max_size=3).map(tuple)),
)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
durations = st.timedeltas(timedelta(0), timedelta(days=20))


@given(calendars, moments, durations)
def test_business_time_never_ends_before_plain_time(calendar, start, duration):
    assert add_business(calendar, start, duration) >= start + duration


@given(calendars, moments, durations, durations)
def test_a_longer_hold_never_ends_earlier(calendar, start, one, other):
    shorter, longer = sorted((one, other))
    assert add_business(calendar, start, shorter) <= add_business(calendar, start, longer)


@given(calendars, moments, st.timedeltas(timedelta(0), timedelta(days=9)), durations)
def test_a_hold_that_begins_later_never_ends_earlier(calendar, start, delay, duration):
    assert add_business(calendar, start, duration) <= add_business(calendar, start + delay, duration)


@given(calendars, moments)
def test_the_next_open_moment_is_open_and_not_in_the_past(calendar, at):
    found = next_open(calendar, at)
    assert found >= at
    assert is_open(calendar, found) or not any(True for _ in open_spans(calendar, at))


# --- quiet hours -----------------------------------------------------------------------------


def test_quiet_hours_postpone_to_their_end_on_the_wall_clock():
    quiet = parse_span("21:00-07:30")
    assert after_quiet(quiet, BERLIN, berlin(2026, 11, 20, 23, 0)) == berlin(2026, 11, 21, 7, 30)
    assert after_quiet(quiet, BERLIN, berlin(2026, 11, 21, 3, 0)) == berlin(2026, 11, 21, 7, 30)
    assert after_quiet(quiet, BERLIN, berlin(2026, 11, 21, 7, 30)) == berlin(2026, 11, 21, 7, 30)
    assert after_quiet(quiet, BERLIN, berlin(2026, 3, 28, 22, 0)) == berlin(2026, 3, 29, 7, 30)


def test_without_quiet_hours_or_with_a_whole_day_of_them_nothing_is_postponed():
    at = berlin(2026, 11, 20, 23, 0)
    assert after_quiet(None, BERLIN, at) == at == after_quiet((time(0), time(0)), BERLIN, at)


@given(spans, moments)
def test_what_was_postponed_is_not_in_quiet_hours_any_more(quiet, at):
    then = after_quiet(quiet, BERLIN, at)
    assert at <= then <= at + timedelta(hours=25)
    assert after_quiet(quiet, BERLIN, then) == then
