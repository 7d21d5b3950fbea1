"""The ladder: whom an alert tells next and when, until somebody says "I have it"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from levelhead.clock import utc
from levelhead.model import Level, Severity
from levelhead.policy.calendar import add_business, after_quiet, next_open
from levelhead.policy.types import Calendar, LadderPolicy, Rung

AS_LEVEL = {Severity.CRITICAL: Level.HOSTILE, Severity.WARNING: Level.HEATED, Severity.INFO: Level.TENSE}
"""An alert breaks through quiet hours when the level that its severity stands for reaches `break_through`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done about an alert now: these channels are told, and `next_rung` follows at `next_at` (None: never)."""

    notify: tuple[str, ...]
    next_rung: int
    next_at: datetime | None


def climb(
    severity: Severity,
    rung: int,
    raised_at: datetime,
    ladder: LadderPolicy,
    calendar: Calendar,
    now: datetime,
) -> Step:
    """The step that is due at `now` for an alert whose next rung is `rung` (0 is the first).

    Rungs beyond the last repeat the last one. Quiet hours and closing time postpone the rung itself, and with it
    the ones after it, so that nobody is told by two rungs in one moment because both waited for the morning.
    """
    moment = utc(now)
    if not can_tell(ladder):
        return Step(notify=(), next_rung=rung, next_at=None)
    here = _rung(ladder, rung)
    allowed = permitted(severity, here, ladder, calendar, moment)
    if allowed > moment:
        return Step(notify=(), next_rung=rung, next_at=allowed)
    return Step(
        notify=tuple(dict.fromkeys(here.notify)),
        next_rung=rung + 1,
        next_at=_after(severity, rung, utc(raised_at), ladder, calendar, moment),
    )


def first(
    severity: Severity, raised_at: datetime, ladder: LadderPolicy, calendar: Calendar
) -> datetime | None:
    """When a new alert is told first, after `group_wait` at the earliest; None when there is nobody to tell."""
    if not can_tell(ladder):
        return None
    here = ladder.rungs[0]
    begin = utc(raised_at)
    due = max(_later(begin, here.after, here, calendar), begin + ladder.group_wait)
    return permitted(severity, here, ladder, calendar, due)


def can_tell(ladder: LadderPolicy) -> bool:
    """Whether any rung names a channel."""
    return any(rung.notify for rung in ladder.rungs)


def permitted(
    severity: Severity, rung: Rung | None, ladder: LadderPolicy, calendar: Calendar, at: datetime
) -> datetime:
    """The first moment from `at` on at which this alert may be told: not in quiet hours, on a business rung in hours.

    Where quiet hours cover all business hours, a business rung is told at the end of a quiet span.
    """
    loud = AS_LEVEL[severity].rank >= ladder.break_through.rank
    moment = utc(at)
    for _ in range(16):
        calm = moment if loud else after_quiet(ladder.quiet, calendar.zone, moment)
        opened = next_open(calendar, calm) if rung is not None and rung.business_hours else calm
        if opened == moment:
            return moment
        moment = opened
    return moment if loud else after_quiet(ladder.quiet, calendar.zone, moment)


def _after(
    severity: Severity,
    rung: int,
    raised_at: datetime,
    ladder: LadderPolicy,
    calendar: Calendar,
    now: datetime,
) -> datetime | None:
    """When the rung after `rung`, which is told now, is due."""
    if rung + 1 >= len(ladder.rungs):
        if ladder.repeat is None:
            return None
        return permitted(severity, _rung(ladder, rung), ladder, calendar, now + ladder.repeat)
    here, following = _rung(ladder, rung), ladder.rungs[rung + 1]
    # A clock that was set back since must not make the ladder wait for the old time to come round again.
    planned = _later(min(raised_at, now), following.after, following, calendar)
    gap = max(following.after - here.after, timedelta(0))
    return permitted(
        severity, following, ladder, calendar, max(planned, _later(now, gap, following, calendar))
    )


def _later(start: datetime, duration: timedelta, rung: Rung, calendar: Calendar) -> datetime:
    """`duration` after `start`, counted in open hours on a business rung."""
    return add_business(calendar, start, duration) if rung.business_hours else start + duration


def _rung(ladder: LadderPolicy, rung: int) -> Rung:
    return ladder.rungs[min(rung, len(ladder.rungs) - 1)]
