"""Times and durations on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from levelhead.cli.times import duration, moment, short, told
from levelhead.errors import UserError

NOW = datetime(2026, 3, 6, 16, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T09:30:00Z", datetime(2026, 3, 1, 9, 30, tzinfo=UTC)),
        ("2026-03-01T09:30:00+02:00", datetime(2026, 3, 1, 7, 30, tzinfo=UTC)),
        (" 2026-03-01T09:30:00.5Z ", datetime(2026, 3, 1, 9, 30, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_a_date_a_moment_or_how_long_ago(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected
    assert moment(text, NOW).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "7 days", "99999999999d", "2026-03-01T25:00:00Z"]
)
def test_what_is_no_time_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError) as refused:
        moment(text, NOW)
    assert "\n" not in str(refused.value)
    assert "is not a time" in str(refused.value)


def test_a_time_without_a_zone_is_refused_and_told_how_to_be_written() -> None:
    with pytest.raises(UserError, match=r"2026-03-01T09:30:00Z"):
        moment("2026-03-01T09:30:00", NOW)


def test_the_first_and_last_years_do_not_overflow() -> None:
    with pytest.raises(UserError):
        moment("0001-01-01T00:00:00+14:00", NOW)


def test_a_duration_is_more_than_nothing() -> None:
    assert duration("2h") == timedelta(hours=2)
    for text in ("0s", "", "soon", "-1h", "5"):
        with pytest.raises(UserError):
            duration(text)


def test_times_are_told_in_utc() -> None:
    assert told(NOW) == "2026-03-06T16:00:00.000000Z"
    assert told(None) is None
    assert short(NOW) == "2026-03-06 16:00:00 UTC"
