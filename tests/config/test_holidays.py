from __future__ import annotations

import importlib.util
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levelhead.config.holidays import settings_holidays
from levelhead.config.ics import read_ics
from levelhead.config.settings import Settings
from levelhead.errors import UserError

BASE = '[me]\naddresses = ["me@x"]\nholidays = "{}"\n[archive]\npath = "a"\n'
Load = Callable[..., Settings]


def calendar(*events: str) -> str:
    blocks = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{blocks}END:VCALENDAR\r\n"


def days_of(event: str, year: int) -> list[str]:
    off = read_ics(calendar(event))
    assert off.passed_over == ()
    first = date(year, 1, 1).toordinal()
    return [str(day) for n in range(366) if (day := date.fromordinal(first + n)) in off and day.year == year]


@pytest.mark.parametrize(
    ("event", "days"),
    [
        ("DTSTART;VALUE=DATE:20260501", ["2026-05-01"]),
        ("DTSTART:20260501", ["2026-05-01"]),
        ("DTSTART;VALUE=DATE:20260501\r\nDTEND;VALUE=DATE:20260502", ["2026-05-01"]),
        ("DTSTART;VALUE=DATE:20260501\r\nDTEND;VALUE=DATE:20260503", ["2026-05-01", "2026-05-02"]),
        ("DTSTART;VALUE=DATE:20260501\r\nDURATION:P2D", ["2026-05-01", "2026-05-02"]),
        ("DTSTART;VALUE=\r\n DATE:2026\r\n\t0501", ["2026-05-01"]),
        ("dtstart;value=date:20260501", ["2026-05-01"]),
        ("DTSTART:20260501T090000Z", []),
        ("DTSTART;VALUE=DATE:20260501\r\nSTATUS:CANCELLED", []),
        ("DTSTART;VALUE=DATE:20200704\r\nRRULE:FREQ=YEARLY", ["2026-07-04"]),
        ("DTSTART;VALUE=DATE:20270704\r\nRRULE:FREQ=YEARLY", []),
        ("DTSTART;VALUE=DATE:20250704\r\nRRULE:FREQ=YEARLY;INTERVAL=2", []),
        ("DTSTART;VALUE=DATE:20240704\r\nRRULE:FREQ=YEARLY;INTERVAL=2", ["2026-07-04"]),
        ("DTSTART;VALUE=DATE:20200704\r\nRRULE:FREQ=YEARLY;UNTIL=20260703", []),
        ("DTSTART;VALUE=DATE:20200704\r\nRRULE:FREQ=YEARLY;UNTIL=20260704T000000Z", ["2026-07-04"]),
        ("DTSTART;VALUE=DATE:20240704\r\nRRULE:FREQ=YEARLY;COUNT=2", []),
        ("DTSTART;VALUE=DATE:20240704\r\nRRULE:FREQ=YEARLY;COUNT=3", ["2026-07-04"]),
        ("DTSTART;VALUE=DATE:20200704\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20260704", []),
        ("DTSTART;VALUE=DATE:20211125\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", ["2026-11-26"]),
        ("DTSTART;VALUE=DATE:20210531\r\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", ["2026-05-25"]),
        ("DTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=YEARLY", []),
        (
            "DTSTART;VALUE=DATE:20201231\r\nDTEND;VALUE=DATE:20210102\r\nRRULE:FREQ=YEARLY",
            ["2026-01-01", "2026-12-31"],
        ),
        ("BEGIN:VALARM\r\nDTSTART:20260502\r\nEND:VALARM\r\nDTSTART;VALUE=DATE:20260501", ["2026-05-01"]),
    ],
)
def test_all_day_events_are_days_off(event: str, days: list[str]) -> None:
    assert days_of(event, 2026) == days


@pytest.mark.parametrize(
    "event",
    [
        "DTSTART:20260501\r\nRRULE:FREQ=WEEKLY",
        "DTSTART:20260501\r\nRRULE:FREQ=YEARLY;BYDAY=MO",
        "DTSTART:20260501\r\nRRULE:FREQ=YEARLY;BYMONTH=1,2",
        "DTSTART:20260501\r\nRRULE:FREQ=YEARLY;INTERVAL=0",
        "DTSTART:20260501\r\nRRULE:FREQ=YEARLY;BYSETPOS=1",
        "DTSTART:20261301",
        "DTSTART:20260501\r\nEXDATE:99999999",
    ],
)
def test_an_event_that_is_not_understood_is_named_and_the_others_count(event: str) -> None:
    off = read_ics(calendar(event, "DTSTART:20260101"))
    assert len(off.passed_over) == 1 and off.passed_over[0].startswith("line 3: ")
    assert date(2026, 1, 1) in off and date(2026, 5, 8) not in off


LINES = (
    *(
        "BEGIN:VEVENT",
        "END:VEVENT",
        "DTSTART:20260501",
        "DTSTART:00010101",
        "DTEND:99991231",
        "RRULE:FREQ=YEARLY",
    ),
    *("RRULE:FREQ=YEARLY;COUNT=x", "EXDATE:2", "END:", " x", ":"),
)


@given(st.lists(st.sampled_from(LINES), max_size=20))
def test_no_calendar_ends_the_daemon(lines: list[str]) -> None:
    off = read_ics("BEGIN:VCALENDAR\n" + "\n".join(lines))
    for day in (date.min, date(2026, 5, 1), date.max):
        assert (day in off) in (True, False)


def test_a_calendar_file_is_found_beside_the_configuration(settings_of: Load, tmp_path: Path) -> None:
    (tmp_path / "off.ics").write_text(calendar("DTSTART;VALUE=DATE:20260501"))
    is_holiday = settings_holidays(settings_of("", BASE.format("off.ics")))
    assert is_holiday(date(2026, 5, 1)) and not is_holiday(date(2026, 5, 2))


def test_what_is_no_calendar_is_told(settings_of: Load, tmp_path: Path) -> None:
    settings = settings_of("", BASE.format("off.ics"))
    with pytest.raises(UserError, match=r"off\.ics cannot be read"):
        settings_holidays(settings)
    (tmp_path / "off.ics").write_text("<html>")
    with pytest.raises(UserError, match="not an iCalendar file"):
        settings_holidays(settings)


def test_without_holidays_every_day_is_a_day(settings_of: Load) -> None:
    assert not settings_holidays(settings_of())(date(2026, 12, 25))


def test_a_countrys_holidays_are_known(settings_of: Load) -> None:
    pytest.importorskip("holidays")
    berlin = settings_holidays(settings_of("", BASE.format("DE-BE")))
    germany = settings_holidays(settings_of("", BASE.format("DE")))
    womens_day = date(2026, 3, 8)
    assert berlin(womens_day) and not germany(womens_day)
    assert germany(date(2031, 10, 3))


@pytest.mark.parametrize(("code", "words"), [("XX", r"can be named instead"), ("DE-QQ", "parts of DE: .*BE")])
def test_an_unknown_country_is_told(settings_of: Load, code: str, words: str) -> None:
    pytest.importorskip("holidays")
    with pytest.raises(UserError, match=words):
        settings_holidays(settings_of("", BASE.format(code)))


def test_a_country_without_the_extra_says_how_to_install_it(
    settings_of: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "holidays" else find(name))
    with pytest.raises(UserError, match=r"pip install levelhead\[holidays\]"):
        settings_holidays(settings_of("", BASE.format("DE")))
