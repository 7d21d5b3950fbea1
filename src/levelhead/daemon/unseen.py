"""Notices a mailbox of which no complete pass has ended for long, whatever its watcher says, or does not say.

A watcher tells when it meets trouble. One that hangs, or whose every pass comes to nothing for some small reason, tells
nothing: this is asked from outside of it, and remembered when the daemon ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from levelhead.clock import Clock, from_text, to_text
from levelhead.config.durations import duration_text
from levelhead.facts import MailboxLost
from levelhead.mailbox.budget import SPENT
from levelhead.mailbox.sight import Seen
from levelhead.store.api import MailboxRow, Store
from levelhead.store.api_waits import budget_key, spent_from

log = structlog.get_logger()

UNSEEN = "unseen"
"""The kind of such an outage."""
FIRST = timedelta(minutes=15)
"""After a start, or a sleep of the machine, a mailbox is given so long before its past is held against it."""
NOTED_EVERY = timedelta(minutes=15)
"""How often the time of the last complete pass is written down for the next start."""


class Unseen:
    """Looks after the times of complete passes; `seen(mailbox)` is when the last one of this process ended."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        limits: Mapping[str, timedelta],
        *,
        seen: Callable[[str], Seen | None],
    ) -> None:
        """`limits`: after how long each mailbox counts as lost."""
        self._store = store
        self._clock = clock
        self._limits = limits
        self._seen = seen
        self._began = clock.monotonic()
        self._kept: dict[str, datetime] = {}
        """Since when each mailbox has no complete pass, as it is written down."""
        self._told: set[str] = set()

    def look(self, rows: Sequence[MailboxRow], *, tried: bool = False) -> tuple[str, ...]:
        """Put on record which mailboxes count as lost now, and return their names. `tried`: a pass has just failed."""
        states = {row.name: row for row in rows}
        found = []
        for name, limit in self._limits.items():
            since, awake = self._since(name)
            patience = timedelta() if tried else min(limit, FIRST)
            if self._clock.now() - since < limit or awake < patience:
                continue
            row = states.get(name)
            # What is lost for another reason is told of by that; `daemon` says only why nobody had watched before.
            if row is None or row.state != "lost" or row.kind == "daemon":
                self._lose(name, limit, since)
                self._told.add(name)
                found.append(name)
        return tuple(found)

    def back(self, rows: Sequence[MailboxRow]) -> tuple[str, ...]:
        """Those that were lost so and are watched again by now, each once: their watchers never knew of an outage."""
        again = tuple(row.name for row in rows if row.name in self._told and row.state == "watched")
        self._told.difference_update(again)
        return again

    def _since(self, name: str) -> tuple[datetime, timedelta]:
        """Since when there was no complete pass, and how long of that this process was here and the machine awake."""
        seen = self._seen(name)
        if seen is None:
            if name not in self._kept:
                kept = self._store.meta(_key(name))
                self._kept[name] = from_text(kept) if kept else self._clock.now()
                if not kept:  # so that starts that follow do not each begin to count anew
                    self._keep(name, self._kept[name])
            return self._kept[name], timedelta(seconds=self._clock.monotonic() - self._began)
        # By what has passed since, and not by the clock on the wall, which somebody may have set.
        at = self._clock.now() - timedelta(seconds=self._clock.elapsed() - seen.elapsed)
        if name not in self._kept or abs(seen.at - self._kept[name]) >= NOTED_EVERY:
            self._keep(name, seen.at)
        return at, timedelta(seconds=self._clock.monotonic() - seen.monotonic)

    def _keep(self, name: str, at: datetime) -> None:
        self._kept[name] = at
        with self._store.transaction(self._clock.now()) as tx:
            tx.set_meta(_key(name), to_text(at))

    def _lose(self, name: str, limit: timedelta, since: datetime) -> None:
        why = f"no complete look at every watched folder has ended for {duration_text(limit)}"
        if self._news_wait(name):
            why += f": {SPENT}, and new mail waits for another"
        log.warning("mailbox.lost", mailbox=name, kind=UNSEEN, error=why)
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(MailboxLost(mailbox=name, kind=UNSEEN, why=why, since=since))

    def _news_wait(self, name: str) -> bool:
        """Whether the last pass left new mail for another day, which has not come, or only just."""
        spent = spent_from(self._store.meta(budget_key(name)))
        return spent is not None and spent.news and self._clock.now() < spent.until + FIRST


def _key(name: str) -> str:
    return f"mailbox.seen_whole:{name}"
