"""All-day events of an iCalendar file (RFC 5545): single days, ranges, and days that come back every year. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

LONGEST = 3660
"""Days; an event that says it is longer ends here."""

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_DURATION = re.compile(r"P(?:(\d{1,4})W|(\d{1,5})D)\Z")
_WEEKDAY = re.compile(r"([+-]?[1-5])(MO|TU|WE|TH|FR|SA|SU)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Yearly:
    """A rule of every `interval` years: the day of the month, or the `nth` weekday of it (-1 is the last)."""

    interval: int = 1
    until: date | None = None
    count: int | None = None
    month: int
    day: int = 0
    nth: int = 0
    weekday: int = 0

    def on(self, year: int) -> date | None:
        """The day of that year; None when it has none, as 29 February in most years."""
        if self.nth:
            length = calendar.monthrange(year, self.month)[1]
            days = [date(year, self.month, n) for n in range(1, length + 1)]
            fitting = [day for day in days if day.weekday() == self.weekday]
            place = self.nth - 1 if self.nth > 0 else self.nth
            return fitting[place] if -len(fitting) <= place < len(fitting) else None
        try:
            return date(year, self.month, self.day)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feast:
    """One all-day event of `days` days from `start`, once or by a yearly rule."""

    start: date
    days: int = 1
    rule: Yearly | None = None
    never: frozenset[date] = frozenset()

    def covers(self, day: date) -> bool:
        """Whether the event lies on that day."""
        return any(0 <= (day - start).days < self.days for start in self._starts(day))

    def _starts(self, day: date) -> Iterator[date]:
        if self.rule is None:
            yield self.start
            return
        for year in {day.year, date.fromordinal(max(1, day.toordinal() - self.days)).year}:
            begin, turn = self.rule.on(year), (year - self.start.year) // self.rule.interval
            if begin is None or begin < self.start or begin in self.never:
                continue
            if (year - self.start.year) % self.rule.interval or (self.rule.until and begin > self.rule.until):
                continue
            if self.rule.count is None or turn < self.rule.count:
                yield begin


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysOff:
    """The all-day events of a calendar; `passed_over` says which of them could not be understood, by line."""

    feasts: tuple[Feast, ...] = ()
    passed_over: tuple[str, ...] = ()

    def __contains__(self, day: date) -> bool:
        return any(feast.covers(day) for feast in self.feasts)


@dataclass(slots=True)
class _Event:
    """The lines of one VEVENT that matter here."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    exceptions: list[str] = field(default_factory=list)


def read_ics(text: str) -> DaysOff:
    """The all-day events in an iCalendar text; raises ValueError when it is none."""
    if "BEGIN:VCALENDAR" not in text[:2000].upper():
        raise ValueError("this is not an iCalendar file: it does not begin with BEGIN:VCALENDAR")
    feasts, passed_over = [], []
    for event in _events(text):
        try:
            feast = _feast(event)
        except ValueError as exc:
            passed_over.append(f"line {event.line}: {exc}")
        else:
            if feast is not None:
                feasts.append(feast)
    return DaysOff(feasts=tuple(feasts), passed_over=tuple(passed_over))


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Content lines with their number; a line that begins with white space goes on the one before (section 3.1)."""
    number, whole = 0, ""
    for at, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t"):
            whole += line[1:]
            continue
        if whole:
            yield number, whole
        number, whole = at, line
    if whole:
        yield number, whole


def _events(text: str) -> Iterator[_Event]:
    event: _Event | None = None
    inside: list[str] = []
    for number, line in _unfolded(text):
        head, _, value = line.partition(":")
        name = head.partition(";")[0].upper()
        if name == "BEGIN":
            inside.append(value.strip().upper())
            event = _Event(number) if inside[-1] == "VEVENT" else event
        elif name == "END":
            if inside and inside.pop() == "VEVENT" and event is not None:
                yield event
                event = None
        elif event is not None and inside[-1:] == ["VEVENT"]:  # not in an alarm inside of it
            if name == "EXDATE":
                event.exceptions += value.split(",")
            else:
                event.values.setdefault(name, value.strip())


def _is_date(text: str) -> bool:
    return len(text.strip()) == 8 and text.strip().isdigit()


def _date(text: str) -> date:
    word = text.strip()
    try:
        return date(int(word[:4]), int(word[4:6]), int(word[6:8]))
    except ValueError:
        raise ValueError(f"{word[:20]!r} is not a date") from None


def _feast(event: _Event) -> Feast | None:
    """The event, or None when it is cancelled or has a time of day."""
    values = event.values
    begin = values.get("DTSTART", "")
    if not _is_date(begin) or values.get("STATUS", "").upper() == "CANCELLED":
        return None
    start = _date(begin)
    rule = _rule(values["RRULE"], start) if values.get("RRULE") else None
    never = frozenset(_date(day) for day in event.exceptions if _is_date(day))
    return Feast(start=start, days=min(_days(values, start), LONGEST), rule=rule, never=never)


def _days(values: dict[str, str], start: date) -> int:
    """How many days it lasts: DTEND is the first day after it (section 3.6.1)."""
    if _is_date(values.get("DTEND", "")):
        return max(1, (_date(values["DTEND"]) - start).days)
    match = _DURATION.match(values.get("DURATION", ""))
    return max(1, int(match[1] or 0) * 7 + int(match[2] or 0)) if match else 1


def _rule(text: str, start: date) -> Yearly:
    parts = {
        key.upper(): value.upper() for key, _, value in (part.partition("=") for part in text.split(";"))
    }
    known = {"FREQ", "INTERVAL", "UNTIL", "COUNT", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"}
    if parts.get("FREQ") != "YEARLY" or not known.issuperset(parts):
        raise ValueError(f"only yearly events are understood, not {text[:80]!r}")
    try:
        month, day = int(parts.get("BYMONTH", start.month)), int(parts.get("BYMONTHDAY", start.day))
        interval, count = int(parts.get("INTERVAL", 1)), int(parts["COUNT"]) if "COUNT" in parts else None
    except ValueError:
        raise ValueError(f"only one day a year is understood, not {text[:80]!r}") from None
    until = _date(parts["UNTIL"]) if "UNTIL" in parts else None
    if interval < 1 or not 1 <= month <= 12 or not 1 <= day <= 31:
        raise ValueError(f"{text[:80]!r} is not a rule that can come true")
    weekday = _WEEKDAY.match(parts["BYDAY"]) if "BYDAY" in parts else None
    if "BYDAY" in parts and (weekday is None or "BYMONTH" not in parts or "BYMONTHDAY" in parts):
        raise ValueError(
            f"of weekdays only one in a month is understood (BYMONTH=11;BYDAY=4TH), not {text[:80]!r}"
        )
    return Yearly(
        interval=interval,
        until=until,
        count=count,
        month=month,
        day=0 if weekday else day,
        nth=int(weekday[1]) if weekday else 0,
        weekday=DAYS.index(weekday[2]) if weekday else 0,
    )
