"""Holds: how long a drafted reply waits before it appears. What is not known makes a hold longer, never shorter."""

from __future__ import annotations

from datetime import datetime, timedelta

from levelhead.clock import utc
from levelhead.hookspecs import Said
from levelhead.model import Hold, Level
from levelhead.policy.calendar import add_business
from levelhead.policy.types import Calendar, CooldownPolicy


def release_at(
    level: Level, complete: bool, now: datetime, policy: CooldownPolicy, calendar: Calendar
) -> tuple[datetime, str]:
    """When a reply to a message of that level may appear (UTC), and why in one sentence.

    UNKNOWN is held as TENSE. A verdict that is not `complete` is held at least as long as HEATED. No cool-down at
    all is `now`; otherwise time is counted in the calendar's open hours when the policy says so.
    """
    begin = utc(now)
    duration = policy.of(level)
    why = f"the message is {level}" if level is not Level.UNKNOWN else "the message could not be judged"
    if not complete:
        duration = max(duration, policy.of(Level.HEATED))
        why = "a plugin that should have been heard was not, so it is held as a heated message is"
    if not duration:
        return begin, f"{why}, which has no cool-down"
    if policy.business_time:
        return add_business(calendar, begin, duration), f"{why}: held for {spoken(duration)} of working time"
    return begin + duration, f"{why}: held for {spoken(duration)}"


def latest(holds: tuple[Said[Hold], ...], floor: tuple[datetime, str]) -> tuple[datetime, str]:
    """The hold that wins: the latest `until` of all answers, never before the `floor`; of equal ones the floor's."""
    until, why = floor
    for said in holds:
        if said.value.until > until:
            until, why = said.value.until, said.value.why
    return until, why


def spoken(duration: timedelta) -> str:
    """A duration as people write it: `30m`, `4h`, `1d 2h`, `1h 30m`, `45s`."""
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    # Up to two days are said in hours: "24h of working time" is three days at work, "1d" would mislead.
    days, hours = divmod(hours, 24) if hours >= 48 else (0, hours)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return " ".join(f"{amount}{unit}" for amount, unit in parts if amount) or "0s"
