"""The calendar: working hours as spans of wall-clock time, and adding time that passes only within them.

Every moment that goes in or comes out is aware; results are UTC. A span is read on the wall clock of the calendar's
zone, so the night on which clocks change is an hour longer or shorter, as it is for people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from levelhead.clock import utc
from levelhead.policy.types import Calendar, Span

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WHOLE_DAY: Span = (time(0), time(0))
YEAR = 366
"""Days; a calendar that is not open once in so long is no calendar, and plain time is used."""

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})\Z")


def parse_hours(text: str) -> Mapping[int, tuple[Span, ...]]:
    """Working hours by weekday (Monday 0) from a text such as `Mon-Thu 09:00-17:30, Fri 09:00-15:00`.

    Parts are separated by commas; a part without days is for the days of the part before it. `24:00` is the end of
    a day; an end before its start goes on into the next day. Raises ValueError with one sentence.
    """
    hours: dict[int, tuple[Span, ...]] = {}
    days: tuple[int, ...] = ()
    for part in text.split(","):
        words = part.split(maxsplit=1)
        if not words:
            raise ValueError(f"working hours need days and times such as 'Mon-Fri 09:00-17:30', not {text!r}")
        if words[0][0].isalpha():
            days = _days(words[0])
            words = words[1:]
        if not days or not words:
            raise ValueError(f"{part.strip()!r} needs days and times, such as 'Mon-Fri 09:00-17:30'")
        span = _span(" ".join(words).strip())
        for day in days:
            hours[day] = tuple(sorted({*hours.get(day, ()), span}))
    return hours


def parse_span(text: str) -> Span:
    """A span of local time from a text such as `21:00-07:30`; ValueError with one sentence for any other."""
    return _span(text.strip())


def always_open(zone: ZoneInfo) -> Calendar:
    """A calendar without closing time: business time in it is plain time."""
    return Calendar(zone=zone, hours=dict.fromkeys(range(7), (WHOLE_DAY,)))


def add_business(calendar: Calendar, start: datetime, duration: timedelta) -> datetime:
    """The moment (UTC) at which `duration` of open hours has passed since `start`; never before `start + duration`.

    No duration ends where it starts. A calendar that is not open for a year falls back to plain time.
    """
    position, remaining = utc(start), max(duration, timedelta(0))
    if not remaining:
        return position
    for opens, closes in open_spans(calendar, position):
        begin = max(opens, position)
        if closes <= begin:
            continue
        if remaining <= closes - begin:
            return begin + remaining
        remaining -= closes - begin
        position = closes
    return position + remaining


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Whether work is done at that moment; an opening time is open, a closing time is not."""
    moment = utc(at)
    for opens, closes in open_spans(calendar, moment):
        if opens > moment:
            return False
        if moment < closes:
            return True
    return False


def next_open(calendar: Calendar, at: datetime) -> datetime:
    """The first moment (UTC) from `at` on at which work is done; `at` itself when there is none within a year."""
    moment = utc(at)
    for opens, closes in open_spans(calendar, moment):
        if closes > moment:
            return max(opens, moment)
    return moment


def after_quiet(quiet: Span | None, zone: ZoneInfo, at: datetime) -> datetime:
    """The first moment (UTC) from `at` on that is not in the quiet span of local time.

    A span that is the whole day would silence every alert for ever, so it silences none.
    """
    moment = utc(at)
    if quiet is None or quiet[0] == quiet[1]:
        return moment
    today = moment.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        begins, ends = _bounds(day, quiet, zone)
        if begins <= moment < ends:
            return ends
    return moment


def open_spans(calendar: Calendar, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Open spans (UTC) from the day before `start` on, by their beginning; ends after a year without one."""
    day = utc(start).astimezone(calendar.zone).date() - timedelta(days=1)
    closed = 0
    while closed <= YEAR:
        spans = () if calendar.holidays(day) else calendar.hours.get(day.weekday(), ())
        bounds = [_bounds(day, span, calendar.zone) for span in spans]
        real = sorted(bound for bound in bounds if bound[0] < bound[1])
        closed = 0 if real else closed + 1
        yield from real
        try:
            day += timedelta(days=1)
        except OverflowError:
            return


def _bounds(day: date, span: Span, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a span that begins on that day begins and ends; empty when the clocks jump over it."""
    begin, end = span
    last_day = day if end > begin else day + timedelta(days=1)
    return _instant(day, begin, zone, late=False), _instant(last_day, end, zone, late=True)


def _instant(day: date, wall: time, zone: ZoneInfo, *, late: bool) -> datetime:
    """That wall-clock time in UTC: of two the earlier or the later, of none the moment at which clocks jumped."""
    local = datetime.combine(day, wall, zone)
    first, second = local.replace(fold=0).astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if first <= second:
        return second if late else first
    low, high = second, first
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _days(text: str) -> tuple[int, ...]:
    first, _, last = text.lower().replace("–", "-").partition("-")
    begin = _day(first, text)
    end = _day(last, text) if last else begin
    return tuple((begin + step) % 7 for step in range((end - begin) % 7 + 1))


def _day(name: str, text: str) -> int:
    for names in (DAYS, LONG_DAYS):
        if name in names:
            return names.index(name)
    raise ValueError(f"{name or text!r} is not a weekday; use Mon, Tue, Wed, Thu, Fri, Sat or Sun")


def _span(text: str) -> Span:
    match = _SPAN.match(text)
    if not match:
        raise ValueError(f"{text!r} is not a span of time such as '09:00-17:30'")
    first, last = _minutes(match[1], match[2], text), _minutes(match[3], match[4], text)
    if first == 24 * 60:
        raise ValueError(f"{text!r} begins at 24:00; a span begins at 23:59 at the latest")
    if first == last:
        raise ValueError(f"{text!r} begins and ends at the same time; the whole day is '00:00-24:00'")
    return (time(first // 60, first % 60), time(last // 60 % 24, last % 60))


def _minutes(hour: str, minute: str, text: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > 24 * 60:
        raise ValueError(f"{text!r} has a time that no clock shows; times are 00:00 to 24:00")
    return total
