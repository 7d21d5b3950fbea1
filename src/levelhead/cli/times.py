"""Times and durations as people write them on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from levelhead.clock import to_text
from levelhead.errors import UserError


def duration(text: str) -> timedelta:
    """`2h`, `1d`, `1h30m`; raises UserError for anything else and for no time at all."""
    from levelhead.config.durations import parse_duration

    try:
        length = parse_duration(text.strip())
    except ValueError as exc:
        raise UserError(str(exc)) from None
    if not length:
        raise UserError(f'"{text}" is no time at all; write how long, such as "30m", "2h" or "1d"')
    return length


def moment(text: str, now: datetime) -> datetime:
    """A time in RFC 3339, a date (its first moment in UTC), or how long before `now` (`7d`); raises UserError."""
    from levelhead.config.durations import parse_duration

    compact = text.strip()
    try:
        return now - parse_duration(compact)
    except ValueError:
        pass
    try:
        return datetime.combine(date.fromisoformat(compact), time(), UTC)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(compact)
    except ValueError:
        raise UserError(
            f'"{text}" is not a time: write "2026-03-06", "2026-03-06T17:00:00Z" or how long ago, such as "7d"'
        ) from None
    if found.tzinfo is None:
        raise UserError(
            f'"{text}" has no time zone: write "{compact}Z" for UTC, or end it with one like "+01:00"'
        )
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise UserError(f'"{text}" is outside the years that can be reckoned with') from None


def told(moment: datetime | None) -> str | None:
    """A time as JSON holds it: RFC 3339 in UTC, or null."""
    return None if moment is None else to_text(moment)


def short(moment: datetime | None) -> str:
    """A time for a reader, to the second, in UTC."""
    return "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
