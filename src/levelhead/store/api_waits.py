"""What a watcher keeps in the store for `status` to read: what its byte budget leaves waiting, and how long it pauses.

Nothing but words in and out, because `status` is asked often and has to answer at once.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

from levelhead.clock import from_text, to_text
from levelhead.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a mailbox's account gave on one day (UTC), in bytes, and how many messages wait for the next.

    `news`: among them are new ones, for which even the reserve did not do.
    """

    day: date
    spent: int
    limit: int
    waiting: int
    news: bool

    @property
    def until(self) -> datetime:
        """When it goes on."""
        return datetime.combine(self.day, time(), UTC) + timedelta(days=1)

    def text(self) -> str:
        """As it is kept."""
        values = [self.day.isoformat(), self.spent, self.limit, self.waiting, self.news]
        return json.dumps(values, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Until when a server is left alone, with the kind of trouble (as `mailbox.lost` names it) and why."""

    until: datetime
    kind: str
    why: str

    def text(self) -> str:
        """As it is kept."""
        return json.dumps([to_text(self.until), self.kind, self.why], separators=(",", ":"))


def budget_key(mailbox: str) -> str:
    """The name under which the store keeps a mailbox's `Spent`."""
    return f"mailbox.budget:{mailbox}"


def pause_key(mailbox: str) -> str:
    """The same for its `Pause`."""
    return f"mailbox.pause:{mailbox}"


def spent_from(text: str | None) -> Spent | None:
    """What `Spent.text` wrote; None for nothing."""
    if not text:
        return None
    day, spent, limit, waiting, news = json.loads(text)
    return Spent(day=date.fromisoformat(day), spent=spent, limit=limit, waiting=waiting, news=news)


def pause_from(text: str | None) -> Pause | None:
    """What `Pause.text` wrote; None for nothing."""
    if not text:
        return None
    until, kind, why = json.loads(text)
    return Pause(until=from_text(until), kind=kind, why=why)
